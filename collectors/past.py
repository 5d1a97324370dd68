"""What is known of files that are not followed any more: those that were read to their end, and those left aside.

Invariant: a file is told from a later one with its inode by its generation and its first bytes, and a copy is known by
the bytes that were read last of what it is a copy of.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal, NamedTuple

from alogd.collectors.base import Position
from alogd.collectors.followed import HEAD as WHOLE_HEAD
from alogd.collectors.followed import TELLING, Followed, Identity, Refused, Saved, identify, shown

KEPT = 1024  # files that were read to their end, and of those a walk did not come by
HEAD = 256  # bytes


class Past:
    """Files that were read to their end, in this run and in earlier ones, the last KEPT of them."""

    def __init__(self, saved: Iterable[Saved], ended: Iterable[Saved]) -> None:
        self._ended = deque(ended, KEPT)
        self._since: dict[str, int] = {}
        for one in [*saved, *self._ended]:
            self._since[one.home] = min(one.modified, self._since.get(one.home, one.modified))

    def since(self, home: str) -> int | None:
        """When, at the latest, what is known of a name's files begins (nanoseconds since 1970); None: nothing is."""
        return self._since.get(shown(home))

    def end(self, file: Followed, reason: str) -> Position:
        """Notes that a file is not read any more. Returns what is to be kept of it for later runs."""
        position = {**file.position(), "ended": reason}
        if not file.fifo and (saved := Saved.of(position)) is not None:
            self._ended.append(saved)
            self._since.setdefault(saved.home, saved.modified)
        return {} if file.fifo else position

    def last(self, identity: Identity) -> Saved | None:
        """Where reading of this very file ended, unless it was begun anew since."""
        last = next((one for one in reversed(self._ended) if one.identity == identity), None)
        return None if last is None or last.ended in ("truncated", "replaced") else last

    def epoch(self, identity: Identity) -> int:
        """Of the next source that is made of this file."""
        return max((one.epoch + 1 for one in self._ended if one.identity == identity), default=0)

    def is_copy(self, fd: int, home: str) -> bool:
        """Whether a file is what copytruncate left of something that was read to its end."""
        name = shown(home)
        lost = (one for one in self._ended if one.home == name and one.ended in ("truncated", "replaced"))
        return any(is_copy(one, fd) or is_short_copy(one, fd, one.ended == "truncated") for one in lost)

    def give_up(self, saved: Saved, reason: Literal["replaced", "truncated"] = "replaced") -> Position:
        """Notes that the file of a position is no more. Returns what is to be kept of it: copies may be left."""
        self._ended.append(replace(saved, ended=reason))
        return self._ended[-1].position()


def is_copy(saved: Saved, fd: int, short: bool = False) -> bool:
    """Whether another file holds what was read up to a position. `short`: also where only a few bytes can tell."""
    telling = saved.mark_length >= TELLING
    whole = 0 < saved.mark_length == saved.mark_end and (short or os.fstat(fd).st_size == saved.offset)
    return (telling or whole) and saved.holds(fd)


def is_short_copy(saved: Saved, fd: int, truncated: bool) -> bool:
    """Whether another file is a copy that ends before a position. `truncated`: the log was; else only a beginning
    tells that is longer than what some logs always begin with."""
    return (truncated or saved.head.length == WHOLE_HEAD) and saved.head.begins(fd, saved.offset)


class Look(NamedTuple):
    """What a file was when it was looked at."""

    size: int
    modified_ns: int
    identity: Identity
    head: bytes


class Aside:
    """Rotated files that are not to be read, or are already.

    A listing is not of one moment: while files are renamed, a walk may come by none of the names of one.
    """

    def __init__(self, past: Past, open_path: Callable[[str], int]) -> None:
        self._past = past
        self._open = open_path
        self._known: dict[int, Look | None] = {}  # by inode; None: it could not be looked at
        self._next: dict[int, Look | None] = {}

    def begin(self) -> None:
        """A walk begins."""
        self._next = {}

    def end(self) -> None:
        """It is over. What it did not come by may just have been renamed; the last KEPT of that are known on."""
        gone = {
            inode: look
            for inode, look in self._known.items()
            if look is not None and look.head and inode not in self._next
        }
        self._known = {**{inode: gone[inode] for inode in [*gone][-KEPT:]}, **self._next}

    def keep(self, inode: int, path: str) -> None:
        """Notes a file that need not be read."""
        self._next[inode] = self._look(path, self._known.get(inode))

    def is_new(self, inode: int, path: str) -> bool:
        """Whether a file was not there at the last walk, or has more than was read of it; if not, it is kept."""
        before = self._known.get(inode)
        now = self._look(path, before)
        if inode in self._known and (before is None or now is None or _same(before, now)):
            new = now is not before and now is not None and self._has_more(now)
        else:
            new = now is None or self._past.last(now.identity) is None or self._has_more(now)
        if not new:
            self._next[inode] = now
        return new

    def decided(self, fd: int) -> None:
        """Notes an opened file that is read, or need not be."""
        look = _look(fd)
        self._known[look.identity.inode] = look

    def _has_more(self, look: Look) -> bool:
        last = self._past.last(look.identity)
        return last is not None and look.size > last.offset

    def _look(self, path: str, before: Look | None) -> Look | None:
        """Only a file that changed is opened."""
        try:
            status = os.stat(path)
            if before is not None and (status.st_ino, status.st_size, status.st_mtime_ns) == (
                before.identity.inode,
                before.size,
                before.modified_ns,
            ):
                return before
            fd = self._open(path)
        except (OSError, Refused):
            return None
        try:
            return _look(fd)
        except OSError:
            return None
        finally:
            os.close(fd)


def _look(fd: int) -> Look:
    status = os.fstat(fd)
    return Look(status.st_size, status.st_mtime_ns, identify(fd), os.pread(fd, HEAD, 0))


def _same(before: Look, now: Look) -> bool:
    """Whether a file is the one it was; where the file system tells no generation its first bytes do."""
    return before.identity == now.identity and now.head.startswith(before.head)
