"""When each template of a stream was seen: first, last, how often by the hour. In log time, of lines that carry one.

Some numbers a slot: bounded by the templates there may be. Saved with the stream, and made from the lines alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.engine.trends import Trends
from alogd.event import I64, NO_TIME, Batch, Template

GROW = 256  # slots added at least


class Sightings:
    """First and last log time of every template slot, and its trend."""

    def __init__(self) -> None:
        self._trends = Trends()
        self._first: I64 = np.empty(0, np.int64)
        self._last: I64 = np.empty(0, np.int64)
        self._used = 0  # slots that were seen
        self._undated = False  # of these (the first is 1) some have no time yet

    def add(self, batch: Batch) -> None:
        """Records as the engine made them, at least one; how they are cut into batches makes no difference."""
        slot, when = batch.slot, batch.timestamp_ns
        used = int(slot.max()) + 1
        if used > len(self._first):
            self._grow(used)
        if batch.is_new.any():
            slot, when = self._begun(batch, slot, when)
        if used > self._used:
            self._used, self._undated = used, True
        if when.min() == NO_TIME:
            timed = when != NO_TIME
            slot, when = slot[timed], when[timed]
        if not len(when):
            return
        self._trends.add(slot, when)
        if (when[1:] >= when[:-1]).all():  # of several of one slot the last stands
            self._last[slot] = np.maximum(self._last[slot], when)
        else:
            np.maximum.at(self._last, slot, when)
        if self._undated:
            unknown = self._first[slot] == NO_TIME
            self._first[slot[unknown][::-1]] = when[unknown][::-1]  # of several of one slot the first in the log stands
            self._undated = bool((self._first[1 : self._used] == NO_TIME).any())

    def _begun(self, batch: Batch, slot: npt.NDArray[np.uint32], when: I64) -> tuple[npt.NDArray[np.uint32], I64]:
        """The records that are not of another template, which had a slot before."""
        at = np.flatnonzero(batch.is_new)
        new = slot[at]
        self._undated = True
        self._first[new] = self._last[new] = NO_TIME
        self._trends.forget(new)
        begins = np.zeros(len(self._first), np.int64)
        begins[new] = at
        own = np.arange(len(slot)) >= begins[slot]
        return slot[own], when[own]

    def dated(self, templates: Sequence[Template], slots: Sequence[int], now_ns: int = NO_TIME) -> list[Template]:
        """Templates, each with the slot beside it, with when they were seen; None where no line of it had a time.

        now_ns: log time of the stream, with whose hour the trends end; NO_TIME: with the newest hour of a line.
        """
        return [
            replace(template, first_ns=int(self._first[slot]), last_ns=int(self._last[slot]), trend=trend)
            if slot < len(self._first) and self._first[slot] != NO_TIME
            else template
            for template, slot, trend in zip(templates, slots, self._trends.until(now_ns, slots), strict=True)
        ]

    def _grow(self, least: int) -> None:
        room = np.full(max(least, len(self._first) + GROW, len(self._first) * 2) - len(self._first), NO_TIME, np.int64)
        self._first = np.concatenate([self._first, room])
        self._last = np.concatenate([self._last, room])
        self._trends.grow(len(self._first))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        used = int(np.flatnonzero(self._first != NO_TIME).max(initial=-1)) + 1
        return {"first": self._first[:used].copy(), "last": self._last[:used].copy(), **self._trends.state()}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Raises ValueError when they are damaged. Without any (saved before there were sightings) it begins anew."""
        first, last = (arrays.get(name, np.empty(0, np.int64)) for name in ("first", "last"))
        if first.dtype != np.int64 or first.ndim != 1 or last.dtype != np.int64 or first.shape != last.shape:
            raise ValueError("saved state: when templates were seen is damaged")
        self._first, self._last = first.copy(), last.copy()
        self._trends.restore(arrays, len(first))
        self._used, self._undated = len(first), bool((first[1:] == NO_TIME).any())
