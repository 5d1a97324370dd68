"""The `stdin` collector: reads standard input until it ends; it cannot be resumed.

Invariant: nothing is read that the consumer did not ask for, so that a writer upstream is held back by its pipe.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import struct
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from alogd.clock import Clock, Waker
from alogd.collectors.base import (
    MAX_BLOCK,
    Closed,
    Data,
    EndOfInput,
    Event,
    Idle,
    Note,
    Opened,
    Options,
    Position,
    SourceState,
    SourceStatus,
    Status,
)
from alogd.collectors.firstlook import PEEK, year_of
from alogd.collectors.pipe import PipeReader
from alogd.collectors.recent import Recent
from alogd.registry import register

RECENT = 4 * 1024 * 1024  # bytes of what was read last, kept for evidence
SOURCE = "stdin"
DESCRIPTOR = 0


class StdinOptions(Options, frozen=True, kw_only=True):
    """Options of the `stdin` collector."""

    # Quiet after which a last, unfinished record is taken as whole, in seconds.
    settle: Annotated[float, Meta(ge=0.01, le=86_400, extra={"unit": "duration"})] = 1.0


@register("collectors", "stdin")
class StdinCollector:
    """Reads standard input. See alogd.collectors.base.Collector for the contract."""

    name: ClassVar[str] = "stdin"
    Options: ClassVar[type[Options]] = StdinOptions

    def __init__(
        self,
        options: Mapping[str, Any],
        positions: Sequence[Mapping[str, Any]],
        clock: Clock,
        waker: Waker,
        *,
        exclude_paths: Sequence[str] = (),
    ) -> None:
        self._options = msgspec.convert(dict(options), StdinOptions)
        self._clock = clock
        self._waker = waker
        self._recent = Recent(RECENT)
        self._pool: ThreadPoolExecutor | None = None
        self._offset = 0
        self._state: SourceState = "waiting"
        self._error = ""
        self._closing = False
        self._fd = DESCRIPTOR

    async def events(self) -> AsyncIterator[Event]:
        year = year_of(b"", self._clock.time())
        yield Opened(SOURCE, SOURCE, 0, year, None, False)
        unsettled = False
        while not self._closing:
            try:
                block = await self._read(self._options.settle if unsettled else None)
            except OSError as error:
                self._error = f"cannot read standard input: {(error.strerror or str(error)).lower()}"
                yield Note(SOURCE, "io_error", self._error, 1)
                block = b""
            if block is None:
                if unsettled and not self._closing:
                    unsettled, self._state = False, "idle"
                    yield Idle(SOURCE)
                continue
            if not block:
                self._state = "idle"
                yield Closed(SOURCE, "end_of_input")
                yield EndOfInput()
                return
            if self._offset == 0 and (first := year_of(block[:PEEK], self._clock.time())) != year:
                yield Opened(SOURCE, SOURCE, 0, first, None, False)
            unsettled, self._state = True, "reading"
            self._recent.add(SOURCE, self._offset, block)
            self._offset += len(block)
            yield Data(SOURCE, block)

    async def _read(self, wait: float | None) -> bytes | None:
        if stat.S_ISREG(os.fstat(self._fd).st_mode):  # cannot be polled, never waits for a writer, may wait for a disk
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="alogd-stdin")
            return await asyncio.get_running_loop().run_in_executor(self._pool, os.read, self._fd, MAX_BLOCK)
        if self._offset == 0:
            with suppress(OSError):  # not a pipe, or more than the user may have: smaller blocks, no harm
                fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, 4 * MAX_BLOCK)
        return await PipeReader(self._fd, self._waker).read(MAX_BLOCK, wait)

    def position(self, source: str, consumed: int) -> Position:
        if source != SOURCE:
            raise KeyError(source)
        return {}

    def text(self, source: str, offset: int, length: int) -> bytes | None:
        return self._recent.text(source, offset, length)

    def lag(self) -> Mapping[str, int]:
        return {SOURCE: self._waiting()}

    def _waiting(self) -> int:
        try:
            status = os.fstat(self._fd)
            if stat.S_ISREG(status.st_mode):
                return max(0, status.st_size - os.lseek(self._fd, 0, os.SEEK_CUR))
            return int(struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))[0])
        except OSError:
            return 0

    def status(self) -> Status:
        size = self._offset + self._waiting()
        one = SourceStatus(SOURCE, SOURCE, self._offset, size, self._state, self._error)
        return Status(not self._error, self._error, [one])

    async def close(self) -> None:
        self._closing = True
        self._waker.wake()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
