"""Windows as sparse rows of template counts, the common ground of the statistical detectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alogd.event import F64, I64, Bool, WindowBatch


@dataclass(frozen=True, slots=True)
class Counts:
    """One entry a (window, template) pair that occurs, sorted by window, then slot."""

    row: I64  # window index
    slot: I64
    count: F64
    new: Bool  # the template was created in this window
    size: I64  # (n,) records of each window
    created: F64  # (n,) templates created in each window


def rows_of(windows: WindowBatch) -> I64:
    """Window index of every record."""
    return np.repeat(np.arange(len(windows)), np.diff(windows.start))


def counts(windows: WindowBatch) -> Counts:
    """Count templates per window; O(r log r) in the number of records."""
    n = len(windows)
    row = rows_of(windows)
    code = (row << 32) | windows.slot.astype(np.int64)
    pairs, which, count = np.unique(code, return_inverse=True, return_counts=True)
    new = np.zeros(len(pairs), bool)
    new[which[windows.is_new]] = True
    return Counts(
        row=pairs >> 32,
        slot=pairs & 0xFFFFFFFF,
        count=count.astype(np.float64),
        new=new,
        size=np.diff(windows.start),
        created=np.bincount(row[windows.is_new], minlength=n).astype(np.float64),
    )
