"""Judge sessions by a trained LogBERT: sequences.parquet into logbert_infer.parquet, one row a session.

  alog-detect logbert-infer --seq out
  alog-detect logbert-infer --seq today --model models/logbert.onnx --threshold-percentile 99.5

`avg_loss` is the daemon's score: the largest surprise of a session's templates beyond what is large by chance, and how
far the session as a whole lies beyond the usual. Odd is what exceeds the model's own threshold; with
--threshold-percentile what exceeds that percentile of the scores of this very file: so many of it, whatever it holds.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK, Usage
from alogd.offline.models.model_flags import SEQUENCES_HELP, add_judging, asked_of, model_of, say_judged


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect logbert-infer`."""
    add_judging(parser, "logbert", "--seq", SEQUENCES_HELP)
    parser.add_argument("--threshold-percentile", metavar="P", type=float, help="of this file's scores")


def main(args: argparse.Namespace) -> int:
    """Judge, and say how many are odd."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.verdicts import inference

    if args.threshold_percentile is not None and not 0 < args.threshold_percentile < 100:
        raise Usage(f"--threshold-percentile {args.threshold_percentile}: a number between 0 and 100")
    rows = tables.rows(args.source, tables.SEQUENCES)
    single = model_of(args, "logbert")
    with Meter(rows, "sessions") as meter:
        found = inference.JUDGES["logbert"](asked_of(args, single, meter, percentile=args.threshold_percentile))
    say_judged(args, found, f"score above {found.threshold:.3f}")
    return OK
