"""What windows are made of: limits, records as they wait, open keys, and closed windows as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from alogd.config.tree import WindowOptions
from alogd.event import NO_TIME, WindowBatch

MAX_RECORDS = 1_000_000
KINDS = ("count", "time", "session")
COUNTERS = (
    "records",
    "late",
    "outliers",
    "undone",
    "forgotten",
    "closed_full",
    "closed_age",
    "closed_idle",
    "closed_evicted",
    "closed_flush",
)


class Limits(NamedTuple):
    """The options as the C side wants them (alog_window_config)."""

    kind: int
    size: int
    stride: int
    width_ns: int
    max_age_ns: int
    idle_ns: int
    max_keys: int
    max_records: int


def limits_of(options: WindowOptions | Limits) -> Limits:
    """Nanoseconds and numbers; the most records held is not for users to set."""
    if isinstance(options, Limits):
        return options
    width, max_age, idle = (round(seconds * 1e9) for seconds in (options.width, options.max_age, options.idle))
    size, stride, max_keys = options.size, options.stride, options.max_keys
    return Limits(KINDS.index(options.kind), size, stride, width, max_age, idle, max_keys, MAX_RECORDS)


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


def check(options: Limits) -> None:
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
