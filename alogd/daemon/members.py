"""The streams as planned and as they stand: what the pipeline keeps of each, and what others may look at."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alogd.clock import Clock, LoopWaker
from alogd.collectors.base import Collector, Note, Status
from alogd.daemon.histogram import Histogram
from alogd.daemon.runner import MakeCore, Runner
from alogd.escape import escape
from alogd.logs import get_logger
from alogd.registry import find

MAX_UNREAD = 50  # texts kept of what is not read
UNREAD = frozenset({"refused", "outside", "permission_denied", "duplicate", "limit"})
NOTE_LEVELS = {"refused": "debug", "duplicate": "debug", "rotated": "info", "removed": "info", "recovered": "info"}
FIRST_ALOUD = frozenset({"duplicate"})  # the first of a stream is a warning; there may be as many as there are files

log = get_logger("streams")


@dataclass(frozen=True)
class Plan:
    """What a stream is made from; two equal plans make the same stream."""

    name: str
    make: MakeCore = field(compare=False)
    collect: Sequence[Mapping[str, Any]]  # each: kind and that collector's options
    exclude_paths: Sequence[str]
    flush_after: float  # seconds of log time after which every open window is due
    settings: object  # all that `make` depends on

    def collector(self, entry: Mapping[str, Any], positions: Sequence[Mapping[str, Any]], clock: Clock) -> Collector:
        """One of `collect`, built. Raises ValueError when its options are not right."""
        options = {name: value for name, value in entry.items() if name != "kind"}
        cls: Any = find("collectors", entry["kind"])
        built: Collector = cls(options, positions, clock, LoopWaker(), exclude_paths=self.exclude_paths)
        return built


@dataclass
class Member:
    """A planned stream and how it stands."""

    plan: Plan
    stop: asyncio.Event
    runner: Runner | None = None
    problem: str = "starting"  # why it is not up; "" when it is
    restarts: int = 0
    resumed: bool = False  # it goes on from an earlier run
    lines_before: int = 0  # lines of earlier runs
    notes: Counter[str] = field(default_factory=Counter)  # by kind
    unread: list[str] = field(default_factory=list)  # what is not read and why, the first few
    opened: Counter[tuple[str, str]] = field(default_factory=Counter)  # incidents, by (detector, level)
    bytes_before: int = 0  # of runners before this one
    given_up_before: int = 0
    unavailable: set[str] = field(default_factory=set)  # collectors that have nothing to read from
    ended: set[str] = field(default_factory=set)  # collectors at the end of their input
    delays: Histogram = field(default_factory=Histogram)  # of blocks, from being read to being scored
    trouble: asyncio.Event = field(default_factory=asyncio.Event)  # the core failed
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_up(self) -> bool:
        return self.runner is not None and not self.problem

    @property
    def bytes(self) -> int:
        return self.bytes_before + (self.runner.bytes if self.runner else 0)

    @property
    def given_up(self) -> int:
        return self.given_up_before + (self.runner.given_up if self.runner else 0)

    def look(self) -> None:
        """Let the stream's keeper know when its core has failed."""
        if self.runner is not None and self.runner.failure is not None:
            self.trouble.set()

    def backlog(self) -> int:
        """Bytes there are to read and not handed out yet, as of the last look."""
        collectors = self.runner.collectors.values() if self.runner else ()
        return sum(sum(collector.lag().values()) for collector in collectors)

    def standing(self) -> dict[str, Status]:
        """How its collectors stand, by slot: dear where there are thousands of sources."""
        return {slot: one.status() for slot, one in self.runner.collectors.items()} if self.runner else {}

    def is_caught_up(self, standing: Mapping[str, Status] | None = None) -> bool:
        """Whether all there is was read, and all that was read is whole; `standing` as of just now."""
        if self.runner is None or self.problem:
            return False
        for slot, status in (self.standing() if standing is None else standing).items():
            if slot in self.ended:
                continue
            looked = status.looked or slot in self.unavailable
            if not looked or any(source.state in {"reading", "draining"} for source in status.sources):
                return False
        return not self.backlog()

    def say(self, slot: str, note: Note) -> None:
        """Count what a collector says, and log it."""
        if note.kind == "unavailable":
            self.unavailable.add(slot)
        self.notes[note.kind] += note.count
        if note.kind in UNREAD and len(self.unread) < MAX_UNREAD:
            self.unread.append(note.text)
        first = note.kind in FIRST_ALOUD and self.notes[note.kind] == note.count
        write = getattr(log, "warning" if first else NOTE_LEVELS.get(note.kind, "warning"))
        write(escape(note.text), stream=self.plan.name, kind=note.kind)


def slots(collect: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """A name for each collector of a stream that stays when another is added: its kind and number."""
    seen: Counter[str] = Counter()
    named = []
    for entry in collect:
        named.append((f"{entry['kind']}#{seen[entry['kind']]}", entry))
        seen[entry["kind"]] += 1
    return named
