"""From the outbox to one sink: in order, at least once, never in the way of detection.

A moment leaves the outbox when its sink took it or refused it for good. While a sink is away its moments wait,
bounded by the outbox; between attempts there is a jittered, growing pause, or what Retry-After asks for. In a storm
attempts are so many a minute, each with the newest moment of every incident that waits, and what is left out is told.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from alogd.clock import Clock, Waker
from alogd.event import Alert
from alogd.logs import get_logger
from alogd.sinks.base import Missed, NamedSink, NotConnected, Rejected
from alogd.state.crashpoint import crashpoint
from alogd.state.store import Store

BATCH = 32  # incidents in one attempt; of a sink that wants every moment, moments
LOOK = 2000  # moments looked through for them: as many as the outbox holds
BURST_SECONDS = 20.0  # as much of the attempts a minute may be made at once
ATTEMPT_SECONDS = 310.0  # a sink's own timeout is shorter; this bounds one that has none
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds
LONGEST_RETRY_AFTER = 900.0  # seconds
MAX_FAULTS = 5  # attempts a sink may fail in an unforeseen way before the moment is given up
FIRING = 1000  # incidents a receiver is told of again
LOOK_AGAIN = 30.0  # seconds between looks at an empty outbox that nobody announced news of

Row = tuple[int, Alert | None]  # number in the outbox (0: only in memory), None: what was kept is damaged

log = get_logger("delivery")


class Outcome(Enum):
    """What came of an attempt."""

    SETTLED = auto()  # taken, or given up
    SPLIT = auto()  # refused together; each is tried alone
    LATER = auto()  # the sink could not; the same is tried again after a pause


@dataclass(slots=True)
class Load:
    """What one attempt takes out of the outbox when it succeeds."""

    alerts: list[Alert] = field(default_factory=list)  # to send
    superseded: list[Alert] = field(default_factory=list)  # a newer one of the incident waits too
    damaged: int = 0
    seqs: list[int] = field(default_factory=list)  # of all these
    after: int = 0  # everything up to here is among them


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
        self._told = 0  # moments the full outbox dropped that the sink was told of, and the disk was not yet
        self._since = self._dropped
        self._allowance, self._allowed_at = self._most_allowed, clock.monotonic()
        self._after = 0  # moments up to here are dealt with, even if the disk still has them
        self._undeleted: list[int] = []
        self._alone = 0  # moments to send one at a time, after a batch was refused
        self._failures = 0
        self._retry_after: float | None = None
        self._faults = 0
        self._last = False
        self._resend_at = clock.monotonic()  # at once: a daemon that was away has incidents that still fire

    def wake(self) -> None:
        """There may be news in the outbox."""
        self._count_dropped()
        self._waker.wake()

    def finish(self) -> None:
        """Stop as soon as nothing waits, or the sink cannot take it."""
        self._last = True
        self._waker.wake()

    async def run(self) -> None:
        """Deliver until `finish`."""
        while True:
            await self._hold_back()
            await self._resend()
            outcome = await self._step()
            if self._last and outcome in (Outcome.LATER, None):
                return
            if outcome is None:
                await self._waker.wait(min(LOOK_AGAIN, self.sink.resend or LOOK_AGAIN))
            elif outcome is Outcome.LATER:
                await self._pause()

    async def _step(self) -> Outcome | None:
        """What came of the oldest that wait; None: nothing does."""
        load = await self._next()
        if load is None:
            await self._let_go()  # what a full disk kept, or a restart would send it again
            return None
        crashpoint("send_begun")
        outcome = await self._attempt(load)
        crashpoint("sent")
        if outcome is Outcome.SETTLED:
            self._alone = max(0, self._alone - len(load.alerts))
            self._store.unstrand(self.sink.name, [*load.alerts, *load.superseded])
            await self._leave(load)
        return outcome

    async def _next(self) -> Load | None:
        newest_only = self.sink.sink.latest_only
        most = 1 if self._alone else BATCH
        limit = LOOK if newest_only else most
        queued = await self._store.queued(self.sink.name, limit, self._after)
        rows: list[Row] = [(one.seq, one.alert) for one in queued]
        if not queued:
            rows = [(0, alert) for alert in self._store.stranded(self.sink.name, limit)]
        return pick(rows, most, newest_only) if rows else None

    async def _attempt(self, load: Load) -> Outcome:
        dropped = self._store.state.untold[self.sink.name] - self._told
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                if load.alerts:
                    self._allowance -= not self._alone
                    missed = Missed(dropped, len(load.superseded))
                    await self.sink.sink.send(load.alerts, missed)
        except Rejected as refusal:
            return self._refused(load.alerts, refusal)
        except (NotConnected, OSError, TimeoutError) as error:
            return self._failed(str(error) or "no answer in time", getattr(error, "retry_after", None))
        except Exception as error:
            log.exception("a sink failed in an unforeseen way", sink=self.sink.name)
            return self._fault(load.alerts, f"{type(error).__name__}")
        self.outcomes["sent"] += len(load.alerts)
        self._say_gap(dropped)
        self._told += dropped
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
        await self._wait(pause_seconds(self._failures, self._retry_after, self._chance))

    async def _wait(self, pause: float) -> None:
        deadline = self._clock.monotonic() + pause
        while not self._last and (left := deadline - self._clock.monotonic()) > 0:
            await self._waker.wait(left)

    async def _resend(self) -> None:
        """Tell of all that is firing again, where the receiver forgets what it does not hear of."""
        every = self.sink.resend
        if every is None or self._last or self._clock.monotonic() < self._resend_at:
            return
        self._resend_at = self._clock.monotonic() + every
        now = self._clock.time()
        known = await self._store.still_firing(FIRING)
        apart = await self._store.call(lambda: [one for one in known if not self._is_told_by_another(one)])
        firing = [alert for alert in apart if self.sink.wants(alert) and not self.sink.is_old(alert, now)]
        for begin in range(0, len(firing), BATCH):
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    await self.sink.sink.send(firing[begin : begin + BATCH])
            except (NotConnected, OSError, TimeoutError, Rejected) as error:
                self._failed(str(error) or "no answer in time", getattr(error, "retry_after", None))
                await self._pause()
                return
            except Exception as error:
                log.exception("a sink failed in an unforeseen way", sink=self.sink.name)
                self._failed(type(error).__name__, None)
                return
            self._recovered()

    def _is_told_by_another(self, alert: Alert) -> bool:
        root = self._store.told_by(alert)
        return root is not None and self.sink.hears_of(root) and not self._store.is_apart(alert, self.sink.name)

    # What is left out

    @property
    def _most_allowed(self) -> float:
        return max(1.0, (self.sink.max_per_minute or 0) * BURST_SECONDS / 60)

    async def _hold_back(self) -> None:
        """Until another attempt is due; what comes meanwhile goes with it."""
        rate = (self.sink.max_per_minute or 0) / 60  # attempts a second
        if not rate:
            return
        now = self._clock.monotonic()
        self._allowance = min(self._most_allowed, self._allowance + (now - self._allowed_at) * rate)
        self._allowed_at = now
        if self._allowance < 1:
            await self._wait((1 - self._allowance) / rate)

    @property
    def _dropped(self) -> int:
        """Moments for this sink that the outbox could not hold, since the daemon began."""
        return self._store.state.dropped[self.sink.name, "queue_full"]

    def _count_dropped(self) -> None:
        if fresh := self._dropped - self._since:
            self.outcomes["dropped_queue_full"] += fresh
            self._since += fresh

    def _say_gap(self, dropped: int) -> None:
        self._count_dropped()
        if dropped:
            log.warning(
                "the outbox was full: the oldest changes of alerts were dropped", sink=self.sink.name, count=dropped
            )

    async def _leave(self, load: Load) -> None:
        """Out of the outbox; what the disk will not let go of now is tried again with the next."""
        self.outcomes["superseded"] += len(load.superseded)
        if not load.after:
            return
        self.outcomes["dropped_damaged"] += load.damaged
        self._after = load.after
        self._undeleted += load.seqs
        if await self._let_go():
            crashpoint("sent_removed")

    async def _let_go(self) -> bool:
        """Whether the outbox has nothing any more that is dealt with."""
        if (self._undeleted or self._told) and await self._store.done(self._undeleted, self.sink.name, self._told):
            self._undeleted, self._told = [], 0
        return not self._undeleted


def pick(rows: Sequence[Row], most: int, newest_only: bool) -> Load:
    """What to send of what waits (oldest first): at most so many; of each incident the newest, if only that counts."""
    newest = {alert.id: number for number, (_, alert) in enumerate(rows) if alert is not None}
    load = Load()
    left = False
    for number, (seq, alert) in enumerate(rows):
        if alert is None:
            load.damaged += 1
        elif newest_only and newest[alert.id] != number:
            load.superseded.append(alert)
        elif len(load.alerts) < most:
            load.alerts.append(alert)
        else:
            left = True
            continue
        load.seqs.append(seq)
        load.after = load.after if left else seq
    return load


def pause_seconds(failures: int, retry_after: float | None, chance: random.Random) -> float:
    """Doubling from one second, jittered so that many daemons do not come back at once."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20)) * chance.uniform(0.5, 1.0)
    return max(pause, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
