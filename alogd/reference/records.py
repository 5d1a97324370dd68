"""Cuts a source's bytes into lines and joins lines to records, as engine_c/feed.c does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from alogd.engine.settings import EngineConfig
from alogd.event import NO_TIME
from alogd.reference.header_levels import severity_of
from alogd.reference.headers import Fields, HeaderReader

LINE_COUNTERS = (
    "lines", "bytes", "empty", "too_long", "continuations", "late_continuations", "records_split", "headerless",
)  # fmt: skip


@dataclass(slots=True)
class Record:
    """A record whose last line may still come."""

    offset: int
    end: int
    timestamp_ns: int
    fields: Fields
    severity: int


@dataclass(slots=True)
class State:
    """What is saved of a source."""

    offset: int
    last_ns: int = NO_TIME
    joined: int = 0
    record: bool = False
    record_lines: int = 0
    record_bytes: int = 0
    skipping: bool = False
    header: tuple[Any, ...] = ()
    counters: Counter[str] = field(default_factory=Counter)

    def values(self) -> list[Any]:
        """All of it, in the order of the fields."""
        return [getattr(self, field.name) for field in fields(self)]


class SourceReader:
    """One source. `scan` gives the severity of a continuation line by the rules."""

    def __init__(
        self, number: int, config: EngineConfig, offset: int, year: int, header: str, scan: Callable[[bytes], int]
    ) -> None:
        self.number, self.config, self.scan, self.year, self.kind = number, config, scan, year, header
        self.key_field = config.key_parts()[1] if config.key_parts()[0] == "field" else None
        self.reader = HeaderReader(header, year, config.utc_offset_s, self.key_field)
        self.state = State(offset)
        self.mark: State | None = None  # the state before the pending record
        self.pending: Record | None = None
        self.carry = b""

    # -- lines

    def feed(self, block: bytes) -> Iterator[Record]:
        """Records that are whole now."""
        text, at, most = self.carry + block, 0, self.config.max_line_bytes
        self.carry = b""
        while at < len(text):
            newline = text.find(b"\n", at)
            end = len(text) if newline < 0 else newline
            if self.state.skipping:
                self._skip(end - at + (newline >= 0), newline < 0)
            elif end - at > most:
                yield from self._line(text[at : at + most], most)
                self.state.skipping = True
                self.state.counters["too_long"] += 1
                end = at + most - 1
            elif newline < 0:
                self.carry = text[at:]
            else:
                yield from self._line(text[at:end].removesuffix(b"\r"), end - at + 1)
            at = end + 1

    def _skip(self, gone: int, goes_on: bool) -> None:
        self.state.offset += gone
        self.state.counters["bytes"] += gone
        self.state.skipping = goes_on

    def settle(self) -> Iterator[Record]:
        """The pending record, as it stands."""
        if self.pending is not None:
            yield self.pending
            self.pending = None

    def flush(self) -> Iterator[Record]:
        """The same, after a last line without newline."""
        if self.carry:
            line, self.carry = self.carry, b""
            yield from self._line(line.removesuffix(b"\r"), len(line))
        yield from self.settle()

    # -- records

    def _line(self, line: bytes, whole: int) -> Iterator[Record]:
        before = self.saved(now=True)
        state = self.state
        offset = state.offset
        state.offset += whole
        state.counters["lines"] += 1
        state.counters["bytes"] += whole
        if not self.config.keep_empty and not line.strip(b" \t\r"):
            state.counters["empty"] += 1
            return
        fields = self.reader.read(line)
        if self.config.multiline and state.record and not fields.begins and self.reader.continues(state.joined):
            state.joined += 1
            if self._fits(len(line)):
                self._go_on(offset, line)
                return
            state.counters["records_split"] += 1
        yield from self.settle()
        record = self._begin(offset, line, fields)
        if self.config.multiline:
            self.pending, self.mark = record, before
        else:
            yield record

    def _fits(self, length: int) -> bool:
        state, config = self.state, self.config
        enough = state.record_bytes + length <= config.multiline_max_bytes
        return enough and state.record_lines < config.multiline_max_lines

    def _go_on(self, offset: int, line: bytes) -> None:
        state = self.state
        state.record_lines += 1
        state.record_bytes += len(line)
        state.counters["continuations"] += 1
        if self.pending is None:
            state.counters["late_continuations"] += 1
            return
        self.pending.end = offset + len(line)
        self.pending.severity = max(self.pending.severity, self.scan(line))

    def _begin(self, offset: int, line: bytes, fields: Fields) -> Record:
        state = self.state
        if fields.timestamp_ns is not None:
            state.last_ns = fields.timestamp_ns
        state.counters["headerless"] += not fields.begins
        state.record, state.joined = True, 0
        state.record_lines, state.record_bytes = 1, len(line)
        return Record(offset, offset + len(line), state.last_ns, fields, severity_of(fields.otel))

    # -- state

    def saved(self, *, now: bool = False) -> State:
        """The state where reading resumes; `now`: after the last whole line, whatever is pending."""
        if self.pending is not None and not now and self.mark is not None:
            return self.mark
        s = self.state
        return State(
            s.offset, s.last_ns, s.joined, s.record, s.record_lines, s.record_bytes, s.skipping,
            _header_state(self.reader), Counter(s.counters),
        )  # fmt: skip

    def restore(self, saved: State) -> None:
        """Take over a saved state."""
        self.state, self.mark, self.pending, self.carry = saved, None, None, b""
        _restore_header(self.reader, saved.header)


def _header_state(reader: HeaderReader) -> tuple[Any, ...]:
    source = reader._source
    body, calendar = source.body, source.calendar
    return (
        source.kind, calendar.year, calendar.month, source.partial,
        body.mode, body.indented, body.seen_plain, body.joins,
        reader._misses, tuple(sorted(reader._votes.items())), reader._fixed,
    )  # fmt: skip


def _restore_header(reader: HeaderReader, state: tuple[Any, ...]) -> None:
    source = reader._source
    body, calendar = source.body, source.calendar
    source.kind, calendar.year, calendar.month, source.partial = state[:4]
    body.mode, body.indented, body.seen_plain, body.joins = state[4:8]
    reader._misses, reader._votes, reader._fixed = state[8], Counter(dict(state[9])), state[10]
