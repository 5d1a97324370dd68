"""In which order a stream's core was given what it read, written to a file where ALOGD_READING_ORDER names one.

Several sources of a stream are read in whatever order they come, and what is learned depends on it: with this a run can
be repeated. Invariant: whoever takes of each life of the daemon what comes before the state the next one began from has
one run that was never interrupted (tests/faults/reading_order.py does).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from alogd.event import Alert
from alogd.logs import get_logger

if TYPE_CHECKING:
    from alogd.daemon.runner import Core

MAX_BYTES = 1 << 30  # of the file; what comes then is not written down

log = get_logger("order")


def recorded(core: Core, stream: str, told: Callable[[int], tuple[str, str]]) -> Core:
    """The core, which writes down what it is given where asked to; `told` gives a source's name and identity."""
    path = os.environ.get("ALOGD_READING_ORDER")
    return cast("Core", Recorded(core, Journal(Path(path), stream), told)) if path else core


def digest(parts: Mapping[str, bytes]) -> str:
    """Tells one saved state from another."""
    told = blake2b(digest_size=16)
    for name in sorted(parts):
        told.update(f"{name}\0{len(parts[name])}\0".encode() + parts[name])
    return told.hexdigest()


class Journal:
    """A line a thing, each written at once, so that a kill leaves all that happened before it."""

    def __init__(self, path: Path, stream: str) -> None:
        self._stream = stream
        self._file = path.open("ab", buffering=0)
        self._is_over = False

    def note(self, did: str, **what: object) -> None:
        """Never fails: reading goes on without it."""
        if self._is_over:
            return
        try:
            self._file.write(msgspec.json.encode({"stream": self._stream, "did": did, **what}) + b"\n")
            self._is_over = self._file.tell() > MAX_BYTES
        except OSError as error:
            self._is_over = True
            log.warning("the order of reading is no longer written down", stream=self._stream, error=str(error))


class Recorded:
    """A core, and beside it what it was given: bytes are told by their place in the source."""

    def __init__(self, core: Core, journal: Journal, told: Callable[[int], tuple[str, str]]) -> None:
        self.__dict__.update(_core=core, _journal=journal, _told=told, _at={})
        journal.note("made")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._core, name, value)

    def open(self, source: int, *, offset: int = 0, **how: Any) -> None:
        self._core.open(source, offset=offset, **how)
        self._at[source] = offset
        name, identity = self._told(source)
        self._journal.note("open", source=source, name=name, identity=identity, offset=offset, **how)

    def feed(self, source: int, block: bytes) -> list[Alert]:
        alerts: list[Alert] = self._core.feed(source, block)
        begin = self._at[source]
        self._at[source] = begin + len(block)
        self._journal.note("feed", source=source, begin=begin, end=begin + len(block))
        return alerts

    def settle(self, source: int) -> list[Alert]:
        alerts: list[Alert] = self._core.settle(source)
        self._journal.note("settle", source=source)
        return alerts

    def close(self, source: int) -> list[Alert]:
        alerts: list[Alert] = self._core.close(source)
        self._journal.note("close", source=source)
        return alerts

    def tick(self, log_time_ns: int) -> list[Alert]:
        alerts: list[Alert] = self._core.tick(log_time_ns)
        self._journal.note("tick", log_time_ns=log_time_ns)
        return alerts

    def save(self) -> dict[str, bytes]:
        parts: dict[str, bytes] = self._core.save()
        self._journal.note("saved", state=digest(parts))
        return parts

    def load(self, parts: Mapping[str, bytes]) -> None:
        self._core.load(parts)
        self._journal.note("loaded", state=digest(parts))
