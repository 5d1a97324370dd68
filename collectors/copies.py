"""The copy that `copytruncate` leaves of a log: what was written after the last read and before the copy is only there.

Invariant: a copy is taken for one only when it has, where reading stopped, the bytes that were read there. One that
gzip has packed meanwhile is unpacked into a nameless file.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO

from alogd.collectors.followed import Refused
from alogd.collectors.globs import is_compressed, unrotated

MAX_LOOKED_AT = 20_000  # directory entries
MAX_OPENED = 16  # rotated siblings, the youngest first
MAX_UNPACKED = 2  # of them
LARGEST_UNPACKED = 1 << 30  # bytes
MOST_TIMES = 64  # the size of what is packed: no log packs so well, but for small ones
SMALL_UNPACKED = 16 << 20  # bytes that any may have
PIECE = 1 << 20  # bytes
ROUNDS = 3  # while one is renamed or packed between being listed and being opened
CLOCK_GRAIN_NS = 2_000_000_000  # a file system's times may be off so much
PACKED = ".gz"


def find_copy(path: str, since_ns: int, open_path: Callable[[str], int], holds: Callable[[int], bool]) -> int | None:
    """A descriptor of the rotated sibling that `holds` knows, and that changed since then; None when there is none."""
    for _ in range(ROUNDS):
        gone = False
        for sibling in _worth_opening(path, since_ns - CLOCK_GRAIN_NS):
            try:
                fd = _open(sibling, open_path)
            except FileNotFoundError:
                gone = True
                continue
            except (OSError, Refused):
                continue
            try:
                if holds(fd):
                    return fd
            except OSError:
                pass  # it cannot be read: no more of use than one that is another's
            os.close(fd)
        if not gone:
            break
    return None


def _open(path: str, open_path: Callable[[str], int]) -> int:
    fd = open_path(path)
    return _unpacked(fd) if path.endswith(PACKED) else fd


def _unpacked(fd: int) -> int:
    """What a gzip file has in it, as a file without a name. Raises OSError for one that is damaged or too large."""
    with os.fdopen(fd, "rb") as packed, gzip.GzipFile(fileobj=packed) as reader, _nameless() as room:
        left = min(LARGEST_UNPACKED, max(SMALL_UNPACKED, MOST_TIMES * os.fstat(fd).st_size))
        try:
            while piece := reader.read(PIECE):
                if len(piece) > left:
                    raise OSError("more than any log has in so few bytes, or too many bytes")
                left -= len(piece)
                room.write(piece)
        except (EOFError, zlib.error) as error:  # gzip is still writing it
            raise OSError(str(error)) from None
        return os.dup(room.fileno())


def _nameless() -> IO[bytes]:
    return tempfile.TemporaryFile(buffering=0)


def _worth_opening(path: str, since_ns: int) -> Iterator[str]:
    """The youngest, those that need no unpacking first."""
    young = list(islice(_siblings(path, since_ns), MAX_OPENED))
    yield from (sibling for sibling in young if not is_compressed(sibling))
    yield from [sibling for sibling in young if sibling.endswith(PACKED)][:MAX_UNPACKED]


def _siblings(path: str, since_ns: int) -> Iterator[str]:
    directory, name = os.path.split(path)
    home = unrotated(name) or name  # the log itself may have been rotated since
    young: list[tuple[int, str]] = []
    try:
        with os.scandir(directory) as entries:
            for entry in islice(entries, MAX_LOOKED_AT):
                if unrotated(entry.name) == home and entry.name != name and _readable(entry.name):
                    changed = entry.stat(follow_symlinks=False).st_mtime_ns
                    young += [(changed, entry.path)] if changed >= since_ns else []
    except OSError:
        pass  # what was found so far is looked at
    return (path for _, path in sorted(young, reverse=True))


def _readable(name: str) -> bool:
    return not is_compressed(name) or name.endswith(PACKED)
