"""Train MSCRED on windows that are mostly normal: window_counts.parquet into mscred.pth and mscred.onnx.

  alog-detect mscred-train --window-counts out
  alog-detect mscred-train --window-counts out/window_counts.parquet --out models/mscred.pth --epochs 10

It learns how the counts of templates go together, over the last 1, 4 and 16 windows of a program; minutes, where
DeepLog takes seconds. Its threshold is the score that one window in 500 of those trained on exceeds.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK
from alogd.offline.models.model_flags import COUNTS_HELP, add_training, at_least, say_trained, weights_place


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect mscred-train`."""
    add_training(parser, "mscred", "--window-counts", COUNTS_HELP, 40)
    parser.add_argument("--channels", metavar="N", type=int, default=8, help="width of the first layer (8)")


def main(args: argparse.Namespace) -> int:
    """Train, and say how it went."""
    at_least(args, epochs=1, seed=0, channels=1)
    place = weights_place(args, "mscred")
    from alogd.offline.models import training
    from alogd.offline.models.train_mscred import MscredTraining

    chosen = MscredTraining(epochs=args.epochs, seed=args.seed, channels=args.channels)
    say_trained(
        place, *training.on_counts("mscred", args.source, args.vocab, training.Place(place, args.each_epoch), chosen)
    )
    return OK
