"""Template counts of one window, for what is told of it; many windows are counted by alogd.windows.features."""

from __future__ import annotations

import numpy as np

from alogd.event import F64, I64, Bool, WindowBatch


def counts(window: WindowBatch) -> tuple[I64, F64, Bool]:
    """Slots of a batch, ascending, how often each occurs, and whether its template was created there.

    Without np.unique, which would load numpy.ma: more than a megabyte for one alert.
    """
    order = np.argsort(window.slot, kind="stable")
    slots = window.slot[order].astype(np.int64)
    first = np.flatnonzero(np.diff(slots, prepend=-1))
    if not len(first):
        return slots, np.empty(0), np.empty(0, np.bool_)
    seen = np.diff(first, append=len(slots)).astype(np.float64)
    return slots[first], seen, np.logical_or.reduceat(window.is_new[order], first)
