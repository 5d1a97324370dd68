"""One stream at work: its core, its collectors, and which source has which number in the core.

Invariant: `handle`, `tick`, `end` and `save` run one at a time (on the core thread), so a saved moment is the
core's state after whole events. Numbers of sources are never used twice.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from alogd.collectors.base import Closed, Collector, Data, Event, Idle, Opened
from alogd.daemon.histogram import Histogram
from alogd.daemon.networks import Answerer
from alogd.daemon.order import recorded
from alogd.event import Alert, Template
from alogd.feedback.protected import Said
from alogd.judging.scores import Scores
from alogd.judging.waiting import Answering
from alogd.state.database import Snapshot, SourceRow

CLOSED_KEPT = 256  # closed sources whose names are remembered: open windows and incidents may still speak of them
MAX_PENDING = 1000  # alerts raised and not yet committed; the oldest are given up, and counted
TICK_LAG = 5.0  # seconds log time may arrive late before a live tick overtakes it
QUIET_ANYWAY = 60.0  # seconds without a byte after which a stream counts as quiet though a source did not say so


class Core(Protocol):
    """What a runner drives: alogd.stream.Stream."""

    def open(
        self, source: int, *, offset: int = 0, year: int | None = None, header: str | None = None, resumed: bool = False
    ) -> None: ...
    def feed(self, source: int, block: bytes) -> list[Alert]: ...
    def settle(self, source: int) -> list[Alert]: ...
    def close(self, source: int) -> list[Alert]: ...
    def tick(self, log_time_ns: int) -> list[Alert]: ...
    def consumed(self, source: int) -> int: ...
    @property
    def watermark_ns(self) -> int | None: ...
    def heed(self, said: Said) -> bool: ...
    def save(self) -> dict[str, bytes]: ...
    def load(self, parts: Mapping[str, bytes]) -> None: ...
    def status(self) -> dict[str, Any]: ...
    def templates(self) -> list[Template]: ...

    answering: Answering | None
    scores: Scores

    @property
    def is_waiting(self) -> bool: ...
    def advance(self, *, wait: bool = False) -> list[Alert]: ...


MakeCore = Callable[[Callable[[int, int, int], bytes | None], Callable[[int], str]], Core]


@dataclass(frozen=True, slots=True)
class Saved:
    """A moment of the core; positions are still to be asked of the collectors."""

    consumed: Mapping[int, int]  # absolute offset, by source open in this run
    parts: Mapping[str, bytes]
    alerts: Sequence[Alert]
    upto: int  # number of the first alert not in it


class Runner:
    """A stream between its start and its stop."""

    def __init__(
        self,
        name: str,
        make: MakeCore,
        saved: Snapshot | None,
        opened: Counter[tuple[str, str]] | None = None,
        delays: Histogram | None = None,
        answerer: Answerer | None = None,
        said: Callable[[], Said] | None = None,
    ) -> None:
        """`answerer` asks the stream's networks; without it each is waited for. `said` tells what people said.

        `opened` counts incidents by (detector, level), `delays` blocks by how soon they were scored.
        Raises ValueError when what was saved cannot be used.
        """
        self.name = name
        self._opened: Counter[tuple[str, str]] = Counter() if opened is None else opened
        self.delays = Histogram() if delays is None else delays
        self.collectors: dict[str, Collector] = {}
        self.next_id = saved.next_id if saved else 1
        self.rows: dict[int, SourceRow] = {row.id: row for row in saved.sources} if saved else {}
        self._ids = {(row.slot, row.source): row.id for row in self.rows.values() if row.open}
        self._live: set[int] = set()
        self._idle: set[int] = set()
        self._ended: set[int] = set()  # taken as whole by `end`, though more may come in a later run
        self._fed: dict[int, int] = {}  # absolute offset up to which the core was given bytes
        self.answerer = answerer
        self.core = recorded(make(self._text, self._name), name, self._told)
        self.core.answering = answerer
        self._said = said
        if saved:
            self.core.load(saved.parts)
        self.alerts: deque[Alert] = deque()
        self._first = 0  # number of alerts[0]
        self.given_up = 0
        self.changed = False
        self.stopped = False  # its events are not handled any more
        self.failure: Exception | None = None  # what the core raised
        self.bytes = 0
        self.last_data: float | None = None  # monotonic seconds
        self._base_ns: int | None = self.core.watermark_ns
        self._base_at: float | None = None

    def positions(self, slot: str) -> list[Mapping[str, Any]]:
        """What a collector is given so that it resumes, and knows what it has read to its end."""
        return [row.position for row in self.rows.values() if row.slot == slot and row.position]

    # On the core thread

    def handle(self, slot: str, event: Event, now: float) -> None:
        """One event of one collector; `now` is monotonic seconds."""
        self.changed = True
        self._heed()
        if isinstance(event, Data):
            self._feed(slot, event, now)
        elif isinstance(event, Opened):
            self._open(slot, event)
        elif isinstance(event, Idle):
            self._settle(slot, event.source)
        elif isinstance(event, Closed):
            self._close(slot, event)

    def advance(self) -> None:
        """Go on with windows whose networks have answered."""
        if self.core.is_waiting:
            self._raise(self.core.advance())
            self.changed = True

    def tick(self, now: float, wall: float) -> None:
        """Log time goes on though nothing comes, as far as the clock says it must have.

        Sources whose lines carry no time live by the clock: once they were read, what comes is new when it comes.
        """
        self._heed()
        if self._base_ns is None:
            if not self._fed:
                return
            self._base_ns, self._base_at = int(wall * 1e9), now
            self._raise(self.core.tick(self._base_ns))
            self.changed = True
            return
        if self._base_at is None:
            self._base_at = now
        elapsed = now - self._base_at - TICK_LAG
        if elapsed > 0:
            self._raise(self.core.tick(self._base_ns + int(elapsed * 1e9)))
            self.changed = True

    def end(self, flush_after: float) -> None:
        """There will never be more: take what is pending as whole, and close the windows; what is firing stays so."""
        for number in sorted(self._live - self._ended):
            self._raise(self.core.close(number))
            self._ended.add(number)
        if self.core.watermark_ns is not None:
            self._raise(self.core.tick(self.core.watermark_ns + int(flush_after * 1e9)))
        self._raise(self.core.advance(wait=True))

    def save(self) -> Saved:
        consumed = {number: self.core.consumed(number) for number in self._live - self._ended}
        consumed |= {number: self._fed[number] for number in self._ended}
        self.changed = False
        return Saved(consumed, self.core.save(), tuple(self.alerts), self._first + len(self.alerts))

    # On the event loop, between those

    def snapshot(self, saved: Saved) -> Snapshot | None:
        """The moment with its positions; None when a collector has let go of a source the core still has."""
        rows = []
        for number, row in self.rows.items():
            if number in saved.consumed:
                try:
                    position = self.collectors[row.slot].position(row.source, saved.consumed[number])
                except KeyError:
                    return None
                row = replace(row, position=position)
                self.rows[number] = row
            rows.append(row)
        return Snapshot(self.name, self.next_id, tuple(rows), saved.parts, saved.alerts)

    def committed(self, saved: Saved) -> None:
        """These alerts are safe."""
        while self._first < saved.upto and self.alerts:
            self.alerts.popleft()
            self._first += 1

    def is_quiet(self, now: float, caught_up: bool) -> bool:
        """Whether every source is read to its end and silent; `caught_up` says what the collectors think."""
        if self.last_data is not None and now - self.last_data > QUIET_ANYWAY:
            return True
        return caught_up and self._live <= self._idle

    def status(self) -> dict[str, Any]:
        """The core's, with what asking its networks took."""
        status = self.core.status()
        for name, spent in self.answerer.spent.items() if self.answerer else ():
            status["models"][name] |= {"seconds": spent.seconds, "batches": spent.batches, "rows": spent.rows}
        return status

    def let_go(self) -> None:
        """It is over: nothing is asked for it any more."""
        self.stopped = True
        if self.answerer is not None:
            self.answerer.close()

    @property
    def lines(self) -> int:
        """Lines read in all runs."""
        return int(self.core.status().get("engine", {}).get("lines", 0))

    def _open(self, slot: str, event: Opened) -> None:
        number = self._ids.get((slot, event.source))
        if number is None:
            number = self.next_id
            self.next_id += 1
            self._ids[slot, event.source] = number
        known = self.rows.get(number)  # what was rotated between two runs keeps its name, as it does within one
        name, position = (known.name, known.position) if known else (event.name, {})
        self.rows[number] = SourceRow(slot, event.source, number, name, position)
        self._live.add(number)
        self._idle.add(number)  # until something comes
        self._fed[number] = event.offset
        self.core.open(number, offset=event.offset, year=event.year, header=event.header, resumed=event.resumed)

    def _feed(self, slot: str, event: Data, now: float) -> None:
        number = self._ids[slot, event.source]
        self._idle.discard(number)
        self._raise(self.core.feed(number, event.block))
        self.bytes += len(event.block)
        self._fed[number] += len(event.block)
        self.last_data = self._base_at = now
        self._base_ns = self.core.watermark_ns

    def _settle(self, slot: str, source: str) -> None:
        number = self._ids[slot, source]
        self._raise(self.core.settle(number))
        if number not in self._idle:
            self._base_ns = self.core.watermark_ns  # the record that was pending came with the last bytes
        self._idle.add(number)

    def _close(self, slot: str, event: Closed) -> None:
        number = self._ids.pop((slot, event.source), None)
        if number is None:
            return
        self._raise(self.core.close(number))
        self._live.discard(number)
        self._idle.discard(number)
        self._fed.pop(number, None)
        row = self.rows.pop(number)
        self.rows[number] = replace(row, position=event.last or {}, open=False)  # last in order: the newest closed
        closed = [key for key, row in self.rows.items() if not row.open]
        for key in closed[: max(0, len(closed) - CLOSED_KEPT)]:
            del self.rows[key]

    def _raise(self, alerts: Sequence[Alert]) -> None:
        self.alerts.extend(alerts)
        for alert in alerts:
            if alert.status == "firing" and alert.windows == 1:
                self._opened[max(alert.detectors, key=alert.detectors.__getitem__, default=""), alert.level] += 1
        while len(self.alerts) > MAX_PENDING:
            self.alerts.popleft()
            self._first += 1
            self.given_up += 1

    def _heed(self) -> None:
        """What people said since the last event holds from this one on."""
        if self._said is not None and self.core.heed(self._said()):
            self.changed = True

    def _text(self, number: int, offset: int, length: int) -> bytes | None:
        row = self.rows.get(number)
        collector = self.collectors.get(row.slot) if row else None
        if row is None or collector is None:
            return None
        for _ in range(3):
            try:
                return collector.text(row.source, offset, length)
            except RuntimeError:  # its notes changed on the event loop as we looked
                continue
        return None

    def _name(self, number: int) -> str:
        row = self.rows.get(number)
        return row.name if row else f"source {number}"

    def _told(self, number: int) -> tuple[str, str]:
        """Of a source that was opened: its name, and what it is known by whatever its name."""
        return self.rows[number].name, self.rows[number].source


def guarded(runner: Runner, job: Callable[[], object]) -> None:
    """Do a job of a runner; what it raises stops this runner alone."""
    if runner.failure is not None:
        return
    try:
        job()
    except Exception as error:  # whatever a detector or the engine does, the neighbours go on
        runner.failure = error
        runner.stopped = True
