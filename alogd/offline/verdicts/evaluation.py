"""Tries trained models on sessions whose truth is known: labelled, or normal ones with anomalies put into some.

Each model scores as it does in the daemon and keeps the threshold of its bundle; sessions stay in time order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from alogd.cli.failures import BadData
from alogd.detectors._in_service import kinds, load, of_kind
from alogd.event import F64, Bool
from alogd.models import bundle
from alogd.models.bundle import Bundle
from alogd.models.vocabulary import SPECIAL, Vocabulary
from alogd.offline import atomic, tables
from alogd.offline.models.quality import _foreign, _lost, _repeated, _swapped, _translated, scorer
from alogd.offline.models.sessions import Sessions
from alogd.offline.reports import pictures
from alogd.offline.reports.markdown import code, table
from alogd.offline.verdicts.measures import Confusion, auroc

REPORT, RESULT = "evaluation.md", "evaluation.json"
HEADS = ("checkpoint", "model", "threshold", "precision", "recall", "F1", "accuracy", "AUROC")
_CHANGES = (_foreign, _repeated, _swapped, _lost)  # what `alogd retrain` judges a model by


@dataclass(frozen=True, slots=True)
class Trial:
    """One model of one checkpoint."""

    checkpoint: str
    model: str
    threshold: float
    score: F64  # (n,) of each session
    truth: Bool  # (n,)

    @property
    def confusion(self) -> Confusion:
        """At its own threshold."""
        return Confusion.of(self.truth, self.score > self.threshold)


def read_sessions(path: Path, vocab: Path | None = None) -> tuple[Sessions, Vocabulary, list[str]]:
    """sequences.parquet, `vocab` or the vocab.json beside it, and the sessions' keys. Raises BadData."""
    found = tables.read(path, tables.SEQUENCES)
    place = vocab or tables.at(path, tables.SEQUENCES).with_name("vocab.json")
    try:
        vocabulary = Vocabulary.from_json(place.read_bytes())
    except FileNotFoundError:
        raise BadData(f"{place}: no such file; it tells the numbers in {path}, alog-detect parse writes it") from None
    except ValueError as error:
        raise BadData(f"{place}: {error}") from None
    lists = found["sequence"].combine_chunks()
    tokens = lists.flatten().to_numpy().astype(np.int32)
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < len(vocabulary):
        raise BadData(f"{path} has template {tokens.max()}, which {place} does not know; build it anew")
    start = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    fresh, ends = found["fresh"].to_numpy().astype(np.int64), found["ends"].to_numpy()
    return Sessions(tokens, start, fresh, ends), vocabulary, [str(key) for key in found["session"].to_pylist()]


def with_fakes(sessions: Sessions, ratio: float, size: int, seed: int) -> tuple[Sessions, Bool]:
    """Every so many sessions get one anomaly: a foreign template, one ten times, a stretch reversed, or lost.

    ratio: share of sessions; size: entries of the vocabulary. What comes out is in the order that went in.
    """
    chance = np.random.default_rng(seed)
    odd = np.zeros(len(sessions), bool)
    odd[chance.permutation(len(sessions))[: max(1, round(ratio * len(sessions)))]] = True
    lists, more = [], np.zeros(len(sessions), np.int64)
    for i, fresh in enumerate(sessions.fresh.tolist()):
        tokens = sessions.tokens[sessions.start[i] : sessions.start[i + 1]].tolist()
        if odd[i] and tokens:
            change = _CHANGES[int(chance.integers(len(_CHANGES)))]
            changed = change(tokens, int(chance.integers(len(tokens) - max(1, fresh), len(tokens))), size, chance)
            odd[i] = changed != tokens  # a stretch of equals reversed is no anomaly
            more[i], tokens = len(changed) - len(tokens), changed
        lists.append(tokens)
    made = Sessions.of(lists)
    return Sessions(made.tokens, made.start, np.maximum(sessions.fresh + more, 1), sessions.ends), odd


def trials(of: Bundle, vocabulary: Vocabulary, sessions: Sessions, truth: Bool) -> list[Trial]:
    """Every model of a bundle. Raises BadBundle when one cannot run."""
    theirs = [of.vocabulary.number(one.fingerprint, one.text) for one in vocabulary.templates]
    numbers = np.array([*range(len(SPECIAL)), *theirs], np.int32)
    found = []
    for name in kinds(of):
        score = _translated(scorer(load(of, name, of_kind(name))), numbers)
        limit = of.manifest.thresholds.get(name, float("inf"))
        found.append(Trial(of.path.name, name, limit, np.asarray(score(sessions), np.float64), truth))
    return found


def trials_of(checkpoint: Path, vocabulary: Vocabulary, sessions: Sessions, truth: Bool) -> list[Trial]:
    """Every model of a checkpoint: a model by itself (.onnx), a bundle, or a directory's bundle in service.

    Raises BadData, and BadBundle when one cannot run.
    """
    if not checkpoint.exists():
        raise BadData(f"{checkpoint}: no such checkpoint; alogd retrain --out MODELS makes one")
    place = checkpoint.parent if checkpoint.is_file() else checkpoint
    if checkpoint.is_file() and not (place / bundle.MANIFEST).exists():
        return [_alone(checkpoint, vocabulary, sessions, truth)]
    if not (place / bundle.MANIFEST).exists() and (service := bundle.in_service(place)) is not None:
        place = service
    return trials(bundle.read(place), vocabulary, sessions, truth)


def _alone(path: Path, vocabulary: Vocabulary, sessions: Sessions, truth: Bool) -> Trial:
    from alogd.offline.models import model_files  # needs torch, which bundles do not

    kind = model_files.kind_of(path.with_suffix(model_files.GRAPH))
    single = model_files.read(path, kind)
    score = _translated(scorer(single.model), single.numbers(vocabulary))
    return Trial(path.stem, kind, single.threshold, np.asarray(score(sessions), np.float64), truth)


def rows(found: Sequence[Trial]) -> list[tuple[str, ...]]:
    """One for each model, figures as text, under HEADS."""
    told = []
    for one in found:
        at, area = one.confusion, auroc(one.truth, one.score)
        figures = (one.threshold, at.precision, at.recall, at.f1, at.accuracy)
        told.append((one.checkpoint, one.model, *(f"{x:.3f}" for x in figures), "-" if area is None else f"{area:.3f}"))
    return told


def write(folder: Path, found: Sequence[Trial], about: str) -> Path:
    """evaluation.md, evaluation.json and pictures of the last checkpoint; the first of them. about: the sessions."""
    last = [one for one in found if one.checkpoint == found[-1].checkpoint]
    lines = ["# Models on sessions whose truth is known", "", f"{about} One row a checkpoint, in the order named."]
    lines += table(HEADS, [(code(name), *rest) for name, *rest in rows(found)], right=range(2, len(HEADS)))
    verdicts = {one.model: one.confusion for one in last}
    drawn = {"models_confusion.svg": pictures.confusion("Verdicts (columns) by truth (rows)", verdicts)}
    for one in last:
        drawn[f"scores_{one.model}.svg"] = pictures.distribution(
            f"{one.model}: scores (dashed: threshold)", one.score[~one.truth], one.score[one.truth], one.threshold
        )
    for name, picture in drawn.items():
        atomic.write(folder / pictures.FOLDER / name, picture)
        lines.append(f"![{name}]({pictures.FOLDER}/{name})\n")
    heads = [head.lower() for head in HEADS]
    result = [dict(zip(heads, row, strict=True)) for row in rows(found)]
    atomic.write(folder / RESULT, msgspec.json.format(msgspec.json.encode({"about": about, "models": result})) + b"\n")
    atomic.write(folder / REPORT, "\n".join(lines))
    return folder / REPORT
