"""What one model, trained with one seed, says of the sessions it was trained on and of those it is judged by.

With a folder to keep them in, what was trained is not trained again by the next run: it belongs to one state of the
code, so a new one wants a new folder.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alogd.detectors._in_service import of_kind
from alogd.event import F64
from alogd.models.vocabulary import UNK, Vocabulary
from alogd.offline.models import int8
from alogd.offline.models.kinds import HELD_BACK, trainer
from alogd.offline.models.quality import scorer
from alogd.offline.models.series import Counts
from alogd.offline.models.sessions import Sessions

Lists = list[list[int]]  # template slots of each session


@dataclass(frozen=True, slots=True)
class Task:
    """Sessions to learn from and sessions to judge, and where what was trained is kept."""

    normal: Lists
    judged: Lists
    name: str
    epochs: dict[str, int]  # of a kind, where not its default
    keep: Path | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """Scores of both, and what they cost."""

    calm: F64  # of the sessions trained on
    found: F64  # of those judged
    epoch: int
    loss: float  # on the tenth that was held back
    seconds: float  # of one core, to train
    each: float  # microseconds a record to score, those answered from memory counted
    graph: bytes


def learned(kind: str, seed: int, task: Task) -> Learned:
    """Trained now, or by an earlier run."""
    if task.keep is None:
        return _train(kind, seed, task)
    place = task.keep / f"{task.name}-{kind}-{seed}-{task.epochs.get(kind, 'all')}.npz"
    if place.exists():
        with np.load(place, allow_pickle=False) as kept:
            epoch, loss, seconds, each = kept["facts"].tolist()
            return Learned(kept["calm"], kept["found"], int(epoch), loss, seconds, each, bytes(kept["graph"].tobytes()))
    done = _train(kind, seed, task)
    task.keep.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part.npz")
    facts = np.array([done.epoch, done.loss, done.seconds, done.each])
    np.savez(part, calm=done.calm, found=done.found, facts=facts, graph=np.frombuffer(done.graph, np.uint8))
    part.rename(place)
    return done


def told(task: Task) -> tuple[Sessions, Sessions, Vocabulary]:
    """Both in the numbers of a vocabulary that has the templates of the first alone."""
    slots = sorted({slot for one in task.normal for slot in one})
    known = Vocabulary.of(((f"{slot:04x}", f"template {slot}") for slot in slots), {})
    number = {int(one.fingerprint, 16): 4 + at for at, one in enumerate(known.templates)}
    normal, judged = (
        _numbered([[number.get(x, UNK) for x in one] for one in some]) for some in (task.normal, task.judged)
    )
    return normal, judged, known


def scored(graph: bytes, kind: str, normal: Sessions, judged: Sessions) -> tuple[F64, F64, float]:
    """Scores of both, and microseconds a record."""
    score, begun = scorer(of_kind(kind)(graph)), time.process_time()
    calm, found = score(normal), score(judged)
    return calm, found, (time.process_time() - begun) / (len(normal.tokens) + len(judged.tokens)) * 1e6


def in_int8(kind: str, one: Learned, task: Task) -> tuple[Learned, float, float]:
    """The same with weights in 8 bits, its rank correlation on what was held back, and microseconds a record before.

    Both are timed now, one after the other.
    """
    normal, judged, _ = told(task)
    _, _, before = scored(one.graph, kind, normal, judged)
    graph = int8.quantised(one.graph)
    calm, found, each = scored(graph, kind, normal, judged)
    held = np.arange(len(calm)) % HELD_BACK == HELD_BACK - 1
    alike = int8.rank_correlation(one.calm[held], calm[held])
    return replace(one, calm=calm, found=found, each=each, graph=graph), alike, before


def _numbered(sessions: Lists) -> Sessions:
    counts = []
    for one in sessions:
        number, often = np.unique(one, return_counts=True)
        counts.append(dict(zip(number.tolist(), often.tolist(), strict=True)))
    return replace(Sessions.of(sessions), series=Counts.of(counts, alone=True))


def _train(kind: str, seed: int, task: Task) -> Learned:
    normal, judged, known = told(task)
    fit = trainer(kind)
    chosen = fit.options(seed=seed, **({"epochs": task.epochs[kind]} if kind in task.epochs else {}))
    begun = time.process_time()
    done = fit.train(normal, len(known), chosen, lambda *how: _progress(kind, seed, *how))
    seconds = time.process_time() - begun
    graph = fit.graph(done.net, normal.held_back(HELD_BACK)[1], known, chosen)
    calm, found, each = scored(graph, kind, normal, judged)
    return Learned(calm, found, done.epoch, done.loss, seconds, each, graph)


def _progress(kind: str, seed: int, epoch: int, epochs: int, loss: float) -> None:
    end = "\n" if epoch == epochs or not sys.stderr.isatty() else ""
    print(f"\r{kind}, seed {seed}: epoch {epoch} of {epochs}, loss {loss:.4f}", end=end, file=sys.stderr, flush=True)
