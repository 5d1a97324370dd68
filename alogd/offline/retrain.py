"""Logs in, a judged model bundle out: read, train, export, prove, judge, compare, and only then promote."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from alogd import bundle
from alogd.bundle import Quality, TrainedOn
from alogd.cli.inputs import Input
from alogd.config import Alerts, StreamOptions
from alogd.detectors.deeplog import NextTemplate
from alogd.offline import bundle as bundles
from alogd.offline import corpus, quality
from alogd.offline.export import export
from alogd.offline.sessions import Sessions, examples
from alogd.offline.train_deeplog import HELD_BACK, Trained, Training, train

PROVED_ON = 256  # rows on which ONNX and PyTorch are compared
WORSE = 1.0  # points of quality a new model may lose and still be promoted: chance, not decline


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    bundle: Path
    quality: Quality
    trained: Trained
    corpus: corpus.Corpus
    before: Quality | None  # of the model in service, judged on the same sessions
    promoted: bool
    why: str


@dataclass(frozen=True, slots=True)
class Tell:
    """How progress is shown."""

    reading: Callable[[int], None]  # lines so far
    training: Callable[[int, int, float], None]  # epoch, of how many, loss


def retrain(
    inputs: Sequence[Input],
    options: StreamOptions,
    alerts: Alerts,
    models: Path,
    chosen: Training,
    tell: Tell,
    *,
    force: bool = False,
) -> Result:
    """Trains, writes the bundle, and promotes it when it is not worse than the one in service (or `force`).

    Raises ValueError when there is too little to learn from, NotTheSame when the export failed its proof.
    """
    read = corpus.read(inputs, options, alerts, tell.reading)
    vocabulary = read.vocabulary
    trained = train(read.sessions, len(vocabulary), chosen, tell.training)
    _, held = read.sessions.held_back(HELD_BACK)
    facts = {"window": chosen.window, "k": chosen.k, "ends": int(chosen.ends), "size": len(vocabulary)}
    graph = export(
        trained.net,
        _example(held, chosen),
        name="sequence",
        outputs=["logits"],
        kind=NextTemplate.KIND,
        facts=facts | {"vocabulary": vocabulary.hash},
    )
    score = quality.scorer(NextTemplate(graph))
    limit = quality.threshold(score(read.sessions))
    found = quality.judge(score, held, len(vocabulary), limit, chosen.seed)
    place = bundles.write(
        models,
        {"deeplog.onnx": graph, "deeplog.pth": _weights(trained), corpus.STATE: read.engine},
        vocabulary=vocabulary,
        windows=msgspec.to_builtins(options.windows),
        thresholds={NextTemplate.KIND: limit},
        trained_on=TrainedOn(
            paths=tuple(one.name for one in inputs), lines=read.lines, sessions=len(read.sessions), seed=chosen.seed
        ),
        quality=found,
    )
    before = _in_service(models, read, held, chosen.seed)
    promoted, why = _decide(found, before, force)
    if promoted:
        bundles.promote(place, "retrain", why, found.total)
    return Result(place, found, trained, read, before, promoted, why)


def _example(held: Sessions, chosen: Training) -> torch.Tensor:
    some = examples(held, chosen.window, ends=chosen.ends).before[:PROVED_ON]
    return torch.from_numpy(some.astype(np.int64))


def _weights(trained: Trained) -> bytes:
    """As torch.save writes them; read back with weights_only=True alone."""
    buffer = io.BytesIO()
    torch.save(trained.net.state_dict(), buffer)
    return buffer.getvalue()


def _in_service(models: Path, read: corpus.Corpus, held: Sessions, seed: int) -> Quality | None:
    """How the model in service does on the sessions the new one was judged by; None where there is none that can be."""
    place = bundle.in_service(models)
    if place is None:
        return None
    try:
        return quality.of_bundle(bundle.read(place), read.vocabulary, held, seed)
    except bundle.BadBundle:
        return None


def _decide(new: Quality, old: Quality | None, force: bool) -> tuple[bool, str]:
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
