"""The daemon at one moment, as plain values: what metrics, the API, readiness and the progress lines are made of.

Looking never disturbs: a core that is busy is not waited for longer than a moment, then its last answer stands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from alogd.collectors.base import SourceStatus
from alogd.daemon.members import Member
from alogd.daemon.pipeline import Pipeline
from alogd.daemon.runner import Runner
from alogd.sinks.delivery import Delivery
from alogd.state.store import Store

PATIENCE = 1.0  # seconds a busy core is waited for
NOT_READ = frozenset({"refused", "denied"})  # states of files that are known and not followed
MAX_SOURCES = 200  # of one stream, shown


class SourceView(msgspec.Struct, frozen=True):
    """One source, as its collector sees it."""

    name: str
    state: str
    offset: int  # bytes
    size: int  # bytes
    error: str


class StreamView(msgspec.Struct, frozen=True):
    """One stream."""

    name: str
    up: bool
    problem: str  # why it is not up
    caught_up: bool
    collectors: Mapping[str, str]  # by slot: why it is down, "" when up
    sources: Sequence[SourceView]
    source_count: int
    size_bytes: int  # of all sources, as far as known
    resumed: bool  # it goes on from an earlier run
    lines_read: int  # in this run
    bytes_read: int
    backlog_bytes: int
    last_read: float | None  # when something was last read, in this run; seconds since 1970
    restarts: int
    alerts_given_up: int
    opened: Mapping[str, int]  # incidents opened, by "DETECTOR LEVEL"
    notes: Mapping[str, int]  # what collectors said, by kind
    unread: Sequence[str]  # what is not read and why, the first few
    delays: Sequence[int]  # blocks by seconds from being read to being scored, divided by histogram.BOUNDS
    delay_sum: float  # seconds
    core: Mapping[str, Any]  # Stream.status(); {} before the first answer

    @property
    def warmup(self) -> float:
        return float(self.core.get("warmup", 0.0))

    def count(self, name: str) -> int:
        """A counter of the engine."""
        return int(self.core.get("engine", {}).get(name, 0))


class SinkView(msgspec.Struct, frozen=True):
    """One sink."""

    name: str
    waiting: int
    outcomes: Mapping[str, int]
    problem: str


class View(msgspec.Struct, frozen=True):
    """All of it."""

    version: str
    started: float  # seconds since 1970
    ready: bool
    reasons: Sequence[str]  # why it is not ready, or what is amiss though it is
    streams: Sequence[StreamView]
    sinks: Sequence[SinkView]
    state_problem: str
    state_last_commit: float
    state_failed_commits: int
    state_recovered: Mapping[str, int]
    save_pauses: Sequence[int]  # saves by how long they held the core, divided by histogram.BOUNDS
    save_pause_sum: float  # seconds
    config_ok: bool
    config_time: float  # of the last good load
    log_lines_dropped: int
    core_jobs: int
    http: Mapping[str, int]  # connections, refused by reason

    @property
    def caught_up(self) -> bool:
        return all(stream.caught_up or not stream.up for stream in self.streams)

    @property
    def nothing_can_be_read(self) -> bool:
        """Whether all there is was denied or refused."""
        if any(stream.source_count or stream.bytes_read for stream in self.streams):
            return False
        return any(stream.unread or any(stream.collectors.values()) for stream in self.streams)


class Looker:
    """Makes views; remembers each core's last answer."""

    def __init__(self, pipeline: Pipeline, store: Store) -> None:
        self._pipeline = pipeline
        self._store = store
        self._answers: dict[str, dict[str, Any]] = {}
        self._answered = -1  # Pipeline.changes when the cores were asked last

    async def streams(self) -> list[StreamView]:
        names = list(self._pipeline.members)
        idle = self._pipeline.is_idle
        done = {name for name, member in self._pipeline.members.items() if idle and member.is_caught_up()}
        if not idle or self._answered != self._pipeline.changes:
            await self._ask(done)
        self._answers = {name: answer for name, answer in self._answers.items() if name in names}
        members = [self._pipeline.members[name] for name in names if name in self._pipeline.members]
        return [
            _stream(member, self._answers.get(member.plan.name, {}), member.plan.name in done) for member in members
        ]

    async def _ask(self, done: set[str]) -> None:
        changes = self._pipeline.changes
        try:
            async with asyncio.timeout(PATIENCE):
                self._answers |= await self._pipeline.ask_all(_status)
            self._answered = changes
        except TimeoutError:
            done.clear()  # it answers next time

    def sinks(self, deliveries: Sequence[Delivery]) -> list[SinkView]:
        lengths = self._store.lengths
        return [
            SinkView(way.sink.name, lengths.get(way.sink.name, 0), dict(way.outcomes), way.problem)
            for way in deliveries
        ]


def _status(runner: Runner) -> dict[str, Any]:
    return runner.status()


def _stream(member: Member, answer: Mapping[str, Any], caught_up: bool) -> StreamView:
    collectors: dict[str, str] = {}
    sources: list[SourceStatus] = []
    standing = member.standing()
    for slot, status in standing.items():
        collectors[slot] = "" if status.up or slot in member.ended else status.reason
        sources += [source for source in status.sources if source.state not in NOT_READ]
    return StreamView(
        name=member.plan.name,
        up=member.is_up,
        problem=member.problem,
        caught_up=caught_up and member.is_caught_up(standing),
        collectors=collectors,
        sources=[_source(source) for source in sources[:MAX_SOURCES]],
        source_count=len(sources),
        size_bytes=sum(source.size for source in sources),
        resumed=member.resumed,
        lines_read=max(0, int(answer.get("engine", {}).get("lines", 0)) - member.lines_before),
        bytes_read=member.bytes,
        backlog_bytes=member.backlog(),
        last_read=_last_read(member.runner),
        restarts=member.restarts,
        alerts_given_up=member.given_up,
        opened={" ".join(key): count for key, count in member.opened.items()},
        notes=dict(member.notes),
        unread=list(member.unread),
        delays=list(member.delays.counts),
        delay_sum=member.delays.sum,
        core=answer,
    )


def _last_read(runner: Runner | None) -> float | None:
    if runner is None or runner.last_data is None:
        return None
    return time.time() - max(0.0, time.monotonic() - runner.last_data)


def _source(source: SourceStatus) -> SourceView:
    return SourceView(source.name, source.state, source.offset, source.size, source.error)
