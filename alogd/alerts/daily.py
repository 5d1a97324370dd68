"""Jobs that run every day: odd windows that come at the same time of day on most days are not told any more.

Between what is odd and incidents. Invariant: a function of the odd windows given, in order, and of log time alone.
Nothing of it is learned elsewhere, so the same lines are odd at another time, and others are at this one. Bounded.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from alogd.alerts.incidents import WELL_KNOWN, Finding

DAY = 86_400 * 10**9
MINUTE = 60 * 10**9
NEAR = 10 * MINUTE  # a job is as much earlier or later than on other days, at most
LONGEST = 60 * MINUTE  # it takes, at most: what goes on for longer is no job
DAYS, MOST = 5, 3  # it came on so many of the last days
MAX_ROWS = 256  # templates remembered; those that came longest ago make room
MAX_TIMES = 16  # times of one
WORSE = 10.0  # risk above the worst of those days: news
MAJOR = 0.1  # templates with less of a window's score do not make it odd


class Time(msgspec.Struct, forbid_unknown_fields=True):
    """When a template made windows odd, without a longer break than NEAR."""

    first: int
    last: int
    risk: float  # the worst


class Running(msgspec.Struct, forbid_unknown_fields=True):
    """The job that runs, or ran last."""

    until: int = 0  # log time
    group: int = 0
    windows: int = 0
    risk: float = 0.0


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    """All of it, in a stream's state."""

    times: dict[str, list[Time]]
    running: Running
    held_back: int


class Daily:
    """What runs every day in one stream."""

    def __init__(self) -> None:
        self.times: dict[str, list[Time]] = {}  # by fingerprint, the one that came longest ago first
        self.running = Running()
        self.held_back = 0  # runs that were not told

    def is_routine(self, group: int, risk: float, now_ns: int) -> bool:
        """Whether a window, not critical, is one more of a job's many, which need not be looked into."""
        one = self.running
        return now_ns <= one.until and one.windows >= WELL_KNOWN and group == one.group and risk <= one.risk

    def holds(self, finding: Finding) -> bool:
        """Whether an odd window is what comes at this time every day, no worse than on other days; remembers it."""
        if finding.alarm or not (causes := _causes(finding)):
            return False
        alert = finding.alert
        now = alert.updated_ns
        until = min(self._usual_until(cause, now, alert.risk) for cause in causes)
        for cause in causes:
            self._remember(cause, now, alert.risk)
        if until < now:
            return False
        if now > self.running.until:
            self.running = Running()
            self.held_back += 1
        one = self.running
        self.running = Running(max(until, one.until), finding.group, one.windows + 1, max(one.risk, alert.risk))
        return True

    def foretold(self, finding: Finding) -> Finding:
        """The same, and that it is the last time it is told, where it is."""
        alert, causes = finding.alert, _causes(finding)
        if finding.alarm or not causes:
            return finding
        if min(len(self._other_days(cause, alert.updated_ns)) for cause in causes) != MOST - 1:
            return finding
        said = f"it came at this time on {MOST - 1} of the last days too: from now on it counts as a daily job"
        return replace(finding, alert=replace(alert, reasons=[*alert.reasons, said]))

    def save(self) -> bytes:
        """JSON of everything."""
        return msgspec.json.encode(Saved(self.times, self.running, self.held_back))

    def load(self, data: bytes) -> None:
        """Raises ValueError when damaged."""
        saved = msgspec.json.decode(data, type=Saved)
        if len(saved.times) > MAX_ROWS or not all(0 < len(times) <= MAX_TIMES for times in saved.times.values()):
            raise ValueError("saved state: daily jobs are not within their bounds")
        self.times, self.running, self.held_back = saved.times, saved.running, saved.held_back

    def _usual_until(self, cause: str, now: int, risk: float) -> int:
        """Log time up to which it is a job's; 0: it is none, or worse than it was."""
        days = self._other_days(cause, now)
        if len(days) < MOST or risk > max(one.risk for _, one in days) + WORSE:
            return 0
        return max(one.last + ago + NEAR for ago, one in days)

    def _other_days(self, cause: str, now: int) -> list[tuple[int, Time]]:
        """When it came at this time of day, one a day, with how long ago that day was."""
        times = [one for one in self.times.get(cause, ()) if one.last - one.first <= LONGEST]
        found = []
        for ago in range(DAY, (DAYS + 1) * DAY, DAY):
            found += [(ago, one) for one in times if one.first - NEAR <= now - ago <= one.last + NEAR][:1]
        return found

    def _remember(self, cause: str, now: int, risk: float) -> None:
        times = self.times.pop(cause, [])
        last = times[-1] if times else None
        if last is None or now - last.last > NEAR:
            times.append(Time(now, now, risk))
        elif now >= last.first - NEAR:  # else it is history that is read late
            times[-1] = Time(min(last.first, now), max(last.last, now), max(last.risk, risk))
        self.times[cause] = [one for one in times[-MAX_TIMES:] if now - one.last <= (DAYS + 1) * DAY]
        if len(self.times) > MAX_ROWS:
            del self.times[next(iter(self.times))]


def _causes(finding: Finding) -> list[str]:
    """Templates that make it odd."""
    return [one.fingerprint for one in finding.alert.templates if one.share >= MAJOR]
