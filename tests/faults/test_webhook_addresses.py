"""N1, N3: where a receiver may be; no name and no redirect leads inside.

A receiver is the one host its url names; `networks` is the list of what may be allowed beyond that, by address
and not by name, since whoever answers for a name could make any address pass.
"""

from __future__ import annotations

import re
import socket

import pytest
from aiohttp.resolver import ThreadedResolver

from alogd.sinks import client
from alogd.sinks.address import AddressRefused, Rules, networks, socket_factory
from alogd.sinks.base import NotConnected, Rejected, build
from tests.alerts import alert
from tests.bad_server import NO, BadServer
from tests.outlets import HTTP_KINDS, hook, http_sink

KIND = ((socket.AF_INET, socket.SOCK_STREAM, 6, ""), (socket.AF_INET6, socket.SOCK_STREAM, 6, ""))


@pytest.fixture
def resolver(monkeypatch):
    """What names resolve to: a list of addresses that a test may change at any time."""
    answers: list[str] = []
    real = socket.getaddrinfo

    def look_up(host, port, *rest, **more):
        if host != "receiver.example":
            return real(host, port, *rest, **more)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")
        return [(*KIND[":" in one], (one, port, 0, 0) if ":" in one else (one, port)) for one in answers]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return answers


def port_of(server):
    return int(re.search(r":(\d+)/", server.url)[1])


async def test_n1_no_such_name_and_nobody_there(resolver):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    for target in ("https://receiver.example/", url):
        sink = build({"kind": "webhook", "url": target}).sink
        with pytest.raises(NotConnected, match="cannot reach"):
            await sink.send([alert(1)])
        await sink.close()


INSIDE = [
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "::",
    "0.1.2.3",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "::ffff:127.0.0.1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_n3_addresses_that_are_refused(address):
    with pytest.raises(AddressRefused, match=re.escape(address)):
        Rules().check(address)
    with pytest.raises(AddressRefused):
        socket_factory(Rules())((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)))


@pytest.mark.parametrize("address", [one for one in INSIDE if "127" not in one and one != "::1"])
def test_n3_some_are_refused_whatever_is_configured(address):
    with pytest.raises(AddressRefused):
        Rules(loopback=True, networks=networks(["0.0.0.0/0", "::/0"])).check(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f::1", "10.0.0.7", "192.168.1.9", "172.20.0.1", "fd12::7"]
)
def test_n3_receivers_may_be_anywhere_else(address):
    Rules().check(address)
    with pytest.raises(AddressRefused, match="plain http"):
        Rules(loopback=True, only_loopback=True).check(address)
    with pytest.raises(AddressRefused, match="not in networks"):
        Rules(networks=networks(["192.0.2.0/24"])).check(address)


def test_n3_loopback_where_it_was_asked_for():
    Rules(loopback=True).check("127.0.0.1")
    Rules(networks=networks(["127.0.0.0/8"])).check("127.0.0.1")
    with pytest.raises(ValueError, match=r"networks: 10\.0\.0\.1/8 has host bits set"):
        networks(["10.0.0.1/8"])


async def test_n3_a_name_whose_meaning_changes_leads_nowhere(resolver, tally):
    """DNS rebinding: the first answer is fine, later ones are not; aiohttp's own cache must not help either."""
    async with BadServer() as server:
        url = f"https://receiver.example:{port_of(server)}/"
        sink = build({"kind": "webhook", "url": url, "timeout": 1.0}).sink
        for answer in ("127.0.0.1", "::1", "169.254.169.254", "0.0.0.0"):
            resolver[:] = [answer]
            with pytest.raises(NotConnected, match=f"cannot reach receiver.example: {re.escape(answer)} is "):
                await sink.send([alert(1)])
            tally.add()
        assert server.connections == 0
        await sink.close()


async def test_n3_a_name_that_was_good_and_is_not(resolver):
    async with BadServer() as server:
        url = f"http://receiver.example:{port_of(server)}/"
        listed = {"networks": ["127.0.0.0/8"], "allow_insecure": True}
        sink = build({"kind": "webhook", "url": url, "timeout": 1.0, **listed}).sink
        resolver[:] = ["127.0.0.1", "169.254.169.254"]  # of two answers the bad one is left out
        await sink.send([alert(1)])
        await sink.close()
        resolver[:] = ["169.254.169.254"]
        with pytest.raises(NotConnected, match="link-local"):
            await sink.send([alert(2)])
        assert [request.json()["alerts"][0]["fingerprint"] for request in server.requests] == [alert(1).id]
        await sink.close()


async def test_n3_the_address_is_looked_at_again_when_it_is_connected_to(resolver, monkeypatch):
    """Whatever came between: here the answers of the name server are not looked at at all."""
    monkeypatch.setattr(client, "resolver", lambda _rules: ThreadedResolver())
    async with BadServer() as server:
        url = f"https://receiver.example:{port_of(server)}/"
        sink = build({"kind": "webhook", "url": url, "timeout": 1.0}).sink
        resolver[:] = ["127.0.0.1"]
        with pytest.raises(NotConnected, match="this host, which the url does not name"):
            await sink.send([alert(1)])
        assert server.connections == 0
        await sink.close()


@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_n3_the_rules_are_those_of_every_sink_that_speaks_http(kind, tmp_path, resolver):
    async with BadServer() as inside:
        async with BadServer(NO.format(307, f"Location: {inside.url}\r\n")) as server:
            sink = http_sink(kind, server.url, tmp_path)
            with pytest.raises(Rejected, match="redirects are not followed"):
                await sink.send([alert(1)])
            await sink.close()
        assert inside.connections == 0
        sink = http_sink(kind, f"https://receiver.example:{port_of(inside)}/", tmp_path)
        for answer in ("127.0.0.1", "169.254.169.254", "fd00:ec2::254"):
            resolver[:] = [answer]
            with pytest.raises(NotConnected, match=re.escape(answer)):
                await sink.send([alert(1)])
        await sink.close()
        assert inside.connections == 0
    for url in ("http://example.org/", "file:///etc/passwd", "https://169.254.169.254/"):
        with pytest.raises(ValueError, match=r"receiver's url|plain http"):
            http_sink(kind, url, tmp_path)


async def test_n3_localhost_that_is_elsewhere(monkeypatch):
    """Plain http is for loopback: a name server that says localhost is another host must not get it."""
    elsewhere = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 9))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: elsewhere)
    sink = build({"kind": "webhook", "url": "http://localhost:9/", "timeout": 1.0}).sink
    with pytest.raises(NotConnected, match="plain http goes nowhere else"):
        await sink.send([alert(1)])
    await sink.close()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["http://169.254.169.254/latest", "file:///etc/passwd", "{inside}", "//[::1]/"])
async def test_n3_redirects_are_not_followed(code, where):
    async with BadServer() as inside:
        target = where.format(inside=inside.url)
        async with BadServer(NO.format(code, f"Location: {target}\r\n")) as server, hook(server) as sink:
            with pytest.raises(Rejected, match="redirects are not followed"):
                await sink.send([alert(1)])
            assert len(server.requests) == 1
        assert inside.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://x/",
        "file:///etc/passwd",
        "x",
        "http://127.0.0.1.evil.org/",
        "http:///x",
        "https://169.254.169.254/evil",
        "https://[fe80::1]/evil",
        "https://0.0.0.0/evil",
        "https://[::ffff:169.254.169.254]/evil",
    ],
)
def test_n3_urls_that_are_refused(url):
    with pytest.raises(ValueError, match=r"receiver's url|plain http") as caught:
        build({"kind": "webhook", "url": url})
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f000001", "0177.0.0.1"])
async def test_n3_other_ways_to_write_an_address(host):
    async with BadServer() as server:
        sink = build({"kind": "webhook", "url": f"https://{host}:{port_of(server)}/", "timeout": 1.0}).sink
        with pytest.raises(NotConnected):
            await sink.send([alert(1)])
        assert server.connections == 0
        await sink.close()
