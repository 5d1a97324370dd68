"""What survives a restart: positions, learned state, alerts and the outbox, in one SQLite file.

Invariant: one transaction takes a stream from one moment to a later one: where its sources resume, what it has
learned by then, and every alert it raised on the way. An alert leaves the outbox only when its sink has it.
Not thread-safe: one thread at a time.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from alogd import alert_json
from alogd.alert_filter import ALL, AlertFilter, conditions
from alogd.crashpoint import crashpoint
from alogd.event import Alert
from alogd.mute import Mute, Mutes
from alogd.sinks.routes import LEVELS
from alogd.state_file import StateUnusable, is_damage, lock_directory, open_file, open_to_read
from alogd.transaction import Transaction

__all__ = ["AlertFilter", "Limits", "Queued", "Reader", "Snapshot", "SourceRow", "State", "StateUnusable"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is kept."""

    history_rows: int = 10_000  # alerts
    history_age: float = 90 * 86400.0  # seconds since an alert last changed
    outbox_rows: int = 2_000  # moments of alerts waiting for one sink; the oldest go first


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source of a stream and where reading of it resumes."""

    slot: str  # which of the stream's collectors: its kind and number
    source: str  # the collector's own identity of it
    id: int  # the stream's small number for it
    name: str  # what a person calls it
    position: Mapping[str, Any]  # the collector's; {} where it cannot be resumed
    open: bool = True  # False: it has ended, only its name is still needed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One stream at one moment."""

    stream: str
    next_id: int  # the number the next new source gets
    sources: Sequence[SourceRow] = ()
    parts: Mapping[str, bytes] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()  # raised since the last committed snapshot, oldest first


@dataclass(frozen=True, slots=True)
class Queued:
    """A moment of an alert that waits for a sink."""

    seq: int
    alert: Alert | None  # None: what was kept is damaged


_SOURCES = msgspec.json.Decoder(tuple[int, tuple[SourceRow, ...]])
_SOURCES_ENCODER = msgspec.json.Encoder()


class Reader:
    """What can be asked of a state."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, directory: str | Path) -> Reader:
        """The state of a daemon that may be running. Raises StateUnusable when there is none."""
        return cls(open_to_read(Path(directory)))

    def alerts(self, wanted: AlertFilter = ALL) -> list[Alert]:
        """Newest change first."""
        where, values = conditions(wanted)
        rows = self._db.execute(
            f"SELECT body FROM alert {where} ORDER BY updated_ns DESC, id LIMIT ?",  # noqa: S608 - no value in it
            (*values, wanted.limit),
        )
        return [alert for (body,) in rows if (alert := _readable(body))]

    def firing(self) -> dict[str, int]:
        """How many alerts of the history are firing, by level; levels without any are left out."""
        counts = dict(self._db.execute("SELECT level, count(*) FROM alert WHERE firing = 1 GROUP BY level").fetchall())
        return {name: counts[number] for name, number in LEVELS.items() if number in counts}

    def alert(self, alert_id: str) -> Alert | None:
        row = self._db.execute("SELECT body FROM alert WHERE id = ?", (alert_id,)).fetchone()
        return _readable(row[0]) if row else None

    def streams(self) -> list[str]:
        return [name for (name,) in self._db.execute("SELECT name FROM stream ORDER BY name")]

    def parts(self, stream: str) -> dict[str, bytes]:
        """What a stream has learned, as it saved it. Raises ValueError when it is damaged."""
        parts = {}
        for name, digest, data in self._db.execute("SELECT name, digest, data FROM part WHERE stream = ?", (stream,)):
            if _digest(data) != digest:
                raise ValueError(f"part {name!r} of stream {stream!r} is damaged")
            parts[name] = data
        return parts

    def sources(self, stream: str) -> tuple[SourceRow, ...]:
        """Where the sources of a stream resume. Raises ValueError when that is damaged."""
        return self._saved_sources(stream)[1]

    def queued(self, sink: str, limit: int, after: int = 0) -> list[Queued]:
        """The oldest that wait for a sink."""
        rows = self._db.execute(
            "SELECT seq, body FROM outbox WHERE sink = ? AND seq > ? ORDER BY seq LIMIT ?", (sink, after, limit)
        )
        return [Queued(seq, _readable(body)) for seq, body in rows]

    def queue_lengths(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT sink, count(*) FROM outbox GROUP BY sink"))

    def close(self) -> None:
        self._db.close()

    def _saved_sources(self, stream: str) -> tuple[int, tuple[SourceRow, ...]]:
        row = self._db.execute("SELECT digest, sources FROM stream WHERE name = ?", (stream,)).fetchone()
        if row is None:
            return 1, ()
        if _digest(row[1]) != row[0]:
            raise ValueError(f"the positions of stream {stream!r} are damaged")
        return _SOURCES.decode(row[1])


class State(Reader):
    """The state of this daemon; holds the directory's lock until closed."""

    def __init__(self, directory: str | Path, limits: Limits = Limits()) -> None:
        """Raises StateUnusable, whose text is one line for a person."""
        self._directory = Path(directory)
        self._limits = limits
        self._written: dict[tuple[str, str], bytes] = {}  # digests of the parts on disk
        self.recovered: Counter[str] = Counter()  # by reason
        self.dropped: Counter[tuple[str, str]] = Counter()  # moments of alerts never sent, by (sink, reason)
        self.untold: Counter[str] = Counter()  # those that the full outbox dropped and no sink was told of, by sink
        self.notes: list[str] = []  # for the log
        self._lock = lock_directory(self._directory)
        try:
            super().__init__(self._open_file())
            self.untold = self._saved_untold()
            self.mutes = self._saved_mutes()
        except BaseException:
            os.close(self._lock)
            raise

    def reopen(self) -> None:
        """Begin a new file when this one turns out to be damaged while in use. Raises StateUnusable."""
        super().close()
        self._written.clear()
        self._db = self._open_file()
        self.mutes.is_changed = True  # what people asked for is known still, and written with the next commit

    def load(self, stream: str) -> Snapshot | None:
        """The stream as last committed; None when it is new or was damaged (then it is forgotten and counted)."""
        try:
            if stream not in self.streams():
                return None
            snapshot = Snapshot(stream, *self._saved_sources(stream), self.parts(stream))
        except (ValueError, sqlite3.Error) as error:
            self.forget(stream, "damaged", str(error))
            return None
        self._written |= {(stream, name): _digest(data) for name, data in snapshot.parts.items()}
        return snapshot

    def forget(self, stream: str, reason: str, why: str) -> None:
        """Let a stream begin anew, because what was saved cannot be used."""
        self.recovered[reason] += 1
        self.notes.append(f"stream {stream} begins anew: {why}")
        with Transaction(self._db):
            self._db.execute("DELETE FROM part WHERE stream = ?", (stream,))
            self._db.execute("DELETE FROM stream WHERE name = ?", (stream,))
        self._written = {key: digest for key, digest in self._written.items() if key[0] != stream}

    def commit(self, snapshots: Iterable[Snapshot], sinks_of: Callable[[Alert], Sequence[str]]) -> int:
        """Write streams and their alerts, all or nothing; returns the moments put in the outbox.

        Raises sqlite3.Error (disk full ...); then nothing has changed and the same may be tried again.
        """
        written: dict[tuple[str, str], bytes] = {}
        gone: list[tuple[str, str]] = []
        dropped: Counter[tuple[str, str]] = Counter()
        untold = self.untold
        queued = 0
        with Transaction(self._db):
            crashpoint("commit_begun")
            for snapshot in snapshots:
                written |= self._write_stream(snapshot)
                crashpoint("commit_stream")
                gone += [key for key in self._written if key[0] == snapshot.stream and key[1] not in snapshot.parts]
                for alert in snapshot.alerts:
                    queued += self._record(alert, sinks_of)
            if queued:
                self._bound(dropped)
            if dropped:
                untold = untold + Counter({sink: n for (sink, _), n in dropped.items()})
                self._write_untold(untold)
            self._write_held()
            crashpoint("commit_alerts")
        crashpoint("commit_ended")
        self.mutes.is_changed = False
        self._written |= written
        for key in gone:
            self._written.pop(key, None)
        self.dropped += dropped
        self.untold = untold
        return queued

    def done(self, seqs: Sequence[int], sink: str = "", told: int = 0) -> None:
        """These moments reached their sink (or were given up): they leave the outbox. `told`: how many dropped ones
        the sink knows of since. Raises sqlite3.Error."""
        untold = self.untold - Counter({sink: told})
        with Transaction(self._db):
            self._db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])
            if untold != self.untold:
                self._write_untold(untold)
        self.untold = untold

    def set_mutes(self, change: Callable[[Mutes], tuple[Mute, ...] | None]) -> bool:
        """Take what `change` makes of them, and write it; False when it makes nothing. Raises sqlite3.Error."""
        if (wanted := change(self.mutes)) is None:
            return False
        with Transaction(self._db):
            self._write_own("mutes", Mutes(wanted, self.mutes.held).save())
        self.mutes.mutes, self.mutes.is_changed = wanted, False
        return True

    def release(self, sinks_of: Callable[[Alert], Sequence[str]]) -> int:
        """Tell of the incidents that were held back, still fire, and are held back no more. Raises sqlite3.Error."""
        waiting = [self.alert(alert_id) for alert_id, held in list(self.mutes.held.items()) if not held.told]
        queued = 0
        with Transaction(self._db):
            for alert in waiting:
                if alert is not None and alert.status == "firing":
                    queued += self._queue(alert, _sealed(alert_json.encode(alert)), sinks_of)
            self._write_held()
        self.mutes.is_changed = False
        return queued

    def drop_other_sinks(self, names: Sequence[str]) -> None:
        """Give up what waits for sinks that are no longer configured. Raises sqlite3.Error."""
        others = {sink: n for sink, n in self.queue_lengths().items() if sink not in names}
        untold = Counter({sink: n for sink, n in self.untold.items() if sink in names})
        if not others and untold == self.untold:
            return
        with Transaction(self._db):
            self._db.executemany("DELETE FROM outbox WHERE sink = ?", [(sink,) for sink in others])
            self._write_untold(untold)
        self.untold = untold
        for sink, n in others.items():
            self.notes.append(f"{n} alerts waited for sink {sink}, which is no longer configured; they were dropped")

    def close(self) -> None:
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open_file(self) -> sqlite3.Connection:
        connection, note = open_file(self._directory)
        if note:
            self.recovered["damaged"] += 1
            self.notes.append(note)
        return connection

    def _saved_untold(self) -> Counter[str]:
        data = self._own("untold")
        return Counter(msgspec.json.decode(data, type=dict[str, int])) if data else Counter()

    def _saved_mutes(self) -> Mutes:
        mutes, data = Mutes(), self._own("mutes")
        try:
            if data:
                mutes.load(data)
        except ValueError as error:
            self.recovered["damaged"] += 1
            self.notes.append(f"silences and feedback begin anew: {error}")
        return mutes

    def _write_held(self) -> None:
        if self.mutes.is_changed:
            self._write_own("mutes", self.mutes.save())

    def _own(self, name: str) -> bytes | None:
        """A part that belongs to no stream; None where there is none, or a damaged one."""
        for digest, data in self._db.execute("SELECT digest, data FROM part WHERE stream = '' AND name = ?", (name,)):
            if _digest(data) == digest:
                return bytes(data)
        return None

    def _write_own(self, name: str, data: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO part VALUES ('', ?, ?, ?)", (name, _digest(data), data))

    def _write_untold(self, untold: Counter[str]) -> None:
        self._write_own("untold", msgspec.json.encode(dict(untold)))

    def _write_stream(self, snapshot: Snapshot) -> dict[tuple[str, str], bytes]:
        """Only what changed; returns the digests of the parts written."""
        stream, db = snapshot.stream, self._db
        sources = _SOURCES_ENCODER.encode((snapshot.next_id, snapshot.sources))
        row = (stream, time.time(), _digest(sources), sources)
        db.execute("INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?)", row)
        for old_stream, name in self._written:
            if old_stream == stream and name not in snapshot.parts:
                db.execute("DELETE FROM part WHERE stream = ? AND name = ?", (stream, name))
        written = {}
        for name, data in snapshot.parts.items():
            digest = _digest(data)
            if self._written.get((stream, name)) != digest:
                db.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?)", (stream, name, digest, data))
                written[stream, name] = digest
        return written

    def _record(self, alert: Alert, sinks_of: Callable[[Alert], Sequence[str]]) -> int:
        """Into the history and the outbox, unless it says nothing newer than what is known of the incident.

        The latter happens when a stream had to begin anew and reads again what it had read before.
        """
        known = self._db.execute("SELECT updated_ns, windows, firing FROM alert WHERE id = ?", (alert.id,)).fetchone()
        firing = alert.status == "firing"
        if known and (alert.updated_ns, alert.windows, not firing) <= (known[0], known[1], not known[2]):
            return 0
        body = _sealed(alert_json.encode(alert))
        row = (alert.id, alert.stream, LEVELS.get(alert.level, 0), firing, alert.opened_ns, alert.updated_ns)
        self._db.execute(
            "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, alert.windows, time.time(), body)
        )
        return self._queue(alert, body, sinks_of)

    def _queue(self, alert: Alert, body: bytes, sinks_of: Callable[[Alert], Sequence[str]]) -> int:
        sinks = sinks_of(alert)
        self._db.executemany("INSERT INTO outbox (sink, body) VALUES (?, ?)", [(sink, body) for sink in sinks])
        return len(sinks)

    def _bound(self, dropped: Counter[tuple[str, str]]) -> None:
        """Keep history and outbox within their limits."""
        limits = self._limits
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
        for sink, length in self.queue_lengths().items():
            if excess := max(0, length - limits.outbox_rows):
                self._db.execute(
                    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE sink = ? ORDER BY seq LIMIT ?)",
                    (sink, excess),
                )
                dropped[sink, "queue_full"] += excess


def _sealed(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "little") + body


def _readable(body: bytes) -> Alert | None:
    """An alert of the file, unless its bytes were damaged in a way SQLite cannot see."""
    try:
        return alert_json.decode(body[4:]) if zlib.crc32(body[4:]) == int.from_bytes(body[:4], "little") else None
    except ValueError:
        return None


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def usable_error(error: sqlite3.Error) -> str:
    """What went wrong with a commit, for the log and for /-/ready."""
    return "the state file is damaged" if is_damage(error) else str(error)
