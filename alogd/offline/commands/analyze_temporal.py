"""Write temporal_analysis.md: volume and anomalies by hour and weekday, and when a template's rate changed for good.

  alog-detect analyze-temporal --processed-dir out

Needs parsed.parquet; with results of detect or *-infer beside it, it also tells when anomalies come. Written there:
temporal_analysis.md and pictures/volume.svg, week.svg, odd_week.svg. All times are UTC.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK
from alogd.offline.commands.report import add_common as arguments
from alogd.offline.commands.report import budget

__all__ = ["arguments", "main"]


def main(args: argparse.Namespace) -> int:
    """Write it."""
    from alogd.offline.reports import temporal
    from alogd.offline.verdicts.processed import Processed

    print(temporal.write(Processed(args.processed_dir), budget(args.budget)))
    return OK
