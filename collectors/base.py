"""The contract between collectors and the daemon: what a collector says, and what it can be asked.

Invariant: the blocks of one source are contiguous from `Opened.offset` on, so that an absolute offset names the
same byte for the collector, the engine and the evidence of an alert.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import msgspec

from alogd.clock import Clock, Waker

MAX_BLOCK = 256 * 1024  # bytes: most in one Data

NoteKind = Literal[
    "truncated",  # a file became shorter or was rewritten in place: it is read again from its start
    "rotated",  # a file was renamed away; it is read to its end
    "removed",  # a file was deleted; it is read to its end
    "replaced",  # a saved position belongs to other content: the file is read from its start
    "permission_denied",  # cannot be read now; tried again with back-off
    "io_error",  # reading failed; tried again with back-off
    "stale",  # the file handle went stale (network file system); opened again
    "refused",  # will not be read: not text, not a file ...
    "outside",  # will not be read: a link leads out of the allowed roots
    "recovered",  # what was denied or failing can be read again
    "duplicate",  # a second path to a file that is read already
    "hole",  # bytes never written (a sparse start) were skipped
    "limit",  # a bound was reached (files, directory entries): what lies beyond it is not read
    "descriptors",  # the system gives no more: files take turns in being open
    "polling",  # no change notification: found by polling from now on
    "lost",  # bytes or entries that can no longer be read
    "malformed",  # input that is not what its format promises; set aside
    "restarted",  # a helper process ended and was started again
    "unavailable",  # the collector has nothing to read from; it stays down and tries again
]
SourceState = Literal["reading", "idle", "waiting", "draining", "denied", "failing", "refused"]
Position: TypeAlias = dict[str, Any]  # JSON values only


@dataclass(frozen=True, slots=True)
class Opened:
    """A source begins, or resumes. May come again for a source that had no Data yet: the later one counts."""

    source: str  # stable identity of the source within its collector
    name: str  # what a person calls it: a path, "stdin", "journal"
    offset: int  # absolute byte offset at which reading begins
    year: int | None  # of the first line, for stamps that carry none
    header: str | None  # kind of header where the collector knows it; None = recognise it
    resumed: bool  # reading goes on where a saved position says: what is known of the source holds still


@dataclass(frozen=True, slots=True)
class Data:
    """The next bytes of a source; a block may end within a line."""

    source: str
    block: bytes  # 1..MAX_BLOCK bytes


@dataclass(frozen=True, slots=True)
class Idle:
    """The source is caught up with its end and has been quiet for `settle` seconds; once until new Data."""

    source: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more will come of this source: flush it, forget its position.

    May name a source that was not opened in this run: its saved position leads nowhere any more.
    """

    source: str
    reason: str  # rotated, removed, truncated, replaced, refused, gone, end_of_input
    last: Position | None = None  # what later runs are given of it, among the positions, for as long as it is known


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know; for the log and the metrics. Said once for each change of state."""

    source: str | None  # None: about the collector, or a file that was never opened
    kind: NoteKind
    text: str  # lower case, names the thing, the cause and what to do
    count: int  # how many (files, bytes, entries) it is about, for the metrics


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """The collector's last event: there will never be more (stdin was closed)."""


Event: TypeAlias = Opened | Data | Idle | Closed | Note | EndOfInput


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source as /api/v1/status shows it."""

    source: str  # "" where it could never be opened
    name: str
    offset: int  # bytes handed out so far (absolute)
    size: int  # bytes there are, as far as known
    state: SourceState
    error: str  # last error, "" when there is none


@dataclass(frozen=True, slots=True)
class Status:
    """How a collector stands; `up` is the component's metric."""

    up: bool  # it has looked at its inputs and can read them, or waits for them to appear
    reason: str  # why not, "" when up
    sources: Sequence[SourceStatus]
    looked: bool = True  # False: what there is to read is not known yet


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of a collector's options: an unknown key is an error."""


class Collector(Protocol):
    """Where bytes come from. Built as `Cls(options, positions, clock, waker, exclude_paths=...)`.

    `options` is the YAML mapping without "kind" (checked against `Cls.Options`; msgspec.ValidationError when bad),
    `positions` are those `position()` gave in an earlier run (foreign ones are ignored), `exclude_paths` are files
    and directories the daemon itself writes. Nothing is opened before `events()` is iterated.
    """

    name: ClassVar[str]  # as registered
    Options: ClassVar[type[Options]]

    def __init__(
        self,
        options: Mapping[str, Any],
        positions: Sequence[Mapping[str, Any]],
        clock: Clock,
        waker: Waker,
        *,
        exclude_paths: Sequence[str] = (),
    ) -> None: ...

    def events(self) -> AsyncIterator[Event]:
        """What happens, in order; an async generator, to be iterated once.

        Pulling is the back-pressure: nothing is read before the consumer asks for the next event.
        """
        ...

    def position(self, source: str, consumed: int) -> Position:
        """Where reading resumes once all bytes before `consumed` (absolute) were acted upon.

        {} for a source that cannot be resumed (stdin, a FIFO). Cheap; no I/O. Raises KeyError for a source that
        is not open.
        """
        ...

    def text(self, source: str, offset: int, length: int) -> bytes | None:
        """Bytes of a source again, for evidence (fewer at its end); None when they are no longer to be had.

        From any thread; the other questions are asked on the event loop.
        """
        ...

    def lag(self) -> Mapping[str, int]:
        """Bytes not handed out yet, by source; as of the last look."""
        ...

    def status(self) -> Status:
        """How the collector and its sources stand, as of the last look."""
        ...

    async def close(self) -> None:
        """Lets go of every descriptor, thread and process. May be called twice, and at any time."""
        ...
