"""Windows by count, time and session in plain Python: what engine_c/window.c must do, and its slow stand-in.

Results depend on the records alone, never on how they were cut into batches.
"""

from __future__ import annotations

from typing import Self

from alogd.config.tree import WindowOptions
from alogd.event import AGE, EVICTED, FLUSH, FULL, IDLE, NO_TIME, Batch, WindowBatch
from alogd.reference.watermark import MAX_NS, MIN_NS, Watermark, add
from alogd.reference.window_types import COUNTERS, KINDS, Closed, Limits, Open, Record, as_columns, check, limits_of
from alogd.reference.windows_save import dump, restore


class Windows:
    """The open windows of one stream."""

    def __init__(self, options: WindowOptions | Limits) -> None:
        """Raises ValueError when an option is out of its range."""
        self.limits = limits_of(options)
        check(self.limits)
        self.kind = KINDS[self.limits.kind]
        self.time = Watermark()
        self.keys: dict[int, Open] = {}  # least recently used first
        self.held = 0
        self.seq = 0
        self.taken = 0
        self.forgotten = 0
        self.closed = [0] * 5  # by reason
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
        totals = (self.taken, time.late, time.outliers, time.undone, self.forgotten, *self.closed)
        return dict(zip(COUNTERS, totals, strict=True))

    def save(self) -> bytes:
        """State as bytes: the same for the same records, however they were cut, and the same as C writes."""
        return dump(self)

    @classmethod
    def load(cls, data: bytes, options: WindowOptions | Limits) -> Self:
        """Back from `save`. Raises ValueError when the state is damaged or was saved under other options."""
        loaded = cls(options)
        restore(loaded, data)
        return loaded

    def restarted(self, after: int) -> None:
        """Go on from a saved state: number what comes after `after`, and look at every deadline again."""
        self.seq = after
        self._soonest = MIN_NS

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
        if self.kind == "count" and len(item.records) == self.limits.size:
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
        if self.kind != "time" and len(item.records) == self.limits.size and item.fresh >= self._stride():
            self._close(item, FULL)

    def _stride(self) -> int:
        return self.limits.stride if self.kind == "count" else self.limits.size

    def _open(self, key: int) -> Open:
        """The key's window with room for one more record, now the most recently used."""
        item = self.keys.pop(key, None)
        if item is None:
            if len(self.keys) == self.limits.max_keys:
                self._evict()
            item = Open(key)
        self.keys[key] = item
        if self.kind == "count" and len(item.records) == self.limits.size:
            return item
        while self.held >= self.limits.max_records:
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
        if self.kind == "time":
            end = add(item.armed_ns, self.limits.width_ns - item.armed_ns % self.limits.width_ns)
            return end, 0, item.armed_seq, item.key, AGE
        age = (add(item.armed_ns, self.limits.max_age_ns), 0, item.armed_seq, item.key, AGE)
        if self.kind == "count":
            return age
        return min(age, (add(item.used_ns, self.limits.idle_ns), 1, item.used_seq, item.key, IDLE))

    def _close(self, item: Open, reason: int) -> None:
        self.closed[reason] += 1
        self._ready.append(Closed(item.key, item.fresh, reason, self.time.ns, list(item.records)))
        item.fresh = 0
        if self.kind != "count" or reason != FULL:  # only full count windows overlap with the next
            self._drop(item)

    def _forget(self, item: Open) -> None:
        self.forgotten += 1
        self._drop(item)

    def _drop(self, item: Open) -> None:
        del self.keys[item.key]
        self.held -= len(item.records)

    def _take(self) -> WindowBatch:
        ready, self._ready = self._ready, []
        return as_columns(ready, by_key=self.kind != "session")
