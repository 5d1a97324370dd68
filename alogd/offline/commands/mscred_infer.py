"""Judge windows by a trained MSCRED: window_counts.parquet into mscred_infer.parquet, one row a window.

  alog-detect mscred-infer --window-counts out
  alog-detect mscred-infer --window-counts today --model models/mscred.onnx --threshold 12

`reconstruction_error` is the daemon's score: of all relations between two templates' counts the one that the model
gives back worst, in units of how well it usually does. A window is odd when it exceeds the model's threshold, or
--threshold. analyze-mscred tells which templates it was.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK, Usage
from alogd.offline.models.model_flags import COUNTS_HELP, add_judging, asked_of, model_of, say_judged


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect mscred-infer`."""
    add_judging(parser, "mscred", "--window-counts", COUNTS_HELP)
    parser.add_argument("--threshold", metavar="T", type=float, help="score above which a window is odd (the model's)")


def main(args: argparse.Namespace) -> int:
    """Judge, and say how many are odd."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.verdicts import inference

    if args.threshold is not None and not 0 < args.threshold < float("inf"):
        raise Usage(f"--threshold {args.threshold}: a number above 0")
    rows = tables.rows(args.source, tables.WINDOW_COUNTS)
    single = model_of(args, "mscred")
    limit = single.threshold if args.threshold is None else args.threshold
    with Meter(rows, "windows") as meter:
        found = inference.JUDGES["mscred"](asked_of(args, single, meter, limit=limit))
    say_judged(args, found, f"score above {found.threshold:.3f}")
    return OK
