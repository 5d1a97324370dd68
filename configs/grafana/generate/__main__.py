"""Writes the dashboards: `python configs/grafana/generate [DIRECTORY]`, by default beside this one.

They ask for what /metrics has (docs/metrics.md), and for no recording rules: they work without the rules file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from itself import itself
from overview import overview
from stream import stream


def main(place: Path) -> None:
    for one in (overview(), stream(), itself()):
        (place / f"{one['uid']}.json").write_text(json.dumps(one, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1])
