"""From the streams' alerts to the history and the outbox, within the transaction of whoever commits them.

Invariant: what incidents of several streams have in common is decided here, once an incident, and saved in the same
transaction as its first moment.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alogd.alerts import as_json as alert_json
from alogd.alerts.across import Across, Group, in_order
from alogd.event import Alert
from alogd.sinks.routes import LEVELS
from alogd.state.own import Own


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is kept."""

    history_rows: int = 10_000  # alerts
    history_age: float = 90 * 86400.0  # seconds since an alert last changed
    outbox_rows: int = 2_000  # moments of alerts waiting for one sink; the oldest go first


LIMITS = Limits()


class Telling:
    """One transaction's alerts. `across` is its own: it counts when the transaction succeeds."""

    def __init__(
        self, connection: sqlite3.Connection, own: Own, across: Across, sinks_of: Callable[[Alert], Sequence[str]]
    ) -> None:
        self._db = connection
        self._own = own
        self._sinks_of = sinks_of
        self._before = across.save()
        self.across = across.copy()
        self.retold: list[str] = []  # incidents told anew because of others

    def save(self) -> None:
        """What incidents have in common, where that changed. Raises sqlite3.Error, as all of these do."""
        if (data := self.across.save()) != self._before:
            self._own.put("across", data)

    def take(self, raised: Sequence[Sequence[Alert]]) -> int:
        """Into the history and the outbox, the alerts of all streams by log time; the moments put in the outbox."""
        return sum(self._record(alert) for _, alert in in_order(raised))

    def go_on_with(self, streams: Sequence[str]) -> None:
        """Only these streams are left."""
        for group in self.across.without(streams):
            if root := self._retell(group):
                self.queue(root)

    def queue(self, alert: Alert) -> int:
        """Into the outbox of every sink that wants it."""
        sinks = self._sinks_of(alert)
        body = sealed(alert_json.encode(alert))
        self._db.executemany("INSERT INTO outbox (sink, body) VALUES (?, ?)", [(sink, body) for sink in sinks])
        if sinks and alert.cause:
            self.across.tell_apart(alert.id, sinks)
        return len(sinks)

    def bound(self, limits: Limits) -> Counter[tuple[str, str]]:
        """Keep history and outbox within their limits; what was dropped, by (sink, reason)."""
        # Old by the logs' time too: a clock that leaps ahead for a moment must not take the history with it.
        self._db.execute(
            "DELETE FROM alert WHERE recorded_at < ? AND updated_ns < (SELECT max(updated_ns) FROM alert) - ?",
            (time.time() - limits.history_age, int(limits.history_age * 1e9)),
        )
        self._db.execute(
            "DELETE FROM alert WHERE id IN (SELECT id FROM alert ORDER BY recorded_at DESC, updated_ns DESC"
            " LIMIT -1 OFFSET ?)",
            (limits.history_rows,),
        )
        dropped: Counter[tuple[str, str]] = Counter()
        for sink, length in self._db.execute("SELECT sink, count(*) FROM outbox GROUP BY sink").fetchall():
            if excess := max(0, length - limits.outbox_rows):
                self._db.execute(
                    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE sink = ? ORDER BY seq LIMIT ?)",
                    (sink, excess),
                )
                dropped[sink, "queue_full"] += excess
        return dropped

    def _record(self, alert: Alert) -> int:
        """Unless it says nothing newer than what is known of the incident.

        This happens when a stream had to begin anew and reads again what it had read before.
        """
        known = self._db.execute("SELECT updated_ns, windows, firing FROM alert WHERE id = ?", (alert.id,)).fetchone()
        firing = alert.status == "firing"
        if known and (alert.updated_ns, alert.windows, not firing) <= (known[0], known[1], not known[2]):
            return 0
        taken = self.across.take(alert, is_known=known is not None)
        root = self._retell(taken.group) if taken.group else None  # first: by it sinks are chosen
        self._write(taken.alert)
        if not firing and taken.alert.status == "firing":
            return 0  # it is over but for other streams
        return self.queue(taken.alert) + (self.queue(root) if root else 0)

    def _retell(self, group: Group) -> Alert | None:
        """The root anew in the history; None where it is not known any more."""
        row = self._db.execute("SELECT body FROM alert WHERE id = ?", (group.root.id,)).fetchone()
        root = readable(row[0]) if row else None
        if root is None:
            return None
        told = group.told_of(root)
        self._write(told)
        self.retold.append(told.id)
        return told

    def _write(self, alert: Alert) -> None:
        firing = alert.status == "firing"
        row = (alert.id, alert.stream, LEVELS.get(alert.level, 0), firing, alert.opened_ns, alert.updated_ns)
        body = sealed(alert_json.encode(alert))
        self._db.execute(
            "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, alert.windows, time.time(), body)
        )


def sealed(body: bytes) -> bytes:
    """With what tells whether it is as it was written."""
    return zlib.crc32(body).to_bytes(4, "little") + body


def readable(body: bytes) -> Alert | None:
    """An alert of the file, unless its bytes were damaged in a way SQLite cannot see."""
    try:
        return alert_json.decode(body[4:]) if zlib.crc32(body[4:]) == int.from_bytes(body[:4], "little") else None
    except ValueError:
        return None
