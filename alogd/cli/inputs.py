"""Log files as commands read them: plain or gzip (told by its magic), or standard input as `-`.

What was read can be read again at its offset, for the evidence of an alert: plain files as they are, others from an
unnamed temporary file.
"""

from __future__ import annotations

import gzip
import os
import stat
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alogd.cli.failures import BadData, Failed

if TYPE_CHECKING:
    from alogd.engine.native import Engine
    from alogd.event import Batch

BLOCK = 1 << 20  # bytes
GZIP = b"\x1f\x8b"


class Input:
    """One log; `size` and `read` count bytes of the file on disk, for progress."""

    def __init__(self, path: str) -> None:
        """Raises OSError, and BadData for what is not a text log."""
        from alogd.collectors.firstlook import PEEK, not_text, year_of

        self.name = "stdin" if path == "-" else os.path.abspath(path)
        self._fd = os.dup(0) if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        about = os.fstat(self._fd)
        if stat.S_ISDIR(about.st_mode):
            raise BadData(f"{path} is a directory; name the files in it")
        self.seekable = stat.S_ISREG(about.st_mode)
        self.size = about.st_size if self.seekable else 0
        self.read = 0
        self._head = os.pread(self._fd, PEEK, 0) if self.seekable else _fill(self._fd, PEEK)
        self._packed = self._head.startswith(GZIP)
        self._spool = None if self.seekable and not self._packed else tempfile.TemporaryFile()  # noqa: SIM115
        if self._packed:
            self._head = self._peek_packed()
        if why := not_text(self._head):
            raise BadData(f"{path} cannot be read as a log: {why}")
        self.modified_ns = about.st_mtime_ns if self.seekable else time.time_ns()
        self.year = year_of(self._head, about.st_mtime if self.seekable else time.time())

    @property
    def head(self) -> bytes:
        """The first bytes of its text, 4096 at most."""
        return self._head

    def blocks(self) -> Iterator[bytes]:
        """The text, block by block. Raises BadData when a packed file is damaged."""
        for block in self._unpacked() if self._packed else self._plain():
            if self._spool is not None:
                self._spool.write(block)
            yield block

    def text(self, offset: int, length: int) -> bytes | None:
        """Bytes that were read, once more (fewer at the end)."""
        if self._spool is not None:
            self._spool.flush()
            return os.pread(self._spool.fileno(), length, offset)
        return os.pread(self._fd, length, offset)

    def again(self, size: int) -> Iterator[bytes]:
        """The first `size` bytes of the text once more, block by block. Raises BadData when they are gone."""
        for offset in range(0, size, BLOCK):
            yield self.piece(offset, min(size, offset + BLOCK))

    def piece(self, begin: int, end: int) -> bytes:
        """Bytes that were read, once more. Raises BadData when they are gone."""
        text = self.text(begin, end - begin)
        if text is None or len(text) < end - begin:
            raise BadData(f"{self.name} was cut short while it was being read")
        return text

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
        if self._spool is not None:
            self._spool.close()

    def _plain(self) -> Iterator[bytes]:
        if not self.seekable and self._head:
            yield self._head
        while block := os.pread(self._fd, BLOCK, self.read) if self.seekable else os.read(self._fd, BLOCK):
            self.read += len(block)
            yield block

    def _unpacked(self) -> Iterator[bytes]:
        if not self.seekable:
            raise BadData("standard input is packed; name the file, or pipe it through zcat")
        with open(os.dup(self._fd), "rb") as raw, gzip.open(raw) as text:
            raw.seek(0)
            try:
                while block := text.read(BLOCK):
                    self.read = min(raw.tell(), self.size)
                    yield block
            except (EOFError, OSError, zlib.error) as error:
                raise BadData(f"{self.name} is a damaged gzip file: {error}") from None

    def _peek_packed(self) -> bytes:
        try:
            return zlib.decompressobj(31).decompress(self._head, 4096)
        except zlib.error as error:
            raise BadData(f"{self.name} is a damaged gzip file: {error}") from None


def _fill(fd: int, size: int) -> bytes:
    """The first bytes of a pipe."""
    head = b""
    while len(head) < size and (more := os.read(fd, size - len(head))):
        head += more
    return head


def open_all(paths: Sequence[str]) -> list[Input]:
    """Every file, opened; none is read when one cannot be. Raises as `Input`."""
    if paths.count("-") > 1:
        raise Failed("standard input can be read once")
    opened: list[Input] = []
    try:
        for path in paths:
            opened.append(Input(path))
    except BaseException:
        for one in opened:
            one.close()
        raise
    return opened


def batches(engine: Engine, inputs: Sequence[Input]) -> Iterator[Batch]:
    """The records of all inputs, one after another, each a source of its own."""
    for source, one in enumerate(inputs):
        engine.open(source, year=one.year)
        for block in one.blocks():
            yield engine.feed(block, source)
        yield engine.flush(source)
        engine.close(source)


class Progress:
    """A bar on standard error where that is a terminal; nothing elsewhere."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._total = sum(one.size for one in inputs)
        self._on = sys.stderr.isatty() and self._total > 0
        self._drawn = 0.0

    def show(self, text: str, read: int | None = None) -> None:
        """Draw at most ten times a second. `read`: bytes, where it is not these inputs that are read."""
        now = time.monotonic()
        if not self._on or now - self._drawn < 0.1:
            return
        self._drawn = now
        done = sum(one.read for one in self._inputs) if read is None else read
        share = min(1.0, done / self._total)
        filled = round(30 * share)
        print(
            f"\r\x1b[K[{'#' * filled}{'-' * (30 - filled)}] {share:4.0%}  {text}", end="", file=sys.stderr, flush=True
        )

    def clear(self) -> None:
        """Leave no trace of it."""
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
