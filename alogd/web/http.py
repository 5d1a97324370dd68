"""HTTP/1.1 as far as the daemon needs it, on h11: one request at a time of each connection, answered by a handler.

Invariant: answers are made from a request's head alone. A body is not waited for: what follows it is not read as a
request, the connection ends. Who keeps bytes, connections and time in bounds is the guard.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from alogd.logs import get_logger
from alogd.web import guard as bounds
from alogd.web.guard import MAX_HELD, Guard

MAX_PARAMETERS = 32
FOLD = re.compile(rb"\n[ \t]")  # a header goes on in the next line

log = get_logger("http")


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request."""

    method: str
    path: str  # decoded
    raw_path: str  # as it came: a %2F is no slash of it
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    version: str  # "1.1"
    remote: str  # address of the peer

    @property
    def host(self) -> str:
        """What the client calls us; without a Host header this host's own name."""
        return self.headers.get("host") or socket.gethostname()


@dataclass(slots=True)
class Response:
    """What is sent back."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """Ends a request with an error for the client."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = Response(text.encode("utf-8", "backslashreplace"), status, headers=names)


Handler = Callable[[Request], Awaitable[Response]]


class Connection(asyncio.Protocol):
    """One connection; the guard stands between it and the transport."""

    def __init__(self, answer: Handler, held: set[Connection], malformed: Callable[[], None]) -> None:
        """`held` has every connection that is open; `malformed` is called for what is no HTTP."""
        self._answer = answer
        self._held = held
        self._malformed = malformed
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HELD)
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._ending: asyncio.TimerHandle | None = None
        self._last = b""  # the last byte that came
        self.task: asyncio.Task[None] | None = None  # answers a request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._held.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._held.discard(self)
        if self._ending is not None:
            self._ending.cancel()
        if self.task is not None:
            self.task.cancel()
        self._transport = None

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._ending is not None:
            return
        folded = FOLD.search(self._last + data) is not None and self.task is None
        self._last = data[-1:]
        if folded:  # h11 would unfold it, as RFC 9112 allows; others read it otherwise
            self._refuse(400)
        else:
            with suppress(RuntimeError):  # it said before that nothing more would come
                self._http.receive_data(data)
            self._advance()

    def eof_received(self) -> bool:
        """Whether the other direction stays open: an answer is still to be sent."""
        self.data_received(b"")
        return self.task is not None or self._ending is not None

    def _advance(self) -> None:
        """Begin with the next request, when it is there and none is being answered."""
        if self.task is not None or self._transport is None or self._ending is not None:
            return
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)
            return
        if isinstance(event, h11.Request):
            self.task = asyncio.get_running_loop().create_task(self._serve(event))
        elif isinstance(event, h11.ConnectionClosed):
            self._transport.close()

    async def _serve(self, event: h11.Request) -> None:
        guard = self._transport.get_protocol() if self._transport is not None else None
        if isinstance(guard, Guard):
            guard.begin()
        try:
            response = await self._response(event)
            if isinstance(guard, Guard):
                guard.end()
            self._send(response, event.method != b"HEAD")
            await self._writable.wait()  # no next request before this answer is on its way
        finally:
            self.task = None
        self._next()

    async def _response(self, event: h11.Request) -> Response:
        try:
            return await self._answer(self._request(event))
        except Refused as refused:
            return refused.response
        except Exception as error:  # a fault of ours must not end the daemon
            log.error("a request failed", error=f"{type(error).__name__}: {error}", exc_info=error)
            return Response(b"it failed; the log says why\n", 500)

    def _request(self, event: h11.Request) -> Request:
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        names = {name for name, _ in event.headers}
        if {b"content-length", b"transfer-encoding"} <= names:  # two opinions of where it ends
            self._malformed()
            raise Refused(400, "give a length or chunks, not both\n")
        try:
            target = urlsplit(event.target.decode("ascii"))
            query = dict(parse_qsl(target.query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS))
        except ValueError:
            raise Refused(400, "the request's target is malformed\n") from None
        return Request(
            method=event.method.decode("ascii"),
            path=unquote(target.path),
            raw_path=target.path,
            query=query,
            headers={name.decode("ascii"): value.decode("utf-8", "surrogateescape") for name, value in event.headers},
            version=event.http_version.decode("ascii"),
            remote=str(peer[0]) if peer else "",
        )

    def _send(self, response: Response, with_body: bool) -> None:
        if self._transport is None:
            return
        if not self._is_whole():
            response.headers["Connection"] = "close"
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            **response.headers,
        }
        reason = HTTPStatus(response.status).phrase.encode()
        head = h11.Response(status_code=response.status, headers=list(headers.items()), reason=reason)
        parts = [self._http.send(head)]
        if with_body:
            parts.append(self._http.send(h11.Data(data=response.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in parts if part))

    def _is_whole(self) -> bool:
        """Whether the request has ended with its head, as all do that we answer with more than an error."""
        try:
            return isinstance(self._http.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError:
            return False

    def _next(self) -> None:
        if self._transport is None:
            return
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._advance()
        else:
            self._end()

    def _refuse(self, status: int) -> None:
        """What came is no HTTP: say so, and end."""
        self._malformed()
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send_error(status)
        if self._transport is not None:
            self._transport.close()

    def _send_error(self, status: int) -> None:
        headers = [("Content-Length", "0"), ("Connection", "close")]
        head = h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase.encode())
        data = (self._http.send(head) or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        if self._transport is not None:
            self._transport.write(data)

    def _end(self) -> None:
        """Close so that the answer arrives: a close with bytes unread would take it back."""
        if self._transport is None or self._ending is not None:
            return
        if self._http.their_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}:
            self._transport.close()
            return
        self._ending = asyncio.get_running_loop().call_later(bounds.HEADER_SECONDS, self._transport.abort)
        with suppress(OSError):
            self._transport.write_eof()
