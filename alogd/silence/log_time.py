"""The log time of a stream for what stays away: how far it surely is, and how far it may be, at every record.

Both only go forward, and depend on the records and their order alone, never on how they were cut into batches.
"""

from __future__ import annotations

import msgspec
import numpy as np

from alogd.event import I64, NO_TIME, Bool

HOUR = 3600 * 10**9
WEEK = 7 * 24 * HOUR
MAX_SUSPECTS = 64  # as the watermark has (engine_c/watermark.h)


class Along:
    """Where the clock was at every record of a batch; computed when it is asked for."""

    def __init__(self, stamps: I64, sure_ns: int, far_ns: int, sure: I64 | None = None, far: I64 | None = None) -> None:
        """Either the two times before the batch, where it may follow every stamp, or all of them."""
        self._stamps, self._before = stamps, (sure_ns, far_ns)
        self._sure, self._far = sure, far
        self.doubtful: Bool | None = None  # records whose stamps wait to be confirmed; None: none of them

    @property
    def sure(self) -> I64:
        if self._sure is None:
            self._sure = np.maximum.accumulate(np.maximum(self._stamps, self._before[0]))
        return self._sure

    @property
    def far(self) -> I64:
        if self._far is None:
            self._far = np.maximum.accumulate(np.maximum(self._stamps, self._before[1]))
        return self._far

    def chosen(self, index: I64) -> Along:
        """At some of the records."""
        return Along(self._stamps[index], 0, 0, self.sure[index], self.far[index])

    def far_after(self, moment: int) -> int:
        """How far it was at the first record that was surely later than a moment; the last one where none was."""
        return int(self.far[min(len(self.sure) - 1, int(np.searchsorted(self.sure, moment, "right")))])


class LogClock(msgspec.Struct, forbid_unknown_fields=True):
    """`sure` follows a leap of more than an hour once a second record confirms it.

    `far` follows at once, and is never behind the watermark of the windows.
    """

    sure: int = NO_TIME
    far: int = NO_TIME
    lead: int = NO_TIME  # a leap that waits to be confirmed
    suspects: dict[int, int] = {}  # source -> a stamp more than a week ahead, oldest first

    def see(self, stamps: I64, source: int) -> Along:
        """Go along the records of a batch, at least one."""
        highest = int(stamps.max())
        if self.is_smooth(highest) and (highest <= self.sure + HOUR or self._is_steady(stamps)):
            along = Along(stamps, self.sure, self.far)
            self.sure, self.far = max(self.sure, highest), max(self.far, highest)
            return along
        before, sure, far = self.sure, stamps.copy(), stamps.copy()
        for at, stamp in enumerate(stamps.tolist()):
            if stamp != NO_TIME:
                self._see(stamp, source)
            sure[at], far[at] = self.sure, self.far
        along = Along(stamps, self.sure, self.far, sure, far)
        doubtful = (stamps > sure) & (np.diff(sure, prepend=before) == 0)
        along.doubtful = doubtful if doubtful.any() else None
        return along

    def is_smooth(self, highest: int) -> bool:
        """Whether nothing waits, and no stamp is so far ahead that it has to."""
        return self.sure != NO_TIME and self.lead == NO_TIME and not self.suspects and highest <= self.far + WEEK

    def _is_steady(self, stamps: I64) -> bool:
        """Whether no record leaps by more than an hour, as a sparse log does not though a batch of it takes days."""
        sure = np.maximum.accumulate(np.maximum(stamps, self.sure))
        return bool(np.diff(sure, prepend=self.sure).max() <= HOUR)

    def vouch(self, moment: int) -> None:
        """Go on to a time the caller answers for."""
        if moment >= self.sure:
            self.lead = NO_TIME
        self.sure, self.far = max(self.sure, moment), max(self.far, moment)

    def _see(self, stamp: int, source: int) -> None:
        if self.sure == NO_TIME:
            self.sure = self.far = stamp
            return
        self._far(stamp, source)
        if stamp <= self.far:
            self._sure(stamp)

    def _far(self, stamp: int, source: int) -> None:
        suspect = self.suspects.pop(source, None)
        if suspect is not None and stamp >= suspect - HOUR:
            self.far = max(self.far, suspect)
        if stamp <= self.far + WEEK:
            self.far = max(self.far, stamp)
            return
        if len(self.suspects) == MAX_SUSPECTS:
            del self.suspects[next(iter(self.suspects))]
        self.suspects[source] = stamp

    def _sure(self, stamp: int) -> None:
        if self.lead != NO_TIME and stamp >= self.lead - HOUR:
            self.sure = max(self.sure, min(self.lead, stamp))  # when the first of the two came
            self.lead = stamp if stamp > self.sure + HOUR else NO_TIME
            return
        self.lead = stamp if stamp > self.sure + HOUR else NO_TIME
        if self.lead == NO_TIME:
            self.sure = max(self.sure, stamp)
