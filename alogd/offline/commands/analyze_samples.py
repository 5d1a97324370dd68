"""Write anomaly_analysis_report.md: each anomaly with the lines before and after it, like ones together.

  alog-detect analyze-samples --processed-dir out
  alog-detect analyze-samples --processed-dir out --budget 20/day

Anomalies are like when the template that is oddest in them is the same. Of each group the two gravest are shown with
their lines, the others with time and place. Written into the processed directory.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK
from alogd.cli.output import count
from alogd.offline.commands.report import add_common as arguments
from alogd.offline.commands.report import budget

__all__ = ["arguments", "main"]


def main(args: argparse.Namespace) -> int:
    """Write it."""
    from alogd.offline.reports import samples
    from alogd.offline.reports.telling import number_of
    from alogd.offline.verdicts.processed import Processed

    place, found, together = samples.write(Processed(args.processed_dir), budget(args.budget))
    print(f"{place}  {number_of(found)} in {count(together, 'group')}")
    return OK
