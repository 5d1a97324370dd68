"""Answers a model gave to rows it saw before: logs repeat themselves, so most rows never reach the network.

Bounded by two generations: when the younger is full it becomes the older, whose answers are forgotten. A row is known
by a 64-bit hash of its numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from alogd.detectors.base import never
from alogd.event import F64, U64

MOST_ROWS = 65_536  # of a generation; 24 bytes each with two answers
ASKED_AT_ONCE = 256  # rows between two looks at whether the answers are still wanted
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(29)
WIDE = 32  # columns

Ask = Callable[[npt.NDArray[np.int32]], F64]


def hashes(rows: npt.NDArray[np.int32]) -> U64:
    """One hash a row; how it is made depends on the width of the rows, never on their number."""
    if len(rows.T) > WIDE:
        return _of_wide(rows)
    state = np.full(len(rows), len(rows.T), np.uint64)
    for column in rows.T:
        state = (state ^ column.astype(np.uint64)) * _MULTIPLIER
        state ^= state >> _SHIFT
    return state


def _of_wide(rows: npt.NDArray[np.int32]) -> U64:
    """All columns at once: of few rows with hundreds of columns, calls of numpy would cost more than their work."""
    place = np.arange(1, len(rows.T) + 1, dtype=np.uint64) * _STEP
    place = (place ^ (place >> _SHIFT)) * _MULTIPLIER
    state = (rows.astype(np.uint64) ^ place) * _MULTIPLIER
    state = (state ^ (state >> _SHIFT)) * _STEP
    return np.asarray((state ^ (state >> _SHIFT)).sum(axis=1, dtype=np.uint64))


class Answers:
    """Rows in, answers out; `ask(rows)` is called once for each row not known, and gives (n, width)."""

    def __init__(self, ask: Ask, *, width: int, most: int = MOST_ROWS) -> None:
        self.hits = self.misses = 0
        self.ask = ask
        self._most = most
        self._width = width
        self._young = self._old = (np.empty(0, np.uint64), np.empty((0, width)))

    def of(self, rows: npt.NDArray[np.int32]) -> F64:
        """Shape (n, width)."""
        wanted = self.look_up(rows)
        wanted.run(never)
        return wanted.take()

    def look_up(self, rows: npt.NDArray[np.int32]) -> Wanted:
        """What is known of the rows, and what is to be asked."""
        keys, first, back = np.unique(hashes(rows), return_index=True, return_inverse=True)
        answers = np.full((len(keys), self._width), np.nan)
        unknown = np.ones(len(keys), bool)
        for generation in (self._young, self._old):
            unknown &= ~_look_up(generation, keys, answers, unknown)
        missing = np.flatnonzero(unknown)
        self.misses += len(missing)
        self.hits += len(rows) - len(missing)
        return Wanted(self, keys, answers, back, missing, rows[first[missing]])

    def remember(self, keys: U64, answers: F64) -> None:
        """Keys ascending, each once, none of them known."""
        for at in range(0, len(keys), self._most):
            self._add(keys[at : at + self._most], answers[at : at + self._most])

    def _add(self, keys: U64, answers: F64) -> None:
        known, values = self._young
        if len(known) + len(keys) > self._most:
            self._old = self._young
            known, values = np.empty(0, np.uint64), np.empty((0, self._width))
        place = np.searchsorted(known, keys)
        self._young = (np.insert(known, place, keys), np.insert(values, place, answers, axis=0))


class Wanted:
    """Answers to n rows, of which the network has yet to give some.

    `run` may be called on another thread while the others are looked at: it writes answers first, then counts them.
    """

    def __init__(
        self,
        answers: Answers,
        keys: U64,
        values: F64,
        back: npt.NDArray[np.intp],
        missing: npt.NDArray[np.intp],
        rows: npt.NDArray[np.int32],
    ) -> None:
        """keys (k,) ascending, values (k, width), back (n,) into them, missing (m,) of them, rows (m, ...) of those."""
        self._answers = answers
        self._keys = keys
        self._values = values
        self._back = back
        self._missing = missing
        self._rows = rows
        self._done = 0  # of the missing

    @property
    def left(self) -> int:
        """Rows to be asked for."""
        return len(self._missing) - self._done

    def run(self, stop: Callable[[], bool]) -> None:
        """Ask for what is missing."""
        while self.left and not stop():
            part = slice(self._done, min(self._done + ASKED_AT_ONCE, len(self._missing)))
            self._values[self._missing[part]] = self._answers.ask(self._rows[part])
            self._done = part.stop

    def take(self) -> F64:
        """Shape (n, width), NaN where nothing was answered; what was is remembered. Once."""
        done = self._missing[: self._done]
        values = self._values
        if len(done) < len(self._missing):  # another thread may just be writing beyond what it has counted
            values = values.copy()
            values[self._missing[len(done) :]] = np.nan
        self._answers.remember(self._keys[done], values[done])
        return values[self._back]


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
