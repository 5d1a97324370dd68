"""Collectors to core to state: one bounded queue, one core thread, one commit at a time.

Invariant: only the consumer touches the cores, so events are handled in the order they arrived, and what is
committed is a stream between two events with the positions that belong to it. A stream that fails begins again
from its last commit and never stops its neighbours.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from alogd.clock import Clock
from alogd.collectors.base import EndOfInput, Note
from alogd.daemon import jobs
from alogd.daemon.histogram import Histogram
from alogd.daemon.jobs import Item, Mark
from alogd.daemon.members import Member, Plan, slots
from alogd.daemon.networks import Networks
from alogd.daemon.runner import Runner, Saved
from alogd.logs import get_logger
from alogd.state.crashpoint import crashpoint
from alogd.state.database import Snapshot
from alogd.state.store import Store

T = TypeVar("T")
QUEUE_EVENTS = 8  # a block is at most 256 KiB
TICK_EVERY = 15.0  # seconds between live ticks of a quiet stream
SOONEST_COMMIT = 0.3  # seconds between commits, however many alerts there are
COMMIT_SHARE = 50.0  # at most one part in fifty of the time goes into taking what is saved
LONGEST_REST = 10.0  # seconds, after a save that took long: a busy machine must not put off the next for minutes
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before a failed stream begins again

log = get_logger("pipeline")


class _Stop(Exception):
    """Ends the pullers of a stream that is to stop."""


class Pipeline:
    """All streams of the daemon."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        checkpoint_interval: float,
        on_commit: Callable[[], None],
        chance: random.Random,
        may_skip: bool = True,
    ) -> None:
        """may_skip: whether windows are judged without their networks where these cannot keep up, or wait for them."""
        self.members: dict[str, Member] = {}
        self.progress = 0  # jobs done by the core
        self.changes = 0  # of those, jobs after which a core may answer otherwise than before
        self.busy_since: float | None = None  # monotonic; the core works on a job since then
        self.first_byte = asyncio.Event()
        self.checkpoint_interval = checkpoint_interval
        self.last_save_seconds = 0.0
        self.save_pauses = Histogram()  # how long a save kept the core from reading on, one stream at a time
        self._store = store
        self._clock = clock
        self._on_commit = on_commit
        self._chance = chance
        self._queue: asyncio.Queue[Item] = asyncio.Queue(QUEUE_EVENTS)
        self._core_thread = ThreadPoolExecutor(1, "alogd-core")
        self._networks = Networks(self._look_soon, may_skip=may_skip)
        self._turn = asyncio.Lock()  # who holds it may use the cores
        self._committing = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self._last_commit = clock.monotonic()
        self._not_before = 0.0  # monotonic; of the next commit, after one that could not be taken
        self._last_tick = clock.monotonic()
        self._ending = False
        self._changing = asyncio.Lock()  # one `apply` at a time
        self._closing = False  # what `apply` is asked for from now on comes too late

    # Life

    async def run(self, plans: Sequence[Plan], over: asyncio.Event) -> None:
        """Follow these streams (and those changed by `apply`) until `over`; then drain and commit.

        Raises an ExceptionGroup only for a fault of the pipeline itself.
        """
        async with asyncio.TaskGroup() as group:
            self._group = group
            consumer = group.create_task(self._consume())
            await self.apply(plans)
            await over.wait()
            self._closing = True
            await self.apply([])
            consumer.cancel()
        self._core_thread.shutdown(wait=False)
        self._networks.close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for the core and it works on nothing."""
        return self.busy_since is None and self._queue.empty()

    def end_with_input(self) -> None:
        """What stops from now on has seen all its input: what is pending is taken as whole."""
        self._ending = True

    async def apply(self, plans: Sequence[Plan]) -> None:
        """Make these the streams: equal ones go on, others stop (committed) and begin from what was committed."""
        async with self._changing:
            await self._apply([] if self._closing else plans)

    async def _apply(self, plans: Sequence[Plan]) -> None:
        wanted = {plan.name: plan for plan in plans}
        leaving = [member for name, member in self.members.items() if wanted.get(name) != member.plan]
        for member in leaving:
            member.stop.set()
        for member in leaving:
            await member.gone.wait()
        if self._group is None:
            raise RuntimeError("the pipeline does not run")
        for plan in plans:
            if plan.name not in self.members:
                member = Member(plan, asyncio.Event())
                self.members[plan.name] = member
                self._group.create_task(self._keep(member), name=f"stream {plan.name}")

    async def _keep(self, member: Member) -> None:
        """A stream from its start to its stop, through its failures."""
        failures = 0
        while not member.stop.is_set():
            began = self._clock.monotonic()
            try:
                await self._run_once(member)
            except Exception as error:
                if self._clock.monotonic() - began > LONGEST_PAUSE:
                    failures = 0
                failures += 1
                await self._failed(member, error, failures)
        del self.members[member.plan.name]
        member.gone.set()

    async def _failed(self, member: Member, error: Exception, failures: int) -> None:
        cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        problem = f"{type(cause).__name__}: {cause}"
        if problem != member.problem:
            log.error("a stream failed and begins again", stream=member.plan.name, error=problem, exc_info=cause)
        member.problem = problem
        member.restarts += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10)) * self._chance.uniform(0.5, 1.0)
        try:
            async with asyncio.timeout(pause):
                await member.stop.wait()
        except TimeoutError:
            return

    async def _run_once(self, member: Member) -> None:
        runner = await self._start(member)
        try:
            for slot, entry in slots(member.plan.collect):
                runner.collectors[slot] = member.plan.collector(entry, runner.positions(slot), self._clock)
            member.runner = runner
            self.changes += 1
            await self._pull_all(member, runner)
            reached = asyncio.get_running_loop().create_future()
            await self._queue.put(Mark(runner, reached, member.plan.flush_after))
            await reached
        finally:
            runner.let_go()
            member.bytes_before += runner.bytes
            member.given_up_before += runner.given_up
            member.runner = None
            for collector in runner.collectors.values():
                await collector.close()

    async def _start(self, member: Member) -> Runner:
        plan = member.plan
        saved = await self._store.load(plan.name)
        crashpoint("loaded")
        try:
            runner = await self._on_core(lambda: self._runner(plan, saved, member))
        except ValueError as error:
            if saved is None:
                raise
            await self._store.forget(plan.name, "unusable", str(error))
            saved = None
            runner = await self._on_core(lambda: self._runner(plan, None, member))
        self.changes += 1
        if not member.restarts:
            member.resumed = saved is not None
            member.lines_before = await self._on_core(lambda: runner.lines)
        member.ended.clear()
        member.trouble.clear()
        return runner

    def _runner(self, plan: Plan, saved: Snapshot | None, member: Member) -> Runner:
        answerer, said = self._networks.answerer(), partial(self._store.said, plan.name, self._clock)
        return Runner(plan.name, plan.make, saved, member.opened, member.delays, answerer, said)

    # Collectors to queue

    async def _pull_all(self, member: Member, runner: Runner) -> None:
        """Until the stream is to stop; raises what a collector or the core raised."""
        try:
            async with asyncio.TaskGroup() as group:
                for slot in runner.collectors:
                    group.create_task(self._pull(member, runner, slot), name=f"{runner.name} {slot}")
                member.problem = ""
                group.create_task(_until_stopped(member))
                group.create_task(_until_trouble(member, runner))
        except* _Stop:
            pass

    async def _pull(self, member: Member, runner: Runner, slot: str) -> None:
        events = runner.collectors[slot].events()
        try:
            async for event in events:
                if isinstance(event, Note):
                    member.say(slot, event)
                elif not isinstance(event, EndOfInput):
                    await self._queue.put((runner, slot, event, self._clock.monotonic()))
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        member.ended.add(slot)

    def _look_soon(self) -> None:
        """A network has answered."""
        if not self._queue.full():  # else the core has work, after which it looks anyway
            self._queue.put_nowait(jobs.Answered())

    # Queue to core

    async def _consume(self) -> None:
        while True:
            events = await self._next_events()
            if events:
                await self._handle(events)
            await self._tick_when_due()
            await self._commit_when_due()
            for member in self.members.values():
                member.look()

    async def _next_events(self) -> list[Item]:
        """What waits, at least one; nothing when a tick or a commit is due first."""
        try:
            async with asyncio.timeout(self._until_due()):
                events = [await self._queue.get()]
        except TimeoutError:
            return []
        while not self._queue.empty() and not isinstance(events[-1], Mark):
            events.append(self._queue.get_nowait())
        return events

    async def _handle(self, items: list[Item]) -> None:
        crashpoint("event_taken")
        runners = self._runners()
        await self._on_core(lambda: jobs.work(items, runners, self._clock))
        self.changes += 1
        crashpoint("events_handled")
        if any(runner.bytes for runner in self._runners()):
            self.first_byte.set()
        last = items[-1]
        if isinstance(last, Mark):
            await self._finish(last)

    async def _finish(self, mark: Mark) -> None:
        """All events of a stopping stream were handled."""
        if self._ending:
            await self._on_core(lambda: jobs.end(mark.runner, mark.flush_after))
            self.changes += 1
        await self._commit([mark.runner])
        mark.reached.set_result(None)

    async def _tick_when_due(self) -> None:
        now = self._clock.monotonic()
        if now - self._last_tick < TICK_EVERY:
            return
        self._last_tick = now
        for member in list(self.members.values()):
            runner = member.runner
            if runner is not None and runner.is_quiet(now, member.is_caught_up()):
                wall = self._clock.time()
                await self._on_core(lambda runner=runner, wall=wall: jobs.tick(runner, now, wall))  # type: ignore[misc]
                self.changes += 1

    async def _on_core(self, job: Callable[[], T]) -> T:
        """Run on the core's thread. The watchdog looks at `busy_since`."""
        async with self._turn:
            self.busy_since = self._clock.monotonic()
            try:
                return await asyncio.get_running_loop().run_in_executor(self._core_thread, job)
            finally:
                self.busy_since = None
                self.progress += 1

    async def ask(self, question: Callable[[Runner], T], name: str) -> T | None:
        """Ask a stream something, between two events; None when it is not up."""
        member = self.members.get(name)
        runner = member.runner if member else None
        return await self._on_core(lambda: question(runner)) if runner else None

    async def ask_all(self, question: Callable[[Runner], T]) -> dict[str, T]:
        """Ask every stream that is up, in one turn of the core."""
        runners = self._runners()
        if not runners:
            return {}
        return await self._on_core(lambda: {runner.name: question(runner) for runner in runners})

    # Core to state

    def _until_due(self) -> float:
        now = self._clock.monotonic()
        due = self._last_tick + TICK_EVERY - now
        if (commit := self._commit_due()) is not None:
            due = min(due, commit - now)
        return max(0.0, due)

    def _commit_due(self) -> float | None:
        """Monotonic time of the next commit; None when there is nothing to commit, or one is under way."""
        runners = [runner for runner in self._runners() if runner.changed or runner.alerts]
        if not runners or self._committing.locked():
            return None
        wait = self.checkpoint_interval
        if any(runner.alerts for runner in runners) and not self._store.problem:
            wait = min(wait, SOONEST_COMMIT)
        return max(
            self._not_before, self._last_commit + max(wait, min(LONGEST_REST, COMMIT_SHARE * self.last_save_seconds))
        )

    async def _commit_when_due(self) -> None:
        due = self._commit_due()
        if due is None or due > self._clock.monotonic() or self._group is None:
            return
        await self._begin_commit([runner for runner in self._runners() if runner.changed or runner.alerts])

    async def _begin_commit(self, runners: Sequence[Runner]) -> asyncio.Task[bool]:
        """Take the moment now, with its positions; write it while the core goes on."""
        if self._group is None:
            raise RuntimeError("the pipeline does not run")
        await self._committing.acquire()
        try:
            before = self.save_pauses.sum
            taken = [one for runner in runners if (one := await self._take(runner)) is not None]
            self.last_save_seconds = self.save_pauses.sum - before
            if not taken:
                self._not_before = self._clock.monotonic() + SOONEST_COMMIT / 10
        except BaseException:
            self._committing.release()
            raise
        return self._group.create_task(self._write(taken))

    async def _take(self, runner: Runner) -> tuple[Runner, Saved, Snapshot] | None:
        """None: it failed, or a collector let go of a source whose end is still in the queue; soon again."""
        saved = await self._on_core(lambda: jobs.save(runner, self.save_pauses))
        snapshot = runner.snapshot(saved) if saved is not None else None
        if saved is None or snapshot is None:
            runner.changed = True
            return None
        return runner, saved, snapshot

    async def _commit(self, runners: Sequence[Runner]) -> bool:
        return await (await self._begin_commit(runners))

    async def _write(self, taken: Sequence[tuple[Runner, Saved, Snapshot]]) -> bool:
        try:
            if not taken:
                return False
            self._last_commit = self._clock.monotonic()
            crashpoint("moment_taken")
            written = await self._store.commit([snapshot for _, _, snapshot in taken])
            for runner, saved, _ in taken:
                if written:
                    runner.committed(saved)
                runner.changed = runner.changed or not written
            crashpoint("alerts_let_go")
            self._last_commit = self._clock.monotonic()
        finally:
            self._committing.release()
        if any(snapshot.alerts for _, _, snapshot in taken):
            self._on_commit()
        return written

    def _runners(self) -> list[Runner]:
        return [m.runner for m in self.members.values() if m.runner is not None and not m.runner.stopped]


async def _until_stopped(member: Member) -> None:
    await member.stop.wait()
    raise _Stop


async def _until_trouble(member: Member, runner: Runner) -> None:
    await member.trouble.wait()
    raise runner.failure or RuntimeError("the core failed")
