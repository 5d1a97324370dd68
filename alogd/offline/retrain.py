"""Logs in, a judged model bundle out: read, train, export, prove, judge, compare, and only then promote."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch

from alogd import bundle
from alogd.bundle import Quality, TrainedOn
from alogd.cli.inputs import Input
from alogd.config import Alerts, StreamOptions
from alogd.detectors._in_service import kinds, of_kind
from alogd.offline import bundle as bundles
from alogd.offline import corpus, quality
from alogd.offline.kinds import HELD_BACK, Trained, trainer
from alogd.offline.sessions import Sessions

WORSE = 1.0  # points of quality a new model may lose and still be promoted: chance, not decline


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    bundle: Path
    quality: Quality
    trained: dict[str, Trained]  # by kind of model
    corpus: corpus.Corpus
    before: Quality | None  # of the same kinds in service, judged on the same sessions
    promoted: bool
    why: str


@dataclass(frozen=True, slots=True)
class Tell:
    """How progress is shown."""

    reading: Callable[[int], None]  # lines so far
    training: Callable[[str, int, int, float], None]  # kind of model, epoch, of how many, loss


def retrain(
    inputs: Sequence[Input],
    options: StreamOptions,
    alerts: Alerts,
    models: Path,
    chosen: Mapping[str, Any],
    tell: Tell,
    *,
    seed: int = 1,
    force: bool = False,
) -> Result:
    """Trains, writes the bundle, and promotes it when it is not worse than the one in service (or `force`).

    chosen: options of each kind of model that is wanted (kinds.py).
    Raises ValueError when there is too little to learn from, NotTheSame when an export failed its proof.
    """
    read = corpus.read(inputs, options, alerts, tell.reading)
    vocabulary = read.vocabulary
    _, held = read.sessions.held_back(HELD_BACK)
    trained, thresholds, parts = {}, {}, {}
    files = {corpus.STATE: read.engine}
    for name, how in chosen.items():
        fit = trainer(name)
        trained[name] = done = fit.train(read.sessions, len(vocabulary), how, partial(tell.training, name))
        files[f"{name}.onnx"] = graph = fit.graph(done.net, held, vocabulary, how)
        files[f"{name}.pth"] = _weights(done)
        score = quality.scorer(of_kind(name)(graph))
        thresholds[name] = limit = quality.threshold(score(read.sessions))
        parts[name] = quality.judge(score, held, len(vocabulary), limit, seed)
    found = quality.joined(parts)
    place = bundles.write(
        models,
        files,
        vocabulary=vocabulary,
        windows=msgspec.to_builtins(options.windows),
        thresholds=thresholds,
        trained_on=TrainedOn(
            paths=tuple(one.name for one in inputs), lines=read.lines, sessions=len(read.sessions), seed=seed
        ),
        quality=found,
    )
    before, gone = _in_service(models, read, held, seed, set(chosen))
    promoted, why = _decide(found, before, gone, force)
    if promoted:
        bundles.promote(place, "retrain", why, found.total)
    return Result(place, found, trained, read, before, promoted, why)


def _weights(trained: Trained) -> bytes:
    """As torch.save writes them; read back with weights_only=True alone."""
    buffer = io.BytesIO()
    torch.save(trained.net.state_dict(), buffer)
    return buffer.getvalue()


def _in_service(
    models: Path, read: corpus.Corpus, held: Sessions, seed: int, new: set[str]
) -> tuple[Quality | None, set[str]]:
    """How the model in service does on the sessions the new one was judged by, and which kinds only it has.

    None where there is none that can be judged.
    """
    place = bundle.in_service(models)
    if place is None:
        return None, set()
    try:
        old = bundle.read(place)
        theirs = set(kinds(old))
        return quality.of_bundle(old, read.vocabulary, held, seed, theirs & new), theirs - new
    except bundle.BadBundle:
        return None, set()


def _decide(new: Quality, old: Quality | None, gone: set[str], force: bool) -> tuple[bool, str]:
    if gone and not force:
        missing = ", ".join(sorted(gone))
        return False, f"the one in service has {missing} too, on which streams may rely; train that as well (--force)"
    if old is None:
        return True, "no usable model was in service"
    if new.total >= old.total - WORSE:
        return True, f"quality {new.total:g}, the one before {old.total:g} on the same sessions"
    if force:
        return True, f"quality {new.total:g}, worse than the one before ({old.total:g}); promoted by --force"
    return (
        False,
        f"quality {new.total:g}, the one in service has {old.total:g} on the same sessions; it stays (--force)",
    )
