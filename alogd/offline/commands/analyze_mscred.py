"""Write mscred_analysis.md: the windows MSCRED finds oddest, and which templates did not go together as usual.

  alog-detect analyze-mscred --processed-dir out
  alog-detect analyze-mscred --processed-dir out --model models/mscred.onnx --top 20

For every window: its lines, the templates whose relations to the others broke, how often each occurs in it and how
often would have been usual, and a picture of its signature matrix beside what the model could not give back of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.cli.failures import OK
from alogd.cli.output import count
from alogd.offline.models.model_flags import at_least


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect analyze-mscred`."""
    parser.add_argument(
        "--processed-dir", metavar="DIR", dest="source", type=Path, required=True, help="where mscred-infer wrote"
    )
    parser.add_argument("--model", metavar="FILE", type=Path, help="the .onnx that judged (mscred.onnx there)")
    parser.add_argument("--top", metavar="N", type=int, default=10, help="windows shown, the oddest first (10)")


def main(args: argparse.Namespace) -> int:
    """Write it."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.models.model_flags import asked_of, model_of
    from alogd.offline.reports import mscred_report

    at_least(args, top=1)
    args.vocab = args.out_dir = None
    rows = tables.rows(args.source, tables.MSCRED_INFER)
    single = model_of(args, "mscred")
    with Meter(rows, "windows") as meter:
        place, shown = mscred_report.write(asked_of(args, single, meter), single.vocabulary, min(args.top, 100))
    print(f"{place}  {count(shown, 'window')}")
    return OK
