"""What every sink that speaks HTTP shares: its options, one bounded POST, and what an answer means.

Whatever the other side does, one attempt ends within `timeout` and reads at most 64 KiB. Redirects are not
followed, plain http goes to loopback only, and every address is checked (alogd/sinks/address.py), so that neither
a receiver nor a name server can send alerts elsewhere. Neither the URL nor a secret ever stands in a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from alogd.config.tree import ExternalUrl, read_secret
from alogd.sinks.address import AddressRefused, Network, Rules, is_loopback, networks, resolver, socket_factory
from alogd.sinks.base import MaxAge, MaxRate, NotConnected, Rejected, SinkOptions

if TYPE_CHECKING:
    import aiohttp

MAX_REPLY_BYTES = 64 * 1024
AGAIN = frozenset({408, 425, 429})  # and every 5xx


class HttpOptions(SinkOptions, frozen=True, kw_only=True):
    """How long to wait for a receiver, and where it may be."""

    max_age: MaxAge = 3600.0
    max_per_minute: MaxRate = 30
    timeout: Annotated[float, Meta(gt=0, le=300, extra={"unit": "duration"})] = 10.0  # of a whole attempt
    allow_insecure: bool = False  # plain http to another host
    external_url: ExternalUrl | None = None  # where people reach this daemon: alerts link there (http.external_url)
    link_secret_file: str | None = None  # signs links with which people act (http.link_secret_file); null: none
    networks: Annotated[tuple[str, ...], Meta(max_length=64)] = ()  # if any: only addresses in these, e.g. 10.0.0.0/8

    def __post_init__(self) -> None:
        networks(self.networks)


class Client:
    """One receiver's connections."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._networks = networks(options.networks)
        self._rules = Rules()
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], data: bytes) -> None:
        """POST once. Raises NotConnected or Rejected unless the receiver took it."""
        try:
            rules = check_url(url, self._options.allow_insecure, self._networks)
        except ValueError as error:  # one that came from a file, and may be written anew
            raise NotConnected(f"url_file: {error}") from None
        host = urlsplit(url).hostname
        import aiohttp

        try:
            async with asyncio.timeout(self._options.timeout):
                status, reply_headers = await self._post(url, rules, headers, data)
        except TimeoutError:
            raise NotConnected(f"{host} did not answer within {self._options.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotConnected(f"cannot reach {host}: {_why(error)}") from None
        judge(status, reply_headers)

    async def close(self) -> None:
        """Let go of the connections; may be called more than once."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(
        self, url: str, rules: Rules, headers: Mapping[str, str], data: bytes
    ) -> tuple[int, Mapping[str, str]]:
        session = await self._open_session(rules)
        async with session.post(url, data=data, headers=headers, allow_redirects=False) as reply:
            await reply.content.read(MAX_REPLY_BYTES)
            return reply.status, reply.headers

    async def _open_session(self, rules: Rules) -> aiohttp.ClientSession:
        """A session whose connections keep the rules; another URL may have others."""
        if rules != self._rules:
            await self.close()
        if self._session is None:
            import aiohttp

            self._rules = rules
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=2, resolver=resolver(rules), socket_factory=socket_factory(rules), ttl_dns_cache=10
                ),
                timeout=aiohttp.ClientTimeout(total=self._options.timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


def check_url(url: str, allow_insecure: bool, allowed: tuple[Network, ...] = ()) -> Rules:
    """Where the URL may lead. Raises ValueError, without the URL in it, unless this is https, or http to loopback."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the receiver's url must begin with https://HOST, or http://127.0.0.1")
    loopback, plain = is_loopback(parts.hostname), parts.scheme == "http" and not allow_insecure
    if plain and not loopback:
        raise ValueError("plain http goes to loopback only; use https, or set allow_insecure: true")
    rules = Rules(loopback, plain, allowed)
    try:
        rules.check(str(ip_address(parts.hostname)))
    except AddressRefused as error:
        raise ValueError(f"the receiver's url: {error}") from None
    except ValueError:
        return rules  # a name: its addresses are looked at whenever it is resolved
    return rules


def judge(status: int, headers: Mapping[str, str]) -> None:
    """Raises NotConnected or Rejected unless the status is a success."""
    if 200 <= status < 300:
        return
    if status >= 500 or status in AGAIN:
        raise NotConnected(f"the receiver answered {status}", retry_after(headers))
    if 300 <= status < 400:
        raise Rejected("redirect", f"the receiver answered {status}; redirects are not followed")
    raise Rejected("refused", f"the receiver answered {status}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the other side asks to wait (a number or a date), if it does and we can read it."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def secret(name: str, path: str) -> str:
    """A secret of one line. Raises NotConnected: it may be about to be written anew."""
    try:
        text = read_secret(path)
    except (OSError, ValueError) as error:
        raise NotConnected(f"{name}: {error.strerror if isinstance(error, OSError) else 'empty or not text'}") from None
    if not text.isprintable():
        raise NotConnected(f"{name}: more than one line of text")
    return text


def _why(error: Exception) -> str:
    cause = getattr(error, "os_error", error)
    return str(cause) if isinstance(cause, AddressRefused) else type(error).__name__
