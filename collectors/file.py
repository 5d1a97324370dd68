"""The `file` collector: follows the files that match glob patterns, across rotation, truncation and restarts.

Invariant: nothing is read that the consumer did not ask for, and every blocking call is made by one thread of its
own. What the event loop may ask at any time (positions, lag, text) is answered from its own notes, taken as events
pass by.
"""

from __future__ import annotations

import asyncio
import glob
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from alogd.clock import Clock, Waker
from alogd.collectors.admission import Rules
from alogd.collectors.base import Closed, Data, Event, Idle, Opened, Options, Position, Status
from alogd.collectors.followed import MARK, Followed, Identity, Refused, Saved, identify, open_checked, place
from alogd.collectors.follower import Follower, Pace
from alogd.collectors.globs import Walk
from alogd.collectors.recent import Recent
from alogd.collectors.watch import Watch
from alogd.registry import register

RECENT = 1024 * 1024  # bytes of what was read last, kept for evidence
KEPT = 64 * 1024  # bytes kept of each source, for the mark of a position within its unfinished last record
KEPT_IDLE = 4096  # ... of each idle one
CLOSED = 256  # closed sources whose text can still be asked for: their last record is told when they close
MAX_TEXT = 1024 * 1024  # bytes: most of one text()
CLOSE = 5.0  # seconds given to the thread to let go
BUSY_BLOCK = 64 * 1024  # bytes: below this a step's yield is a trickle, worth gathering
BURST = 20.0  # trickles read at once before they are gathered; one more is earned every `gather`

Seconds = Annotated[float, Meta(ge=0.01, le=86_400, extra={"unit": "duration"})]


class FileOptions(Options, frozen=True, kw_only=True):
    """Options of the `file` collector."""

    include: Annotated[tuple[str, ...], Meta(min_length=1, max_length=256)]  # globs; ** = any directories
    exclude: Annotated[tuple[str, ...], Meta(max_length=256)] = ()  # globs; a bare name is excluded everywhere
    start: Literal["beginning", "end"] = "beginning"  # of files that are there when alogd first looks
    follow_symlinks: bool = True
    roots: tuple[str, ...] = ()  # directories links may lead to, beside those the patterns begin with
    rotated: bool = False  # read what log rotation put aside (.1, -20260101) like any other file
    binary: bool = False  # read files that do not look like text
    watch: Literal["auto", "poll"] = "auto"  # auto: the kernel's change notices, and polling as the safety net
    max_open_files: Annotated[int, Meta(ge=8, le=100_000)] = 256  # descriptors; idle files are closed beyond it
    max_files: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    poll: Seconds = 1.0  # how often a file that changed lately is looked at
    idle_poll: Seconds = 10.0  # how often the others are, and the directories
    settle: Seconds = 1.0  # quiet after which a last, unfinished record is taken as whole
    gather: Annotated[float, Meta(ge=0, le=10, extra={"unit": "duration"})] = 0.05  # a trickle is read this often
    rotate_grace: Seconds = 5.0  # a rotated or removed file is closed after this much quiet
    close_after: Seconds = 300.0  # ... or after this, when no new file took its name
    forget_after: Seconds = 3600.0  # a saved position whose file does not come to light is given up


@dataclass(slots=True)
class _Source:
    """The event loop's notes on one source."""

    file: Followed
    identity: Identity
    epoch: int
    offset: int  # handed out so far
    kept: bytes  # the bytes before it
    fifo: bool


@register("collectors", "file")
class FileCollector:
    """Follows files. See alogd.collectors.base.Collector for the contract."""

    name: ClassVar[str] = "file"
    Options: ClassVar[type[Options]] = FileOptions

    def __init__(
        self,
        options: Mapping[str, Any],
        positions: Sequence[Mapping[str, Any]],
        clock: Clock,
        waker: Waker,
        *,
        exclude_paths: Sequence[str] = (),
    ) -> None:
        self._options = chosen = msgspec.convert(dict(options), FileOptions)
        self._clock = clock
        self._waker = waker
        self._closing = self._looked = False
        self._credit, self._credit_at = BURST, clock.monotonic()
        self._recent = Recent(RECENT)
        self._sources: dict[str, _Source] = {}
        self._closed: dict[str, _Source] = {}  # the latest, oldest first
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="alogd-file")
        own = [glob.escape(os.path.abspath(path)) + "/**" for path in exclude_paths]
        walk = Walk(chosen.include, [*chosen.exclude, *own], chosen.follow_symlinks)
        self._rules = _rules(chosen, walk, exclude_paths)
        roots: dict[str, bool] = {}
        for pattern in walk.patterns:
            roots[pattern.root] = roots.get(pattern.root, False) or pattern.recursive
        self._watch = Watch(roots, waker.wake) if chosen.watch == "auto" else None
        saved = [one for one in map(Saved.of, positions) if one is not None]
        self._follower = Follower(
            walk,
            self._rules,
            saved,
            Pace(*(getattr(chosen, field) for field in Pace._fields)),
            (chosen.max_open_files, chosen.max_files),
            chosen.rotated,
            self._watch,
        )

    async def events(self) -> AsyncIterator[Event]:
        loop = asyncio.get_running_loop()
        while not self._closing:
            now = self._clock.monotonic()
            happened = await loop.run_in_executor(self._pool, self._follower.step, now, self._clock)
            self._looked = True
            size = 0
            for event in happened:
                size += self._note(event)
                yield event
            await self._pause(size)

    async def _pause(self, size: int) -> None:
        """Waits until there is something to do; a trickle that goes on is let gather, so that it costs little."""
        due = self._follower.due_in(self._clock.monotonic())
        if self._closing or due <= 0:
            return
        if not 0 < size < BUSY_BLOCK or not self._options.gather or not self._watch or self._is_affordable():
            await self._waker.wait(due)
            return
        until = self._clock.monotonic() + min(due, self._options.gather)
        self._watch.hold(True)
        while not self._closing and (left := until - self._clock.monotonic()) > 0:
            await self._waker.wait(left)
        self._watch.hold(False)

    def _is_affordable(self) -> bool:
        """Whether the next line may be read the moment it comes: now and then it may, all the time it may not."""
        now = self._clock.monotonic()
        self._credit = min(BURST, self._credit + (now - self._credit_at) / self._options.gather)
        self._credit_at = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _note(self, event: Event) -> int:
        """Takes notes of an event that is about to be handed out. Returns the bytes in it."""
        if isinstance(event, Data):
            source = self._sources[event.source]
            self._recent.add(event.source, source.offset, event.block)
            source.offset += len(event.block)
            kept = event.block if len(event.block) > KEPT + MARK else source.kept + event.block
            source.kept = kept[-KEPT - MARK :]
            return len(event.block)
        if isinstance(event, Idle):
            source = self._sources[event.source]
            source.kept = source.kept[-KEPT_IDLE:]
        elif isinstance(event, Opened):
            self._open(event)
        elif isinstance(event, Closed):
            self._close(event.source)
        return 0

    def _close(self, source: str) -> None:
        self._closed.pop(source, None)
        if (one := self._sources.pop(source, None)) is None:
            return
        one.kept = b""
        self._closed[source] = one
        if len(self._closed) > CLOSED:
            del self._closed[next(iter(self._closed))]

    def _open(self, event: Opened) -> None:
        begun = self._follower.begun.pop(event.source, None)
        if begun is not None:  # None: said again, for another year
            file, epoch, mark = begun
            self._sources[event.source] = _Source(file, file.identity, epoch, event.offset, mark, file.fifo)

    def position(self, source: str, consumed: int) -> Position:
        one = self._sources[source]
        if one.fifo:
            return {}
        consumed = min(consumed, one.offset)
        kept_from = one.offset - len(one.kept)
        # Older than what is kept: what was read last is as good a mark, for it was read from the same file.
        end = consumed if consumed - kept_from >= min(MARK, consumed) else one.offset
        mark = one.kept[max(0, end - MARK - kept_from) : end - kept_from]
        return place(one.file, one.epoch, consumed, mark, end)

    def text(self, source: str, offset: int, length: int) -> bytes | None:
        length = min(length, MAX_TEXT)
        recent = self._recent.text(source, offset, length)
        if recent is not None:
            return recent
        one = self._sources.get(source) or self._closed.get(source)
        if one is None or one.fifo or one.file.epoch != one.epoch:
            return None
        try:
            return self._reread(one, offset, length) or None
        except (OSError, Refused):
            return None

    def _reread(self, one: _Source, offset: int, length: int) -> bytes:
        """From the disk, through a descriptor of its own: the reading thread may close the other at any time."""
        rules = self._rules
        fd = open_checked(one.file.path, rules.follow_symlinks, rules.roots, rules.forbidden)
        try:
            return os.pread(fd, length, offset) if identify(fd) == one.identity else b""
        finally:
            os.close(fd)

    def lag(self) -> Mapping[str, int]:
        return {
            source: max(0, one.file.size - one.offset) if one.file.epoch == one.epoch else 0
            for source, one in self._sources.items()
        }

    def status(self) -> Status:
        sources = self._follower.status()
        if not self._looked:
            return Status(False, "has not looked yet", sources, looked=False)
        looked = not self._follower.names.pending  # each step opens a few of many
        if self._sources or not (troubled := [one for one in sources if one.state == "denied"]):
            return Status(True, "", sources, looked)
        return Status(False, troubled[0].error, sources, looked)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._waker.wake()
        done = asyncio.wrap_future(self._pool.submit(self._release))
        self._pool.shutdown(wait=False)
        await asyncio.wait([done], timeout=CLOSE)  # a hung network file system must not keep the daemon

    def _release(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        self._follower.close()


def _rules(options: FileOptions, walk: Walk, exclude_paths: Sequence[str]) -> Rules:
    roots = [pattern.root for pattern in walk.patterns] + [os.path.abspath(root) for root in options.roots]
    forbidden = [os.path.realpath(path) for path in exclude_paths]
    return Rules(options.start, options.binary, options.follow_symlinks, list(dict.fromkeys(roots)), forbidden)
