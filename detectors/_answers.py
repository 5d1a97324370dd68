"""Answers a model gave to rows it saw before: logs repeat themselves, so most rows never reach the network.

Bounded by two generations: when the younger is full it becomes the older, whose answers are forgotten. A row is known
by a 64-bit hash of its numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from alogd.event import F64, U64

MOST_ROWS = 65_536  # of a generation; 24 bytes each with two answers
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)

Ask = Callable[[npt.NDArray[np.int32]], F64]


def hashes(rows: npt.NDArray[np.int32]) -> U64:
    """One hash a row."""
    state = np.full(len(rows), len(rows.T), np.uint64)
    for column in rows.T:
        state = (state ^ column.astype(np.uint64)) * _MULTIPLIER
        state ^= state >> _SHIFT
    return state


class Answers:
    """Rows in, answers out; `ask(rows)` is called once for each row not known, and gives (n, width)."""

    def __init__(self, ask: Ask, *, width: int, most: int = MOST_ROWS) -> None:
        self.hits = self.misses = 0
        self._ask = ask
        self._most = most
        self._width = width
        self._young = self._old = (np.empty(0, np.uint64), np.empty((0, width)))

    def of(self, rows: npt.NDArray[np.int32]) -> F64:
        """Shape (n, width)."""
        keys, first, back = np.unique(hashes(rows), return_index=True, return_inverse=True)
        answers = np.empty((len(keys), self._width))
        unknown = np.ones(len(keys), bool)
        for generation in (self._young, self._old):
            unknown &= ~_look_up(generation, keys, answers, unknown)
        missing = np.flatnonzero(unknown)
        self.misses += len(missing)
        self.hits += len(rows) - len(missing)
        for at in range(0, len(missing), self._most):
            part = missing[at : at + self._most]
            answers[part] = self._ask(rows[first[part]])
            self._remember(keys[part], answers[part])
        return answers[back]

    def _remember(self, keys: U64, answers: F64) -> None:
        known, values = self._young
        if len(known) + len(keys) > self._most:
            self._old = self._young
            known, values = np.empty(0, np.uint64), np.empty((0, self._width))
        place = np.searchsorted(known, keys)
        self._young = (np.insert(known, place, keys), np.insert(values, place, answers, axis=0))


def _look_up(
    generation: tuple[U64, F64], keys: U64, answers: F64, wanted: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    known, values = generation
    if not len(known):
        return np.zeros(len(keys), bool)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found: npt.NDArray[np.bool_] = (known[place] == keys) & wanted
    answers[found] = values[place[found]]
    return found
