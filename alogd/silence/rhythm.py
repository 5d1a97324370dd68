"""What is usual of a source's silences and of a template's beat, and from when on its absence is news.

Plain numbers of log time; everything is a function of the moments given, in their order, and bounded.
"""

from __future__ import annotations

from math import exp, log
from statistics import median
from typing import TypeAlias

import msgspec

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
SHORT = 60 * SECOND  # silences up to this are not looked at
DAYS = 14  # remembered
LONGEST = 7 * DAY  # what is away for so long is gone
BURSTS = 4 * HOUR  # who is usually silent for longer comes in bursts, and nothing is expected of it
SPREADS = 6.0  # spreads of the longest silences of days, above their median
LEAST_SPREAD = 0.2  # natural log
BEATS = 16  # intervals remembered
REGULAR = 10  # intervals, at least, that make a beat
EVEN = 1.5  # longest over shortest interval, at most
UNEVEN = 4.0  # of so many an interval is no beat at all
JUDGED = 8  # intervals after which it may be given up
QUICK = 10 * SECOND  # what comes more often than this is traffic
CROWD = 64  # lines within a second of another
MISSED = 2.5  # longest intervals after which a beat is missed
PATIENCE = 3  # times a beat is missed before its pace is learned anew
TOLD = 64  # silences that were news, remembered
RATE_DAYS = 7  # days of which an hour's count must be known
FEWEST = 200  # lines in an hour; of fewer a half is chance


Place: TypeAlias = tuple[int, int, int, int]  # a record: number of its source, offset, length, stamp


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """One source by name; times are log time in ns."""

    since: int
    last: int  # its last record
    tail: list[Place] = []  # of its last two records, the older first
    days: list[tuple[int, int, int]] = []  # (day, longest silence that ended in it, second longest), ascending
    allowed: int = 0  # silence that is not news; 0: not known yet
    usual: int = 0  # the longest silence that is usual, but for one
    hour: int = 0  # hours since 1970, of the last record
    count: int = 0  # records in it
    hours: dict[int, list[int]] = {}  # hour of the day -> counts of the last days, oldest first
    spoilt: tuple[int, int] = (0, 0)  # first and last hour of the last silence that was news: no hour like others
    told: list[tuple[int, int]] = []  # (when it was news, when it ended) of the last silences

    def silence(self, ends: int, gap: int) -> bool:
        """A silence longer than SHORT ended; whether it was one of the two longest of its day."""
        day = ends // DAY
        if not self.days or self.days[-1][0] != day:
            self.days.append((day, gap, 0))
            del self.days[: -DAYS - 1]
            return True
        _, longest, second = self.days[-1]
        self.days[-1] = (day, max(longest, gap), max(second, min(longest, gap)))
        return gap > second

    def was_told(self, since: int, until: int) -> None:
        """A silence that was news from `since` on ended."""
        self.told.append((since, until))
        del self.told[:-TOLD]

    def derive(self, after: int, times: float, learn: int) -> None:
        """Say what is not news: as long as usual, as much longer as days differ, and `after` at least."""
        today, first = self.last // DAY, self.since // DAY + 1
        self.allowed = 0
        if self.last - self.since < learn or today - first < learn // DAY:
            return
        recent = [entry for entry in self.days if entry[0] > today - DAYS]
        begin = max(first, today - DAYS + 1)
        whole = self._longest(begin, today)
        tops = [log(max(SHORT, whole.get(day, SHORT))) for day in range(begin, today)]
        if len(tops) < max(1, learn // DAY):
            return
        middle = median(tops)
        spread = max(LEAST_SPREAD, 1.4826 * median(abs(top - middle) for top in tops))
        seconds = sorted([gap for _, *gaps in recent for gap in gaps], reverse=True)[1:2] or [0]
        longest = max(times * seconds[0], exp(min(log(float(LONGEST)) + 1, middle + SPREADS * spread)))
        allowed, self.usual = max(after, int(longest)), max(SHORT, seconds[0])
        self.allowed = allowed if allowed <= LONGEST and self.usual <= BURSTS else 0

    def _longest(self, begin: int, today: int) -> dict[int, int]:
        """Of each of these days the longest silence that ended in it or lasted all of it; no entry where none did."""
        whole = {day: longest for day, longest, _ in self.days if begin <= day < today}
        for day, longest, _ in self.days:
            silent = range(max(begin, day - longest // DAY), min(day, today))  # days without any record, about
            whole |= {one: max(longest, whole.get(one, 0)) for one in silent}
        return whole

    def least(self, hour: int) -> int:
        """Records that this hour of the day has at least, but for one day; 0: not known."""
        counts = self.hours.get(hour % 24, [])
        return sorted(counts)[1] if len(counts) >= RATE_DAYS else 0

    def end_hour(self) -> tuple[int, int]:
        """The hour of the last record is over: (its records, those expected at least); it is learned.

        (0, 0) where it was cut short.
        """
        if self.hour == self.since // HOUR or self.spoilt[0] <= self.hour <= self.spoilt[1]:
            return 0, 0
        least = self.least(self.hour)
        counts = self.hours.setdefault(self.hour % 24, [])
        counts.append(self.count)
        del counts[:-DAYS]
        return self.count, least


class Beat(msgspec.Struct, forbid_unknown_fields=True):
    """One template that may be a heartbeat."""

    since: int
    last: int
    source: str  # where it was last
    place: Place
    intervals: list[int] = []  # oldest first
    crowd: int = 0
    missed: int = 0  # times
    allowed: int = 0  # 0: not a heartbeat, or not known to be one yet

    def beat(self, moment: int, learn: int) -> bool:
        """It came; False when it is no heartbeat and need not be looked at again."""
        interval = moment - self.last
        if interval < SECOND:
            self.crowd += 1
            return self.crowd < CROWD
        self.last = moment
        self.intervals.append(interval)
        del self.intervals[:-BEATS]
        shortest, longest, known = min(self.intervals), max(self.intervals), len(self.intervals)
        if known >= JUDGED and (longest < QUICK or longest > UNEVEN * shortest):
            return False
        even = known >= REGULAR and QUICK <= longest <= EVEN * shortest + SECOND
        self.allowed = max(SHORT, int(MISSED * longest)) if even and moment - self.since >= learn else 0
        return True

    def base(self, source: Source | None, moment: int) -> int:
        """From when on it is awaited: its last record, or the end of a silence of its source, up to a moment."""
        begin = self.last
        for since, until in source.told if source else ():
            if begin < since <= begin + self.allowed and until <= moment:
                begin = until
        return begin

    def returned(self, moment: int) -> None:
        """It was missed, and came. Who is missed time and again has another pace now, which is to be learned."""
        self.last, self.missed = moment, self.missed + 1
        if self.missed == PATIENCE:
            self.since = moment
            self.intervals.clear()
            self.allowed = self.missed = 0
