"""What the process does with its memory: once caught up it gives back what reading in a hurry took, and it dumps none.

Without `keep_little` every thread has an arena of its own, and freed blocks stay with the process for ever.
"""

from __future__ import annotations

import ctypes
import resource

ARENAS = 2  # the core's thread and the rest rarely allocate at the same time
LARGE = 512 * 1024  # bytes: blocks beyond go back when freed, and so does free room at the top of the heap
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1  # mallopt(3)


def keep_little() -> None:
    """Before threads begin. Does nothing where the C library is not glibc."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for option, value in ((_ARENA_MAX, ARENAS), (_MMAP_THRESHOLD, LARGE), (_TRIM_THRESHOLD, LARGE)):
            libc.mallopt(option, value)


def dump_nothing() -> None:
    """No core is written in a crash: secrets of sinks and lines of logs would stand in it (`prlimit` can allow it)."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def give_back() -> None:
    """Let go of free memory; takes about a millisecond and disturbs nothing else."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
