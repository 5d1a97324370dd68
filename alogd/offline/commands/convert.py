"""Make the graph of weights: KIND.pth and its vocab.json into KIND.onnx, which needs no PyTorch to run.

  alog-detect convert out/deeplog.pth
  alog-detect convert models/current/logbert.pth --vocab models/current/vocab.json --out elsewhere/logbert.onnx
  alog-detect convert --watch weights            every .pth that comes into the directory, until Ctrl-C

The graph has its constants folded, carries the model's facts, threshold and the hash of its vocabulary, and is compared
with PyTorch on made-up inputs before it is written: where they differ, it is not.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from alogd.cli.failures import OK, BadData, Usage, cause


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect convert`."""
    parser.add_argument("source", metavar="FILE", type=Path, help="a .pth; with --watch a directory of them")
    parser.add_argument("--vocab", metavar="FILE", type=Path, help="its vocab.json (the one beside it)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the .onnx (beside the .pth)")
    parser.add_argument("--watch", action="store_true", help="go on looking for weights without a graph as new")
    parser.add_argument("--every", metavar="S", type=float, default=2.0, help="seconds between two looks (2)")


def main(args: argparse.Namespace) -> int:
    """Convert one, or watch."""
    if not 0.1 <= args.every <= 3600:
        raise Usage(f"--every {args.every:g}: seconds from 0.1 to 3600")
    if args.watch and args.out:
        raise Usage("--out with --watch: graphs go beside their weights")
    if args.watch and not args.source.is_dir():
        raise BadData(f"{args.source}: no such directory")
    if args.source.is_dir() and not args.watch:
        raise Usage(f"{args.source} is a directory; --watch looks after one")
    from alogd.offline.models import model_files  # says what is missing where torch is

    del model_files
    if args.watch:
        _watch(args.source, args.vocab, args.every)
    else:
        _one(args.source, args.vocab, args.out)
    return OK


def _one(path: Path, vocab: Path | None, out: Path | None) -> None:
    from alogd.offline.models.converting import convert

    place = convert(path, vocab, out)
    print(f"{place}  {place.stat().st_size:,} bytes, says what PyTorch says", flush=True)


def _watch(folder: Path, vocab: Path | None, every: float) -> None:
    """Until it is stopped; what cannot be converted is said once, and tried again when it has changed."""
    from alogd.offline.models.converting import Seen, due

    seen: Seen = {}
    while True:
        for path in due(folder, seen):
            try:
                _one(path, vocab, None)
            except Exception as error:
                if (known := cause(error)) is None:
                    raise
                print(f"alog-detect: {known[1]}", file=sys.stderr, flush=True)
        time.sleep(every)
