"""Which incidents a sink is for: by stream, by level, by when they began.

Every moment of an incident goes the same way, so that whoever was told of its beginning is told of its end.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated

from msgspec import Meta

from alogd.config.tree import Day, Hours, Level, StreamName, Strict
from alogd.event import Alert

LEVELS: dict[str, int] = {"INFO": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3, "CRITICAL": 4}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class When(Strict, frozen=True, kw_only=True):
    """Which incidents are for a sink; what is not given does not matter, and all that is has to hold."""

    streams: Annotated[tuple[StreamName, ...], Meta(max_length=256)] = ()  # of these streams
    levels: Annotated[tuple[Level, ...], Meta(max_length=5)] = ()  # while at one of these
    days: Annotated[tuple[Day, ...], Meta(max_length=7)] = ()  # that began on these, in this host's time zone
    hours: Hours | None = None  # that began between these, e.g. "08:00-18:00" or "22:00-06:00"; the end is not in it

    def holds(self, alert: Alert) -> bool:
        """Whether this moment of an incident is for the sink."""
        if self.streams and alert.stream not in self.streams:
            return False
        return self._level(alert) and self._began(alert)

    def _level(self, alert: Alert) -> bool:
        if not self.levels or alert.level in self.levels:
            return True
        # It may have been lower when it was told: levels only rise, and an end must not be missed.
        return alert.status == "resolved" and min(LEVELS[one] for one in self.levels) <= LEVELS.get(alert.level, 0)

    def _began(self, alert: Alert) -> bool:
        if not self.days and self.hours is None:
            return True
        try:
            began = datetime.fromtimestamp(alert.opened_ns / 1e9)
        except (OverflowError, ValueError, OSError):
            return True  # a time no calendar has: better told than kept
        on_day = not self.days or DAYS[began.weekday()] in self.days
        return on_day and (self.hours is None or _within(began.time(), self.hours))


def _within(now: time, hours: str) -> bool:
    begin, end = (time.fromisoformat(text) for text in hours.split("-"))
    return begin <= now < end if begin < end else now >= begin or now < end
