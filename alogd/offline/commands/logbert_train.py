"""Train LogBERT on sessions that are mostly normal: sequences.parquet into logbert.pth and logbert.onnx.

  alog-detect logbert-train --seq out
  alog-detect logbert-train --seq out --out models/logbert.pth --hidden-size 128 --num-layers 2 --epochs 10

It learns which template stands at a place, given all around it; minutes, where DeepLog takes seconds. Its threshold is
the score that one session in 500 like those trained on exceeds. build-logbert cuts sessions to the length it sees.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK, Usage
from alogd.offline.models.model_flags import SEQUENCES_HELP, add_training, at_least, say_trained, weights_place


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect logbert-train`."""
    add_training(parser, "logbert", "--seq", SEQUENCES_HELP, 30)
    parser.add_argument("--hidden-size", metavar="N", type=int, default=256, help="numbers a template is told in (256)")
    parser.add_argument("--num-layers", metavar="N", type=int, default=4, help="(4)")
    parser.add_argument("--num-heads", metavar="N", type=int, default=8, help="of attention; they divide the size (8)")
    parser.add_argument("--mask-ratio", metavar="R", type=float, default=0.5, help="share of keys hidden at once (0.5)")
    parser.add_argument("--batch-size", metavar="N", type=int, default=32, help="sequences at once (32)")
    parser.add_argument("--max-seq-len", metavar="N", type=int, default=127, help="templates of a sequence (127)")


def main(args: argparse.Namespace) -> int:
    """Train, and say how it went."""
    at_least(args, epochs=1, seed=0, hidden_size=1, num_layers=1, num_heads=1, batch_size=1, max_seq_len=2)
    if args.hidden_size % args.num_heads:
        raise Usage(f"--hidden-size {args.hidden_size}: {args.num_heads} heads do not divide it")
    if not 0.01 <= args.mask_ratio <= 0.9:
        raise Usage(f"--mask-ratio {args.mask_ratio}: a share from 0.01 to 0.9")
    if args.max_seq_len > 511:
        raise Usage(f"--max-seq-len {args.max_seq_len}: a number from 2 to 511")
    place = weights_place(args, "logbert")
    from alogd.offline.models import training
    from alogd.offline.models.train_logbert import Training

    names = ("hidden_size", "num_layers", "num_heads", "mask_ratio", "batch_size", "epochs", "seed")
    chosen = Training(length=args.max_seq_len + 1, **{name: getattr(args, name) for name in names})
    say_trained(
        place,
        *training.on_sequences("logbert", args.source, args.vocab, training.Place(place, args.each_epoch), chosen),
    )
    return OK
