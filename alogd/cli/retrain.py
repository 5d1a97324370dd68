"""Train a model on logs, judge it, and put it into service when it is not worse than the one before.

  alogd retrain --from /var/log/app.log --out models
  alogd retrain --from app.log.2.gz app.log.1 app.log --out models    one log, oldest part first
  alogd retrain --from app.log --out models --epochs 20 --seed 7
  alogd retrain --from web --out models                   all files of the stream "web", rotated ones too

A stream uses it once its configuration names the directory:

  detectors:
    - name: ewma
    - name: loganomaly
    - name: deeplog
      options: {models: models}

The running daemon takes a promoted model within seconds. A failure leaves the model in service as it is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alogd.cli.drive import with_windows
from alogd.cli.failures import OK, BadData, Failed, Usage
from alogd.cli.from_words import understand
from alogd.cli.inputs import Progress, open_all
from alogd.cli.output import count
from alogd.cli.settings import add_config

if TYPE_CHECKING:
    from alogd.config import StreamOptions
    from alogd.offline.retrain import Result


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd retrain`."""
    parser.add_argument(
        "--from",
        dest="words",
        metavar="FILE|STREAM",
        nargs="+",
        required=True,
        help="logs in the order they were written; or a stream of the configuration (stream:NAME)",
    )
    parser.add_argument("--out", metavar="MODELS", required=True, type=Path, help="directory of model bundles")
    add_config(parser)
    parser.add_argument("--stream", metavar="NAME", help="read them as this stream of the configuration")
    parser.add_argument("--window", metavar="W", help='"50/25" lines, "60s" of log time, "session:2m"')
    parser.add_argument("--key", metavar="KEY", help="program, source, host, pid, none, field:NAME, mask:NAME")
    parser.add_argument(
        "--models", metavar="A,B", help="which models to train (those the stream's detectors use; else all)"
    )
    parser.add_argument("--epochs", type=int, default=60, help="most passes over the examples (60)")
    parser.add_argument("--seq-len", type=int, default=10, help="templates before an event that the model sees (10)")
    parser.add_argument("--k", type=int, default=9, help="templates that count as expected (9)")
    parser.add_argument("--seed", type=int, default=1, help="of weights and order (1)")
    parser.add_argument("--force", action="store_true", help="promote it even when it is worse than the one in service")


def main(args: argparse.Namespace) -> int:
    """Read, train, judge, promote."""
    for name, low, high in (("epochs", 1, 10_000), ("seq_len", 1, 512), ("k", 1, 10_000)):
        if not low <= getattr(args, name) <= high:
            raise Usage(f"--{name.replace('_', '-')} {getattr(args, name)}: a number from {low} to {high}")
    try:
        from alogd.offline.kinds import TRAINERS, trainer
        from alogd.offline.retrain import Tell, retrain
    except ModuleNotFoundError as error:
        raise Failed(
            f"training needs {error.name}: pip install torch==2.13.0, then pip install 'alogd[train]'"
        ) from None
    chosen_from = understand(args.words, args.config, args.stream)
    options = with_windows(chosen_from.options, args.window, args.key)
    inputs = open_all(chosen_from.paths)
    bar = Progress(inputs)
    epochs = _Epochs(bar)
    tell = Tell(lambda lines: bar.show(f"{lines:,} lines"), epochs.show)
    given = {"epochs": args.epochs, "window": args.seq_len, "k": args.k, "seed": args.seed}
    chosen = {name: _options(trainer(name).options, given) for name in _kinds(args.models, options, TRAINERS)}
    try:
        result = retrain(
            inputs, options, chosen_from.config.alerts, args.out, chosen, tell, seed=args.seed, force=args.force
        )
    except ValueError as error:
        raise BadData(f"{', '.join(args.words)}: {error}") from None
    finally:
        bar.clear()
        epochs.clear()
        for one in inputs:
            one.close()
    _report(result)
    return OK


def _kinds(wanted: str | None, options: StreamOptions, known: Collection[str]) -> list[str]:
    """Those asked for; else those the stream's detectors use; else all."""
    if wanted is None:
        used = [one.name for one in options.detectors if one.name in known]
        return list(dict.fromkeys(used)) or list(known)
    names = list(dict.fromkeys(name.strip() for name in wanted.split(",")))
    for name in names:
        if name not in known:
            raise Usage(f"--models: no model is named {name!r}; there are: {', '.join(known)}")
    return names


def _options(make: Callable[..., Any], given: Mapping[str, int]) -> Any:
    """What a kind of model can be told, of all that was given."""
    return make(**{name: value for name, value in given.items() if name in signature(make).parameters})


class _Epochs:
    """Epochs done and the time left, on standard error where that is a terminal."""

    def __init__(self, reading: Progress) -> None:
        self._reading = reading
        self._begun: dict[str, float] = {}  # by kind of model
        self._on = sys.stderr.isatty()

    def show(self, kind: str, epoch: int, epochs: int, loss: float) -> None:
        self._reading.clear()
        now = time.monotonic()
        left = (now - self._begun.setdefault(kind, now)) / max(1, epoch - 1) * (epochs - epoch)
        if self._on:
            text = f"{kind}: epoch {epoch} of at most {epochs}, loss {loss:.3f}, {left:.0f} s left"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _report(result: Result) -> None:
    read, quality = result.corpus, result.quality
    sampled = f", every {read.step}th window kept" if read.step > 1 else ""
    known = len(read.vocabulary.templates)
    print(f"read      {count(read.lines, 'line')}, {count(known, 'template')}, {read.windows:,} windows{sampled}")
    for kind, done in result.trained.items():
        parts = {name.partition(".")[2]: value for name, value in quality.parts.items() if name.startswith(f"{kind}.")}
        found = ", ".join(f"{name[6:]} {value:g} %" for name, value in parts.items() if name.startswith("found_"))
        print(f"{kind:<10}{done.examples:,} distinct examples of {done.events:,}; best after epoch {done.epoch},")
        print(f"          loss {done.loss:.3f} on windows held back; quiet on {parts['quiet']:g} % of them,")
        print(f"          found of anomalies injected into them: {found}")
    print(f"quality   {quality.total:g} of 100")
    print(f"bundle    {result.bundle}")
    print(f"{'promoted' if result.promoted else 'not promoted'}: {result.why}")
