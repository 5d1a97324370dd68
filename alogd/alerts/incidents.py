"""One incident per cause: odd windows open it, join it, and it resolves when none came for a while.

All times are log time, so a replay tells the same story. Bounded: at most MAX_OPEN incidents at once per stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from alogd.config.tree import Alerts
from alogd.event import Alert

MAX_OPEN = 64
MAX_CAUSES = 32  # template fingerprints an incident remembers
WELL_KNOWN = 64  # windows after which one more, no worse than those before, is counted and not looked into
DAY_NS = 86_400 * 10**9
LASTS_NS, LASTS_WINDOWS = 3600 * 10**9, 16  # an incident that went on so long is asked about
AGAIN = 3  # incidents with the same first cause that ended within a day: the next one is asked about and waits for more
AGAIN_SHARE = 4  # part of `adopt_after` that such a one stays open
MAX_ENDED = 256
BURST = 2.0  # at most this many times the budget in one day, whatever the calibration says


@dataclass(frozen=True, slots=True)
class Finding:
    """One odd window, told as the alert it would be alone."""

    alert: Alert  # opened_ns: when the window began; updated_ns: when it closed
    group: int
    causes: Sequence[str]  # fingerprints of the templates that made it odd
    alarm: str = ""  # what is told whatever else goes on: of the template that calls itself critical, or judged real


class Incident(msgspec.Struct, dict=False):
    """An open incident; `alert` is its latest state."""

    alert: Alert
    group: int
    causes: list[str]
    last_ns: int  # close of its last odd window
    told: int  # windows when it was last reported
    comes_again: bool = False
    accepted: bool = False  # somebody said that it is the new normal


class Ended(msgspec.Struct, forbid_unknown_fields=True):
    """An incident that is over."""

    cause: str
    at: int


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of all incidents of a stream."""

    open: list[Incident]
    opened: list[int]
    suppressed: int
    ended: list[Ended] = []


@dataclass(slots=True)
class Incidents:
    """The open incidents of one stream."""

    options: Alerts
    budget_per_day: float
    open: list[Incident] = field(default_factory=list)
    opened: deque[int] = field(default_factory=lambda: deque(maxlen=1024))  # log times, the last day's
    suppressed: int = 0  # incidents not opened because the day's budget was used up
    ended: deque[Ended] = field(default_factory=lambda: deque(maxlen=MAX_ENDED))

    def expire(self, now_ns: int) -> list[Alert]:
        """Resolve what has been quiet for `resolve_after` (what comes again and again: longer), oldest first."""
        if not self.open:
            return []
        done = [incident for incident in self.open if self._over_at(incident) <= now_ns]
        done.sort(key=lambda incident: (self._over_at(incident), incident.alert.id))
        self.open = [incident for incident in self.open if self._over_at(incident) > now_ns]
        self.ended.extend(Ended(incident.causes[0], incident.last_ns) for incident in done if incident.causes)
        return [replace(i.alert, status="resolved", resolved_ns=self._over_at(i)) for i in done]

    def _over_at(self, incident: Incident) -> int:
        quiet = self.options.adopt_after / AGAIN_SHARE if incident.comes_again else 0.0
        return incident.last_ns + round(max(quiet, self.options.resolve_after) * 1e9)

    def _goes_on(self, incident: Incident, now_ns: int) -> bool:
        """Whether it is open because of what there is, not because more is awaited."""
        return now_ns - incident.last_ns < round(self.options.resolve_after * 1e9)

    def match(self, finding: Finding, now_ns: int) -> Incident | None:
        """The open incident an odd window belongs to: same cause, or so close in time that it is the same trouble.

        What has gone on for long, or comes again and again, is no longer news: that something else is close to it
        in time says nothing, for everything is. What calls itself critical has a cause of its own: it never hides in
        whatever else goes on at the time.
        """
        causes = {*finding.causes, finding.alarm}
        shared = [
            i
            for i in self.open
            if (not causes.isdisjoint(i.causes) if self._goes_on(i, now_ns) else _is_again(finding, i))
        ]
        same_group = [i for i in self.open if i.group == finding.group != 0 and self._goes_on(i, now_ns)]
        near_ns = -1 if finding.alarm else round(self.options.join_within * 1e9)
        near = [i for i in self.open if now_ns - i.last_ns <= near_ns and _is_young(i, now_ns)]
        found = shared or same_group or near
        if not found and len(self.open) >= MAX_OPEN:
            found = self.open
        return max(found, key=lambda incident: incident.last_ns) if found else None

    def routine(
        self, group: int, risk: float, now_ns: int, cause: str = "", *, is_new: bool = False
    ) -> Incident | None:
        """The open incident (with this cause, if any) to which one more window, not critical, adds nothing but numbers.

        Evidence costs a thousand times what a window does; a flood of odd windows must not be slowed by it. is_new:
        the window holds what was never seen before, which what has gone on for long did not bring along.
        """
        near_ns = round(self.options.join_within * 1e9)
        known = [i for i in self.open if i.alert.windows >= WELL_KNOWN and risk <= i.alert.risk]
        known = [i for i in known if not cause or cause in i.causes]
        known = [i for i in known if self._goes_on(i, now_ns)]
        near = [i for i in known if now_ns - i.last_ns <= near_ns and (_is_young(i, now_ns) or not is_new)]
        found = [i for i in known if i.group == group != 0] or near
        return max(found, key=lambda incident: incident.last_ns) if found else None

    def count(self, incident: Incident, updated_ns: int, lines: int, *, news: bool = False) -> list[Alert]:
        """Add a window by its numbers alone; tells when there is other news, or the windows doubled."""
        old = incident.alert
        updated_ns = max(old.updated_ns, updated_ns)
        incident.alert = replace(old, updated_ns=updated_ns, windows=old.windows + 1, lines_seen=old.lines_seen + lines)
        incident.last_ns = max(incident.last_ns, updated_ns)
        lasts = updated_ns - old.opened_ns >= LASTS_NS and incident.alert.windows >= LASTS_WINDOWS
        if lasts and not old.is_lasting and not incident.accepted:
            incident.alert, news = _asking(incident.alert), True
        if not news and incident.alert.windows < 2 * incident.told:
            return []
        incident.told = incident.alert.windows
        return [incident.alert]

    def adopted(self, incident: Incident, now_ns: int) -> bool:
        """Whether it is to be learned as the new normal: somebody said so, or it has gone on so long."""
        return incident.accepted or now_ns - incident.alert.opened_ns >= round(self.options.adopt_after * 1e9)

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
        incident.comes_again = not finding.alarm and self._has_ended(incident.causes, now_ns) >= AGAIN
        if incident.comes_again:
            incident.alert = _asking(incident.alert)
        self.open.append(incident)
        return [incident.alert]

    def _has_ended(self, causes: Sequence[str], now_ns: int) -> int:
        """How often the first of these was that of an incident within a day."""
        return sum(one.cause in causes[:1] and one.at > now_ns - DAY_NS for one in self.ended)

    def accept(self, ids: Sequence[str]) -> bool:
        """These, and no others, are the new normal, somebody said; False when nothing changes by that."""
        found = [one for one in self.open if one.accepted != (one.alert.id in ids)]
        for incident in found:
            incident.accepted = not incident.accepted
        return bool(found)

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
        if old.is_lasting and not incident.alert.is_lasting:
            incident.alert = _asking(incident.alert)
        incident.causes += [cause for cause in _causes(finding) if cause not in known][: MAX_CAUSES - len(known)]
        return self.count(incident, new.updated_ns, new.lines_seen, news=alarmed or worst.level != old.level)

    def save(self) -> bytes:
        """JSON of everything."""
        return msgspec.json.encode(Saved(self.open, list(self.opened), self.suppressed, list(self.ended)))

    def load(self, data: bytes) -> None:
        """Raises ValueError when damaged."""
        saved = msgspec.json.decode(data, type=Saved)
        self.open, self.suppressed = saved.open, saved.suppressed
        self.opened = deque(saved.opened, maxlen=1024)
        self.ended = deque(saved.ended, maxlen=MAX_ENDED)


def _is_again(finding: Finding, awaiting: Incident) -> bool:
    """Whether it is what an incident stays open for: the same first cause, and nothing that was never seen before."""
    return list(finding.causes[:1]) == awaiting.causes[:1] and not any(one.is_new for one in finding.alert.templates)


def _is_young(incident: Incident, now_ns: int) -> bool:
    """Whether what is odd now may have begun with it."""
    return not incident.comes_again and now_ns - incident.alert.opened_ns < LASTS_NS


def _asking(alert: Alert) -> Alert:
    """The same, and the question."""
    question = f"this goes on: is it the new normal? `alogd feedback expected {alert.id}` says so, and it is learned"
    return replace(alert, is_lasting=True, reasons=[*alert.reasons[:1], question, *alert.reasons[1:]])


def _causes(finding: Finding) -> list[str]:
    """Each once, the alarm first; at most MAX_CAUSES."""
    return list(dict.fromkeys([*filter(None, [finding.alarm]), *finding.causes]))[:MAX_CAUSES]
