"""One file that is followed: its identity, its descriptor, and reads that notice when it is no longer the same.

Invariant: no byte is handed out at an offset unless the bytes before it are those that were read before. Every
read fetches the mark (the up to 256 bytes before the offset) together with the new bytes, in one system call.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from alogd.collectors.base import NoteKind, Position, SourceState

MARK = 256  # bytes
TELLING = 64  # bytes of a mark that hardly another log begins with; less, and it must hold a whole line
HEAD = 4096  # bytes: more than the header with which some logs always begin
_NEVER = 2**63 - 1  # later than any file was written
_GETVERSION = 0x80087601  # FS_IOC_GETVERSION
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISDIR, "is a directory; write {}/** to read the files below it"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


class Refused(Exception):
    """The file must not be read; the text says why."""

    kind: NoteKind = "refused"


class Outside(Refused):
    """A link leads out of the allowed roots: perhaps a mistake, perhaps an attack."""

    kind: NoteKind = "outside"


class Rewritten(Exception):
    """The bytes before the offset are not those that were read: truncated, or overwritten in place."""


class Head(NamedTuple):
    """How a log began. By its first bytes, at most HEAD, a shorter copy is known; one that is shorter than these is
    not."""

    length: int = 0
    digest: str = ""

    def begins(self, fd: int, offset: int) -> bool:
        """Whether a file has these first bytes and nothing beyond `offset`, up to which the log was read."""
        if not self.length or os.fstat(fd).st_size > offset:
            return False
        first = os.pread(fd, self.length, 0)
        telling = self.length >= TELLING or b"\n" in first
        return telling and len(first) == self.length and digest(first) == self.digest


NO_HEAD = Head()


class Identity(NamedTuple):
    """What makes a file itself, whatever its name. Generation is 0 where the file system tells none."""

    device: int
    inode: int
    generation: int

    def source(self, epoch: int) -> str:
        """The source's name to the daemon: each rewriting of the file (epoch) is a source of its own."""
        return f"{self.device:x}-{self.inode:x}-{self.generation:x}-{epoch}"


def digest(mark: bytes) -> str:
    """The hash under which a mark is saved."""
    return blake2b(mark, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Saved:
    """A position of an earlier run."""

    source: str
    path: str
    identity: Identity
    epoch: int
    offset: int
    mark: str  # digest of the bytes that end at mark_end
    mark_length: int
    mark_end: int
    home: str  # the name it had before it was rotated
    modified: int  # when it was last written as far as it was read; nanoseconds since 1970
    ended: str = ""  # why it is not read any more; "" while it is
    head: Head = NO_HEAD

    @classmethod
    def of(cls, position: Mapping[str, Any]) -> Saved | None:
        """Reads what FileCollector.position() wrote; None when it is not that."""
        try:
            numbers = [int(position[key]) for key in ("device", "inode", "generation")]
            offset, length, end = (int(position[key]) for key in ("offset", "mark_length", "mark_end"))
            if offset < 0 or not 0 <= length <= MARK or end < length:
                return None
            text = [str(position[key]) for key in ("source", "path", "mark")]
            home, modified = str(position.get("home") or text[1]), int(position.get("modified", _NEVER))
            place = (text[0], text[1], Identity(*numbers), int(position["epoch"]), offset, text[2], length, end)
            head = Head(int(position.get("head_length", 0)), str(position.get("head", "")))
            return cls(*place, home, modified, str(position.get("ended", "")), head)
        except (KeyError, TypeError, ValueError):
            return None

    def position(self) -> Position:
        """What of() reads."""
        return {
            "source": self.source,
            "path": self.path,
            "home": self.home,
            **self.identity._asdict(),
            "epoch": self.epoch,
            "offset": self.offset,
            "mark": self.mark,
            "mark_length": self.mark_length,
            "mark_end": self.mark_end,
            "modified": self.modified,
            "head": self.head.digest,
            "head_length": self.head.length,
            "ended": self.ended,
        }

    def holds(self, fd: int) -> bool:
        """Whether an open file still has the bytes that were read from it."""
        mark = os.pread(fd, self.mark_length, self.mark_end - self.mark_length)
        return os.fstat(fd).st_size >= self.offset and len(mark) == self.mark_length and digest(mark) == self.mark


def open_checked(path: str, follow_symlinks: bool, roots: Sequence[str], forbidden: Sequence[str]) -> int:
    """Opens a regular file or FIFO and only then checks where it really lies. Raises Refused or OSError."""
    flags = _OPEN if follow_symlinks else _OPEN | os.O_NOFOLLOW
    _check_kind(path, os.stat(path, follow_symlinks=follow_symlinks))  # opening a device may already do something
    try:
        fd = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused("is a symbolic link, and follow_symlinks is off") from error
        raise
    try:
        _check_kind(path, os.fstat(fd))
        _check_place(fd, path, roots, forbidden)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_kind(path: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise Refused("is a symbolic link, and follow_symlinks is off")
    for test, text in _KINDS:
        if test(status.st_mode):
            raise Refused(text.format(path))


def _check_place(fd: int, path: str, roots: Sequence[str], forbidden: Sequence[str]) -> None:
    target = _real_path(fd, path)
    if any(within(target, place) for place in forbidden):
        raise Refused("is written by alogd itself")
    if not any(within(target, os.path.realpath(root)) for root in roots):
        raise Outside(f"leads to {target}, outside the allowed roots; add its directory to `roots` if it may be read")


def _real_path(fd: int, path: str) -> str:
    try:
        target = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # no /proc: resolve by name and make sure that it is the same file
        target = os.path.realpath(path)
        if not os.path.samestat(os.stat(target, follow_symlinks=False), os.fstat(fd)):
            raise Refused("was replaced while it was being opened") from None
    return target.removesuffix(" (deleted)")


def within(path: str, root: str) -> bool:
    """Whether a path is a root or lies below it; both absolute and resolved."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def identify(fd: int) -> Identity:
    """Device, inode and (where the file system has one) generation of an open file."""
    status = os.fstat(fd)
    try:
        answer = fcntl.ioctl(fd, _GETVERSION, bytes(8))
        generation = int.from_bytes(answer[:4], "little")
    except OSError:
        generation = 0
    return Identity(status.st_dev, status.st_ino, generation)


def first_data(fd: int) -> int:
    """Where the first byte ever written stands: beyond 0 in a file that begins with a hole."""
    size = os.fstat(fd).st_size  # asked for first: what is written from now on is data
    try:
        return os.lseek(fd, 0, os.SEEK_DATA)
    except OSError as error:  # ENXIO: nothing but a hole
        return size if error.errno == errno.ENXIO else 0


def _ends(fd: int, end: int, mark: bytes) -> bool:
    """Whether a file has a mark that tells enough where it belongs."""
    telling = len(mark) >= TELLING or b"\n" in mark
    return telling and os.pread(fd, len(mark), end - len(mark)) == mark


def shown(path: str) -> str:
    """A path as text that can be printed and saved, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def place(file: Followed, epoch: int, offset: int, mark: bytes, mark_end: int) -> Position:
    """A position in a file, as Saved.of() reads it. `mark`: the bytes that end at `mark_end`."""
    head = file.head  # taken before the epoch is looked at: a rewriting changes that first
    head = head if file.epoch == epoch else NO_HEAD
    return {
        "source": file.identity.source(epoch),
        "path": shown(file.path),
        "home": shown(file.home),
        "device": file.identity.device,
        "inode": file.identity.inode,
        "generation": file.identity.generation,
        "epoch": epoch,
        "offset": offset,
        "mark": digest(mark),
        "mark_length": len(mark),
        "mark_end": mark_end,
        "modified": file.read_ns,
        "head": head.digest,
        "head_length": head.length,
    }


class Followed:
    """A file under its identity. Only the reading thread touches it; others may look at single attributes."""

    # There may be 10,000.
    # fmt: off
    __slots__ = (
        "_first", "_named", "before", "copy", "dated", "drained_from", "epoch", "error", "fd", "fifo", "head",
        "home", "identity", "known", "last_change", "last_data", "looked", "mark", "modified_ns", "offset",
        "path", "queued", "read_ns", "retries", "retry_at", "silent_changes", "size", "state", "symlink",
        "unsettled", "year",
    )
    # fmt: on

    def __init__(self, path: str, fd: int, identity: Identity, epoch: int) -> None:
        self.path = path
        self.home = path  # its last name that is not a rotated one: where its successor will appear
        self.fd = fd  # -1 while closed for want of descriptors
        self.copy = -1  # what copytruncate left of it, while that is read to its end
        self.identity = identity
        self.epoch = epoch
        self._named = epoch, identity.source(epoch)
        status = os.fstat(fd)
        self.fifo = stat.S_ISFIFO(status.st_mode)
        self.size = status.st_size  # as of before the last read
        self.modified_ns = status.st_mtime_ns
        self.read_ns = self.modified_ns  # as of the last read; nanoseconds since 1970
        self.known = self.size  # size as of the last read
        self.offset = 0
        self.mark = b""
        self._first = blake2b(digest_size=16)  # of the first bytes
        self.head = NO_HEAD  # how what was read began; replaced whole: another thread may look
        self.before = (0, b"")  # offset and mark before the last rewriting
        self.state: SourceState = "waiting"
        self.error = ""
        self.looked = False  # its first bytes were looked at and are text
        self.year = 0  # as told in Opened
        self.dated = False  # ... by looking at a line
        self.queued = False
        self.symlink = False
        self.unsettled = False  # data came since the last Idle
        self.last_data = 0.0  # monotonic seconds
        self.last_change = 0.0  # monotonic seconds
        self.drained_from: float | None = None  # its name is gone since then: read to the end, then close
        self.retry_at = 0.0
        self.retries = 0
        self.silent_changes = 0  # changes found by polling that nothing announced

    @property
    def source(self) -> str:
        epoch, name = self._named  # asked of every file at each look at the daemon
        if epoch != self.epoch:
            self._named = epoch, name = self.epoch, self.identity.source(self.epoch)
        return name

    @property
    def unread(self) -> bool:
        return self.copy >= 0 or self.offset < self.size

    @property
    def content(self) -> int:
        """The descriptor under which the bytes from the offset on are to be had."""
        return self.fd if self.copy < 0 else self.copy

    def seek(self, offset: int) -> None:
        """Makes `offset` the place to read from, and remembers what stands before it."""
        self.offset = offset
        length = min(MARK, offset)
        self.mark = b"" if self.fifo else os.pread(self.content, length, offset - length)
        self._first, self.head = blake2b(digest_size=16), NO_HEAD
        self._note_first(0, b"" if self.fifo else os.pread(self.content, min(HEAD, offset), 0))

    def _note_first(self, offset: int, block: bytes) -> None:
        if offset == self.head.length < HEAD:
            first = block[: HEAD - offset]
            self._first.update(first)
            self.head = Head(offset + len(first), self._first.hexdigest())

    def position(self) -> Position:
        """Where reading stands."""
        return place(self, self.epoch, self.offset, self.mark, self.offset)

    def restart(self) -> int:
        """Begins anew after a rewriting. Returns how many bytes of hole were skipped."""
        self.drop_copy()
        self.epoch += 1
        self.before = (self.offset, self.mark)
        self.looked = False
        self.seek(first_data(self.fd))
        return self.offset

    def is_copy(self, fd: int) -> bool:
        """Whether another file holds what was read of this one, where it was read: copytruncate's copy."""
        ends = ((self.offset, self.mark), self.before)
        return any(_ends(fd, end, mark) for end, mark in ends) or self.head.begins(fd, self.offset)

    def begins_as(self, fd: int) -> bool:
        """Whether another file begins as this one does now: a copy that is still being made."""
        head = os.pread(fd, HEAD, 0)
        telling = len(head) >= TELLING or b"\n" in head
        return telling and self.fd >= 0 and not self.fifo and os.pread(self.fd, len(head), 0) == head

    def is_rest(self, fd: int) -> bool:
        """Whether another file goes on where reading of this one stopped."""
        return _ends(fd, self.offset, self.mark)

    def look(self) -> None:
        """Brings size and modification time up to date. To be done before a read, so that no change is missed."""
        status = os.fstat(self.content)
        self.size, self.modified_ns = (self.offset if self.fifo else status.st_size), status.st_mtime_ns

    def read(self, before: memoryview, room: memoryview) -> bytes:
        """The next bytes, b"" at the end. `before` has MARK bytes of room. Raises Rewritten or OSError."""
        if self.fifo:
            return self._read_fifo(len(room))
        marked = len(self.mark)
        count = os.preadv(self.content, [before[:marked], room], self.offset - marked)
        if count < marked or before[:marked] != self.mark:
            raise Rewritten
        return self._took(bytes(room[: count - marked]))

    def _read_fifo(self, length: int) -> bytes:
        try:
            return self._took(os.read(self.fd, length))
        except BlockingIOError:
            return b""

    def _took(self, block: bytes) -> bytes:
        self._note_first(self.offset, block)
        self.offset += len(block)
        self.known, self.read_ns = self.size, self.modified_ns
        self.mark = block[-MARK:] if len(block) >= MARK else (self.mark + block)[-MARK:]
        return block

    def peek(self, length: int) -> bytes:
        """The bytes from the offset on, without reading past them; b"" for a FIFO."""
        return b"" if self.fifo else os.pread(self.content, length, self.offset)

    def drop_copy(self) -> None:
        if self.copy >= 0:
            os.close(self.copy)
            self.copy = -1

    def close(self) -> None:
        self.drop_copy()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
