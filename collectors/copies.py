"""The copy that `copytruncate` leaves of a log: what was written after the last read and before the copy is only there.

Invariant: a copy is taken for one only when it has, where reading stopped, the bytes that were read there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice

from alogd.collectors.followed import Refused
from alogd.collectors.globs import is_compressed, unrotated

MAX_LOOKED_AT = 20_000  # directory entries
MAX_OPENED = 16  # rotated siblings, the youngest first
CLOCK_GRAIN_NS = 2_000_000_000  # a file system's times may be off so much


def find_copy(path: str, since_ns: int, open_path: Callable[[str], int], holds: Callable[[int], bool]) -> int | None:
    """A descriptor of the rotated sibling that `holds` knows, and that changed since then; None when there is none."""
    for sibling in islice(_siblings(path, since_ns - CLOCK_GRAIN_NS), MAX_OPENED):
        try:
            fd = open_path(sibling)
        except (OSError, Refused):
            continue
        try:
            if holds(fd):
                return fd
        except OSError:
            pass  # it cannot be read: no more of use than one that is another's
        os.close(fd)
    return None


def _siblings(path: str, since_ns: int) -> Iterator[str]:
    directory, name = os.path.split(path)
    home = unrotated(name) or name  # the log itself may have been rotated since
    young: list[tuple[int, str]] = []
    try:
        with os.scandir(directory) as entries:
            for entry in islice(entries, MAX_LOOKED_AT):
                if unrotated(entry.name) == home and entry.name != name and not is_compressed(entry.name):
                    changed = entry.stat(follow_symlinks=False).st_mtime_ns
                    young += [(changed, entry.path)] if changed >= since_ns else []
    except OSError:
        pass  # what was found so far is looked at
    return (path for _, path in sorted(young, reverse=True))
