"""Who may ask what: checks made of every request before it reaches a handler.

On loopback a page in somebody's browser is the attacker (DNS rebinding, cross-site POST), so Host and Origin are
looked at; from elsewhere nothing is changed without the token, and where one is configured, from nowhere.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from ipaddress import ip_address

from alogd.config import read_secret
from alogd.web.http import Handler, Refused, Request, Response

HANDLER_SECONDS = 15.0
SAFE = frozenset({"GET", "HEAD"})
HEADERS = {
    "Server": "alogd",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Access:
    """The rules for one listening address."""

    def __init__(self, listen_host: str, token_file: str | None) -> None:
        self._token_file = token_file
        self._only_loopback = is_loopback(listen_host)
        self._names = {"localhost", listen_host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}

    async def check(self, request: Request) -> None:
        """Raises an HTTP error unless the request may be answered."""
        if "host" not in request.headers and request.version != "1.0":
            raise Refused(400, "HTTP/1.1 with a Host header, or HTTP/1.0\n")
        if (self._only_loopback or request.method not in SAFE) and not self._is_own_name(request.host):
            raise Refused(421, "this name is not mine; use my address\n")
        if request.method in SAFE:
            return
        origin = request.headers.get("origin")
        if origin is not None and origin not in {f"http://{request.host}", f"https://{request.host}"}:
            raise Refused(403, "requests from other sites are not taken\n")
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            raise Refused(403, "requests from other sites are not taken\n")
        if not await self._may_change(request):
            raise Refused(401, "a token is needed: Authorization: Bearer ...\n", WWW_Authenticate="Bearer")

    def _is_own_name(self, host: str) -> bool:
        name = host_name(host)  # without a header: this host's own
        return name in self._names or _is_address(name)

    async def _may_change(self, request: Request) -> bool:
        """With the token; without one configured, whoever is on this host."""
        if self._token_file is None:
            return self._comes_from_here(request)
        return await self._has_token(self._token_file, request)

    def _comes_from_here(self, request: Request) -> bool:
        """From this host, and not passed on by a proxy on it."""
        passed_on = {"forwarded", "x-forwarded-for", "x-real-ip", "via"} & set(request.headers)
        return not passed_on and is_loopback(request.remote)

    async def _has_token(self, token_file: str, request: Request) -> bool:
        try:
            token = await asyncio.to_thread(read_secret, token_file)
        except (OSError, ValueError):
            return False
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(f"Bearer {token}".encode(), given.encode("utf-8", "surrogateescape"))


def guarded(access: Access, handler: Handler) -> Handler:
    """Outermost: bounds the time, checks access, adds the headers every answer has."""

    async def answer(request: Request) -> Response:
        try:
            async with asyncio.timeout(HANDLER_SECONDS):
                await access.check(request)
                response = await handler(request)
        except Refused as refused:
            response = refused.response
        except TimeoutError:
            response = Response(b"busy\n", 503)
        response.headers |= HEADERS
        return response

    return answer


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
