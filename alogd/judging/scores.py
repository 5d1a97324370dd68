"""What a stream's windows scored lately, by log time: the charts of the page, never a verdict.

Holds the last `SLOTS` steps of log time and no more, whatever comes. Not saved: it begins anew with the daemon.
"""

from __future__ import annotations

import numpy as np

from alogd.event import F64, I64, NO_TIME, U32, WindowBatch

STEP_NS = 10_000_000_000  # of log time, of one point
SLOTS = 2160  # six hours
MOST_PENDING = 4096  # windows that were observed and are not added up yet

Point = tuple[int, float, int]  # when it begins (nanoseconds since 1970), largest risk, records


class Scores:
    """The largest risk and the number of records of each step of log time."""

    def __init__(self) -> None:
        self._step = np.full(SLOTS, -1, np.int64)  # which step a slot holds; -1 = none
        self._risk = np.zeros(SLOTS, np.float32)
        self._records = np.zeros(SLOTS, np.int64)
        self._pending: list[tuple[I64, F64, U32]] = []
        self._windows = 0  # pending

    def observe(self, windows: WindowBatch, risk: F64) -> None:
        """Windows that were judged, at the time of their last records: they may have closed much later."""
        if not len(windows):
            return
        last = windows.timestamp_ns[windows.start[1:] - 1]
        self._pending.append((np.where(last == NO_TIME, windows.closed_ns, last), risk, windows.fresh.copy()))
        self._windows += len(windows)
        if self._windows >= MOST_PENDING:
            self._fold()

    def _fold(self) -> None:
        """Batches are added up many at a time: a handful of windows costs as much as thousands."""
        if self._pending:
            ended, risk, records = (np.concatenate(column) for column in zip(*self._pending, strict=True))
            self._pending, self._windows = [], 0
            self.add(ended, risk, records)

    def add(self, ended_ns: I64, risk: F64, records: U32) -> None:
        """When windows ended, their risk (0-100), their records; all of shape (n,)."""
        steps, where = np.unique(ended_ns // STEP_NS, return_inverse=True)
        risks = np.zeros(len(steps), np.float32)
        np.maximum.at(risks, where, risk.astype(np.float32))
        counts = np.bincount(where, records, len(steps)).astype(np.int64)
        recent = steps > max(int(steps[-1]), int(self._step.max())) - SLOTS if len(steps) else steps > 0
        recent &= steps >= 0  # before 1970 there is no step
        self._put(steps[recent], risks[recent], counts[recent])

    def _put(self, steps: I64, risks: np.ndarray[tuple[int], np.dtype[np.float32]], counts: I64) -> None:
        slots = steps % SLOTS
        anew = self._step[slots] != steps
        self._risk[slots] = np.maximum(np.where(anew, 0, self._risk[slots]), risks)
        self._records[slots] = np.where(anew, 0, self._records[slots]) + counts
        self._step[slots] = steps

    def between(self, begin_ns: int | None, end_ns: int | None, points: int) -> list[Point]:
        """At most `points` equal spans, those without any record left out.

        Without a begin: all there is; without an end: up to the newest.
        """
        self._fold()
        held = np.flatnonzero(self._step > max(-1, int(self._step.max()) - SLOTS))  # others wait to be overwritten
        order = held[np.argsort(self._step[held])]
        steps = self._step[order]
        first = np.searchsorted(steps, 0 if begin_ns is None else begin_ns // STEP_NS)
        last = len(steps) if end_ns is None else np.searchsorted(steps, end_ns // STEP_NS, side="right")
        order, steps = order[first:last], steps[first:last]
        if not len(steps):
            return []
        each = -(-(int(steps[-1]) - int(steps[0]) + 1) // points)  # steps in one span
        spans, starts = np.unique((steps - steps[0]) // each, return_index=True)
        risks = np.maximum.reduceat(self._risk[order], starts)
        records = np.add.reduceat(self._records[order], starts)
        begins = (steps[0] + spans * each) * STEP_NS
        return [
            (begin, round(risk, 1), count)
            for begin, risk, count in zip(begins.tolist(), risks.tolist(), records.tolist(), strict=True)
        ]
