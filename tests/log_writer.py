"""A log that is written, rotated, truncated and removed on purpose, with numbered lines as the oracle.

Every whole line is `msgnum:%08d` with the next number, so that a test can assert the exact sequence that was read.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

_LINE = re.compile(rb"msgnum:(\d{8})")


def line(number: int) -> bytes:
    return b"msgnum:%08d\n" % number


def numbers(text: bytes) -> list[int]:
    """The numbers of all lines. Raises ValueError on a line that is not one of ours, such as a torn one."""
    found = [_LINE.fullmatch(one) for one in text.splitlines()]
    torn = [one for one, match in zip(text.splitlines(), found, strict=True) if match is None]
    if torn:
        raise ValueError(f"not a whole line: {torn[0][:80]!r}")
    return [int(match[1]) for match in found if match]


class LogWriter:
    """Writes numbered lines to a path, and does to its file what services and logrotate do."""

    def __init__(self, path: Path, first: int = 0) -> None:
        self.path = path
        self.next = first
        self.fd = -1
        self.reopen()

    def reopen(self) -> None:
        """As a service does on SIGHUP."""
        self.close()
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, count: int = 1) -> range:
        """Appends whole lines. Returns their numbers."""
        written = range(self.next, self.next + count)
        self.raw(b"".join(map(line, written)))
        self.next += count
        return written

    def raw(self, text: bytes) -> None:
        os.write(self.fd, text)

    def partial(self) -> int:
        """Appends the first half of a line; `finish()` writes the rest. Returns its number."""
        self.raw(line(self.next)[:9])
        return self.next

    def finish(self) -> None:
        self.raw(line(self.next)[9:])
        self.next += 1

    def rename(self, suffix: str = ".1") -> Path:
        """The first half of a rotation: the file gets another name; this writer still writes to it."""
        target = self.path.with_name(self.path.name + suffix)
        os.rename(self.path, target)
        return target

    def rotate(self, keep: int = 3) -> None:
        """A whole rotation: .1 -> .2 ... , the file -> .1, a new file."""
        names = [self.path] + [self.path.with_name(f"{self.path.name}.{i}") for i in range(1, keep + 1)]
        for old, new in reversed(list(pairwise(names))):
            if old.exists():
                os.replace(old, new)
        self.reopen()

    def copytruncate(self) -> None:
        shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
        self.truncate()

    def truncate(self) -> None:
        os.ftruncate(self.fd, 0)

    def unlink(self) -> None:
        os.unlink(self.path)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def repeats(sequence: Iterable[int]) -> int:
    """How many numbers came more than once."""
    seen: set[int] = set()
    again = 0
    for number in sequence:
        again += number in seen
        seen.add(number)
    return again
