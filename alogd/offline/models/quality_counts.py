"""How good a model of counts is, without labels: how quiet it stays on windows that were held back, and what it finds
of counts that do not fit together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from alogd.detectors._sequences import I32
from alogd.detectors._series import Histories
from alogd.detectors.mscred import Signatures
from alogd.event import F64
from alogd.models.vocabulary import SPECIAL, UNK
from alogd.offline.models.series import Counts, held_back, rows, spread_over

MOST_MEASURED = 2000  # windows that the threshold is taken from
MOST_WINDOWS = 300  # of each kind of anomaly
MANY = 10  # times as often: a burst

Window = dict[int, int]  # number of a template -> occurrences


def scores(model: Signatures, counts: Counts, most: int = MOST_MEASURED) -> F64:
    """Of windows whose history is known, `most` of them at most, spread over the time."""
    every = rows(counts, model.plan, model.size)
    return model.judge(Histories(*every.history(spread_over(len(every), most))))


def judge(model: Signatures, counts: Counts, limit: float, seed: int) -> dict[str, float]:
    """Percent: `quiet` of the held back windows below the limit, `found_KIND` of each kind of anomaly above it."""
    chance = np.random.default_rng(seed)
    _, held = held_back(rows(counts, model.plan, model.size))
    some = held.take(np.sort(chance.permutation(len(held))[:MOST_WINDOWS]))
    plain = Histories(*some.history(slice(None)))
    windows = [_window(counts, int(when)) for when in some.when]
    parts = {"quiet": 100.0 * float((model.judge(plain) <= limit).mean())}
    for name, change in KINDS.items():
        changed = Counts.of([change(dict(one), model.size, chance) for one in windows])
        history = plain.counts.copy()
        history[:, -1] = changed.dense(model.plan, model.size)
        parts[f"found_{name}"] = 100.0 * float((model.judge(Histories(history, plain.age)) > limit).mean())
    return parts


def told_in(counts: Counts, numbers: I32) -> Counts:
    """The same windows in the numbers of another vocabulary: numbers[ours] = theirs."""
    return replace(counts, number=numbers[counts.number].astype(np.int32))


def _window(counts: Counts, index: int) -> Window:
    here = slice(int(counts.start[index]), int(counts.start[index + 1]))
    return dict(zip(counts.number[here].tolist(), counts.count[here].tolist(), strict=True))


# -- anomalies: counts that each might be, but not together


def _burst(window: Window, size: int, chance: np.random.Generator) -> Window:
    """One template ten times as often."""
    return window | {(one := _any(window, chance)): window[one] * MANY}


def _silence(window: Window, size: int, chance: np.random.Generator) -> Window:
    """The commonest template is missing."""
    del window[max(window, key=lambda one: (window[one], -one))]
    return window


def _foreign(window: Window, size: int, chance: np.random.Generator) -> Window:
    """A template from elsewhere in the place of another."""
    others = [one for one in range(len(SPECIAL), size) if one not in window]
    other = others[int(chance.integers(len(others)))] if others else UNK
    window[one := _any(window, chance)] -= 1
    return {number: count for number, count in window.items() if count or number != one} | {other: 1}


def _ratio(window: Window, size: int, chance: np.random.Generator) -> Window:
    """The commonest template and the seldomest have changed places; in a window of one, it is there twice as often."""
    most, least = max(window, key=lambda one: (window[one], -one)), min(window, key=lambda one: (window[one], one))
    if window[most] == window[least]:
        return window | {most: 2 * window[most]}
    return window | {most: window[least], least: window[most]}


def _any(window: Window, chance: np.random.Generator) -> int:
    return sorted(window)[int(chance.integers(len(window)))]


Change = Callable[[Window, int, np.random.Generator], Window]
KINDS: dict[str, Change] = {"burst": _burst, "silence": _silence, "foreign": _foreign, "ratio": _ratio}
