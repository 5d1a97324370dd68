"""Stands between each connection and aiohttp: what aiohttp would wait for forever, this ends.

Invariant: a connection has `HEADER_SECONDS` from its first byte (or from connecting) until the head of a request is
there, holds a bounded number of bytes before and after it, and there are never more connections than allowed. What
is more than a request may have is thrown away, so that the answer which says so arrives instead of a reset.
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
MAX_HELD = 16 * 1024  # bytes of a head
MAX_REQUEST = 96 * 1024  # bytes of head and body, and of what comes while it is answered

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
_HEAD_ENDS = b"\r\n\r\n"
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
        self._tail = b""  # of what is held: where a head may be about to end
        self._has_head = False
        self._sated = False
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
        if self._inner is None or self._sated:
            return
        if self._between:
            self._between = False
            self._arm(HEADER_SECONDS)
        if self._head_bytes(data) > MAX_HELD:
            self._refuse("too_large", _TOO_LARGE)
            return
        self._held += len(data)
        if self._held > MAX_REQUEST:
            self.count("too_large")
            self._sated = True
            data = data[: MAX_REQUEST - self._held]
        self._inner.data_received(data)

    def _head_bytes(self, data: bytes) -> int:
        """How long the head is, with what came now; 0 once it has ended and a body may follow."""
        if self._answering or self._has_head:
            return 0
        known = self._tail + data
        ends = known.find(_HEAD_ENDS)
        self._tail = known[-len(_HEAD_ENDS) + 1 :]
        self._has_head = ends >= 0
        return self._held + len(data) - (len(known) - ends - len(_HEAD_ENDS) if ends >= 0 else 0)

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

    def end(self, *, last: bool = False) -> None:
        """Its answer is made; another request may follow, unless this was the last: then nothing is listened to."""
        self._answering = False
        self._between = True
        self._held = 0
        self._tail = b""
        self._has_head = False
        self._sated |= last
        self._arm(LAST_SECONDS if self._ended else LINGER_SECONDS if self._sated else IDLE_SECONDS)

    @property
    def has_ended(self) -> bool:
        """Whether the client said that nothing more comes from it."""
        return self._ended

    def count(self, reason: str) -> None:
        """Something of this connection was refused."""
        self._gate.refused[reason] += 1

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
            self.count("slow_header")
        self._let_go()

    def _refuse(self, reason: str, reply: bytes) -> None:
        self.count(reason)
        if self._transport is not None and reply:
            self._transport.write(reply)
        self._let_go()

    def _let_go(self) -> None:
        """Close; a peer that does not read what is left is cut off."""
        if self._transport is not None:
            self._transport.close()
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self.abort)
