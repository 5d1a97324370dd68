"""When a stream knows enough to call a window odd: after so many windows, and so much of its own time.

Windows alone would let a busy stream alert within its first second, before anything that comes once a minute came.
Log time, so that a replay learns as long as the daemon did. Until then only what is new and says itself that it is
bad is odd.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alogd.event import F64, Bool, WindowBatch
from alogd.judging.coverage import Coverage

EARLIEST = 8  # windows before anything is odd
EARLY_SEVERITY = 80.0  # before the warm-up ends, a new template in a window this severe is odd,
EARLY_UNUSUAL = 60.0  # if what of its severity is unusual is this much
STILL = 50  # times the windows, after which a log whose stamps are all the same is taken for one without


@dataclass(frozen=True)
class Warmup:
    """windows: how many have to be seen; span_ns: of log time, where the log carries times."""

    windows: int
    span_ns: int

    def ratio(self, seen: int, covered: Coverage) -> float:
        """0-1; at 1 the stream may alert on anything odd."""
        return min(1.0, seen / self.windows, self._of_time(seen, covered))

    def _of_time(self, seen: int, covered: Coverage) -> float:
        if not self.span_ns or not covered.begins:
            return 1.0
        if not covered.covered_ns:
            return 1.0 if seen >= STILL * self.windows else 0.0
        return covered.covered_ns / self.span_ns


def early(windows: WindowBatch, severity: F64, unusual: F64, seen: int) -> Bool:
    """Shape (n,): too little is known to call anything rare; only what is new and says itself that it is bad is odd."""
    if not len(windows) or seen < EARLIEST:
        return np.zeros(len(windows), bool)
    new = np.logical_or.reduceat(windows.is_new, windows.start[:-1])
    return np.asarray(new & (severity >= EARLY_SEVERITY) & (unusual >= EARLY_UNUSUAL))
