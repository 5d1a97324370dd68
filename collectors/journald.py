"""The `journald` collector: follows the systemd journal through a journalctl process, from a cursor.

Invariant: an entry is handed out once. Reading resumes *at* the last cursor, not after it: its entry coming first
again proves that nothing is missing in between, and it is then skipped.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
from msgspec import Meta

from alogd.clock import Clock, Waker
from alogd.collectors.base import (
    MAX_BLOCK,
    Data,
    Event,
    Idle,
    Note,
    NoteKind,
    Opened,
    Options,
    Position,
    SourceState,
    SourceStatus,
    Status,
)
from alogd.collectors.journal_entry import FIELDS, Entry, boot, own_cgroup, parse
from alogd.collectors.journalctl import Journalctl
from alogd.collectors.recent import Recent
from alogd.registry import register

SOURCE = "journal"
RECENT = 4 * 1024 * 1024  # bytes of what was read last, kept for evidence
MARKS = 16_384  # entries whose cursors are kept, for positions
MAX_BACKOFF = 60.0  # seconds between two starts of journalctl
LISTEN = 10.0  # seconds after which journalctl's complaints are looked at in a quiet journal

Word = Annotated[str, Meta(min_length=1, max_length=256)]


class JournaldOptions(Options, frozen=True, kw_only=True):
    """Options of the `journald` collector. An entry must fit one of each kind of choice that is given."""

    units: Annotated[tuple[Word, ...], Meta(max_length=256)] = ()  # systemd units; globs
    identifiers: Annotated[tuple[Word, ...], Meta(max_length=256)] = ()  # syslog identifiers (programs)
    priority: Word | None = None  # this urgent or more, as journalctl writes it: "err", "warning", "0..4"
    directory: Word | None = None  # read the journal files there instead of this host's
    start: Literal["beginning", "end", "boot"] = "beginning"  # when there is no saved position
    lines: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None  # at most so many old entries
    # Quiet after which the last record is taken as whole, in seconds.
    settle: Annotated[float, Meta(ge=0.01, le=86_400, extra={"unit": "duration"})] = 1.0


class Mark(NamedTuple):
    """The end of one entry in the rendered stream."""

    offset: int
    cursor: str  # "" before the first entry
    realtime: int  # microseconds since 1970 UTC


@register("collectors", "journald")
class JournaldCollector:
    """Follows the journal. See alogd.collectors.base.Collector for the contract."""

    name: ClassVar[str] = "journald"
    Options: ClassVar[type[Options]] = JournaldOptions

    def __init__(
        self,
        options: Mapping[str, Any],
        positions: Sequence[Mapping[str, Any]],
        clock: Clock,
        waker: Waker,
        *,
        exclude_paths: Sequence[str] = (),
    ) -> None:
        self._options = msgspec.convert(dict(options), JournaldOptions)
        self._clock = clock
        self._waker = waker
        self._recent = Recent(RECENT)
        self._own = own_cgroup()
        saved = next((mark for mark in map(_saved, positions) if mark is not None), None)
        self._resumed = saved is not None
        self._base = saved or Mark(0, "", 0)  # where reading resumes while no kept mark is acted upon
        self._last = self._base
        self._marks: deque[Mark] = deque(maxlen=MARKS)
        self._handed = self._base.offset  # bytes handed out
        self._unproven = False  # the next entry tells whether the last one read still exists
        self._new_boot_is_fine = False
        self._floor = -1  # entries up to this time (microseconds) were read already
        self._discard = self._options.start == "end" and saved is None  # the first entry only gives its cursor
        self._journalctl: Journalctl | None = None
        self._state: SourceState = "waiting"
        self._error = ""  # why there is nothing to read now
        self._said = ""  # the last failure that was said
        self._partial_said = False
        self._tries = 0
        self._unsettled = False
        self._closing = False
        self._jitter = random.Random()  # noqa: S311 - spreads restarts, protects nothing

    async def events(self) -> AsyncIterator[Event]:
        yield Opened(SOURCE, SOURCE, self._base.offset, None, "rfc5424", self._resumed)
        while not self._closing:
            # First what is there, then what comes: a following journalctl shows this boot's entries only,
            # and would pass over the end of the boot that crashed.
            for follow in (False, True):
                if not (follow and self._error):
                    async with aclosing(self._run(follow)) as events:
                        async for event in events:
                            yield event
            if not self._closing:
                await self._back_off()

    async def _run(self, follow: bool) -> AsyncGenerator[Event, None]:
        """One journalctl, until it ends. `self._error` then says whether and why it failed."""
        self._error = ""
        self._unproven, self._floor = bool(self._last.cursor), self._last.realtime
        self._new_boot_is_fine = follow
        try:
            self._journalctl = journalctl = await Journalctl.start(self._arguments(follow), self._waker)
        except OSError as error:
            cause = (error.strerror or str(error)).lower()
            for event in self._failed("unavailable", f"cannot run journalctl: {cause}"):
                yield event
            return
        try:
            async with aclosing(self._read(journalctl)) as events:
                async for event in events:
                    yield event
        finally:
            complaint = journalctl.complaint
            status = await journalctl.stop()
        if not self._closing and (follow or status != 0):
            for event in self._ended(follow, status, complaint):
                yield event
        self._discard = self._discard and status != 0

    def _ended(self, follow: bool, status: int, complaint: str) -> Iterator[Event]:
        cause = complaint or f"status {status}"
        if self._last.cursor and "cursor" in complaint.lower():
            yield self._lost()
            self._last = self._last._replace(cursor="")  # by time from now on
            self._error = complaint
        elif follow and status <= 0:
            yield from self._failed("restarted", f"journalctl ended ({cause}); started again")
        else:
            yield from self._failed("unavailable", f"no journal to read ({cause}); tried again from time to time")

    async def _read(self, journalctl: Journalctl) -> AsyncGenerator[Event, None]:
        while not self._closing:
            try:
                entries = await journalctl.entries(self._options.settle if self._unsettled else LISTEN)
            except (EOFError, OSError):
                return
            for event in self._quiet(journalctl) if entries is None else self._take(entries, journalctl):
                yield event

    def _quiet(self, journalctl: Journalctl) -> Iterator[Event]:
        if self._unsettled and not self._closing:
            self._unsettled, self._state = False, "idle"
            yield Idle(SOURCE)
        if "not seeing messages" in journalctl.complaint and not self._partial_said:
            self._partial_said = True
            text = "not all of the journal can be read; add alogd's user to group systemd-journal"
            yield Note(SOURCE, "permission_denied", text, 1)

    def _take(self, entries: list[bytes], journalctl: Journalctl) -> Iterator[Event]:
        malformed, journalctl.oversized = journalctl.oversized, 0
        lines: list[bytes] = []
        for json in entries:
            try:
                entry = parse(json)
            except ValueError:
                malformed += 1
                continue
            if self._unproven:
                yield from self._prove(entry)
            if entry.cursor != self._last.cursor and entry.realtime > self._floor:
                self._floor = -1  # from here on time may go back as it likes
                self._accept(entry, lines)
        if malformed:
            yield Note(
                SOURCE, "malformed", f"passed over {malformed} journal entries: too long, or not JSON", malformed
            )
        yield from self._blocks(b"".join(lines))

    def _prove(self, entry: Entry) -> Iterator[Event]:
        """The first entry after a start shows whether the last one read is still there."""
        self._unproven = False
        if entry.cursor == self._last.cursor:
            self._floor = -1
        elif not (self._new_boot_is_fine and boot(entry.cursor) != boot(self._last.cursor)):
            yield self._lost()

    def _accept(self, entry: Entry, lines: list[bytes]) -> None:
        own = bool(self._own) and entry.cgroup == self._own
        line = b"" if self._discard or own else entry.line
        self._last = Mark(self._last.offset + len(line), entry.cursor, entry.realtime)
        self._tries = 0
        if self._discard:
            self._base = self._last
            return
        if len(self._marks) == MARKS:
            self._base = self._marks[0]
        self._marks.append(self._last)
        lines.append(line)

    def _blocks(self, text: bytes) -> Iterator[Event]:
        offset = self._last.offset - len(text)
        for begin in range(0, len(text), MAX_BLOCK):
            block = text[begin : begin + MAX_BLOCK]
            self._recent.add(SOURCE, offset + begin, block)
            self._handed = offset + begin + len(block)
            self._unsettled, self._state = True, "reading"
            yield Data(SOURCE, block)

    def _lost(self) -> Note:
        text = "the last journal entry that was read is gone (vacuumed or rotated away); entries after it may be lost"
        return Note(SOURCE, "lost", text, 1)

    def _failed(self, kind: NoteKind, text: str) -> Iterator[Event]:
        """Remembers a failure, and says it when it is another than the last one."""
        self._error, self._state = text, "failing"
        if text != self._said:
            self._said = text
            yield Note(SOURCE, kind, text, 1)

    async def _back_off(self) -> None:
        longest = min(MAX_BACKOFF, 0.5 * 2**self._tries)
        self._tries = min(self._tries + 1, 16)
        until = self._clock.monotonic() + longest * self._jitter.uniform(0.5, 1.0)
        while not self._closing and (left := until - self._clock.monotonic()) > 0:
            await self._waker.wait(left)

    def _arguments(self, follow: bool) -> list[str]:
        chosen = self._options
        arguments = ["--output=json", f"--output-fields={FIELDS}", "--all", "--no-pager"]
        arguments += [f"--unit={unit}" for unit in chosen.units]
        arguments += [f"--identifier={identifier}" for identifier in chosen.identifiers]
        arguments += [f"--priority={chosen.priority}"] if chosen.priority else []
        arguments += [f"--directory={chosen.directory}"] if chosen.directory else []
        arguments += ["--follow", "--no-tail"] if follow else []
        if self._last.cursor:
            return [*arguments, f"--cursor={self._last.cursor}"]
        if self._last.realtime:
            return [*arguments, f"--since=@{self._last.realtime // 1_000_000}"]
        if follow:
            return arguments
        arguments += ["--boot"] if chosen.start == "boot" else []
        most = 1 if chosen.start == "end" else chosen.lines
        return arguments + ([f"--lines={most}"] if most else [])

    def position(self, source: str, consumed: int) -> Position:
        if source != SOURCE:
            raise KeyError(source)
        at = bisect_right(self._marks, consumed, key=lambda mark: mark.offset)
        mark = self._marks[at - 1] if at else self._base
        if not mark.realtime:
            return {}
        return {"source": SOURCE, "cursor": mark.cursor, "offset": mark.offset, "realtime": mark.realtime}

    def text(self, source: str, offset: int, length: int) -> bytes | None:
        return self._recent.text(source, offset, length)

    def lag(self) -> Mapping[str, int]:
        return {SOURCE: self._last.offset - self._handed}

    def status(self) -> Status:
        one = SourceStatus(SOURCE, SOURCE, self._handed, self._last.offset, self._state, self._error)
        looked = self._journalctl is not None or bool(self._error)
        why = self._error or ("" if looked else "has not looked yet")
        return Status(self._journalctl is not None and not self._error, why, [one], looked)

    async def close(self) -> None:
        self._closing = True
        self._waker.wake()
        if self._journalctl is not None:
            await self._journalctl.stop()


def _saved(position: Mapping[str, Any]) -> Mark | None:
    """Reads what position() wrote; None when it is not that."""
    cursor, offset, realtime = (position.get(key) for key in ("cursor", "offset", "realtime"))
    if not isinstance(cursor, str) or not isinstance(offset, int) or not isinstance(realtime, int):
        return None
    return Mark(offset, cursor, realtime) if offset >= 0 and realtime > 0 else None
