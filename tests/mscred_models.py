"""A small MSCRED for tests, trained in a second or two on the windows of a log of a few workflows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from alogd.detectors.mscred import Mscred, MscredOptions, Signatures
from alogd.models.bundle import Quality, TrainedOn
from alogd.models.vocabulary import Vocabulary
from alogd.offline.models import bundle as bundles
from alogd.offline.models import quality_counts
from alogd.offline.models.series import Counts
from alogd.offline.models.sessions import Sessions
from alogd.offline.models.thresholds import threshold
from alogd.offline.models.train_mscred import MscredTraining, graph, train
from tests import deep_models
from tests.scratch import scratch

SMALL = MscredTraining(templates=6, segments=(1, 2, 4), steps=2, epochs=8, draws=256, channels=2, batch=32, rate=1e-2)
TEXTS = tuple(f"template number {word} of all" for word in "abcdefghij")


def windows(n: int) -> list[dict[int, int]]:
    """Counts of ten templates: two that go together, two of which the one comes when the other does not, some rare."""
    made = []
    for at in range(n):
        busy = 4 + at % 5
        one = {4: busy, 5: busy, 6 + at % 2: 6, 8: 2}
        made.append(one | {9 + at % 5: 1} if at % 3 == 0 else one)
    return made


def vocabulary() -> Vocabulary:
    """Of TEXTS."""
    from alogd.engine.template_name import fingerprint

    return Vocabulary.of([(fingerprint(text), text) for text in TEXTS], deep_models.settings())


@cache
def made(alone: bool = False) -> bytes:
    """The graph."""
    torch.set_num_threads(1)
    counts = Counts.of(windows(400), alone=alone)
    known = vocabulary()
    return graph(train(Sessions.counted(counts), len(known), SMALL).net, counts, len(known), known.hash)


@cache
def models(alone: bool = False) -> Path:
    """A models directory with the graph in service."""
    place, counts = scratch("alogd-models-"), Counts.of(windows(400), alone=alone)
    limit = threshold(quality_counts.scores(Signatures(made(alone)), counts))
    bundles.promote(
        bundles.write(
            place,
            {"mscred.onnx": made(alone)},
            vocabulary=vocabulary(),
            windows={},
            thresholds={"mscred": limit},
            trained_on=TrainedOn(paths=(), lines=0, sessions=0, seed=1),
            quality=Quality(total=50, parts={}),
        ),
        "retrain",
        "for a test",
        50,
    )
    return place


def detector(alone: bool = False) -> Mscred:
    """Slots 1 to 10 are the vocabulary's templates, others are known to nobody."""
    found = Mscred(MscredOptions(models=str(models(alone))))
    texts: Sequence[str] = TEXTS
    found.attach(
        lambda slot: texts[slot - 1] if 1 <= slot <= 10 else "something else of which nothing is known",
        deep_models.settings(),
    )
    return found
