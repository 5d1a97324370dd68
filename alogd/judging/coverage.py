"""How many windows a stream has in a day of log time, which is what an alert budget is measured by.

Log time counts once, whatever the order in which it is read: history that comes late (old files beside a live one)
covers time of its own, not just more windows in the time already seen. Bounded: MAX_SPANS stretches of time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.event import I64, NO_TIME, WindowBatch

DAY_NS = 86_400 * 10**9
LONGEST_GAP_NS = DAY_NS  # a longer silence counts as a day: the source was off
LATE_NS = 3_600 * 10**9  # a window that began more than this before it closed may be history
UNTIMED_PER_DAY = 10_000.0  # windows a day of a log that carries no time
MEMORY = 50_000.0  # windows after which the measured rate forgets
MAX_SPANS = 64  # past that the two with the least time between them are taken for one


class Coverage:
    """Windows counted, and the days of log time they took.

    >>> from alogd.reference.batches import window_batch
    >>> coverage = Coverage()
    >>> coverage.add(window_batch([[1]] * 8642, second=10.0))
    1.0
    >>> round(coverage.windows_per_day)
    8641
    """

    def __init__(self) -> None:
        self.windows = 0.0
        self.days = 0.0
        self.last_ns = 0  # at which the last window closed; 0: none has with a time
        self.begins: list[int] = []  # of stretches of log time, ascending, none within LONGEST_GAP_NS of the next
        self.ends: list[int] = []

    @property
    def windows_per_day(self) -> float:
        """Measured in log time."""
        return self.windows / self.days if self.days > 1e-6 else UNTIMED_PER_DAY

    @property
    def covered_ns(self) -> int:
        """Log time that any window ever covered, silences of more than a day aside; is never forgotten."""
        return sum(self.ends) - sum(self.begins)

    def add(self, windows: WindowBatch) -> float:
        """Count windows; gives the days of log time they took."""
        closed = windows.closed_ns[windows.closed_ns > 0]
        if not len(closed):
            return 0.0
        stamps = np.maximum.accumulate(closed)
        covered = self._advance(stamps, windows) + self._look_back(windows)
        fade = min(1.0, MEMORY / (self.windows + len(stamps)))
        self.windows = (self.windows + len(stamps)) * fade
        self.days = (self.days + covered / DAY_NS) * fade
        return covered / DAY_NS

    def _advance(self, stamps: I64, windows: WindowBatch) -> int:
        """Log time goes on; gives the ns it covers. The first stretch begins with the first window's first record."""
        first, last = int(stamps[0]), int(stamps[-1])
        while self.begins and self.begins[-1] > last:  # time went back: it had leapt
            del self.begins[-1], self.ends[-1]
        before = self.last_ns or first
        if not self.begins:
            begin = int(windows.timestamp_ns[0])
            self._begin(first if begin == NO_TIME else min(first, begin))
        covered = last - min(first, before)
        if covered > LONGEST_GAP_NS:  # one silence in it may be too long
            covered = self._pass_gaps(stamps, before)
        self.ends[-1] = max(self.ends[-1], last)
        self.last_ns = last
        return covered

    def _pass_gaps(self, stamps: I64, before: int) -> int:
        """Begin a stretch after every silence too long; gives the ns covered from `before` on."""
        gaps = np.diff(stamps, prepend=before)
        for at in np.flatnonzero(gaps > LONGEST_GAP_NS).tolist():
            if stamps[at] > self.begins[-1]:
                self.ends[-1] = max(self.ends[-1], int(stamps[at] - gaps[at]))
                self._begin(int(stamps[at]))
        return int(np.clip(gaps, 0, LONGEST_GAP_NS).sum())

    def _begin(self, stamp: int) -> None:
        self._join(stamp, len(self.begins), left=False, right=False)

    def _look_back(self, windows: WindowBatch) -> int:
        """Windows that began before all that is being read now; gives the ns they cover for the first time."""
        begins = windows.timestamp_ns[windows.start[:-1]]
        late = begins < np.minimum(windows.closed_ns - LATE_NS, self.begins[-1])
        if not late.any():
            return 0
        return sum(self._fill(begin) for begin in begins[late].tolist() if begin != NO_TIME)

    def _fill(self, stamp: int) -> int:
        """A stamp before the last stretch ends; gives the ns it covers: what the sum of clipped gaps grows by."""
        after = bisect_right(self.begins, stamp)
        if after and stamp <= self.ends[after - 1]:
            return 0
        right = self.begins[after] - stamp
        left = stamp - self.ends[after - 1] if after else None
        self._join(stamp, after, left is not None and left <= LONGEST_GAP_NS, right <= LONGEST_GAP_NS)
        if left is None:
            return min(right, LONGEST_GAP_NS)
        return min(left, LONGEST_GAP_NS) + min(right, LONGEST_GAP_NS) - min(left + right, LONGEST_GAP_NS)

    def _join(self, stamp: int, after: int, left: bool, right: bool) -> None:
        """Add a stamp to the stretch on its left, the one on its right, both as one, or as its own."""
        if left and right:
            del self.begins[after], self.ends[after - 1]
        elif left:
            self.ends[after - 1] = stamp
        elif right:
            self.begins[after] = stamp
        else:
            self.begins.insert(after, stamp)
            self.ends.insert(after, stamp)
            self._bound()

    def _bound(self) -> None:
        if len(self.begins) > MAX_SPANS:
            gaps = [begin - end for begin, end in zip(self.begins[1:], self.ends, strict=False)]
            at = gaps.index(min(gaps))
            del self.begins[at + 1], self.ends[at]

    # -- state

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays `rate` (windows, days), `last_ns` (1,) and `spans` (n, 2), ns."""
        return {
            "rate": np.array([self.windows, self.days]),
            "last_ns": np.array([self.last_ns], np.int64),
            "spans": np.array([self.begins, self.ends], np.int64).T.reshape(-1, 2),
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Raises ValueError when the arrays are missing or damaged."""
        try:
            rate, last, spans = state["rate"], state["last_ns"], state["spans"]
        except KeyError as missing:
            raise ValueError(
                f"saved state: {missing} of the log time covered is missing; it was saved by another version of alogd"
            ) from None
        if rate.shape != (2,) or not np.isfinite(rate).all() or last.shape != (1,) or last.dtype != np.int64:
            raise ValueError("saved state: the rate of windows is damaged")
        if spans.ndim != 2 or spans.shape[1:] != (2,) or len(spans) > MAX_SPANS or spans.dtype != np.int64:
            raise ValueError("saved state: the log time covered is damaged")
        if (np.diff(spans.ravel()) < 0).any() or (last[0] > 0) != (len(spans) > 0):
            raise ValueError("saved state: the log time covered is not in order")
        self.windows, self.days = rate.tolist()
        self.last_ns = int(last[0])
        self.begins, self.ends = spans[:, 0].tolist(), spans[:, 1].tolist()
