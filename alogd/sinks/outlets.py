"""The sinks in service: which there are, which alerts each wants, and their deliveries; swapped by a reload."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

from alogd.clock import Clock, LoopWaker
from alogd.event import Alert
from alogd.logs import get_logger
from alogd.sinks.base import NamedSink, build_all
from alogd.sinks.delivery import Delivery
from alogd.state.store import Store

RELEASE_EVERY = 5.0  # seconds between looks whether a silence ended while what it held back still fires
FLUSH_SECONDS = 5.0  # for sinks to take what waits, at shutdown

log = get_logger("sinks")


class Outlets:
    """All ways out of the daemon."""

    def __init__(self, store: Store, clock: Clock, chance: random.Random) -> None:
        self.ways: list[Delivery] = []
        self._store = store
        self._clock = clock
        self._chance = chance
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._releasing: asyncio.Task[None] | None = None
        self._entries: dict[str, Mapping[str, Any]] = {}

    async def apply(
        self, group: asyncio.TaskGroup, entries: Sequence[Mapping[str, Any]], sinks: Sequence[NamedSink]
    ) -> None:
        """Make these the sinks (`sinks` were built of `entries`); those whose entry is the same go on."""
        wanted = {sink.name: (entry, sink) for entry, sink in zip(entries, sinks, strict=True)}
        for way in self.ways:
            name = way.sink.name
            if name not in wanted or self._entries[name] != wanted[name][0]:
                await self._stop(way)
        kept = {way.sink.name: way for way in self.ways if way.sink.name in self._tasks}
        self.ways = [kept.get(name) or self._start(group, sink) for name, (_, sink) in wanted.items()]
        self._entries = {name: entry for name, (entry, _) in wanted.items()}
        await self._store.route(list(wanted), self._sinks_of)
        if self._releasing is None:
            self._releasing = group.create_task(self._release(), name="release")

    def wake(self) -> None:
        """There is news in the outbox."""
        for way in self.ways:
            way.wake()

    async def flush(self) -> None:
        """Let the sinks take what waits, for a while; the rest stays in the outbox."""
        if self._releasing is not None:
            self._releasing.cancel()
            await asyncio.wait([self._releasing])
        for way in self.ways:
            way.finish()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=FLUSH_SECONDS)
        for way in self.ways:
            await self._stop(way)
        left = sum(self._store.lengths.values())
        if left:
            log.warning("alerts wait for the next start", count=left)

    def _sinks_of(self, alert: Alert) -> list[str]:
        now = self._clock.time()
        wanting = [way for way in self.ways if way.sink.wants(alert)]
        if self._store.mutes.keeps(alert, now):
            for way in wanting:
                way.outcomes["silenced"] += 1
            return []
        if self._store.acks.quiets(alert):
            for way in wanting:
                way.outcomes["acknowledged"] += way.sink.is_for_people
            wanting = [way for way in wanting if not way.sink.is_for_people]
        if alert.cause:
            wanting = self._apart(alert, wanting)
        for way in wanting:
            way.outcomes["old"] += way.sink.is_old(alert, now)
        return [way.sink.name for way in wanting if not way.sink.is_old(alert, now)]

    def _apart(self, alert: Alert, wanting: list[Delivery]) -> list[Delivery]:
        """Those that are not told of it by the incident that it began together with."""
        root = self._store.told_by(alert)
        kept = [way for way in wanting if root is None or not way.sink.hears_of(root)]
        kept += [way for way in wanting if way not in kept and self._store.is_apart(alert, way.sink.name)]
        for way in wanting:
            way.outcomes["grouped"] += way not in kept
        return kept

    async def _release(self) -> None:
        while True:
            if await self._store.release(self._clock.time()):
                self.wake()
            await asyncio.sleep(RELEASE_EVERY)

    def _start(self, group: asyncio.TaskGroup, sink: NamedSink) -> Delivery:
        way = Delivery(sink, self._store, self._clock, LoopWaker(), self._chance)
        self._tasks[sink.name] = group.create_task(way.run(), name=f"sink {sink.name}")
        return way

    async def _stop(self, way: Delivery) -> None:
        task = self._tasks.pop(way.sink.name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await way.sink.sink.close()


__all__ = ["Outlets", "build_all"]
