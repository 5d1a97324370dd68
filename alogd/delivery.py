"""From the outbox to one sink: in order, at least once, never in the way of detection.

A moment leaves the outbox when its sink took it or refused it for good. While a sink is away its moments wait,
bounded by the outbox; between attempts there is a jittered, growing pause, or what Retry-After asks for.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from enum import Enum, auto

from alogd.clock import Clock, Waker
from alogd.event import Alert
from alogd.logs import get_logger
from alogd.sinks.base import NamedSink, NotConnected, Rejected
from alogd.state import Queued
from alogd.store import Store

BATCH = 32  # moments in one attempt
ATTEMPT_SECONDS = 310.0  # a sink's own timeout is shorter; this bounds one that has none
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds
LONGEST_RETRY_AFTER = 900.0  # seconds
MAX_FAULTS = 5  # attempts a sink may fail in an unforeseen way before the moment is given up
LOOK_AGAIN = 30.0  # seconds between looks at an empty outbox that nobody announced news of

log = get_logger("delivery")


class Outcome(Enum):
    """What came of an attempt."""

    SETTLED = auto()  # taken, or given up
    SPLIT = auto()  # refused together; each is tried alone
    LATER = auto()  # the sink could not; the same is tried again after a pause


class Delivery:
    """One sink's way out."""

    def __init__(self, sink: NamedSink, store: Store, clock: Clock, waker: Waker, chance: random.Random) -> None:
        self.sink = sink
        self.outcomes: Counter[str] = Counter()  # moments: sent, superseded, dropped_REASON; attempts: retried
        self.problem = ""  # why the last attempt failed; "" when it did not
        self._store = store
        self._clock = clock
        self._waker = waker
        self._chance = chance
        self._after = 0  # moments up to here are dealt with, even if the disk still has them
        self._undeleted: list[int] = []
        self._alone = 0  # moments to send one at a time, after a batch was refused
        self._failures = 0
        self._retry_after: float | None = None
        self._faults = 0
        self._last = False

    def wake(self) -> None:
        """There may be news in the outbox."""
        self._waker.wake()

    def finish(self) -> None:
        """Stop as soon as nothing waits, or the sink cannot take it."""
        self._last = True
        self._waker.wake()

    async def run(self) -> None:
        """Deliver until `finish`."""
        while True:
            outcome = await self._step()
            if self._last and outcome in (Outcome.LATER, None):
                return
            if outcome is None:
                await self._waker.wait(LOOK_AGAIN)
            elif outcome is Outcome.LATER:
                await self._pause()

    async def _step(self) -> Outcome | None:
        """What came of the oldest that wait; None: nothing does."""
        limit = 1 if self._alone else BATCH
        queued = await self._store.queued(self.sink.name, limit, self._after)
        whole = [one.alert for one in queued if one.alert is not None]
        if not queued:
            whole = self._store.stranded(self.sink.name, limit)
            if not whole:
                return None
        outcome = await self._attempt(whole)
        if outcome is Outcome.SETTLED:
            self._alone = max(0, self._alone - len(whole))
            self._store.unstrand(self.sink.name, whole)
            await self._leave(queued, damaged=len(queued) - len(whole) if queued else 0)
        return outcome

    async def _attempt(self, alerts: Sequence[Alert]) -> Outcome:
        news = latest(alerts) if self.sink.sink.latest_only else list(alerts)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                if news:
                    await self.sink.sink.send(news)
        except Rejected as refusal:
            return self._refused(alerts, refusal)
        except (NotConnected, OSError, TimeoutError) as error:
            return self._failed(str(error) or "no answer in time", getattr(error, "retry_after", None))
        except Exception as error:
            log.exception("a sink failed in an unforeseen way", sink=self.sink.name)
            return self._fault(alerts, f"{type(error).__name__}")
        self.outcomes["sent"] += len(news)
        self.outcomes["superseded"] += len(alerts) - len(news)
        self._recovered()
        return Outcome.SETTLED

    def _refused(self, alerts: Sequence[Alert], refusal: Rejected) -> Outcome:
        """Of a batch only some may be at fault: those are found by sending each alone."""
        self._recovered()
        if len(alerts) > 1:
            self._alone = len(alerts)
            return Outcome.SPLIT
        self.outcomes[f"dropped_{refusal.reason}"] += len(alerts)
        log.warning("an alert was refused and given up", sink=self.sink.name, reason=str(refusal))
        return Outcome.SETTLED

    def _fault(self, alerts: Sequence[Alert], what: str) -> Outcome:
        self._faults += 1
        if self._faults <= MAX_FAULTS:
            return self._failed(what, None)
        self._faults = 0
        return self._refused(alerts, Rejected("fault", what))

    def _failed(self, problem: str, retry_after: float | None) -> Outcome:
        self.outcomes["retried"] += 1
        if not self.problem:  # once per change of state
            log.warning("a sink cannot take alerts; trying again", sink=self.sink.name, reason=problem)
        self.problem = problem
        self._failures += 1
        self._retry_after = retry_after
        return Outcome.LATER

    def _recovered(self) -> None:
        if self.problem:
            log.info("a sink takes alerts again", sink=self.sink.name)
        self.problem = ""
        self._failures = self._faults = 0

    async def _pause(self) -> None:
        """News of other alerts do not shorten it; `finish` does."""
        pause = pause_seconds(self._failures, self._retry_after, self._chance)
        deadline = self._clock.monotonic() + pause
        while not self._last and (left := deadline - self._clock.monotonic()) > 0:
            await self._waker.wait(left)

    async def _leave(self, queued: Sequence[Queued], damaged: int) -> None:
        """Out of the outbox; what the disk will not let go of now is tried again with the next."""
        if not queued:
            return
        self.outcomes["dropped_damaged"] += damaged
        self._after = queued[-1].seq
        self._undeleted += [one.seq for one in queued]
        if await self._store.done(self._undeleted):
            self._undeleted = []


def latest(alerts: Sequence[Alert]) -> list[Alert]:
    """The newest moment of each incident, in the order these came."""
    newest = {alert.id: number for number, alert in enumerate(alerts)}
    return [alert for number, alert in enumerate(alerts) if newest[alert.id] == number]


def pause_seconds(failures: int, retry_after: float | None, chance: random.Random) -> float:
    """Doubling from one second, jittered so that many daemons do not come back at once."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20)) * chance.uniform(0.5, 1.0)
    return max(pause, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
