"""Judge sessions by a trained DeepLog: sequences.parquet into deeplog_infer.parquet, one row an event.

  alog-detect deeplog-infer --seq out
  alog-detect deeplog-infer --seq today --model models/deeplog.onnx --k 9

An event is odd when its surprise (-log p) exceeds its threshold: the model's own, and more where a session has many
events, for the largest of many is large by chance. With --k it is odd when it is not among the k likeliest, as in the
paper. Templates are known to the model by fingerprint, else by likeness, so that the two may be of different logs.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK, Usage
from alogd.offline.models.model_flags import SEQUENCES_HELP, add_judging, asked_of, model_of, say_judged


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect deeplog-infer`."""
    add_judging(parser, "deeplog", "--seq", SEQUENCES_HELP)
    parser.add_argument("--k", metavar="K", type=int, default=0, help="odd is what is not among the K likeliest")


def main(args: argparse.Namespace) -> int:
    """Judge, and say how many are odd."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.verdicts import inference

    if args.k < 0:
        raise Usage(f"--k {args.k}: a number of templates")
    rows = tables.rows(args.source, tables.SEQUENCES)
    single = model_of(args, "deeplog")
    with Meter(rows, "sessions") as meter:
        found = inference.JUDGES["deeplog"](asked_of(args, single, meter, k=args.k))
    say_judged(args, found, f"not among the {args.k} likeliest" if args.k else f"score above {found.threshold:.3f}")
    return OK
