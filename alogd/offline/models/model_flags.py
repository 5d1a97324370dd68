"""The flags of the toolbox's *-train and *-infer commands, and what these say when they are done."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alogd.cli.failures import Usage
from alogd.cli.output import count
from alogd.offline.meter import Meter

if TYPE_CHECKING:
    from alogd.offline.models.kinds import Trained
    from alogd.offline.models.model_files import Single
    from alogd.offline.verdicts.inference import Asked, Verdict

COUNTS_HELP = "window_counts.parquet, or the directory it is in"
SEQUENCES_HELP = "sequences.parquet, or the directory it is in"


def add_training(parser: argparse.ArgumentParser, kind: str, source: str, about: str, epochs: int) -> None:
    """`source` (--seq or --window-counts), --vocab, --out, --epochs, --seed."""
    parser.add_argument(source, metavar="FILE", dest="source", type=Path, required=True, help=about)
    parser.add_argument("--vocab", metavar="FILE", type=Path, help="its vocab.json (the one beside it)")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help=f"weights; the .onnx goes beside them ({kind}.pth beside the input)"
    )
    parser.add_argument("--epochs", metavar="N", type=int, default=epochs, help=f"passes at most ({epochs})")
    parser.add_argument(
        "--each-epoch", metavar="DIR", type=Path, help="keep the model of every epoch too, for alog-detect evaluate"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="of weights and order (1)")


def add_judging(parser: argparse.ArgumentParser, kind: str, source: str, about: str) -> None:
    """`source`, --vocab, --model, --out-dir."""
    parser.add_argument(source, metavar="FILE", dest="source", type=Path, required=True, help=about)
    parser.add_argument("--vocab", metavar="FILE", type=Path, help="its vocab.json (the one beside it)")
    parser.add_argument(
        "--model", metavar="FILE", type=Path, help=f"a .onnx, with its vocab.json beside it ({kind}.onnx by the input)"
    )
    parser.add_argument("--out-dir", metavar="DIR", type=Path, help="where the results go (beside the input)")


def at_least(args: argparse.Namespace, **least: int) -> None:
    """Raises Usage for a number below its least, or beyond what anyone can mean."""
    for name, low in least.items():
        value = getattr(args, name)
        if not low <= value <= 1_000_000:
            raise Usage(f"--{name.replace('_', '-')} {value}: a number from {low} to 1000000")


def folder_of(source: Path) -> Path:
    """The directory a file is in, or that was named for it."""
    return source if source.is_dir() else source.parent


def weights_place(args: argparse.Namespace, kind: str) -> Path:
    """Where --out says. Raises Usage for a name that is none of weights."""
    place: Path = args.out or folder_of(args.source) / f"{kind}.pth"
    if place.is_dir():
        return place / f"{kind}.pth"
    if place.suffix != ".pth":
        raise Usage(f"--out {place}: a name that ends with .pth, or a directory")
    return place


def say_trained(place: Path, done: Trained, limit: float) -> None:
    """What came of a training."""
    print(f"{place}  {place.with_suffix('.onnx').name}")
    print(f"best after {count(done.epoch, 'epoch')}, loss {done.loss:.3f}; odd is a score above {limit:.3f}")


def model_of(args: argparse.Namespace, kind: str) -> Single:
    """Raises BadData."""
    from alogd.offline.models import model_files

    return model_files.read(args.model or folder_of(args.source), kind)


def asked_of(args: argparse.Namespace, single: Single, meter: Meter, **more: Any) -> Asked:
    """What `inference.JUDGES` take. Raises BadData."""
    from alogd.offline.models import model_files
    from alogd.offline.verdicts.inference import Asked

    theirs = model_files.read_vocabulary(args.vocab or folder_of(args.source) / "vocab.json")
    out = args.out_dir or folder_of(args.source)
    out.mkdir(parents=True, exist_ok=True)
    limit = more.pop("limit", single.threshold)
    return Asked(single.model, limit, args.source, out, single.numbers(theirs), meter.show, **more)


def say_judged(args: argparse.Namespace, one: Verdict, rule: str) -> None:
    """What a model found."""
    out = args.out_dir or folder_of(args.source)
    print(f"{out / one.kind}_infer.parquet: {count(one.sessions, one.what)}, {one.odd:,} odd ({rule})")
