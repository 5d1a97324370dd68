"""Between windows and the judge, while networks answer: what has closed and is not judged yet, in its order.

What is saved of it is what was put in and not done; so a stream that is killed judges it when it comes back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from alogd.event import WindowBatch
from alogd.judging.cascade import Looked
from alogd.judging.epoch import Gathered
from alogd.windows import rows

MOST_RECORDS = 1 << 17  # of windows that are looked at together, where one window is not larger
MOST_WAITING = 1 << 20  # records that wait, 32 MiB


class Asking(Protocol):
    """Networks being asked about one batch, somewhere else."""

    @property
    def is_done(self) -> bool: ...
    def wait(self) -> None:
        """Until it is done."""

    def give_up(self) -> None:
        """What is not answered by now is not wanted any more."""


class Answering(Protocol):
    """Who asks networks for a stream; one batch at a time."""

    may_skip: bool  # whether windows beyond the bound are skipped, or waited for

    def ask(self, looked: Looked) -> Asking:
        """Begin; returns at once."""


class Waiting:
    """Windows, and the moments of log time at which nothing had come, in the order they came to be."""

    def __init__(self) -> None:
        self.windows = 0
        self.records = 0
        self._items: deque[WindowBatch | int] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: WindowBatch | int) -> None:
        """Windows that closed, or log time (ns) that was reached without them."""
        if isinstance(item, int):
            self._items.append(item)
        elif len(item):
            self._items.append(item)
            self._count(item, 1)

    def take(self, most: int) -> WindowBatch | int:
        """What is next: at most so many windows, or a moment. IndexError when there is nothing."""
        item = self._items.popleft()
        if isinstance(item, int):
            return item
        fit = int(np.searchsorted(item.start, MOST_RECORDS, "right")) - 1
        end = min(len(item), most, max(1, fit))
        if end < len(item):
            self._items.appendleft(rows.part(item, end, len(item)))
        taken = rows.part(item, 0, end)
        self._count(taken, -1)
        return taken

    def _count(self, batch: WindowBatch, sign: int) -> None:
        self.windows += sign * len(batch)
        self.records += sign * int(batch.start[-1])

    def is_over(self, most: int) -> bool:
        """Whether more waits than may."""
        return self.windows > most or self.records > MOST_WAITING

    def state(self, first: WindowBatch | None) -> dict[str, npt.NDArray[Any]]:
        """All arrays, `first` put before what waits; {} when that is nothing."""
        items = [*([] if first is None else [first]), *self._items]
        if not items:
            return {}
        gathered, ticks = Gathered(), []
        for item in items:
            if isinstance(item, int):
                ticks.append((len(gathered), item))
            else:
                gathered.add(item)
        arrays: dict[str, npt.NDArray[Any]] = {"ticks": np.array(ticks, np.int64).reshape(-1, 2)}
        return arrays | (rows.to_arrays(gathered.batch()) if len(gathered) else {})

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Raises ValueError when the arrays are damaged."""
        if not arrays:
            return
        ticks = arrays.get("ticks")
        if ticks is None or ticks.dtype != np.int64 or ticks.ndim != 2 or ticks.shape[1] != 2:
            raise ValueError("saved windows that wait: the moments are missing")
        batch = rows.from_arrays(arrays) if len(arrays) > 1 else None
        if batch is not None and (not len(batch) or (np.diff(batch.start) < 1).any()):
            raise ValueError("saved windows that wait: there are empty ones")
        if (np.diff(ticks[:, 0], prepend=0, append=len(batch) if batch is not None else 0) < 0).any():
            raise ValueError("saved windows that wait: the moments are not in order")
        at = 0
        for before, moment in ticks.tolist():
            if batch is not None:
                self.add(rows.part(batch, at, before))
            self.add(moment)
            at = before
        if batch is not None:
            self.add(rows.part(batch, at, len(batch)))
