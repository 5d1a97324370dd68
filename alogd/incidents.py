"""One incident per cause: odd windows open it, join it, and it resolves when none came for a while.

All times are log time, so a replay tells the same story. Bounded: at most MAX_OPEN incidents at once per stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from alogd.config import Alerts
from alogd.event import Alert

MAX_OPEN = 64
MAX_CAUSES = 32  # template fingerprints an incident remembers
WELL_KNOWN = 64  # windows after which one more, no worse than those before, is counted and not looked into
DAY_NS = 86_400 * 10**9
BURST = 2.0  # at most this many times the budget in one day, whatever the calibration says


@dataclass(frozen=True, slots=True)
class Finding:
    """One odd window, told as the alert it would be alone."""

    alert: Alert  # opened_ns: when the window began; updated_ns: when it closed
    group: int
    causes: Sequence[str]  # fingerprints of the templates that made it odd
    alarm: str = ""  # of the template that calls itself critical, where that is rare


class Incident(msgspec.Struct, dict=False):
    """An open incident; `alert` is its latest state."""

    alert: Alert
    group: int
    causes: list[str]
    last_ns: int  # close of its last odd window
    told: int  # windows when it was last reported


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of all incidents of a stream."""

    open: list[Incident]
    opened: list[int]
    suppressed: int


@dataclass(slots=True)
class Incidents:
    """The open incidents of one stream."""

    options: Alerts
    budget_per_day: float
    open: list[Incident] = field(default_factory=list)
    opened: deque[int] = field(default_factory=lambda: deque(maxlen=1024))  # log times, the last day's
    suppressed: int = 0  # incidents not opened because the day's budget was used up

    def expire(self, now_ns: int) -> list[Alert]:
        """Resolve what has been quiet for `resolve_after`, oldest first."""
        if not self.open:
            return []
        quiet_ns = round(self.options.resolve_after * 1e9)
        done = [incident for incident in self.open if incident.last_ns + quiet_ns <= now_ns]
        done.sort(key=lambda incident: (incident.last_ns, incident.alert.id))
        self.open = [incident for incident in self.open if incident.last_ns + quiet_ns > now_ns]
        return [replace(i.alert, status="resolved", resolved_ns=i.last_ns + quiet_ns) for i in done]

    def match(self, finding: Finding, now_ns: int) -> Incident | None:
        """The open incident an odd window belongs to: same cause, or so close in time that it is the same trouble.

        What calls itself critical has a cause of its own: it never hides in whatever else goes on at the time.
        """
        causes = {*finding.causes, finding.alarm}
        shared = [i for i in self.open if not causes.isdisjoint(i.causes)]
        same_group = [i for i in self.open if i.group == finding.group and finding.group != 0]
        near_ns = -1 if finding.alarm else round(self.options.join_within * 1e9)
        near = [i for i in self.open if now_ns - i.last_ns <= near_ns]
        found = shared or same_group or near
        if not found and len(self.open) >= MAX_OPEN:
            found = self.open
        return max(found, key=lambda incident: incident.last_ns) if found else None

    def routine(self, group: int, risk: float, now_ns: int) -> Incident | None:
        """The open incident to which one more window, not critical itself, adds nothing but numbers.

        Evidence costs a thousand times what a window does; a flood of odd windows must not be slowed by it.
        """
        near_ns = round(self.options.join_within * 1e9)
        known = [i for i in self.open if i.alert.windows >= WELL_KNOWN and risk <= i.alert.risk]
        found = [i for i in known if (i.group == group and group != 0) or now_ns - i.last_ns <= near_ns]
        return max(found, key=lambda incident: incident.last_ns) if found else None

    def count(self, incident: Incident, updated_ns: int, lines: int, *, news: bool = False) -> list[Alert]:
        """Add a window by its numbers alone; tells when there is other news, or the windows doubled."""
        old = incident.alert
        updated_ns = max(old.updated_ns, updated_ns)
        incident.alert = replace(old, updated_ns=updated_ns, windows=old.windows + 1, lines_seen=old.lines_seen + lines)
        incident.last_ns = max(incident.last_ns, updated_ns)
        if not news and incident.alert.windows < 2 * incident.told:
            return []
        incident.told = incident.alert.windows
        return [incident.alert]

    def adopted(self, incident: Incident, now_ns: int) -> bool:
        """Whether it has gone on so long that it is to be learned as the new normal."""
        return now_ns - incident.alert.opened_ns >= round(self.options.adopt_after * 1e9)

    def begin(self, finding: Finding) -> list[Alert]:
        """Open an incident; when the day's budget is used up only a critical one (others count in `suppressed`)."""
        now_ns = finding.alert.updated_ns
        while self.opened and self.opened[0] <= now_ns - DAY_NS:
            self.opened.popleft()
        spent = len(self.opened) >= max(1.0, BURST * self.budget_per_day)
        if spent and finding.alert.level != "CRITICAL" and not finding.alarm:
            self.suppressed += 1
            return []
        self.opened.append(now_ns)
        incident = Incident(finding.alert, finding.group, _causes(finding), now_ns, 1)
        self.open.append(incident)
        return [incident.alert]

    def extend(self, incident: Incident, finding: Finding) -> list[Alert]:
        """Add an odd window; tells when the level rose, something critical came in or the windows doubled."""
        old, new = incident.alert, finding.alert
        known = set(incident.causes)
        alarmed = bool(finding.alarm) and finding.alarm not in known and len(known) < MAX_CAUSES
        base = replace(new, id=old.id, opened_ns=old.opened_ns) if alarmed or new.risk > old.risk else old
        worst = max(old, new, key=lambda alert: alert.risk)
        incident.alert = replace(
            base,
            risk=worst.risk,
            level=worst.level,
            updated_ns=old.updated_ns,
            windows=old.windows,
            lines_seen=old.lines_seen,
        )
        incident.causes += [cause for cause in _causes(finding) if cause not in known][: MAX_CAUSES - len(known)]
        return self.count(incident, new.updated_ns, new.lines_seen, news=alarmed or worst.level != old.level)

    def save(self) -> bytes:
        """JSON of everything."""
        return msgspec.json.encode(Saved(self.open, list(self.opened), self.suppressed))

    def load(self, data: bytes) -> None:
        """Raises ValueError when damaged."""
        saved = msgspec.json.decode(data, type=Saved)
        self.open, self.suppressed = saved.open, saved.suppressed
        self.opened = deque(saved.opened, maxlen=1024)


def _causes(finding: Finding) -> list[str]:
    """Each once, the alarm first; at most MAX_CAUSES."""
    return list(dict.fromkeys([*filter(None, [finding.alarm]), *finding.causes]))[:MAX_CAUSES]
