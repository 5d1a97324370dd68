"""The last windows of every series, so that a window can be judged by those before it.

A series is what windows of one group make, in the order they closed. Bounded in windows and in series: the one that
was silent longest is forgotten first. What is remembered depends on the windows alone, not on how they came in batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.detectors._sequences import I32
from alogd.detectors.base import State, take
from alogd.event import I64, U64

MOST_SERIES = 256


@dataclass(frozen=True, slots=True)
class Histories:
    """n windows, each with those before it in its series."""

    counts: I32  # (n, history, side), oldest first, the window itself last; 0 where the series had not begun
    age: I64  # (n,) how many of them are there


@dataclass(slots=True)
class Series:
    """What is remembered; nothing of it when `history` is 1, for then every window stands alone."""

    history: int  # windows that matter, the last included
    side: int  # counts of a window
    _last: dict[int, I32] = field(default_factory=dict)  # group -> (windows, side); longest silent first

    def __len__(self) -> int:
        return len(self._last)

    def before(self, group: U64, counts: I32) -> Histories:
        """Of the windows that come next: group (n,), counts (n, side). Nothing is remembered."""
        found = np.zeros((len(group), self.history, self.side), np.int32)
        age = np.zeros(len(group), np.int64)
        self._walk(group, counts, found, age)
        return Histories(found, age)

    def follow(self, group: U64, counts: I32) -> None:
        """Remember windows, in the order they closed."""
        n = len(group)
        self._last = self._walk(group, counts, np.empty((n, self.history, self.side), np.int32), np.empty(n, np.int64))

    def _walk(self, group: U64, counts: I32, found: I32, age: I64) -> dict[int, I32]:
        """Fills what every window is judged by; gives what is remembered after the last."""
        last, most = dict(self._last), self.history - 1
        for index, one in enumerate(group.tolist()):
            seen = last.pop(one, counts[:0])  # and comes back as the one heard of last
            found[index, most - len(seen) : most], found[index, most] = seen, counts[index]
            age[index] = len(seen) + 1
            if most:
                last[one] = found[index, max(0, most - len(seen), 1) :].copy()
                if len(last) > MOST_SERIES:
                    del last[next(iter(last))]
        return last

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays."""
        counts = np.zeros((len(self._last), self.history - 1, self.side), np.int32)
        for row, one in enumerate(self._last.values()):
            counts[row, self.history - 1 - len(one) :] = one
        return {
            "series": np.fromiter(self._last, np.uint64, len(self._last)),
            "age": np.array([len(one) for one in self._last.values()], np.int64),
            "counts": counts,
        }

    def restore(self, state: State) -> None:
        """Raises ValueError when the arrays do not belong together."""
        series, age = take(state, "series", np.uint64, 1), take(state, "age", np.int64, 1)
        counts, most = take(state, "counts", np.int32, 3), self.history - 1
        if counts.shape != (len(series), most, self.side) or len(age) != len(series) or len(series) > MOST_SERIES:
            raise ValueError(f"saved state: mscred's series are not ({len(series)}, {most}, {self.side})")
        if len({*series.tolist()}) != len(series) or (age < 1).any() or (age > most).any() or (counts < 0).any():
            raise ValueError("saved state: mscred's series are damaged")
        self._last = {
            one: rows[most - kept :].copy()
            for one, kept, rows in zip(series.tolist(), age.tolist(), counts, strict=True)
        }
