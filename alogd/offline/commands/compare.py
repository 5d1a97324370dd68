"""Two trained models side by side: as they were judged when trained, or both on the same log now.

  alog-detect compare models/OLD models/NEW
  alog-detect compare models/OLD models/NEW today.log

With a log both are judged on the same sessions of it, which is the fair comparison: normal sessions that stay below the
threshold, and anomalies injected into them that are found. Without one the figures are those of their training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.cli.failures import OK
from alogd.cli.output import add_output, emit, table, use_color


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect compare`."""
    parser.add_argument("old", metavar="OLD", type=Path, help="a bundle, or a directory of models")
    parser.add_argument("new", metavar="NEW", type=Path, help="another")
    parser.add_argument("paths", metavar="LOG", nargs="*", help="logs to judge both on")
    parser.add_argument("-c", "--config", metavar="FILE", help="read them as a stream of this configuration")
    parser.add_argument("--stream", metavar="NAME", help="that stream")
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """As they were judged, or on a log."""
    from alogd.cli import models
    from alogd.models import bundle
    from alogd.offline.rows.logs import open_logs
    from alogd.offline.verdicts.inference import place_of

    places = [place_of(args.old), place_of(args.new)]
    if args.paths:
        for one in open_logs(args.paths):
            one.close()
        return models._compare(args, places)
    both = [bundle.read(place) for place in places]
    rows = [
        {"name": one.path.name, "quality": one.manifest.quality.total, **one.manifest.quality.parts} for one in both
    ]
    if args.output != "table":
        emit(rows, args.output)
        return OK
    heads = ("name", *dict.fromkeys(name for row in rows for name in row if name != "name"))
    table(heads, [tuple(row.get(name, "-") for name in heads) for row in rows], use_color(args.no_color))
    print("\nas judged when they were trained, each on its own sessions; name a log to judge both on the same")
    return OK
