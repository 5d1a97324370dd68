"""What survives a restart: positions, learned state, alerts and the outbox, in one SQLite file.

Invariant: one transaction takes a stream from one moment to a later one: where its sources resume, what it has
learned by then, and every alert it raised on the way. An alert leaves the outbox only when its sink has it.
Not thread-safe: one thread at a time.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from alogd.alerts.across import Across
from alogd.alerts.filter import ALL, AlertFilter, conditions
from alogd.event import Alert
from alogd.feedback.acks import Acks
from alogd.feedback.mute import Mute, Mutes
from alogd.sinks.routes import LEVELS
from alogd.state.crashpoint import crashpoint
from alogd.state.file import StateUnusable, lock_directory, open_file, open_to_read
from alogd.state.own import Own, digest
from alogd.state.telling import LIMITS, Limits, Telling, readable
from alogd.state.transaction import Transaction

__all__ = ["AlertFilter", "Limits", "Queued", "Reader", "Snapshot", "SourceRow", "State", "StateUnusable"]


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

    def alerts(self, wanted: AlertFilter = ALL, acks: Acks | None = None) -> list[Alert]:
        """Newest change first. acks: those of the file, unless they are known."""
        where, values = self._conditions(wanted, acks)
        rows = self._db.execute(
            f"SELECT body FROM alert {where} ORDER BY updated_ns DESC, id LIMIT ?",  # noqa: S608 - no value in it
            (*values, wanted.limit),
        )
        return [alert for (body,) in rows if (alert := readable(body))]

    def count(self, wanted: AlertFilter, acks: Acks | None = None) -> int:
        """How many there are, whatever the limit."""
        where, values = self._conditions(wanted, acks)
        return int(self._db.execute(f"SELECT count(*) FROM alert {where}", values).fetchone()[0])  # noqa: S608

    def firing(self) -> dict[str, int]:
        """How many alerts of the history are firing, by level; levels without any are left out."""
        counts = dict(self._db.execute("SELECT level, count(*) FROM alert WHERE firing = 1 GROUP BY level").fetchall())
        return {name: counts[number] for name, number in LEVELS.items() if number in counts}

    def alert(self, alert_id: str) -> Alert | None:
        row = self._db.execute("SELECT body FROM alert WHERE id = ?", (alert_id,)).fetchone()
        return readable(row[0]) if row else None

    def saved_acks(self) -> Acks:
        """Which incidents somebody has taken on."""
        return Own(self._db).acks()

    def streams(self) -> list[str]:
        return [name for (name,) in self._db.execute("SELECT name FROM stream ORDER BY name")]

    def parts(self, stream: str) -> dict[str, bytes]:
        """What a stream has learned, as it saved it. Raises ValueError when it is damaged."""
        parts = {}
        for name, known, data in self._db.execute("SELECT name, digest, data FROM part WHERE stream = ?", (stream,)):
            if digest(data) != known:
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
        return [Queued(seq, readable(body)) for seq, body in rows]

    def queue_lengths(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT sink, count(*) FROM outbox GROUP BY sink"))

    def close(self) -> None:
        self._db.close()

    def _conditions(self, wanted: AlertFilter, acks: Acks | None) -> tuple[str, list[Any]]:
        if wanted.acked is None:
            return conditions(wanted, {})
        return conditions(wanted, (self.saved_acks() if acks is None else acks).ranks())

    def _saved_sources(self, stream: str) -> tuple[int, tuple[SourceRow, ...]]:
        row = self._db.execute("SELECT digest, sources FROM stream WHERE name = ?", (stream,)).fetchone()
        if row is None:
            return 1, ()
        if digest(row[1]) != row[0]:
            raise ValueError(f"the positions of stream {stream!r} are damaged")
        return _SOURCES.decode(row[1])


class State(Reader):
    """The state of this daemon; holds the directory's lock until closed."""

    def __init__(self, directory: str | Path, limits: Limits = LIMITS) -> None:
        """Raises StateUnusable, whose text is one line for a person."""
        self._directory = Path(directory)
        self._limits = limits
        self._written: dict[tuple[str, str], bytes] = {}  # digests of the parts on disk
        self.recovered: Counter[str] = Counter()  # by reason
        self.dropped: Counter[tuple[str, str]] = Counter()  # moments of alerts never sent, by (sink, reason)
        self.untold: Counter[str] = Counter()  # those that the full outbox dropped and no sink was told of, by sink
        self.notes: list[str] = []  # for the log
        self.mutes, self.acks = Mutes(), Acks()
        self.across = Across()
        self.retold: Sequence[str] = ()  # incidents that the last commit told anew because of others
        self._is_new = False  # the file began anew while in use
        self._lock = lock_directory(self._directory)
        try:
            super().__init__(self._open_file())
            self._read_own()
        except BaseException:
            os.close(self._lock)
            raise

    def reopen(self) -> None:
        """Begin a new file when this one turns out to be damaged while in use. Raises StateUnusable."""
        super().close()
        self._written.clear()
        self._db = self._open_file()
        self._own = Own(self._db)
        self._is_new = self.mutes.is_changed = True  # what people asked for is known still: the next commit has it

    def load(self, stream: str) -> Snapshot | None:
        """The stream as last committed; None when it is new or was damaged (then it is forgotten and counted)."""
        try:
            if stream not in self.streams():
                return None
            snapshot = Snapshot(stream, *self._saved_sources(stream), self.parts(stream))
        except (ValueError, sqlite3.Error) as error:
            self.forget(stream, "damaged", str(error))
            return None
        self._written |= {(stream, name): digest(data) for name, data in snapshot.parts.items()}
        return snapshot

    def forget(self, stream: str, reason: str, why: str) -> None:
        """Let a stream begin anew, because what was saved cannot be used."""
        self.recovered[reason] += 1
        self.notes.append(f"stream {stream} begins anew: {why}")
        with Transaction(self._db):
            self._db.execute("DELETE FROM part WHERE stream = ?", (stream,))
            self._db.execute("DELETE FROM stream WHERE name = ?", (stream,))
        self._written = {key: mark for key, mark in self._written.items() if key[0] != stream}

    def commit(self, snapshots: Iterable[Snapshot], sinks_of: Callable[[Alert], Sequence[str]]) -> int:
        """Write streams and their alerts, all or nothing; returns the moments put in the outbox.

        Raises sqlite3.Error (disk full ...); then nothing has changed and the same may be tried again.
        """
        written: dict[tuple[str, str], bytes] = {}
        gone: list[tuple[str, str]] = []
        dropped: Counter[tuple[str, str]] = Counter()
        untold = self.untold
        with Transaction(self._db), self._told(sinks_of) as told:
            crashpoint("commit_begun")
            raised = []
            for snapshot in snapshots:
                written |= self._write_stream(snapshot)
                crashpoint("commit_stream")
                gone += [key for key in self._written if key[0] == snapshot.stream and key[1] not in snapshot.parts]
                raised.append(snapshot.alerts)
            queued = told.take(raised)
            if queued:
                dropped = told.bound(self._limits)
            if dropped:
                untold = untold + Counter({sink: n for (sink, _), n in dropped.items()})
                self._own.put_untold(untold)
            self._write_asked()
            crashpoint("commit_alerts")
        crashpoint("commit_ended")
        self._is_new = self.mutes.is_changed = False
        self.retold = told.retold
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
                self._own.put_untold(untold)
        self.untold = untold

    def set_mutes(self, change: Callable[[Mutes], tuple[Mute, ...] | None]) -> bool:
        """Take what `change` makes of them, and write it; False when it makes nothing. Raises sqlite3.Error."""
        if (wanted := change(self.mutes)) is None:
            return False
        with Transaction(self._db):
            self._own.put("mutes", Mutes(wanted, held=self.mutes.held).save())
        self.mutes.mutes, self.mutes.is_changed = wanted, False
        return True

    def set_acks(self, change: Callable[[Acks], Acks | None]) -> bool:
        """Take what `change` makes of them, and write it; False when it makes nothing. Raises sqlite3.Error."""
        if (wanted := change(self.acks)) is None:
            return False
        with Transaction(self._db):
            self._own.put("acks", wanted.save())
        self.acks = wanted
        return True

    def release(self, sinks_of: Callable[[Alert], Sequence[str]]) -> int:
        """Tell of the incidents that were held back, still fire, and are held back no more. Raises sqlite3.Error."""
        waiting = [self.alert(alert_id) for alert_id, held in list(self.mutes.held.items()) if not held.told]
        with Transaction(self._db), self._told(sinks_of) as told:
            queued = sum(told.queue(one) for one in waiting if one is not None and one.status == "firing")
            self._write_asked()
        self._is_new = self.mutes.is_changed = False
        return queued

    def go_on_with(self, streams: Sequence[str], sinks_of: Callable[[Alert], Sequence[str]]) -> None:
        """There are no other streams any more: no incident waits for the end of theirs. Raises sqlite3.Error."""
        with Transaction(self._db), self._told(sinks_of) as told:
            told.go_on_with(streams)

    def drop_other_sinks(self, names: Sequence[str]) -> None:
        """Give up what waits for sinks that are no longer configured. Raises sqlite3.Error."""
        others = {sink: n for sink, n in self.queue_lengths().items() if sink not in names}
        untold = Counter({sink: n for sink, n in self.untold.items() if sink in names})
        if not others and untold == self.untold:
            return
        with Transaction(self._db):
            self._db.executemany("DELETE FROM outbox WHERE sink = ?", [(sink,) for sink in others])
            self._own.put_untold(untold)
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

    @contextmanager
    def _told(self, sinks_of: Callable[[Alert], Sequence[str]]) -> Iterator[Telling]:
        """Within a transaction: when it fails, what incidents have in common is as it was before."""
        before = self.across
        telling = Telling(self._db, self._own, before, sinks_of)
        self.across = telling.across  # sinks are chosen by it
        try:
            yield telling
            telling.save()
        except BaseException:
            self.across = before
            raise

    def _read_own(self) -> None:
        self._own = Own(self._db)
        self.untold, self.mutes, self.acks = self._own.untold(), self._own.mutes(), self._own.acks()
        self.across = self._own.across()
        for note in self._own.notes:
            self.recovered["damaged"] += 1
            self.notes.append(note)

    def _write_asked(self) -> None:
        """What people asked for, where it is not on the disk as it is known."""
        if self.mutes.is_changed:
            self._own.put("mutes", self.mutes.save())
        if self._is_new:
            self._own.put("acks", self.acks.save())
            self._own.put("across", self.across.save())

    def _write_stream(self, snapshot: Snapshot) -> dict[tuple[str, str], bytes]:
        """Only what changed; returns the digests of the parts written."""
        stream, db = snapshot.stream, self._db
        sources = _SOURCES_ENCODER.encode((snapshot.next_id, snapshot.sources))
        row = (stream, time.time(), digest(sources), sources)
        db.execute("INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?)", row)
        for old_stream, name in self._written:
            if old_stream == stream and name not in snapshot.parts:
                db.execute("DELETE FROM part WHERE stream = ? AND name = ?", (stream, name))
        written = {}
        for name, data in snapshot.parts.items():
            mark = digest(data)
            if self._written.get((stream, name)) != mark:
                db.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?)", (stream, name, mark, data))
                written[stream, name] = mark
        return written
