"""Windows by count, time and session in plain Python: what engine_c/window.c must do, and its slow stand-in.

Results depend on the records alone, never on how they were cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from alogd.config import WindowOptions
from alogd.event import AGE, EVICTED, FLUSH, FULL, IDLE, NO_TIME, Batch, WindowBatch
from alogd.reference.watermark import MAX_NS, MIN_NS, Watermark, add

MAX_RECORDS = 1_000_000
REASONS = ("full", "age", "idle", "evicted", "flush")


class Record(NamedTuple):
    """One record as it waits in a window."""

    source: int
    slot: int
    severity: int
    is_new: bool
    offset: int
    length: int
    timestamp_ns: int


class Closed(NamedTuple):
    """One window that is done."""

    key: int
    fresh: int
    reason: int
    closed_ns: int
    records: list[Record]


@dataclass(slots=True)
class Open:
    """What is held for one key."""

    key: int
    records: list[Record] = field(default_factory=list)
    fresh: int = 0
    armed_ns: int = NO_TIME  # watermark at the first fresh record
    armed_seq: int = 0
    used_ns: int = NO_TIME  # watermark at the last record
    used_seq: int = 0


class Windows:
    """The open windows of one stream."""

    def __init__(self, options: WindowOptions, max_records: int = MAX_RECORDS) -> None:
        """Raises ValueError when an option is out of its range."""
        self.kind = ("count", "time", "session").index(options.kind)
        self.size, self.stride, self.max_keys, self.max_records = (
            options.size, options.stride, options.max_keys, max_records,
        )  # fmt: skip
        self.width_ns, self.max_age_ns, self.idle_ns = (
            round(seconds * 1e9) for seconds in (options.width, options.max_age, options.idle)
        )
        check(self)
        self.time = Watermark()
        self.keys: dict[int, Open] = {}  # least recently used first
        self.held = 0
        self.seq = 0
        self.taken = 0
        self.forgotten = 0
        self.closed = [0] * len(REASONS)
        self._soonest = MAX_NS  # no deadline lies before it
        self._ready: list[Closed] = []

    @property
    def watermark(self) -> int:
        """Log time, ns; NO_TIME before the first stamp."""
        return self.time.ns

    @property
    def open_windows(self) -> int:
        """Keys with records that no window has shown yet."""
        return sum(1 for item in self.keys.values() if item.fresh)

    def counters(self) -> dict[str, int]:
        """Totals since the first record."""
        time = self.time
        totals = {"records": self.taken, "late": time.late, "outliers": time.outliers, "undone": time.undone}
        return (
            totals
            | {"forgotten": self.forgotten}
            | {f"closed_{name}": n for name, n in zip(REASONS, self.closed, strict=True)}
        )

    def push(self, batch: Batch) -> WindowBatch:
        """Take the records of one block; return the windows that closed, in the order they did."""
        columns = (batch.key, batch.slot, batch.severity, batch.is_new, batch.offset, batch.length, batch.timestamp_ns)
        for key, slot, severity, is_new, offset, length, stamp in zip(*(c.tolist() for c in columns), strict=True):
            self._add(key, Record(batch.source, slot, severity, bool(is_new), offset, length, stamp))
        return self._take()

    def tick(self, watermark_ns: int) -> WindowBatch:
        """Move log time on without a record; it never goes back."""
        self._moved(self.time.vouch(watermark_ns))
        return self._take()

    def flush(self) -> WindowBatch:
        """Close everything, in order of deadline."""
        for _, _, _, key, _ in sorted(self._deadline(item) for item in self.keys.values() if item.fresh):
            self._close(self.keys[key], FLUSH)
        while self.keys:
            self._forget(next(iter(self.keys.values())))
        return self._take()

    def _add(self, key: int, record: Record) -> None:
        self.taken += 1
        self._moved(self.time.see(record.source, record.timestamp_ns, len(self.keys)))
        if record.timestamp_ns == NO_TIME:
            record = record._replace(timestamp_ns=self.time.ns)
        item = self._open(key)
        if self.kind == 0 and len(item.records) == self.size:
            item.records.pop(0)
            self.held -= 1
        item.records.append(record)
        self.held += 1
        item.fresh += 1
        self.seq += 1
        item.used_ns, item.used_seq = self.time.ns, self.seq
        if item.fresh == 1:
            self._arm(item)
        self._soonest = min(self._soonest, self._deadline(item)[0])
        if self.kind != 1 and len(item.records) == self.size and item.fresh >= self._stride():
            self._close(item, FULL)

    def _stride(self) -> int:
        return self.stride if self.kind == 0 else self.size

    def _open(self, key: int) -> Open:
        """The key's window with room for one more record, now the most recently used."""
        item = self.keys.pop(key, None)
        if item is None:
            if len(self.keys) == self.max_keys:
                self._evict()
            item = Open(key)
        self.keys[key] = item
        if self.kind == 0 and len(item.records) == self.size:
            return item
        while self.held >= self.max_records:
            self._evict()
        return self.keys.setdefault(key, Open(key))  # a new one when it was itself the longest idle

    def _evict(self) -> None:
        item = next(iter(self.keys.values()))
        if item.fresh:
            self._close(item, EVICTED)
        if item.key in self.keys:
            self._forget(item)

    def _moved(self, again: bool) -> None:
        """Log time moved: close what is due. `again`: it began or went back, so every age begins anew."""
        if self.time.ns == NO_TIME:
            return
        if again:
            self._arm_again()
        if self.time.ns < self._soonest:
            return
        due = sorted(self._deadline(item) for item in self.keys.values() if item.fresh)
        for deadline, _, _, key, reason in due:
            if deadline <= self.time.ns:
                self._close(self.keys[key], reason)
        self._soonest = min((self._deadline(item)[0] for item in self.keys.values() if item.fresh), default=MAX_NS)

    def _arm(self, item: Open) -> None:
        item.armed_ns, item.armed_seq = self.time.ns, self.seq

    def _arm_again(self) -> None:
        for item in self.keys.values():
            item.armed_ns = item.used_ns = self.time.ns
        self._soonest = MIN_NS

    def _deadline(self, item: Open) -> tuple[int, int, int, int, int]:
        """When the key's window must close: (time, tie, order of arming, key, reason)."""
        if self.kind == 1:
            end = add(item.armed_ns, self.width_ns - item.armed_ns % self.width_ns)
            return end, 0, item.armed_seq, item.key, AGE
        age = (add(item.armed_ns, self.max_age_ns), 0, item.armed_seq, item.key, AGE)
        if self.kind == 0:
            return age
        return min(age, (add(item.used_ns, self.idle_ns), 1, item.used_seq, item.key, IDLE))

    def _close(self, item: Open, reason: int) -> None:
        self.closed[reason] += 1
        self._ready.append(Closed(item.key, item.fresh, reason, self.time.ns, list(item.records)))
        item.fresh = 0
        if self.kind != 0 or reason != FULL:  # only full count windows overlap with the next
            self._drop(item)

    def _forget(self, item: Open) -> None:
        self.forgotten += 1
        self._drop(item)

    def _drop(self, item: Open) -> None:
        del self.keys[item.key]
        self.held -= len(item.records)

    def _take(self) -> WindowBatch:
        ready, self._ready = self._ready, []
        return as_columns(ready, by_key=self.kind != 2)


def check(options: Windows) -> None:
    """Raise ValueError when a bound is out of its range."""
    if not 1 <= options.size <= options.max_records or not 1 <= options.max_records < 1 << 31:
        raise ValueError(f"windows: size must be 1 to {options.max_records}")
    if options.kind == 0 and not 1 <= options.stride <= options.size:
        raise ValueError("windows: stride must be 1 to size")
    if not 1 <= options.max_keys <= 1 << 20:
        raise ValueError("windows: max_keys must be 1 to 1048576")
    if min(options.width_ns, options.max_age_ns, options.idle_ns) < 1:
        raise ValueError("windows: width, max_age and idle must be above 0")


def as_columns(closed: list[Closed], *, by_key: bool) -> WindowBatch:
    """The windows as columns; `by_key`: windows of one key are comparable."""
    start = np.zeros(len(closed) + 1, np.int64)
    np.cumsum([len(window.records) for window in closed], out=start[1:])
    rows = [record for window in closed for record in window.records]
    key = np.array([window.key for window in closed], np.uint64)
    return WindowBatch(
        start=start,
        slot=np.array([row.slot for row in rows], np.uint32),
        severity=np.array([row.severity for row in rows], np.uint8),
        is_new=np.array([row.is_new for row in rows], np.bool_),
        source=np.array([row.source for row in rows], np.uint32),
        offset=np.array([row.offset for row in rows], np.uint64),
        length=np.array([row.length for row in rows], np.uint32),
        timestamp_ns=np.array([row.timestamp_ns for row in rows], np.int64),
        key=key,
        group=key.copy() if by_key else np.zeros(len(closed), np.uint64),
        fresh=np.array([window.fresh for window in closed], np.uint32),
        reason=np.array([window.reason for window in closed], np.uint8),
        closed_ns=np.array([window.closed_ns for window in closed], np.int64),
    )
