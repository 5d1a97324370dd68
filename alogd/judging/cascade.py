"""Which windows a heavy detector is asked about, and what is kept of a batch until every network has answered.

Chosen by what the quick detectors say and by a hash of the window itself, never by load or time: a replay asks about
the same windows. Only the sample, which looks at no score, calibrates a heavy detector: odd windows would shift it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alogd.detectors.base import Asks, Detector, Heavy, Question
from alogd.event import F64, I64, Bool, WindowBatch

EARLY = 64  # windows about which all are asked first; then a share of 64 in as many as were seen, down to the sample's
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def asks(detector: Detector) -> bool:
    """Whether a network gives its score."""
    return isinstance(detector, Asks)


def is_heavy(detector: Detector) -> bool:
    """Whether it is asked about some windows only."""
    return isinstance(detector, Heavy) and detector.heavy


def sampled(windows: WindowBatch, share: float) -> Bool:
    """Windows that belong to the sample, shape (n,): by what they hold first and last, and where in the log.

    Where they stand is part of it, or all windows of a log that repeats itself would be in the sample, or none.
    """
    first, last = windows.start[:-1], windows.start[1:] - 1
    state = np.full(len(windows), 1, np.uint64)
    for at in (first, last):
        for column in (windows.offset, windows.length, windows.timestamp_ns):
            state = (state ^ column[at].astype(np.uint64)) * _MULTIPLIER
            state ^= state >> _SHIFT
    return np.asarray(state.astype(np.float64) < share * 2.0**64)


def share_to_sample(share: float, seen: int) -> float:
    """Of the next windows, when so many were seen: a young stream's detectors need scores to be calibrated by."""
    return max(share, min(1.0, EARLY / (seen + 1)))


def chosen(windows: WindowBatch, index: I64) -> WindowBatch:
    """Some windows of a batch, as a batch."""
    if len(index) == len(windows):
        return windows
    size = np.diff(windows.start)[index]
    start = np.concatenate([[0], np.cumsum(size)])
    at = np.arange(int(start[-1])) + np.repeat(windows.start[:-1][index] - start[:-1], size)
    return WindowBatch(
        start=start,
        slot=windows.slot[at],
        severity=windows.severity[at],
        is_new=windows.is_new[at],
        source=windows.source[at],
        offset=windows.offset[at],
        length=windows.length[at],
        timestamp_ns=windows.timestamp_ns[at],
        key=windows.key[index],
        group=windows.group[index],
        fresh=windows.fresh[index],
        reason=windows.reason[index],
        closed_ns=windows.closed_ns[index],
    )


class Scored:
    """A question whose answer is known: of a heavy detector that does without a network, or of no windows."""

    left = 0

    def __init__(self, scores: F64) -> None:
        self._scores = scores

    def run(self, stop: Callable[[], bool]) -> None:
        """Nothing is left."""

    def scores(self) -> F64:
        return self._scores


@dataclass(slots=True)
class Asked:
    """One detector asked about some windows of a batch; `run` may be called on another thread."""

    detector: str
    index: I64  # the windows it was asked about, ascending
    question: Question
    error: Exception | None = None

    @property
    def left(self) -> int:
        """Rows its network has not answered."""
        return 0 if self.error else self.question.left

    def run(self, stop: Callable[[], bool]) -> None:
        try:
            self.question.run(stop)
        except Exception as error:  # whatever one network does, the others go on; counted where it is joined
            self.error = error


@dataclass(frozen=True, slots=True)
class Looked:
    """A batch that the quick detectors have scored and the others were asked about."""

    windows: WindowBatch
    scores: Mapping[str, F64]  # of the quick detectors
    decades: Mapping[str, F64]  # of them
    quick: F64  # these as one number, where there are heavy detectors
    asked: Sequence[Asked]
    sample: Bool  # windows that calibrate heavy detectors

    @property
    def left(self) -> int:
        """Rows that networks have not answered."""
        return sum(asked.left for asked in self.asked)


@dataclass(slots=True)
class Tally:
    """What became of the windows, for one detector that is asked; since the stream was started."""

    asked: Counter[str] = field(default_factory=lambda: Counter(all=0))  # by why: all, sample, odd
    skipped: Counter[str] = field(default_factory=lambda: Counter(outrun=0))  # by why

    def chose(self, sample: Bool, odd: Bool) -> None:
        """A heavy detector is asked about these windows."""
        self.asked["sample"] += int(sample.sum())
        self.asked["odd"] += int((odd & ~sample).sum())

    def told(self, detector: Detector) -> dict[str, Any]:
        """For the status; hits and misses where the detector remembers answers."""
        told: dict[str, Any] = {"asked": dict(self.asked), "skipped": dict(self.skipped)}
        if isinstance(detector, Asks):
            told["hits"], told["misses"] = detector.remembered()
        return told


def answered(asked: Asked, windows: int) -> tuple[F64, int, str]:
    """Scores, shape (windows,), NaN where there is none; how many windows were skipped; what went wrong."""
    scores = np.full(windows, np.nan)
    left = asked.left
    try:
        if asked.error is not None:
            raise asked.error
        scores[asked.index] = asked.question.scores()
    except Exception as error:
        return scores, 0, repr(error)
    return scores, int(np.isnan(scores[asked.index]).sum()) if left else 0, ""
