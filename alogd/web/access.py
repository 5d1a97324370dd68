"""Who may ask what: checks made of every request before it reaches a handler.

On loopback a page in somebody's browser is the attacker (DNS rebinding, cross-site POST), so Host and Origin are
looked at; from elsewhere nothing is changed without the token, and where one is configured, from nowhere.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import HttpVersion10, web
from aiohttp.typedefs import Handler, Middleware

from alogd.config.tree import read_secret
from alogd.escape import escape
from alogd.web.guard import Guard

HANDLER_SECONDS = 15.0
BODY_SECONDS = 5.0
EVENTS = "/api/v1/events"  # which goes on; it bounds itself
SIGNED = "/act/"  # what needs a signature instead of the token
SAFE = frozenset({"GET", "HEAD"})
HEADERS = {
    "Server": "alogd",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Access:
    """The rules for one listening address."""

    def __init__(self, listen_host: str, token_file: str | None, external_url: str | None = None) -> None:
        self._token_file = token_file
        outside = urlsplit(external_url or "")
        self._origin = f"{outside.scheme}://{outside.netloc}"
        self._only_loopback = is_loopback(listen_host)
        self._names = {"localhost", listen_host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        if outside.hostname:
            self._names.add(outside.hostname)

    async def check(self, request: web.Request) -> None:
        """Raises an HTTP error unless the request may be answered."""
        if request.version < HttpVersion10 or ("Host" not in request.headers and request.version > HttpVersion10):
            raise web.HTTPBadRequest(text="HTTP/1.1 with a Host header, or HTTP/1.0\n")
        if (self._only_loopback or request.method not in SAFE) and not self._is_own_name(request.host):
            raise web.HTTPMisdirectedRequest(text="this name is not mine; use my address\n")
        if request.method in SAFE:
            return
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{request.host}", f"https://{request.host}", self._origin}:
            raise web.HTTPForbidden(text="requests from other sites are not taken\n")
        if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            raise web.HTTPForbidden(text="requests from other sites are not taken\n")
        if not await self._may_change(request):
            raise self._stranger()

    def _stranger(self) -> web.HTTPUnauthorized:
        """What a request that may not change anything is told; only where a token helps is one asked for by name."""
        if self._token_file is None:
            text = "only this daemon's own host may change anything: it has no http.token_file\n"
            return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": "Bearer"})
        file = escape(self._token_file)
        text = f"a token is needed: Authorization: Bearer ... with the text of {file} on the daemon's host\n"
        return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": 'Bearer realm="alogd"'})

    def _is_own_name(self, host: str) -> bool:
        name = host_name(host)  # without a header: this host's own
        return name in self._names or _is_address(name)

    async def _may_change(self, request: web.Request) -> bool:
        """With the token; without one configured, whoever is on this host. Of signed links the handler decides."""
        if request.path.startswith(SIGNED):
            return True
        if self._token_file is None:
            return self._comes_from_here(request)
        return await self._has_token(self._token_file, request)

    def _comes_from_here(self, request: web.Request) -> bool:
        """From this host, and not passed on by a proxy on it."""
        passed_on = {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"} & set(request.headers)
        return not passed_on and is_loopback(request.remote or "")

    async def _has_token(self, token_file: str, request: web.Request) -> bool:
        try:
            token = await asyncio.to_thread(read_secret, token_file)
        except (OSError, ValueError):
            return False
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(f"Bearer {token}".encode(), given.encode("utf-8", "surrogateescape"))


def middleware(access: Access) -> Middleware:
    """Outermost: tells the guard, bounds the time, takes the body, checks access, adds what every answer has."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        guard = request.transport.get_protocol() if request.transport is not None else None
        if isinstance(guard, Guard):
            guard.begin()
        try:
            async with asyncio.timeout(HANDLER_SECONDS) as deadline:
                await _take_body(request, guard)
                await access.check(request)
                if request.path == EVENTS:
                    deadline.reschedule(None)
                response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            error.headers.update(HEADERS)
            raise
        except TimeoutError:
            response = web.Response(status=503, text="busy\n")
        finally:
            if isinstance(guard, Guard):
                guard.end(last=not request.content.is_eof())
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return answer


async def _take_body(request: web.Request, guard: object) -> None:
    """Whatever becomes of the request: what is left of one is not taken for the next. Raises an HTTP error."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await request.read()
    except TimeoutError:
        if isinstance(guard, Guard):
            guard.count("slow_body")
        raise web.HTTPRequestTimeout(text="the body did not come in time\n") from None
    except (web.RequestPayloadError, ValueError):
        raise web.HTTPBadRequest(text="the body does not come as its head says\n") from None


def host_name(host: str) -> str:
    """The name of a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
