"""Which addresses a webhook may connect to: asked of every answer to its name, and again of every socket it makes.

Whatever a name comes to mean, link-local, metadata, multicast and unspecified addresses are refused, and loopback
where it was not asked for, so that whoever answers for the name cannot turn alogd against what listens on the host.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What clouds answer credentials on, beside 169.254.169.254: AWS, Google, Azure, Alibaba, Oracle.
METADATA = frozenset(
    map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192"))
)
_NAT64 = IPv6Network("64:ff9b::/96")
_THIS = IPv4Network("0.0.0.0/8")


class AddressRefused(OSError):
    """No connection is made to this address; the text says why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one receiver's address may be."""

    loopback: bool = False  # the receiver was named as this host
    only_loopback: bool = False  # plain http: nowhere else
    networks: tuple[Network, ...] = ()  # if any, only these (loopback among them where it is listed)

    def check(self, address: str) -> None:
        """Raises AddressRefused."""
        if why := self._why_not(ip_address(address.partition("%")[0])):
            raise AddressRefused(f"{address} is {why}")

    def _why_not(self, address: Address) -> str:
        inner = _embedded(address)
        if inner is not None:
            return self._why_not(inner)
        if never := _never(address):
            return f"{never}; alerts are not sent there"
        listed = any(address in network for network in self.networks)
        if address.is_loopback and not (self.loopback or listed):
            return "this host, which the url does not name; list it in networks if that is meant"
        if self.only_loopback and not address.is_loopback:
            return "not this host, and plain http goes nowhere else"
        return "" if listed or not self.networks else "not in networks"


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Raises ValueError that names the text which is no network."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ValueError(f"networks: {error}") from None
    return tuple(found)


def socket_factory(rules: Rules) -> Any:
    """What makes the connector's sockets: the last look at an address before it is connected to."""

    def make(info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        rules.check(str(info[4][0]))
        return socket.socket(info[0], info[1], info[2])

    return make


def resolver(rules: Rules) -> AbstractResolver:
    """The system's resolver, less the answers that are refused; raises AddressRefused when none is left."""
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class Checked(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            refused: AddressRefused | None = None
            kept = []
            for answer in await ThreadedResolver().resolve(host, port, family):
                try:
                    rules.check(answer["host"])
                    kept.append(answer)
                except AddressRefused as error:
                    refused = error
            if refused is not None and not kept:
                raise refused
            return kept

        async def close(self) -> None:
            return None

    return Checked()


def is_loopback(host: str) -> bool:
    """Whether a URL's host names this host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _never(address: Address) -> str:
    if address in METADATA:
        return "a cloud's metadata service"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address.is_unspecified or (address.version == 4 and address in _THIS):
        return "no host's address"
    return "reserved" if address.version == 4 and address.is_reserved else ""


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address an IPv6 one stands for: mapped, 6to4, NAT64."""
    if not isinstance(address, IPv6Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
