"""The windows of one epoch with what was found of them, until they are learned.

Columns are laid into memory that every epoch uses again: a stream learns every few hundred windows, and joining
their batches anew cost more than learning from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.event import F64, Bool, WindowBatch
from alogd.judging.verdict import Verdict
from alogd.windows import rows
from alogd.windows.rows import PER_RECORD, PER_WINDOW

KEEP_RECORDS = 1 << 17  # 4 MiB: memory for more is given back when the epoch ends
SAVED_FLAGS = ("learnable", "countable", "odd")
FLAGS = (*SAVED_FLAGS, "sample")
NUMBERS = ("fused", "ranking", "severity", "quick")


class Gathered:
    """Window batches put one behind the other."""

    def __init__(self) -> None:
        self._columns: dict[str, npt.NDArray[Any]] = {}
        self.clear()

    def __len__(self) -> int:
        """Windows."""
        return self._windows

    def clear(self) -> None:
        """Forget all windows."""
        self._windows = self._records = 0
        if len(self._columns.get("slot", ())) > KEEP_RECORDS:
            self._columns = {}

    def add(self, batch: WindowBatch) -> None:
        """Copy the windows of a batch."""
        windows, records = self._windows + len(batch), self._records + int(batch.start[-1])
        self._reserve(batch, windows, records)
        columns = self._columns
        columns["start"][self._windows + 1 : windows + 1] = batch.start[1:] + self._records
        for name in PER_WINDOW:
            columns[name][self._windows : windows] = getattr(batch, name)
        for name in PER_RECORD:
            columns[name][self._records : records] = getattr(batch, name)
        self._windows, self._records = windows, records

    def _reserve(self, batch: WindowBatch, windows: int, records: int) -> None:
        if not self._columns:
            names = ("start", *PER_WINDOW, *PER_RECORD)
            self._columns = {name: np.zeros(1, getattr(batch, name).dtype) for name in names}
        self._grow(("start", *PER_WINDOW), windows + 1)
        self._grow(PER_RECORD, records)

    def _grow(self, names: Iterable[str], size: int) -> None:
        for name in names:
            column = self._columns[name]
            if len(column) >= size:
                continue
            larger = np.zeros(max(size, 2 * len(column)), column.dtype)
            larger[: len(column)] = column
            self._columns[name] = larger

    def batch(self) -> WindowBatch:
        """All windows so far, as views that hold until the next `add` or `clear`; there must be one."""
        columns = self._columns
        return WindowBatch(
            start=columns["start"][: self._windows + 1],
            **{name: columns[name][: self._windows] for name in PER_WINDOW},
            **{name: columns[name][: self._records] for name in PER_RECORD},
        )


class Epoch:
    """At most `most` windows with their verdicts. Arrays it gives are views that hold until `clear`."""

    def __init__(self, detectors: Iterable[str], most: int) -> None:
        self._gathered = Gathered()
        self._scores = {name: np.empty(most) for name in detectors}
        self._numbers = {name: np.empty(most) for name in NUMBERS}
        self._flags = {name: np.empty(most, np.bool_) for name in FLAGS}

    def __len__(self) -> int:
        """Windows so far."""
        return len(self._gathered)

    def clear(self) -> None:
        """The next epoch begins."""
        self._gathered.clear()

    def add(self, verdict: Verdict, learnable: Bool, countable: Bool) -> None:
        """Put judged windows behind the others."""
        begin = len(self)
        end = begin + len(verdict.windows)
        self._gathered.add(verdict.windows)
        for name, score in verdict.scores.items():
            self._scores[name][begin:end] = score
        for name in NUMBERS:
            self._numbers[name][begin:end] = getattr(verdict, name)
        for name, flags in zip(FLAGS, (learnable, countable, verdict.odd, verdict.sample), strict=True):
            self._flags[name][begin:end] = flags

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All of it, copied, as `saved_epoch` reads it; nothing where there is no window."""
        if not len(self):
            return {}
        columns = rows.to_arrays(self.windows)
        arrays = {f"epoch.windows.{key}": value.copy() for key, value in columns.items()}
        arrays |= {f"epoch.{name}": self.flag(name).copy() for name in SAVED_FLAGS}
        return arrays | {f"epoch.score.{name}": self.score(name).copy() for name in self._scores}

    @property
    def windows(self) -> WindowBatch:
        """All of them; there must be one."""
        return self._gathered.batch()

    def score(self, detector: str) -> F64:
        """Raw, shape (n,)."""
        return self._scores[detector][: len(self)]

    def number(self, name: str) -> F64:
        """One of NUMBERS, as in Verdict, shape (n,)."""
        return self._numbers[name][: len(self)]

    def flag(self, name: str) -> Bool:
        """One of FLAGS, shape (n,)."""
        return self._flags[name][: len(self)]


@dataclass(frozen=True, slots=True)
class SavedEpoch:
    """What was saved of an open epoch; names as in Verdict."""

    windows: WindowBatch
    scores: dict[str, F64]
    learnable: Bool
    countable: Bool
    odd: Bool


def saved_epoch(arrays: Mapping[str, npt.NDArray[Any]], detectors: Iterable[str]) -> SavedEpoch | None:
    """None when none was open. Raises ValueError when it is damaged."""
    if "epoch.learnable" not in arrays:
        return None
    windows = rows.from_arrays(under(arrays, "epoch.windows."))
    scores = {name: arrays.get(f"epoch.score.{name}", np.empty(0)) for name in detectors}
    flags = [arrays.get(f"epoch.{name}", np.empty(0, bool)) for name in SAVED_FLAGS]
    if any(len(column) != len(windows) for column in (*flags, *scores.values())):
        raise ValueError("saved state: the open epoch's columns differ in length")
    if not len(windows) or (np.diff(windows.start) < 1).any() or windows.severity.max() > 100:
        raise ValueError("saved state: the open epoch has windows that cannot be")
    return SavedEpoch(windows, scores, *flags)


def under(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays whose names begin so, by the rest of their names."""
    return {key[len(prefix) :]: value for key, value in arrays.items() if key.startswith(prefix)}
