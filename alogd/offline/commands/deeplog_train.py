"""Train DeepLog on sessions that are mostly normal: sequences.parquet into deeplog.pth and deeplog.onnx.

  alog-detect deeplog-train --seq out
  alog-detect deeplog-train --seq out/sequences.parquet --vocab out/vocab.json --out models/deeplog.pth --epochs 20

It learns which template comes next. Its threshold is the score that one session in 500 like those trained on exceeds.
The .onnx is proven to say what the network says. deeplog-infer judges by it; alog-detect train makes whole bundles.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK
from alogd.offline.models.model_flags import SEQUENCES_HELP, add_training, at_least, say_trained, weights_place


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect deeplog-train`."""
    add_training(parser, "deeplog", "--seq", SEQUENCES_HELP, 60)
    parser.add_argument(
        "--seq-len", metavar="N", type=int, default=10, help="templates before an event that it sees (10)"
    )


def main(args: argparse.Namespace) -> int:
    """Train, and say how it went."""
    at_least(args, epochs=1, seed=0, seq_len=1)
    place = weights_place(args, "deeplog")
    from alogd.offline.models import training
    from alogd.offline.models.train_deeplog import Training

    chosen = Training(window=args.seq_len, epochs=args.epochs, seed=args.seed)
    say_trained(
        place,
        *training.on_sequences("deeplog", args.source, args.vocab, training.Place(place, args.each_epoch), chosen),
    )
    return OK
