"""Sets the daemon's alerts beside the truth: which incident each is about, how soon it came, and which are false.

An alert is about an incident when it is about a log that the incident wrote to, at a time when it did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alogd.alerts import as_json as alert_json
from alogd.demo.stage import Struck
from alogd.event import Alert

STREAMS = {
    "access.log": "web",
    "app.log": "app",
    "worker.log": "worker",
    "postgresql.log": "database",
    "syslog": "system",
}
GRACE = 120  # seconds of log time: windows that begin with an incident's last lines


@dataclass(slots=True)
class Found:
    """An incident's first alert, or a false alarm (`struck` is None)."""

    alert: Alert  # its latest moment
    struck: Struck | None
    at: float  # monotonic seconds when it was seen first


@dataclass(slots=True)
class Score:
    """What was found so far: an alert, or one that was open already and rose when an incident began."""

    found: list[Found] = field(default_factory=list)
    before: set[str] = field(default_factory=set)  # ids of alerts of the hours before the show
    _risks: dict[str, float] = field(default_factory=dict)  # of all alerts, when last heard of

    def add(self, alert: Alert, truth: list[Struck], opens: int, now: float) -> Found | None:
        """Take one moment of an alert; what it is about when that is news. The show begins at log time `opens`."""
        last, self._risks[alert.id] = self._risks.get(alert.id), alert.risk
        struck = about(alert, truth)
        mine = [one for one in self.found if one.alert.id == alert.id]
        for one in mine:
            one.alert = alert
        rose = struck is not None and last is not None and alert.risk > last
        if alert.opened_ns < opens * 10**9 and not mine:
            self.before.add(alert.id)
            if not rose:
                return None
        if any(one.struck is struck for one in mine) or (mine and not rose):
            return None
        found = Found(alert, struck, now)
        self.found.append(found)
        return found

    def of(self, struck: Struck) -> list[Found]:
        """The alerts about an incident, first one first."""
        return [one for one in self.found if one.struck is struck]

    def false(self) -> list[Found]:
        """Alerts about nothing that was injected."""
        return [one for one in self.found if one.struck is None]


def about(alert: Alert, truth: list[Struck]) -> Struck | None:
    """The latest incident an alert can be about."""
    opened, updated = alert.opened_ns / 1e9, alert.updated_ns / 1e9
    for struck in reversed(truth):
        logs = {STREAMS[name] for name in struck.files}
        if alert.stream in logs and updated >= struck.began and opened <= struck.ends + GRACE:
            return struck
    return None


class Tail:
    """New whole lines of the daemon's jsonl sink."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[Alert]:
        """Alerts written since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [alert_json.decode(line) for line in whole.splitlines()]
