"""Beside the windows: what should have come and did not. Sources that stop, heartbeats that stop, rates that halve.

Pure and bounded. What is found depends on the records and on log time alone; it waits here, with the log time at which
it was found, until that time is over, so that it comes in the same place among other alerts however blocks were cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from alogd.config.tree import Silence as Options
from alogd.event import I64, NO_TIME, Batch, Bool
from alogd.silence.log_time import Along, LogClock
from alogd.silence.quiet import KINDS, Kind, Quiet
from alogd.silence.rhythm import DAY, FEWEST, HOUR, JUDGED, LONGEST, SHORT, Beat, Place, Source

MAX_SOURCES = 64  # of a stream, that are looked at; the first by name that come
MAX_BEATS = 256  # templates that may be heartbeats, at once
REVIEW = 14 * 24 * HOUR  # of log time, after which templates that were given up are looked at again
FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Step:
    """A record before which nothing came for a while, or with which an hour begins."""

    batch: Batch
    at: int
    before: int  # log time of the record before
    moment: int
    found: int  # log time at its furthest

    def last(self, source: Source) -> Place | None:
        """The last record before it."""
        own = [_place(self.batch, one) for one in range(max(0, self.at - 2), self.at)]
        return _last([*source.tail, *own], self.before)


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    """All of it, in a stream's state."""

    clock: LogClock
    sources: dict[str, Source]
    beats: dict[int, Beat]
    given_up: bytes  # a bit a slot
    away: dict[str, int]
    pending: list[Quiet]
    review: int
    full_until: int


class Silences:
    """What is away in one stream."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = LogClock()
        self.sources: dict[str, Source] = {}
        self.beats: dict[int, Beat] = {}
        self.away: dict[str, int] = {}  # key -> since when it is told to be away
        self.pending: list[Quiet] = []
        self._names: dict[int, str] = {}  # of the sources that are open, by number
        self._given_up: Bool = np.zeros(256, np.bool_)  # by template slot
        self._review = 0  # number of the stretch of log time
        self._timed = False  # a stamp was seen, since it began or was loaded
        self._full_until = 0  # log time before which no room is looked for
        self._next = FOREVER  # before this log time nothing that is watched is missed
        self._after, self._learn = round(options.after * 1e9), round(options.learn * 1e9)

    # -- what comes

    def open(self, number: int, name: str) -> None:
        """A source begins, or goes on."""
        if len(self._names) < MAX_SOURCES:
            self._names[number] = name
            self._next = NO_TIME  # look

    def close(self, number: int) -> None:
        """It ends: what was rotated away or removed is not silent."""
        name = self._names.pop(number, None)
        if name is not None and name not in self._names.values():
            for kind in ("source", "rate"):
                self._back(kind, name, 0, self.clock.sure, self.clock.far)

    def add(self, batch: Batch) -> None:
        """Records as the engine made them, at least one."""
        name = self._names.get(batch.source)
        if name is None or not self.options.enabled:
            return
        along = self.clock.see(batch.timestamp_ns, batch.source)
        now = self.clock.sure
        if now == NO_TIME:
            return
        begin = 0 if self._timed else int(np.searchsorted(along.sure, NO_TIME, "right"))  # not before the first stamp
        self._timed = True
        if along.doubtful is None:
            self._source(name, batch, along, begin)
        elif len(index := begin + np.flatnonzero(~along.doubtful[begin:])):
            self._source(name, _chosen(batch, index), along.chosen(index), 0)
        for first, end in self._stretches(along, begin, len(batch)):
            self._beats(name, batch, along, first, end)
        if now > self._next:
            self._look(along)

    def tick(self, moment: int) -> None:
        """Nothing came until this log time."""
        if self.options.enabled:
            self.clock.vouch(moment)
            if self.clock.sure > self._next:
                now, far = np.array([self.clock.sure]), np.array([self.clock.far])
                self._look(Along(now, 0, 0, now, far))

    def due(self, moment: int) -> list[Quiet]:
        """What was found before this log time, in order; it is told now."""
        if not self.pending:
            return []
        done = sorted((one for one in self.pending if one.found < moment), key=_order)
        self.pending = [one for one in self.pending if one.found >= moment]
        return done

    # -- sources, and how much they write

    def _source(self, name: str, batch: Batch, along: Along, begin: int) -> None:
        now, count = self.clock.sure, len(batch)
        source = self.sources.get(name)
        if source is None:
            if len(self.sources) >= MAX_SOURCES and not self._forget_source():
                return
            first = int(along.sure[begin])
            source = self.sources[name] = Source(first, first, hour=first // HOUR)
        if now - source.last > SHORT or now // HOUR != source.hour:
            begin = self._steps(name, source, batch, along, begin)
        source.count += count - begin
        source.last = now
        source.tail = [*source.tail, *(_place(batch, at) for at in range(max(0, count - 2), count))][-2:]
        if source.allowed:
            self._next = min(self._next, now + source.allowed)

    def _steps(self, name: str, source: Source, batch: Batch, along: Along, begin: int) -> int:
        """Silences that end and hours that begin within a batch; gives the first record that was not counted."""
        moments, first = along.sure[begin:], begin
        steps = (np.diff(moments, prepend=source.last) > SHORT) | (np.diff(moments // HOUR, prepend=source.hour) > 0)
        for at in (begin + np.flatnonzero(steps)).tolist():
            moment, before = int(moments[at - first]), int(moments[at - first - 1]) if at > first else source.last
            source.count += at - begin
            begin, learned = at, False
            step = Step(batch, at, before, moment, int(along.far[at]))
            if moment - before > SHORT:
                self._ended(name, source, step)
                learned = source.silence(moment, moment - before)
            if moment // HOUR != source.hour:
                self._end_hour(name, source, step)
                source.hour, source.count = moment // HOUR, 0
            source.last = moment
            if learned or moment // DAY != before // DAY:
                source.derive(self._after, self.options.times, self._learn)
        return begin

    def _ended(self, name: str, source: Source, step: Step) -> None:
        """A silence of the source; a batch may hold all of one that is news."""
        if not self.options.sources or not source.allowed or step.moment - step.before <= source.allowed:
            return
        self._miss_source(name, source, step.before, step.found, step.last(source))
        self._back("source", name, 0, step.moment, step.found)
        source.was_told(step.before + source.allowed, step.moment)
        source.spoilt = step.before // HOUR, step.moment // HOUR
        self._next = NO_TIME  # its heartbeats are awaited again

    def _end_hour(self, name: str, source: Source, step: Step) -> None:
        count, least = source.end_hour()
        ended = (source.hour + 1) * HOUR
        if not self.options.rates or least < FEWEST or count >= self.options.share * least:
            self._back("rate", name, 0, ended, step.found)
            return
        last = step.last(source)
        self._miss(Quiet(step.found, ended, False, "rate", name, 0, step.before, least, count, last))

    def _forget_source(self) -> bool:
        """Make room: the one that ended longest ago goes."""
        ended = [(source.last, name) for name, source in self.sources.items() if name not in self._names.values()]
        if ended:
            del self.sources[min(ended)[1]]
        return bool(ended)

    # -- heartbeats

    def _stretches(self, along: Along, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Records between two reviews of the templates that were given up."""
        if self.clock.sure // REVIEW == self._review:
            yield begin, end
            return
        while begin < end:
            stretch = int(along.sure[begin]) // REVIEW
            if stretch != self._review:
                self._review = stretch
                self._given_up[:] = False
            until = begin + int(np.searchsorted(along.sure[begin:], (stretch + 1) * REVIEW))
            yield begin, until
            begin = until

    def _beats(self, name: str, batch: Batch, along: Along, begin: int, end: int) -> None:
        slots, new = batch.slot[begin:end], batch.is_new[begin:end]
        highest = int(slots.max())
        if highest >= len(self._given_up):
            more = np.zeros(max(highest + 1, 2 * len(self._given_up)) - len(self._given_up), np.bool_)
            self._given_up = np.concatenate([self._given_up, more])
        look = ~self._given_up.take(slots)
        if new.any():
            look |= np.isin(slots, slots[new])
        index = np.flatnonzero(look)
        for at, slot, is_new in zip(index.tolist(), slots[index].tolist(), new[index].tolist(), strict=True):
            if is_new:
                self._forget_beat(slot, int(along.sure[begin + at]), int(along.far[begin + at]))
                self._given_up[slot] = False
            doubtful = along.doubtful is not None and along.doubtful[begin + at]
            if slot and not self._given_up[slot] and not doubtful:
                self._beat(name, slot, _place(batch, begin + at), along, begin + at)

    def _beat(self, name: str, slot: int, place: Place, along: Along, at: int) -> None:
        moment = int(along.sure[at])
        beat = self.beats.get(slot)
        if beat is None:
            if len(self.beats) < MAX_BEATS or self._forget_beats(moment):
                self.beats[slot] = Beat(moment, moment, name, place)
            else:
                self._given_up[slot] = True
            return
        base = beat.base(self.sources.get(beat.source), moment)
        if beat.allowed and moment - base > beat.allowed:
            self._miss_beat(slot, beat, base, along)
            beat.returned(moment)
        elif base != beat.last:
            beat.last = moment  # its source was away meanwhile
        elif not beat.beat(moment, self._learn):
            del self.beats[slot]
            self._given_up[slot] = True
        self._back("beat", beat.source, slot, moment, int(along.far[at]))
        beat.source, beat.place = name, place
        if beat.allowed:
            self._next = min(self._next, moment + beat.allowed)

    def _forget_beats(self, moment: int) -> bool:
        """Make room: what came a few times, and not for a day, goes. Looked for once an hour."""
        if moment < self._full_until:
            return False
        self._full_until = moment + HOUR
        for slot in [s for s, b in self.beats.items() if len(b.intervals) < JUDGED and b.last < moment - DAY]:
            del self.beats[slot]
        return len(self.beats) < MAX_BEATS

    def _forget_beat(self, slot: int, moment: int, found: int) -> None:
        """Its slot is another template's now."""
        beat = self.beats.pop(slot, None)
        if beat is not None:
            self._back("beat", beat.source, slot, moment, found)

    # -- what is missed

    def _look(self, along: Along) -> None:
        """Miss what should have come by now; a batch or a tick has ended."""
        now = self.clock.sure
        self._next = min([FOREVER, *(since + LONGEST for since in self.away.values())])
        for name in sorted(set(self._names.values()) & self.sources.keys()):
            source = self.sources[name]
            if source.allowed and f"source {name}" not in self.away:
                if now > source.last + source.allowed:
                    found = along.far_after(source.last + source.allowed)
                    self._miss_source(name, source, source.last, found, _last(source.tail, source.last))
                else:
                    self._next = min(self._next, source.last + source.allowed)
        for slot, beat in self.beats.items():
            if beat.allowed and f"beat {beat.source} {slot}" not in self.away:
                base = beat.base(self.sources.get(beat.source), now)
                if now > base + beat.allowed:
                    self._miss_beat(slot, beat, base, along)
                else:
                    self._next = min(self._next, base + beat.allowed)
        self._give_up(along)

    def _miss_source(self, name: str, source: Source, before: int, found: int, last: Place | None) -> None:
        if self.options.sources:
            self._miss(Quiet(found, before + source.allowed, False, "source", name, 0, before, source.usual, 0, last))

    def _miss_beat(self, slot: int, beat: Beat, base: int, along: Along) -> None:
        """Not while its source is away or closed: that is one thing to tell, and it is told."""
        ends, source = base + beat.allowed, self.sources.get(beat.source)
        is_away = source is not None and source.allowed and source.last + source.allowed <= ends
        if not self.options.heartbeats or not self._is_open(beat.source) or (is_away and self.options.sources):
            return
        self._miss(
            Quiet(
                along.far_after(ends),
                ends,
                False,
                "beat",
                beat.source,
                slot,
                beat.last,
                max(beat.intervals),
                0,
                beat.place,
            )
        )

    def _is_open(self, name: str) -> bool:
        return name in self._names.values()

    def _miss(self, quiet: Quiet) -> None:
        if quiet.key not in self.away:
            self.away[quiet.key] = quiet.at
            self._next = min(self._next, quiet.at + LONGEST)
            self.pending.append(quiet)

    def _back(self, kind: Kind, name: str, slot: int, moment: int, found: int) -> None:
        if not self.away:
            return
        one = Quiet(found, moment, True, kind, name, slot)
        if self.away.pop(one.key, None) is not None:
            self.pending.append(one)

    def _give_up(self, along: Along) -> None:
        """What was away for so long is gone: it is told to be over, and forgotten."""
        for key, since in sorted(self.away.items()):
            ends = since + LONGEST
            if self.clock.sure <= ends:
                continue
            kind, _, rest = key.partition(" ")
            name, _, slot = rest.rpartition(" ") if kind == "beat" else (rest, "", "0")
            if kind == "source":
                self.sources.pop(name, None)
            if kind == "beat":
                self.beats.pop(int(slot), None)
            self._back(KINDS[kind], name, int(slot), ends, along.far_after(ends))

    # -- state

    def save(self) -> bytes:
        """JSON of everything but which sources are open; the same for the same records, however they were cut."""
        used = int(np.flatnonzero(self._given_up).max(initial=-1)) + 1
        given_up = np.packbits(self._given_up[:used]).tobytes()
        pending = sorted(self.pending, key=_order)
        away = dict(sorted(self.away.items()))
        parts = (self.clock, self.sources, self.beats, given_up, away, pending)
        return msgspec.json.encode(Saved(*parts, self._review, self._full_until))

    def load(self, data: bytes) -> None:
        """Raises ValueError when damaged."""
        saved = msgspec.json.decode(data, type=Saved)
        self.clock, self.sources, self.beats = saved.clock, saved.sources, saved.beats
        self.away, self.pending = saved.away, saved.pending
        self._review, self._full_until = saved.review, saved.full_until
        self._given_up = np.unpackbits(np.frombuffer(saved.given_up, np.uint8)).astype(np.bool_)
        self._next = NO_TIME


def _order(one: Quiet) -> tuple[int, int, bool, str]:
    return one.order


def _chosen(batch: Batch, index: I64) -> Batch:
    """Some records of a batch; of what a source is asked for."""
    columns = ("offset", "length", "timestamp_ns", "severity", "template_id", "slot", "is_new", "key")
    return Batch(batch.source, **{name: getattr(batch, name)[index] for name in columns})


def _place(batch: Batch, at: int) -> Place:
    return batch.source, int(batch.offset[at]), int(batch.length[at]), int(batch.timestamp_ns[at])


def _last(there: Sequence[Place], before: int) -> Place | None:
    """The last record before a silence; the one that ended it may be among them, if its stamp had to be confirmed."""
    return next((place for place in reversed(there) if place[3] <= before + HOUR), None)
