"""Window batches written by hand, for doctests, tests and tools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alogd.event import FULL, WindowBatch
from alogd.windows.rows import PER_RECORD, PER_WINDOW


def window_batch(
    rows: Sequence[Sequence[int]],
    *,
    new: Sequence[Sequence[bool]] | None = None,
    group: int | Sequence[int] = 1,
    severity: int = 20,
    second: float = 1.0,
) -> WindowBatch:
    """A batch of windows given as lists of template slots; records are `second` apart."""
    sizes = [len(row) for row in rows]
    slots = np.array([slot for row in rows for slot in row], np.uint32)
    total, n = len(slots), len(rows)
    groups = np.full(n, group, np.uint64) if isinstance(group, int) else np.array(group, np.uint64)
    stamps = (np.arange(total) * second * 1e9).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return WindowBatch(
        start=start,
        slot=slots,
        severity=np.full(total, severity, np.uint8),
        is_new=np.zeros(total, bool) if new is None else np.array([flag for row in new for flag in row], bool),
        source=np.zeros(total, np.uint32),
        offset=np.arange(total, dtype=np.uint64) * 100,
        length=np.full(total, 99, np.uint32),
        timestamp_ns=stamps,
        key=groups,
        group=groups,
        fresh=np.array(sizes, np.uint32),
        reason=np.full(n, FULL, np.uint8),
        closed_ns=np.array([stamps[min(end, total) - 1] if total else 0 for end in start[1:]], np.int64),
    )


def join(batches: Sequence[WindowBatch]) -> WindowBatch:
    """One batch of all windows, in order. Raises ValueError when there is none."""
    if len(batches) == 1:
        return batches[0]
    sizes = np.concatenate([np.diff(batch.start) for batch in batches])
    columns = {name: np.concatenate([getattr(b, name) for b in batches]) for name in (*PER_RECORD, *PER_WINDOW)}
    return WindowBatch(start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), **columns)
