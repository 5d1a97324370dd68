"""How many lines of each template a stream had in each hour of its last day, in log time.

24 counts of four bytes a slot, and the hour they end with. Of each template they are its lines in the day before its
own newest hour, whatever the order in which lines and batches came: a stamp of next century spoils its own template
and no other. Saved with the stream; of most templates most hours are empty, so only the others are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.event import I64, NO_TIME

HOURS = 24
HOUR = 3600 * 10**9
NEVER = -(2**40)  # an hour long before every stamp
COLUMNS = np.arange(HOURS)
CROWDED = 4  # slots a record: with more of them, going over all slots costs more than going over the records


class Trends:
    """Lines by the hour of every template slot: in a ring, the count of hour h in column h % 24."""

    def __init__(self) -> None:
        self._newest: I64 = np.empty(0, np.int64)  # hours since 1970
        self._counts: npt.NDArray[np.uint32] = np.empty((0, HOURS), np.uint32)

    def add(self, slot: npt.NDArray[np.uint32], when: I64) -> None:
        """Records of slots there is room for, with log times, at least one."""
        first, last = int(when.min()) // HOUR, int(when.max()) // HOUR
        if first == last and len(self._newest) <= CROWDED * len(slot):
            self._add_hour(slot, first)
            return
        hour = when // HOUR
        newest = self._newest[slot]
        late = hour > newest
        if late.any():
            own, at = np.unique(slot[late], return_index=True)
            before = newest[late][at]
            np.maximum.at(self._newest, slot[late], hour[late])
            self._clear(own.astype(np.int64), before)
            newest = self._newest[slot]
        fits = hour > newest - HOURS
        if not fits.all():
            slot, hour = slot[fits], hour[fits]
        np.add.at(self._counts.reshape(-1), slot.astype(np.int64) * HOURS + hour % HOURS, 1)

    def _add_hour(self, slot: npt.NDArray[np.uint32], hour: int) -> None:
        """The same where all are of one hour, as most batches of a busy log are: templates are fewer than records."""
        lines = np.bincount(slot)
        own = np.flatnonzero(lines)
        before = self._newest[own]
        late = before < hour
        if late.any():
            self._newest[own[late]] = hour
            self._clear(own[late], before[late])
        fits = own[hour > before - HOURS]
        self._counts[fits, hour % HOURS] += lines[fits].astype(np.uint32)

    def _clear(self, own: I64, before: I64) -> None:
        """Hours began for these slots: counts of a day before give way. before: their newest hours until now."""
        newest = self._newest[own]
        age = (newest[:, None] - COLUMNS) % HOURS
        self._counts[own] *= age >= (newest - before)[:, None]

    def forget(self, slot: npt.NDArray[np.uint32]) -> None:
        """Other templates have these slots now."""
        self._newest[slot] = NEVER
        self._counts[slot] = 0

    def grow(self, slots: int) -> None:
        """Make room for so many."""
        more = slots - len(self._newest)
        self._newest = np.concatenate([self._newest, np.full(more, NEVER, np.int64)])
        self._counts = np.concatenate([self._counts, np.zeros((more, HOURS), np.uint32)])

    def until(self, log_time_ns: int, slots: Sequence[int]) -> list[tuple[int, ...]]:
        """Of each slot the counts of the 24 hours that end with this time's, oldest first; () where all are 0.

        log_time_ns: NO_TIME for the newest hour of all.
        """
        known = np.array(slots, np.int64)
        known = known[known < len(self._newest)]
        if not len(known):
            return [()] * len(slots)
        now = int(self._newest.max()) if log_time_ns == NO_TIME else log_time_ns // HOUR
        hours = now - HOURS + 1 + COLUMNS
        newest = self._newest[known, None]
        there = (hours <= newest) & (hours > newest - HOURS)
        shown = np.where(there, self._counts[known][:, hours % HOURS], 0)
        told = iter(tuple(counts) if any(counts) else () for counts in shown.tolist())
        return [next(told) if slot < len(self._newest) else () for slot in slots]

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays `trend_hour` (slots,), and of the counts that are not 0 `trend_at` and `trend_count`."""
        used = int(np.flatnonzero(self._newest != NEVER).max(initial=-1)) + 1
        counts = self._counts[:used].reshape(-1)
        at = np.flatnonzero(counts).astype(np.uint32)
        return {"trend_hour": self._newest[:used].copy(), "trend_at": at, "trend_count": counts[at]}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]], slots: int) -> None:
        """For so many slots. Raises ValueError when damaged; without any (of an older version) it begins anew."""
        self._newest, self._counts = np.empty(0, np.int64), np.empty((0, HOURS), np.uint32)
        self.grow(slots)
        hour, at, count = (arrays.get(f"trend_{name}") for name in ("hour", "at", "count"))
        if hour is None or at is None or count is None:
            return
        is_whole = hour.dtype == np.int64 and hour.shape == (slots,) and at.dtype == count.dtype == np.uint32
        if not is_whole or at.ndim != 1 or at.shape != count.shape or at.max(initial=0) > max(0, slots * HOURS - 1):
            raise ValueError("saved state: the trends of templates are damaged")
        self._newest[:] = hour
        self._counts.reshape(-1)[at] = count
