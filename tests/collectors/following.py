"""What tests of the file collector share: a collector under a rig, and what this process holds open."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from alogd.collectors.base import Closed
from alogd.registry import find
from tests.collectors.rig import Rig

NOBODY = 65534  # user id
find("collectors", "file")  # imported here: another user may not be able to read it later


def follow(place: Path, positions: Any = (), **options: Any) -> Rig:
    """A file collector on `*.log` below a directory, which polls and gathers nothing."""
    chosen = {"include": [str(place / "*.log")], "watch": "poll", "gather": 0, **options}
    return Rig("file", chosen, positions)


def closed(rig: Rig) -> list[str]:
    """Why sources were closed, in order."""
    return [event.reason for event in rig.of(Closed)]


def held(place: Path, process: str = "self") -> list[str]:
    """What a process holds open below a directory, deleted files included."""
    names = [os.path.realpath(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")]
    return [name for name in names if name.startswith(f"{place}/")]


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user who owns nothing; root would be let in everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def few_descriptors(spare: int) -> Iterator[None]:
    """This process may open so many more than it has open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = {int(fd) for fd in os.listdir("/proc/self/fd")}
    last = [number for number in range(len(taken) + spare) if number not in taken][:spare][-1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Counts(Protocol):
    """Rounds and lines, for the table of faults."""

    def add(self, *, rounds: int = 1, lines: int = 0) -> None: ...


def check(tally: Counts, read: Sequence[int], expected: Sequence[int]) -> None:
    """Asserts that exactly these lines were read, in this order, and counts them."""
    assert list(read) == list(expected)
    tally.add(lines=len(expected))
