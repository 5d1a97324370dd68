"""What the core's thread does for the pipeline: events of any number of streams, ticks, ends and saves.

Invariant: one job at a time. A stream that fails in a job is left as it is and costs the others nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from alogd.clock import Clock
from alogd.collectors.base import Data, Event
from alogd.daemon.histogram import Histogram
from alogd.daemon.runner import Runner, Saved, guarded


@dataclass(frozen=True)
class Mark:
    """Goes through the queue: when it comes out, all before it was handled."""

    runner: Runner
    reached: asyncio.Future[None]
    flush_after: float  # seconds


@dataclass(frozen=True)
class Answered:
    """Some network has answered."""


Item = tuple[Runner, str, Event, float] | Mark | Answered  # the number: monotonic seconds when the collector gave it


def work(items: Sequence[Item], runners: Sequence[Runner], clock: Clock) -> None:
    """On the core's thread: the items, then what `runners` left for want of an answer.

    A stream that fails is left as it is and costs the others nothing.
    """
    now = clock.monotonic()
    for item in items:
        if isinstance(item, Mark | Answered):
            continue
        runner, slot, event, given = item
        if not runner.stopped:
            guarded(runner, lambda runner=runner, slot=slot, event=event: runner.handle(slot, event, now))  # type: ignore[misc]
        if isinstance(event, Data) and not runner.stopped:
            runner.delays.add(clock.monotonic() - given)
    for runner in runners:
        guarded(runner, runner.advance)


def tick(runner: Runner, now: float, wall: float) -> None:
    guarded(runner, lambda: runner.tick(now, wall))


def end(runner: Runner, flush_after: float) -> None:
    guarded(runner, lambda: runner.end(flush_after))


def save(runner: Runner, pauses: Histogram) -> Saved | None:
    saved: list[Saved] = []
    began = time.perf_counter()
    guarded(runner, lambda: saved.append(runner.save()))
    pauses.add(time.perf_counter() - began)
    return saved[0] if saved else None
