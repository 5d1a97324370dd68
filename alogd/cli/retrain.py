"""Train a model on logs, judge it, and put it into service when it is not worse than the one before.

  alogd retrain --from /var/log/app.log --out models
  alogd retrain --from app.log.2.gz app.log.1 app.log --out models    one log, oldest part first
  alogd retrain --from app.log --out models --epochs 20 --seed 7
  alogd retrain --from web --out models                   all files of the stream "web", rotated ones too
  alogd retrain --from models/current app.log --out models  goes on from a bundle: its weights, its templates

A stream uses it once its configuration names the directory:

  detectors:
    - name: ewma
    - name: loganomaly
    - name: deeplog
      options: {models: models}

The running daemon takes a promoted model within seconds. A failure leaves the model in service as it is. What was
stopped or killed goes on from the last epoch when the same command is given again.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alogd.cli.drive import with_windows
from alogd.cli.failures import INTERRUPTED, OK, BadData, Failed, Usage
from alogd.cli.from_words import understand
from alogd.cli.inputs import Input, open_all
from alogd.cli.output import count
from alogd.cli.settings import add_config
from alogd.cli.stages import Stages

if TYPE_CHECKING:
    from alogd.config.tree import StreamOptions
    from alogd.offline.models.retrain import Result


BOUNDS = {
    "epochs": (1, 10_000),
    "seq_len": (1, 512),
    "k": (1, 10_000),
    "hidden_size": (8, 2048),
    "num_layers": (1, 24),
    "num_heads": (1, 64),
    "mask_ratio": (0.05, 1),
    "batch_size": (1, 4096),
    "channels": (1, 64),
}
MSCRED = ("channels",)
LOGBERT = ("hidden_size", "num_layers", "num_heads", "mask_ratio", "batch_size")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd retrain`."""
    parser.add_argument(
        "--from",
        dest="words",
        metavar="FILE|STREAM|BUNDLE",
        nargs="+",
        required=True,
        help="logs in the order they were written, or a stream of the configuration; and a bundle to go on from",
    )
    parser.add_argument("--out", metavar="MODELS", required=True, type=Path, help="directory of model bundles")
    add_config(parser)
    parser.add_argument("--stream", metavar="NAME", help="read them as this stream of the configuration")
    parser.add_argument("--window", metavar="W", help='"50/25" lines, "60s" of log time, "session:2m"')
    parser.add_argument("--key", metavar="KEY", help="program, source, host, pid, none, field:NAME, mask:NAME")
    parser.add_argument(
        "--models",
        metavar="A,B",
        help="deeplog, logbert, mscred (those the stream's detectors use; else deeplog)",
    )
    parser.add_argument("--epochs", type=int, help="most passes over the examples (60; logbert 30)")
    parser.add_argument("--seq-len", type=int, default=10, help="templates before an event that the model sees (10)")
    parser.add_argument("--k", type=int, default=9, help="templates that count as expected (9)")
    parser.add_argument("--seed", type=int, default=1, help="of weights and order (1)")
    parser.add_argument(
        "--keep",
        metavar="N",
        type=int,
        help="remove older bundles, but the one in service and the one before (all stay)",
    )
    parser.add_argument(
        "--int8", action="store_true", help="weights in 8 bits, where a model then still ranks as before"
    )
    logbert = parser.add_argument_group("logbert")
    logbert.add_argument("--hidden-size", type=int, help="width of the network (256)")
    logbert.add_argument("--num-layers", type=int, help="blocks one after the other (4)")
    logbert.add_argument("--num-heads", type=int, help="heads of each, which divide the width (8)")
    logbert.add_argument("--mask-ratio", type=float, help="share of a sequence that is hidden in training (0.5)")
    logbert.add_argument("--batch-size", type=int, help="sequences a step (32)")
    mscred = parser.add_argument_group("mscred")
    mscred.add_argument("--channels", type=int, help="width of the network's first layer (8)")
    parser.add_argument("--fresh", action="store_true", help="begin anew, whatever a run that was stopped has done")
    parser.add_argument("--force", action="store_true", help="promote it even when it is worse than the one in service")


def main(args: argparse.Namespace) -> int:
    """Read, train, judge, promote."""
    for name, (low, high) in BOUNDS.items():
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            raise Usage(f"--{name.replace('_', '-')} {value}: a number from {low} to {high}")
    if (args.hidden_size or 256) % (args.num_heads or 8):
        raise Usage(f"--hidden-size {args.hidden_size or 256}: {args.num_heads or 8} heads do not divide it")
    if args.keep is not None and not 1 <= args.keep <= 10_000:
        raise Usage(f"--keep {args.keep}: a number from 1 to 10000")
    try:
        import torch

        from alogd.offline.models.bundle import prune
        from alogd.offline.models.kinds import TRAINERS, WHEN_ASKED, trainer
        from alogd.offline.models.retrain import Begin, Tell, retrain
    except ModuleNotFoundError as error:
        raise Failed(
            f"training needs {error.name}: pip install torch==2.13.0, then pip install 'alogd[train]'"
        ) from None
    torch.set_num_threads(1)  # of small networks more are slower; and with one the sums are the same each time
    asked = understand(args.words, args.config, args.stream)
    options = with_windows(asked.options, args.window, args.key)
    stages = Stages()
    given = {"epochs": args.epochs, "window": args.seq_len, "k": args.k, "seed": args.seed}
    given |= {name: getattr(args, name) for name in (*LOGBERT, *MSCRED)}
    chosen = {
        name: _options(trainer(name).options, given) for name in _kinds(args.models, options, TRAINERS, WHEN_ASKED)
    }
    begin = Begin(base=asked.base, stream=asked.stream, fresh=args.fresh, int8=args.int8)
    with _inputs(asked.paths) as inputs, _stopped_cleanly():
        bytes_of_all = sum(one.size for one in inputs)
        tell = Tell(
            lambda lines: stages.show("reading", sum(one.read for one in inputs), bytes_of_all, f"{lines:,} lines"),
            lambda kind, epoch, epochs, loss: stages.show(
                f"{kind}: training", epoch, epochs, f"epoch {epoch}, loss {loss:.3f}"
            ),
            stages.show,
            stages.say,
        )
        try:
            result = retrain(
                inputs,
                options,
                asked.config.alerts,
                args.out,
                chosen,
                tell,
                seed=args.seed,
                force=args.force,
                begin=begin,
            )
        except ValueError as error:
            raise BadData(f"{', '.join(args.words)}: {error}") from None
        except KeyboardInterrupt:
            stages.say("alogd: stopped; the same command goes on from what is done (--fresh begins anew)")
            return INTERRUPTED
        finally:
            stages.clear()
    _report(result)
    if args.keep is not None and (gone := prune(args.out, args.keep)):
        print(f"removed   {count(len(gone), 'older bundle')}, {args.keep} are kept")
    return OK


def _kinds(
    wanted: str | None, options: StreamOptions, known: Collection[str], when_asked: Collection[str]
) -> list[str]:
    """Those asked for; else those the stream's detectors use; else all but those that want to be asked for."""
    if wanted is None:
        used = [one.name for one in options.detectors if one.name in known]
        return list(dict.fromkeys(used)) or [name for name in known if name not in when_asked]
    names = list(dict.fromkeys(name.strip() for name in wanted.split(",")))
    for name in names:
        if name not in known:
            raise Usage(f"--models: no model is named {name!r}; there are: {', '.join(known)}")
    return names


def _options(make: Callable[..., Any], given: Mapping[str, float | None]) -> Any:
    """What a kind of model can be told, of all that was given."""
    fits = signature(make).parameters
    return make(**{name: value for name, value in given.items() if value is not None and name in fits})


@contextmanager
def _inputs(paths: list[str]) -> Iterator[list[Input]]:
    """Opened, and something in them. Raises BadData when all are empty."""
    inputs = open_all(paths)
    try:
        if not any(one.head for one in inputs):
            raise BadData(f"{', '.join(one.name for one in inputs)}: empty; there is nothing to train on")
        yield inputs
    finally:
        for one in inputs:
            one.close()


@contextmanager
def _stopped_cleanly() -> Iterator[None]:
    """SIGTERM, as systemd sends it, ends the work as an interrupt from the keyboard does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: whoever runs this there has signals of its own
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(result: Result) -> None:
    read, quality = result.corpus, result.quality
    sampled = f"; one of every {read.step} was learned, evenly over the time" if read.step > 1 else ""
    known = len(read.vocabulary.templates)
    print(f"read      {count(read.lines, 'line')}, {count(known, 'template')}, {read.windows:,} windows{sampled}")
    for kind, done in result.trained.items():
        parts = {name.partition(".")[2]: value for name, value in quality.parts.items() if name.startswith(f"{kind}.")}
        found = ", ".join(f"{name[6:]} {value:g} %" for name, value in parts.items() if name.startswith("found_"))
        print(f"{kind:<10}{done.examples:,} distinct examples of {done.events:,}; best after epoch {done.epoch},")
        late = parts.get("quiet_recent")  # a model of counts is not asked for it
        lately = "" if late is None else f", and on\n          {late:g} % of those from the last tenth of the time"
        print(f"          loss {done.loss:.3f} on windows held back; quiet on {parts['quiet']:g} % of them{lately};")
        print(f"          found of anomalies injected into them: {found}")
    print(f"quality   {quality.total:g} of 100")
    print(f"bundle    {result.bundle}")
    print(f"{'promoted' if result.promoted else 'not promoted'}: {result.why}")
