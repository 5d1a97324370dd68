"""How good a model is, without labels: how quiet it stays on normal sessions that were held back, and what it finds of
anomalies injected into them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

import numpy as np

from alogd.detectors._in_service import Model, kinds, load, of_kind
from alogd.detectors._sequences import I32
from alogd.detectors.deeplog import UNSEEN
from alogd.detectors.mscred import Signatures
from alogd.event import F64
from alogd.models.bundle import BadBundle, Bundle, Quality
from alogd.models.vocabulary import SPECIAL, UNK, Vocabulary
from alogd.offline.models import quality_counts
from alogd.offline.models.sessions import Sessions, series_of
from alogd.offline.models.thresholds import threshold

MOST_SESSIONS = 2000  # of each kind
RECENT = 10  # the last so many-th part of the time counts as recent

# What each part of a model's quality says, for people.
PARTS = {
    "quiet": "of normal windows held back stay below the threshold",
    "quiet_recent": "... of those from the last tenth of the time",
    "found_foreign": "found of windows with one template in another's place",
    "found_repeated": "found of windows with one template ten times instead of once",
    "found_swapped": "found of windows with a stretch of up to six backwards",
    "found_lost": "found of windows with a stretch of up to three missing",
    "found_burst": "found of windows with one template ten times as often",
    "found_silence": "found of windows without their commonest template",
    "found_ratio": "found of windows whose commonest and seldomest template changed places",
}

Score = Callable[[Sessions], F64]


def judge(score: Score, held: Sessions, size: int, limit: float, seed: int) -> dict[str, float]:
    """Percent, as PARTS says: `quiet...` of normal sessions below the limit, `found_...` of anomalies above it.

    held: in order of time. size: entries of the vocabulary. limit: score above which a session is odd.
    """
    chance = np.random.default_rng(seed)
    some = held.take(np.sort(chance.permutation(len(held))[:MOST_SESSIONS]))
    late = held.take(np.arange(len(held) - max(1, len(held) // RECENT), len(held))[-MOST_SESSIONS:])
    normal = {"quiet": some, "quiet_recent": late}
    parts = {name: 100.0 * float((score(sessions) <= limit).mean()) for name, sessions in normal.items()}
    for name, change in {"foreign": _foreign, "repeated": _repeated, "swapped": _swapped, "lost": _lost}.items():
        parts[f"found_{name}"] = 100.0 * float((score(_changed(some, change, size, chance)) > limit).mean())
    return parts


def total(parts: Mapping[str, float]) -> float:
    """0-100 of one model: half for being quiet (all the time, and lately), half for what was found of each anomaly."""
    found, quiet = ([value for name, value in parts.items() if name.startswith(what)] for what in ("found", "quiet"))
    return 0.5 * sum(quiet) / len(quiet) + 0.5 * sum(found) / len(found)


def joined(models: Mapping[str, Mapping[str, float]]) -> Quality:
    """Of a bundle: the mean over its models, each part by the name of its model."""
    return Quality(
        total=round(sum(map(total, models.values())) / len(models), 1),
        parts={f"{kind}.{name}": round(value, 1) for kind, parts in models.items() for name, value in parts.items()},
    )


def scorer(model: Model) -> Score:
    """The model's score of each session."""
    return lambda sessions: model.scores(sessions.tokens, sessions.start, sessions.fresh, sessions.ends)


def threshold_of(model: Model, sessions: Sessions) -> float:
    """Of a model, on what it was trained on; what has a template that training never saw is odd in any case."""
    most = math.inf if isinstance(model, Signatures) else UNSEEN
    return threshold(scores_of(model, sessions), most)


def scores_of(model: Model, sessions: Sessions) -> F64:
    """Of each session; of a model of counts, of the windows' series, 2,000 of them at most."""
    if isinstance(model, Signatures):
        return quality_counts.scores(model, series_of(sessions))
    return scorer(model)(sessions)


def judge_model(
    model: Model, held: Sessions, size: int, limit: float, seed: int, numbers: I32 | None = None
) -> dict[str, float]:
    """As `judge`; one of counts by the windows' series. numbers: of the model's vocabulary, by those of `held`."""
    if isinstance(model, Signatures):
        counts = series_of(held)
        return quality_counts.judge(
            model, counts if numbers is None else quality_counts.told_in(counts, numbers), limit, seed
        )
    score = scorer(model)
    return judge(score if numbers is None else _translated(score, numbers), held, size, limit, seed)


def of_bundle(
    old: Bundle, vocabulary: Vocabulary, held: Sessions, seed: int, only: Collection[str] | None = None
) -> Quality:
    """A bundle's models (`only` these) judged on sessions told in the numbers of another vocabulary.

    Raises BadBundle when one cannot run.
    """
    theirs = [old.vocabulary.number(one.fingerprint, one.text) for one in vocabulary.templates]
    numbers = np.array([*range(len(SPECIAL)), *theirs], np.int32)
    found = {}
    for name in kinds(old) if only is None else sorted(only):
        model, limit = load(old, name, of_kind(name)), old.manifest.thresholds.get(name)
        if limit is None:
            raise BadBundle(f"{old.path}: the manifest has no threshold of {name}")
        found[name] = judge_model(model, held, len(vocabulary), limit, seed, numbers)
    if not found:
        raise BadBundle(f"{old.path}: no model in it can be judged")
    return joined(found)


def _translated(score: Score, numbers: I32) -> Score:
    return lambda sessions: score(Sessions(numbers[sessions.tokens], sessions.start, sessions.fresh, sessions.ends))


Change = Callable[[list[int], int, int, np.random.Generator], list[int]]


def _changed(sessions: Sessions, change: Change, size: int, chance: np.random.Generator) -> Sessions:
    """Every session with one change among the records that are to be judged."""
    changed = []
    for number, fresh in enumerate(sessions.fresh.tolist()):
        tokens = sessions.tokens[sessions.start[number] : sessions.start[number + 1]].tolist()
        changed.append(change(tokens, int(chance.integers(len(tokens) - fresh, len(tokens))), size, chance))
    made = Sessions.of(changed)
    more = np.diff(made.start) - np.diff(sessions.start)  # what came before stays what came before
    return Sessions(made.tokens, made.start, np.maximum(sessions.fresh + more, 1), sessions.ends)


def _foreign(tokens: list[int], at: int, size: int, chance: np.random.Generator) -> list[int]:
    """A template in a place where another stood."""
    other = int(chance.integers(len(SPECIAL), size)) if size > len(SPECIAL) else UNK
    return [*tokens[:at], other, *tokens[at + 1 :]]


def _repeated(tokens: list[int], at: int, size: int, chance: np.random.Generator) -> list[int]:
    """One template ten times instead of once."""
    return [*tokens[:at], *[tokens[at]] * 10, *tokens[at + 1 :]]


def _swapped(tokens: list[int], at: int, size: int, chance: np.random.Generator) -> list[int]:
    """A stretch of up to six, backwards."""
    return [*tokens[:at], *tokens[at : at + 6][::-1], *tokens[at + 6 :]]


def _lost(tokens: list[int], at: int, size: int, chance: np.random.Generator) -> list[int]:
    """A stretch of up to three is missing."""
    return [*tokens[:at], *tokens[at + 3 :]] or tokens
