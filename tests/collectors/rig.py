"""A collector under a clock and a waker that the test steps by hand: nothing sleeps, nothing depends on speed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from alogd.collectors.base import Closed, Collector, Data, EndOfInput, Event, Idle, Note, Opened
from alogd.registry import find
from tests.log_writer import numbers

GLANCE = 0.02  # real seconds between two looks at a condition
STUCK = 20.0  # real seconds after which a test is called stuck; never a measure of anything


class ManualClock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000.0 + self.now


class ManualWaker:
    """A waker whose waits end when the test wakes it or moves its clock past their timeout."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._woken = False
        self.deadline = float("inf")
        self.parked = asyncio.Event()

    async def wait(self, timeout: float | None) -> bool:  # noqa: ASYNC109
        self.deadline = self._clock.now + (float("inf") if timeout is None else timeout)
        try:
            while not self._woken:
                if self._clock.now >= self.deadline:
                    return False
                self._changed.clear()
                self.parked.set()
                await self._changed.wait()
            self._woken = False
            return True
        finally:
            self.parked.clear()

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken = True
        self.changed()

    def changed(self) -> None:
        """The clock moved: a wait may have timed out."""
        self.parked.clear()
        self._changed.set()


class Rig:
    """Runs a collector and keeps everything it says."""

    def __init__(
        self,
        kind: str,
        options: Mapping[str, Any],
        positions: Sequence[Mapping[str, Any]] = (),
        exclude_paths: Sequence[str] = (),
    ) -> None:
        self.clock = ManualClock()
        self.waker = ManualWaker(self.clock)
        self.collector: Collector = find("collectors", kind)(
            options, positions, self.clock, self.waker, exclude_paths=exclude_paths
        )
        self.events: list[Event] = []
        self.text: dict[str, bytes] = {}  # what came of each source, closed ones included
        self.begins: dict[str, int] = {}
        self.open: list[str] = []  # in order of opening
        self._opened: set[str] = set()  # the same
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Rig:
        self._task = asyncio.create_task(self._pump())
        await self.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.collector.close()
        if self._task is not None:
            await asyncio.wait_for(self._task, STUCK)

    async def _pump(self) -> None:
        async for event in self.collector.events():
            self.events.append(event)
            self._take(event)
            self._news.set()

    def _take(self, event: Event) -> None:
        if isinstance(event, Opened):
            assert event.source not in self._opened or not self.text[event.source], "opened again after data"
            if event.source not in self._opened:
                self.open.append(event.source)
            self._opened.add(event.source)
            read = self.begins.get(event.source, -1) + len(self.text.get(event.source, b""))
            if not (event.resumed and event.offset == read):  # else it was closed before, and more came
                self.begins[event.source] = event.offset
                self.text[event.source] = b""
        elif isinstance(event, Data):
            assert event.source in self._opened, "data of a source that is not open"
            assert 0 < len(event.block) <= 256 * 1024
            self.text[event.source] += event.block
        elif isinstance(event, Idle):
            assert event.source in self._opened
        elif isinstance(event, Closed) and event.source in self._opened:
            self.open.remove(event.source)
            self._opened.remove(event.source)

    async def settle(self) -> None:
        """Until the collector waits for something (or has ended)."""
        assert self._task is not None
        parked = asyncio.create_task(self.waker.parked.wait())
        try:
            done, _ = await asyncio.wait([parked, self._task], timeout=STUCK, return_when=asyncio.FIRST_COMPLETED)
            assert done, "the collector is stuck"
        finally:
            parked.cancel()
        if self._task.done():
            await self._task

    async def advance(self, seconds: float, step: float = 1.0) -> None:
        """Lets time pass, a poll at a time."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + step)
            self.waker.changed()
            await self.settle()

    async def when(self, condition: Callable[[], bool]) -> None:
        """Waits, in real time but bounded, for what other processes and the kernel bring about."""
        async with asyncio.timeout(STUCK):
            while not condition():
                self._news.clear()
                with suppress(TimeoutError):  # not all that is waited for comes as an event
                    await asyncio.wait_for(self._news.wait(), GLANCE)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def notes(self, kind: str) -> list[Note]:
        return [note for note in self.of(Note) if note.kind == kind]

    def numbers(self) -> list[int]:
        """All line numbers, source after source in the order they were first opened."""
        return [number for text in self.text.values() for number in numbers(text)]

    def consumed(self, source: str) -> int:
        """Where the last whole line of a source ends: what an engine acts upon."""
        return self.begins[source] + self.text[source].rfind(b"\n") + 1

    def positions(self) -> list[dict[str, Any]]:
        """What a checkpoint would hold now."""
        made = [self.collector.position(source, self.consumed(source)) for source in self.open]
        return [position for position in made if position]

    def ends(self) -> list[dict[str, Any]]:
        """What a checkpoint would hold of the sources that are closed."""
        return [event.last for event in self.of(Closed) if event.last]

    @property
    def ended(self) -> bool:
        return any(isinstance(event, EndOfInput) for event in self.events)
