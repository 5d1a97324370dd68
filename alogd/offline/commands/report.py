"""Write report.md: what is in the log, when it was odd and why, with pictures.

  alog-detect report --processed-dir out
  alog-detect report --processed-dir out --with-samples        the worst anomalies with the lines around them
  alog-detect report --processed-dir out --budget 20/day

Takes whatever results are in the directory: baseline_scores.parquet of detect, *_infer.parquet of the models. Written
there: report.md and, beside it, pictures/*.svg, which read on light and dark ground.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.cli.failures import OK, Usage


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect report`."""
    add_common(parser)
    parser.add_argument("--with-samples", action="store_true", help="show the lines of the worst anomalies")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Flags of the commands that tell of anomalies."""
    parser.add_argument(
        "--processed-dir", metavar="DIR", required=True, type=Path, help="what detect and *-infer wrote"
    )
    parser.add_argument(
        "--budget", metavar="N/UNIT", default="5/day", help="alerts that can be borne; sets risk (5/day)"
    )


def main(args: argparse.Namespace) -> int:
    """Write it."""
    from alogd.offline.reports import report
    from alogd.offline.verdicts.processed import Processed

    print(report.write(Processed(args.processed_dir), budget(args.budget), with_samples=args.with_samples))
    return OK


def budget(text: str) -> float:
    """Alerts a day."""
    from alogd.config.tree import budget_per_day

    try:
        return budget_per_day(text)
    except ValueError as error:
        raise Usage(f"--budget {error}") from None
