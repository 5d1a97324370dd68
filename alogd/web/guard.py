"""Stands between each connection and aiohttp: what aiohttp would wait for forever, this ends.

Invariant: a connection has `HEADER_SECONDS` from its first byte (or from connecting) until a whole request is
there, holds a bounded number of bytes meanwhile, and there are never more connections than allowed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import cast

HEADER_SECONDS = 5.0  # for the head of a request
IDLE_SECONDS = 60.0  # between two requests on one connection
LAST_SECONDS = 0.1  # ... when the client said that nothing more comes: for what it sent at once before
LINGER_SECONDS = 5.0  # for a reply to be read after we let go
MAX_HELD = 16 * 1024  # bytes received before a request is whole
MAX_REQUEST = 96 * 1024  # bytes received while a request is answered

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Gate:
    """How many connections there are, and why others were turned away."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.open: set[Guard] = set()
        self.refused: Counter[str] = Counter()

    def close(self) -> None:
        """Let go of every connection now."""
        for guard in list(self.open):
            guard.abort()


class Guard(asyncio.Protocol):
    """One connection; passes everything on to aiohttp's protocol, which knows nothing of it."""

    def __init__(self, gate: Gate, make: Callable[[], asyncio.Protocol]) -> None:
        self._gate = gate
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._held = 0
        self._answering = False
        self._between = False
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if len(self._gate.open) >= self._gate.limit:
            self._refuse("too_many_connections", _BUSY)
            return
        self._gate.open.add(self)
        self._inner = self._make()
        self._inner.connection_made(transport)
        self._arm(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            return
        self._held += len(data)
        if self._held > (MAX_REQUEST if self._answering else MAX_HELD):
            self._refuse("too_large", b"" if self._answering else _TOO_LARGE)
            return
        if self._between:
            self._between = False
            self._arm(HEADER_SECONDS)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Whether the other direction stays open: what was asked is still answered, and the timer runs on."""
        if self._inner is None or not self._held:
            return None
        self._ended = True
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._gate.open.discard(self)
        self._disarm()
        if self._inner is not None:
            self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def begin(self) -> None:
        """A whole request is there and is being answered."""
        self._answering = True
        self._disarm()

    def end(self) -> None:
        """Its answer is made; another request may follow."""
        self._answering = False
        self._between = True
        self._held = 0
        self._arm(LAST_SECONDS if self._ended else IDLE_SECONDS)

    @property
    def has_ended(self) -> bool:
        """Whether the client said that nothing more comes from it."""
        return self._ended

    def abort(self) -> None:
        self._disarm()
        if self._transport is not None:
            self._transport.abort()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        if not self._between:
            self._gate.refused["slow_header"] += 1
        self._let_go()

    def _refuse(self, reason: str, reply: bytes) -> None:
        self._gate.refused[reason] += 1
        if self._transport is not None and reply:
            self._transport.write(reply)
        self._let_go()

    def _let_go(self) -> None:
        """Close; a peer that does not read what is left is cut off."""
        if self._transport is not None:
            self._transport.close()
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self.abort)
