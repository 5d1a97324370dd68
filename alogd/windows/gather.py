"""Between the engine and the detectors: gathers the records of a stream into windows, each key on its own.

The work is done in C (engine_c/window.h); where the extension was not built, by its plain Python twin.
Pure and deterministic: the windows depend on the records alone, never on how they were cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from alogd.config.tree import WindowOptions
from alogd.event import Batch, WindowBatch
from alogd.reference.window_types import COUNTERS, Limits, limits_of

try:
    from alogd._engine import Windows as _Windows
except ImportError:  # no C compiler was at hand
    if not TYPE_CHECKING:
        _Windows = None


class Windows:
    """The open windows of one stream. Not for two threads at once (RuntimeError)."""

    def __init__(self, options: WindowOptions | Limits) -> None:
        """Raises ValueError when an option is out of its range."""
        self._windows = _Windows(*limits_of(options))
        self._none = self._taken(0, 0)

    @classmethod
    def load(cls, data: bytes, options: WindowOptions | Limits) -> Self:
        """Back from `save`. Raises ValueError when the state is damaged or was saved under other options."""
        loaded = cls(options)
        loaded._windows = _Windows.load(data, tuple(limits_of(options)))
        return loaded

    def save(self) -> bytes:
        """State as bytes: the same for the same records, however they were cut."""
        return self._windows.save()

    @property
    def watermark(self) -> int:
        """Log time, ns; NO_TIME before the first stamp."""
        return self._windows.watermark

    @property
    def open_windows(self) -> int:
        """Keys with records that no window has shown yet."""
        return self._windows.open_windows

    def counters(self) -> dict[str, int]:
        """Totals since the first record, by name (COUNTERS in alogd.reference.window_types); `save` keeps them."""
        return dict(zip(COUNTERS, self._windows.counters(), strict=True))

    def push(self, batch: Batch) -> WindowBatch:
        """Take the records of one block; return the windows that closed, in the order they did."""
        columns = (batch.key, batch.timestamp_ns, batch.slot, batch.severity, batch.is_new, batch.offset, batch.length)
        return self._taken(*self._windows.push(batch.source, *columns))

    def tick(self, watermark_ns: int) -> WindowBatch:
        """Move log time on without a record, to a time the caller answers for; it never goes back."""
        return self._taken(*self._windows.tick(watermark_ns))

    def flush(self) -> WindowBatch:
        """Close everything, in order of deadline, and forget every key; log time stays."""
        return self._taken(*self._windows.flush())

    def _taken(self, count: int, rows: int) -> WindowBatch:
        if count == 0 and hasattr(self, "_none"):
            return self._none
        taken = WindowBatch(
            start=np.empty(count + 1, np.int64),
            slot=np.empty(rows, np.uint32),
            severity=np.empty(rows, np.uint8),
            is_new=np.empty(rows, np.bool_),
            source=np.empty(rows, np.uint32),
            offset=np.empty(rows, np.uint64),
            length=np.empty(rows, np.uint32),
            timestamp_ns=np.empty(rows, np.int64),
            key=np.empty(count, np.uint64),
            group=np.empty(count, np.uint64),
            fresh=np.empty(count, np.uint32),
            reason=np.empty(count, np.uint8),
            closed_ns=np.empty(count, np.int64),
        )
        per_window = (taken.start, taken.key, taken.group, taken.fresh, taken.reason, taken.closed_ns)
        per_record = (taken.slot, taken.severity, taken.is_new, taken.source)
        self._windows.take(*per_window, *per_record, taken.offset, taken.length, taken.timestamp_ns)
        return taken


if not TYPE_CHECKING and _Windows is None:
    from alogd.reference.windows import Windows  # noqa: F401
