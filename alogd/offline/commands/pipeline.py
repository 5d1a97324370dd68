"""All of it on one log: parse, build, detect, train models and judge by them, report.

  alog-detect pipeline --input app.log --out-dir out
  alog-detect pipeline --input app.log --out-dir out --models models       by trained models, instead of training
  alog-detect pipeline --input app.log --out-dir out --no-train            the ewma detector alone
  alog-detect pipeline --input app.log --out-dir out --labels labels.csv   and how right it was

Each step is a command of its own, shown as it runs, and leaves its files in the directory. Models that are trained here
learn from this very log: they find what is rare in it, and take for normal what is common in it.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from alogd.cli.failures import OK, Usage


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect pipeline`."""
    parser.add_argument("--input", metavar="FILE", required=True, help="a log, plain or gzip")
    parser.add_argument("--out-dir", metavar="DIR", type=Path, required=True, help="where the files go")
    parser.add_argument("--models", metavar="MODELS", help="trained models to judge by; none are trained then")
    parser.add_argument("--no-train", action="store_true", help="train no models")
    parser.add_argument("--epochs", metavar="N", type=int, default=20, help="of the training (20)")
    parser.add_argument("--kinds", metavar="A,B", help="models to train: deeplog, logbert, mscred (deeplog)")
    parser.add_argument("--labels", metavar="CSV", help="set the verdicts beside these (alog-detect eval)")


def main(args: argparse.Namespace) -> int:
    """One step after another; the first that fails ends it."""
    if args.input == "-":
        raise Usage("--input -: name a file; it is read more than once")
    for words in steps(args.input, args.out_dir, args.models, args.no_train, args.epochs, args.labels, args.kinds):
        if (code := step(words)) != OK:
            return code
    return OK


def steps(
    log: str,
    out: Path,
    models: str | None,
    no_train: bool,
    epochs: int = 20,
    labels: str | None = None,
    kinds: str | None = None,
) -> list[list[str]]:
    """The command lines."""
    place = str(out)
    told: list[list[str]] = []
    if models:
        told.append(["infer", models, log, place])
    else:  # what is new in it is new to an empty engine, whatever is learned from it after that
        told.append(["parse", "--input", log, "--out-dir", place])
        told.append(["build-deeplog", "--parsed", place, "--out-dir", place])
        told.append(["build-mscred", "--parsed", place, "--out-dir", place])
    if not models and not no_train and find_spec("torch") is not None:
        which = ["--kinds", kinds] if kinds else []
        told.append(["train", log, str(out / "models"), "--epochs", str(epochs), "--force", *which])
        told.append(["infer", str(out / "models"), place, place])
    told.append(["detect", "--parsed", place, "--out-dir", place])
    told.append(["report", "--processed-dir", place, "--with-samples"])
    if labels:
        told.append(["eval", "--processed-dir", place, "--labels", labels])
    return told


def step(words: list[str]) -> int:
    """Run one, said before it runs."""
    from alogd.offline.main import main as run

    print(f"\n$ alog-detect {' '.join(words)}", flush=True)
    return run(words)
