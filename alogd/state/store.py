"""The state's async face: every call runs on one named thread, so that no fsync holds up the event loop.

When the disk does not take a commit, the daemon goes on: the alerts in it are handed to the sinks from memory
(`stranded`), and are not sent again once the commit succeeds.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from alogd.alerts.across import EVERYBODY
from alogd.alerts.filter import AlertFilter
from alogd.clock import Clock
from alogd.config.tree import Config, Maintenance
from alogd.event import Alert
from alogd.feedback.acks import Acks
from alogd.feedback.maintenance import planned
from alogd.feedback.mute import Mute, Mutes, active, said_of
from alogd.feedback.protected import Said
from alogd.logs import get_logger
from alogd.state.database import Queued, Snapshot, State, StateUnusable
from alogd.state.file import is_damage

T = TypeVar("T")
MAX_STRANDED = 1000  # alerts; those beyond wait for the disk
MAX_CHANGED = 256  # ids of alerts that changed last, for who looks on

log = get_logger("state")
Moment = tuple[str, int, int, str]


class Store:
    """The open state of the daemon."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "alogd-state")
        self._state: State | None = None
        self._changed: deque[str] = deque(maxlen=MAX_CHANGED)
        self.changes = 0  # moments of alerts committed so far
        self._stranded: dict[Moment, tuple[Alert, set[str]]] = {}
        self._route: Callable[[Alert], Sequence[str]] = lambda _alert: ()
        self._streams: list[str] | None = None  # of the configuration
        self._active: tuple[str, ...] | None = None  # mutes in force when it was looked last
        self.problem = ""  # why the last commit failed; "" when it did not
        self.last_commit = 0.0  # seconds since 1970
        self.failed_commits = 0
        self.lengths: dict[str, int] = {}  # of the outbox, by sink, as of the last commit or delivery

    async def open(self, directory: str) -> None:
        """Raises StateUnusable."""
        self._state = await self.call(lambda: State(directory))
        self._say_notes()

    async def close(self) -> None:
        if self._state is not None:
            await self.call(self._state.close)
        self._thread.shutdown(wait=False)

    @property
    def recovered(self) -> Counter[str]:
        """Times saved state could not be used, by reason."""
        return self._state.recovered if self._state else Counter()

    @property
    def state(self) -> State:
        """For calls within `call`, on the state's thread."""
        if self._state is None:
            raise RuntimeError("the state is not open")
        return self._state

    async def call(self, function: Callable[[], T]) -> T:
        """Run a function on the state's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def route(self, names: Sequence[str], sinks_of: Callable[[Alert], Sequence[str]]) -> None:
        """From now on alerts go to these sinks; what waits for others is dropped and said."""
        self._route = sinks_of
        try:
            await self.call(lambda: self.state.drop_other_sinks(names))
            if self._streams is not None:
                streams = self._streams
                await self.call(lambda: self.state.go_on_with(streams, sinks_of))
            self.lengths = await self.call(lambda: self.state.queue_lengths())
        except sqlite3.Error as error:
            log.warning("cannot clear the outbox", error=str(error))
        self._say_notes()

    async def load(self, stream: str) -> Snapshot | None:
        try:
            return await self.call(lambda: self.state.load(stream))
        except sqlite3.Error as error:
            await self._after(error)
            return None
        finally:
            self._say_notes()

    async def forget(self, stream: str, reason: str, why: str) -> None:
        try:
            await self.call(lambda: self.state.forget(stream, reason, why))
        except sqlite3.Error as error:
            await self._after(error)
        self._say_notes()

    async def commit(self, snapshots: Sequence[Snapshot]) -> bool:
        """Whether they are on the disk now; if not, `problem` says why and their alerts are stranded."""
        try:
            await self.call(lambda: self.state.commit(snapshots, self._targets))
            self.lengths = await self.call(lambda: self.state.queue_lengths())
        except sqlite3.Error as error:
            self._strand(snapshots)
            await self._after(error)
            return False
        for snapshot in snapshots:
            for alert in snapshot.alerts:
                self._stranded.pop(_moment(alert), None)
                self._note(alert.id)
        for alert_id in self.state.retold:
            self._note(alert_id)
        if self.problem:
            log.info("the state is written again")
        self.problem = ""
        self.last_commit = time.time()
        return True

    async def queued(self, sink: str, limit: int, after: int) -> list[Queued]:
        """What waits for a sink on the disk, oldest first; nothing while it cannot be read."""
        try:
            return await self.call(lambda: self.state.queued(sink, limit, after))
        except sqlite3.Error as error:
            await self._after(error)
            return []

    async def done(self, seqs: Sequence[int], sink: str = "", told: int = 0) -> bool:
        """Take delivered moments out, and note of how many dropped ones the sink was told; False when the disk does
        not let us, then try again later."""
        try:
            await self.call(lambda: self.state.done(seqs, sink, told))
            self.lengths = await self.call(lambda: self.state.queue_lengths())
        except sqlite3.Error as error:
            await self._after(error)
            return False
        return True

    def stranded(self, sink: str, limit: int) -> list[Alert]:
        """What waits for a sink in memory because the disk would not have it."""
        return [alert for alert, waiting in self._stranded.values() if sink in waiting][:limit]

    def unstrand(self, sink: str, alerts: Sequence[Alert]) -> None:
        """A sink has these."""
        for alert in alerts:
            if entry := self._stranded.get(_moment(alert)):
                entry[1].discard(sink)

    async def still_firing(self, limit: int) -> list[Alert]:
        """The incidents that fire, newest first; none while they cannot be read."""
        try:
            known = await self.alerts(AlertFilter(status="firing", limit=limit))
        except sqlite3.Error as error:
            await self._after(error)
            return []
        over = {alert.id for alert, _ in self._stranded.values() if alert.status == "resolved"}
        held = {alert_id for alert_id, one in self.mutes.held.items() if not one.told}
        return [alert for alert in known if alert.id not in over | held]

    @property
    def mutes(self) -> Mutes:
        """What people asked not to be told of."""
        return self.state.mutes

    def maintain(self, windows: Sequence[Maintenance]) -> None:
        """These of the configuration hold alerts back from now on. Raises ValueError."""
        self.mutes.planned = planned(windows)

    def go_by(self, config: Config) -> None:
        """From now on this is what holds alerts back, and what makes incidents of several streams one; of streams
        that are no longer in it nothing is awaited from the next `route` on. Raises ValueError."""
        self.maintain(config.maintenance)
        self.state.across.within_ns = round(config.alerts.join_streams * 1e9)
        self._streams = [stream.name for stream in config.streams]

    def told_by(self, alert: Alert) -> Alert | None:
        """The incident that tells of this one, unless it is itself held back. On the state's thread."""
        return None if not alert.cause or alert.cause in self.mutes.held else self.state.alert(alert.cause)

    def is_apart(self, alert: Alert, sink: str) -> bool:
        """Whether a sink is told of an incident by itself, though another stands for it."""
        return not {sink, EVERYBODY}.isdisjoint(self.state.across.apart(alert.id))

    async def set_mutes(self, change: Callable[[Mutes], tuple[Mute, ...] | None]) -> bool:
        """Raises ValueError as `change` does, and sqlite3.Error when the disk does not take it; then all is as was."""
        self._active = None  # one may come and go between two looks
        return await self.call(lambda: self.state.set_mutes(change))

    def said(self, stream: str, clock: Clock) -> Said:
        """What a stream goes by at this moment; from any thread."""
        return said_of(self.mutes.mutes, stream, clock.time())

    @property
    def acks(self) -> Acks:
        """Which incidents somebody has taken on."""
        return self.state.acks

    async def set_acks(self, alert_id: str, change: Callable[[Acks], Acks | None]) -> bool:
        """Of one alert; those who look on are told. Raises sqlite3.Error when the disk does not take it."""
        if not await self.call(lambda: self.state.set_acks(change)):
            return False
        self._note(alert_id)
        return True

    async def acked(self) -> int:
        """How many of the alerts that are firing somebody has taken on."""
        return await self.call(lambda: self.state.count(AlertFilter(status="firing", acked=True), self.acks))

    async def below(self) -> int:
        """How many of the alerts that are firing began with one that tells of them."""
        return await self.call(lambda: self.state.across.below)

    async def release(self, now: float) -> int:
        """When a mute ended: tell of what it held back and still fires; how many moments."""
        before, self._active = self._active, active(self.mutes.all, now)
        if before == self._active or all(one.told for one in list(self.mutes.held.values())):
            return 0
        held = dict(self.mutes.held)
        try:
            told = await self.call(lambda: self.state.release(self._route))
            self.lengths = await self.call(lambda: self.state.queue_lengths())
        except sqlite3.Error as error:
            self._active, self.mutes.held = None, held
            await self._after(error)
            return 0
        return told

    async def alerts(self, wanted: AlertFilter) -> list[Alert]:
        return await self.call(lambda: self.state.alerts(wanted, self.acks))

    async def alert(self, alert_id: str) -> Alert | None:
        return await self.call(lambda: self.state.alert(alert_id))

    async def firing(self) -> dict[str, int]:
        """Alerts that are firing, by level."""
        return await self.call(lambda: self.state.firing())

    def changed_since(self, changes: int) -> list[str] | None:
        """Ids of the alerts committed after so many changes, each once; None when those are not all known."""
        missed = self.changes - changes
        if not 0 <= missed <= len(self._changed):
            return None
        return list(dict.fromkeys(list(self._changed)[len(self._changed) - missed :]))

    def _note(self, alert_id: str) -> None:
        self._changed.append(alert_id)
        self.changes += 1

    def _targets(self, alert: Alert) -> Sequence[str]:
        """Where a moment still has to go: not again to a sink that was given it from memory."""
        entry = self._stranded.get(_moment(alert))
        if entry is None:
            return self._route(alert)
        self.state.across.tell_apart(alert.id, [EVERYBODY])
        return sorted(entry[1])

    def _strand(self, snapshots: Sequence[Snapshot]) -> None:
        for snapshot in snapshots:
            for alert in snapshot.alerts:
                if len(self._stranded) < MAX_STRANDED:
                    self._stranded.setdefault(_moment(alert), (alert, set(self._route(alert))))

    async def _after(self, error: sqlite3.Error) -> None:
        """Say once that the state fails; begin a new file where this one is damaged."""
        self.failed_commits += 1
        if is_damage(error):
            try:
                await self.call(lambda: self.state.reopen())
            except StateUnusable as unusable:
                error = sqlite3.OperationalError(str(unusable))
            self._say_notes()
        if str(error) != self.problem:
            log.error("cannot write the state; trying again", error=str(error))
        self.problem = str(error)

    def _say_notes(self) -> None:
        if self._state is None:
            return
        notes, self._state.notes = self._state.notes, []
        for note in notes:
            log.warning(note)


def _moment(alert: Alert) -> Moment:
    return (alert.id, alert.updated_ns, alert.windows, alert.status)
