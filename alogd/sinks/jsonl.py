"""Alerts appended to a file, one JSON document a line, for shippers and scripts.

A line is there whole or not at all: a write that fails half-way is cut off again. The file may be renamed or
removed at any time; the next alert goes to a new one at the same path.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from alogd.alerts.as_json import encode
from alogd.event import Alert
from alogd.registry import register
from alogd.sinks.base import NONE_MISSED, Missed, SinkOptions
from alogd.state.durable import sync_directory

LONGEST_LINE = 1 << 20  # bytes at the end of the file in which its last whole line is looked for


class JsonlOptions(SinkOptions, frozen=True, kw_only=True):
    """Where to, and whether each batch is on the disk before it counts as delivered."""

    path: Annotated[str, Meta(min_length=1)]
    fsync: bool = True


@register("sinks", "jsonl")
class JsonlSink:
    """Appends to a file that rotation may move away."""

    Options = JsonlOptions
    latest_only = False

    def __init__(self, options: JsonlOptions) -> None:
        self._path = Path(options.path)
        self._fsync = options.fsync
        self._fd: int | None = None

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        await asyncio.to_thread(self._append, b"".join(encode(alert) + b"\n" for alert in alerts))

    async def close(self) -> None:
        self._let_go()

    def _append(self, data: bytes) -> None:
        fd = self._current()
        end = os.fstat(fd).st_size
        try:
            _write_all(fd, data)
            if self._fsync:
                os.fsync(fd)
        except OSError:
            os.ftruncate(fd, end)
            raise

    def _current(self) -> int:
        """The open file, opened anew when the path has come to mean another one."""
        if self._fd is not None and not _is_at(self._fd, self._path):
            self._let_go()
        if self._fd is None:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            _cut_torn_lines(self._path, synced=self._fsync)
            if self._fsync and not os.fstat(self._fd).st_size:
                sync_directory(self._path.parent)
        return self._fd

    def _let_go(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _cut_torn_lines(path: Path, *, synced: bool) -> None:
    """A line that a killed process wrote half goes: its alert is delivered again, and must not be glued to it.

    So does, where every delivered line was put on the disk, what follows the first NUL: of a batch that was not there
    yet, a power failure may leave the length and some of its blocks.
    """
    if not path.is_file():  # a pipe, a terminal
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST_LINE))
        tail = file.read()
        whole = tail[: tail.find(b"\0")] if synced and b"\0" in tail else tail
        if whole != tail or (tail and not tail.endswith(b"\n")):
            file.truncate(size - len(tail) + whole.rfind(b"\n") + 1)


def _is_at(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
