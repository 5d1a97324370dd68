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
from pathlib import Path
from typing import TYPE_CHECKING

from alogd.cli.drive import with_windows
from alogd.cli.failures import OK, BadData, Failed, Usage
from alogd.cli.from_words import understand
from alogd.cli.inputs import Progress, open_all
from alogd.cli.output import count
from alogd.cli.settings import add_config

if TYPE_CHECKING:
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
        from alogd.offline.retrain import Tell, retrain
        from alogd.offline.train_deeplog import Training
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
    chosen = Training(epochs=args.epochs, window=args.seq_len, k=args.k, seed=args.seed)
    try:
        result = retrain(inputs, options, chosen_from.config.alerts, args.out, chosen, tell, force=args.force)
    except ValueError as error:
        raise BadData(f"{', '.join(args.words)}: {error}") from None
    finally:
        bar.clear()
        epochs.clear()
        for one in inputs:
            one.close()
    _report(result)
    return OK


class _Epochs:
    """Epochs done and the time left, on standard error where that is a terminal."""

    def __init__(self, reading: Progress) -> None:
        self._reading = reading
        self._begun: float | None = None
        self._on = sys.stderr.isatty()

    def show(self, epoch: int, epochs: int, loss: float) -> None:
        self._reading.clear()
        now = time.monotonic()
        self._begun = now if self._begun is None else self._begun
        left = (now - self._begun) / max(1, epoch - 1) * (epochs - epoch)
        if self._on:
            text = f"epoch {epoch} of at most {epochs}, loss {loss:.3f}, {left:.0f} s left"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _report(result: Result) -> None:
    read, trained, quality = result.corpus, result.trained, result.quality
    sampled = f", every {read.step}th window kept" if read.step > 1 else ""
    found = ", ".join(f"{name[6:]} {value:g} %" for name, value in quality.parts.items() if name != "quiet")
    known = len(read.vocabulary.templates)
    print(f"read      {count(read.lines, 'line')}, {count(known, 'template')}, {read.windows:,} windows{sampled}")
    print(f"learned   {trained.examples:,} distinct examples of {trained.events:,}; best after epoch {trained.epoch},")
    print(f"          {trained.loss:.3f} nats an event on windows held back")
    print(f"quality   {quality.total:g} of 100: quiet on {quality.parts['quiet']:g} % of the windows held back;")
    print(f"          found of anomalies injected into them: {found}")
    print(f"bundle    {result.bundle}")
    print(f"{'promoted' if result.promoted else 'not promoted'}: {result.why}")
