"""N1-N6: a receiver that fails, hangs, lies about where it is, or is away. Detection goes on, and nothing leaks."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket

import aiohttp
import pytest
from aiohttp.resolver import ThreadedResolver

from alogd.alerts.filter import AlertFilter
from alogd.registry import BUILT_IN, find
from alogd.sinks import client
from alogd.sinks.address import AddressRefused, Rules, networks, socket_factory
from alogd.sinks.base import NotConnected, Rejected, build
from alogd.sinks.client import HttpOptions
from alogd.sinks.delivery import pause_seconds
from alogd.state.database import Limits, Snapshot
from tests.alerts import alert
from tests.bad_server import GOOD, BadServer
from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.outlets import Leap, delivery, hook

KIND = ((socket.AF_INET, socket.SOCK_STREAM, 6, ""), (socket.AF_INET6, socket.SOCK_STREAM, 6, ""))
NO = "HTTP/1.1 {} No\r\n{}Content-Length: 0\r\n\r\n"


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "logs").mkdir()
    running = DaemonProcess(tmp_path)
    yield running
    running.kill()


def write(daemon, lines, name="a.log"):
    with (daemon.directory / "logs" / name).open("ab") as file:
        file.write(b"".join(lines))


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


# N1


@pytest.mark.parametrize(
    ("reply", "error", "matter"),
    [
        (NO.format(500, ""), NotConnected, "answered 500"),
        (NO.format(503, "Retry-After: 7\r\n"), NotConnected, "answered 503"),
        (NO.format(429, "Retry-After: 7\r\n"), NotConnected, "answered 429"),
        (NO.format(404, ""), Rejected, "answered 404"),
        ("", NotConnected, "cannot reach"),
        ("rubbish\r\n\r\n", NotConnected, "cannot reach"),
    ],
)
async def test_n1_each_answer_is_judged(reply, error, matter):
    async with BadServer(reply) as server, hook(server) as sink:
        with pytest.raises(error, match=matter) as caught:
            await sink.send([alert(1)])
        assert len(server.requests) == 1
    if "Retry-After" in reply:
        assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("behaviour", ["silent", "reset"])
async def test_n1_no_answer(behaviour):
    async with BadServer(behaviour=behaviour) as server, hook(server, timeout=0.2) as sink:
        with pytest.raises(NotConnected, match=r"did not answer within|cannot reach"):
            await sink.send([alert(1)])


async def test_n1_no_such_name_and_nobody_there(resolver):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    for target in ("https://receiver.example/", url):
        sink = build({"kind": "webhook", "url": target}).sink
        with pytest.raises(NotConnected, match="cannot reach"):
            await sink.send([alert(1)])
        await sink.close()


async def test_n1_what_waits_is_sent_when_the_receiver_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr("alogd.sinks.delivery.FIRST_PAUSE", 0.01)
    moments = [alert(1, at=1), alert(2, at=2), alert(1, at=3, windows=2, status="resolved")]
    async with BadServer(NO.format(503, "")) as server:
        async with delivery(tmp_path, {"kind": "webhook", "url": server.url}, moments) as (store, way):
            running = asyncio.create_task(way.run())
            await server.wait_for(3)
            assert store.lengths == {"webhook": 3}
            assert "503" in way.problem
            server.reply = GOOD
            await server.wait_for_good()
            way.finish()
            await asyncio.wait_for(running, 20)
            assert store.lengths == {}
            assert way.problem == ""
        last = server.requests[-1].json()
    assert [entry["fingerprint"] for entry in last["alerts"]] == [alert(2).id, alert(1).id]
    assert last["alerts"][1]["status"] == "resolved"
    assert (way.outcomes["sent"], way.outcomes["superseded"]) == (2, 1)
    assert way.outcomes["retried"] >= 3


def test_n1_pauses_grow_are_jittered_and_bounded(tally):
    chance = random.Random(7)
    pauses = [pause_seconds(n, None, chance) for n in range(1, 40)]
    assert 0.5 <= pauses[0] <= 1.0
    assert 2.0 <= pauses[2] <= 4.0
    assert max(pauses) <= 300.0
    assert len(set(pauses)) == len(pauses)
    assert pause_seconds(1, 60.0, chance) == 60.0
    assert pause_seconds(1, 10**9, chance) == 900.0
    tally.add(rounds=len(pauses))


async def test_n1_retry_after_is_obeyed_up_to_a_quarter_of_an_hour(tmp_path):
    """What the receiver asks for is waited, by the clock of the delivery; who asks for ages is asked again anyway."""
    clock = Leap()
    answers = ["429 No\r\nRetry-After: 120", "503 No\r\nRetry-After: 1000000", "429 No", "200 OK"]
    async with (
        BadServer(judge=lambda _body: answers.pop(0)) as server,
        delivery(tmp_path, {"kind": "webhook", "url": server.url}, [alert(1)], clock, clock) as (store, way),
    ):
        running = asyncio.create_task(way.run())
        await server.wait_for_good()
        way.finish()
        await asyncio.wait_for(running, 20)
        assert store.lengths == {}
    assert clock.waits[:2] == [120.0, 900.0]
    assert 2.0 <= clock.waits[2] <= 4.0  # the third failure in a row, and nothing was asked for
    assert way.outcomes["retried"] == 3


@pytest.mark.parametrize("behaviour", ["silent", "reset", "reply"])
async def test_n1_detection_never_waits_for_it(daemon, tally, behaviour):
    async with BadServer(NO.format(500, ""), behaviour=behaviour) as server:
        jsonl = {"kind": "jsonl", "path": str(daemon.directory / "alerts.jsonl"), "fsync": False}
        daemon.configure(sinks=[{"kind": "webhook", "url": server.url, "timeout": "60s", "max_age": None}, jsonl])
        write(daemon, log_lines(6000))
        daemon.start()
        await server.wait_for(1)
        await asyncio.to_thread(wait_until, lambda: daemon.lines() == 6000, "every line though the receiver fails")
        told = await asyncio.to_thread(wait_until, daemon.delivered, "alerts at the other sink")
        assert await asyncio.to_thread(daemon.stop) == 0
    first = server.requests[0].json()["alerts"][0]["fingerprint"]
    assert first in {entry["id"] for entry in told}
    tally.add(lines=6000)


# N2


@pytest.mark.parametrize("behaviour", ["silent", "slow"])
async def test_n2_one_deadline_for_all(behaviour):
    """Not one for each read: the bytes of a slow head come far more often than that."""
    async with BadServer(behaviour=behaviour, pause=0.02) as server, hook(server, timeout=0.2) as sink:
        with pytest.raises(NotConnected, match=r"did not answer within 0.2 s"):
            await sink.send([alert(1)])
        assert server.sent <= 11  # so many at most in that time


async def test_n2_a_body_that_trickles_is_not_waited_for():
    async with BadServer(behaviour="trickle") as server, hook(server) as sink:
        await sink.send([alert(1)])
        await sink.send([alert(2)])  # its status said enough; the connection is not used again
        assert server.connections == 2


async def test_n2_an_endless_body_is_not_read(monkeypatch):
    taken = []
    real = aiohttp.StreamReader.read

    async def read(self, n=-1):
        data = await real(self, n)
        taken.append(len(data))
        return data

    monkeypatch.setattr(aiohttp.StreamReader, "read", read)
    async with BadServer(behaviour="endless") as server, hook(server) as sink:
        await sink.send([alert(1)])
        assert 0 < sum(taken) <= 64 * 1024
        assert server.sent < 32 << 20  # what the kernel's buffers took, not the 10 GB that were offered


# N3. A receiver is the one host its url names; `networks` is the list of what may be allowed beyond that, by address
# and not by name, since whoever answers for a name could make any address pass.

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


def http_sink(kind, url, directory):
    """Of each kind that speaks HTTP."""
    (directory / "key").write_text(f"{CANARY}-key\n")
    where = {"urls": [url]} if kind == "alertmanager" else {"url": url}
    key = {"routing_key_file": str(directory / "key")} if kind == "pagerduty" else {}
    return build({"kind": kind, "timeout": 1.0, **where, **key}).sink


HTTP_KINDS = sorted(kind for kind in BUILT_IN["sinks"] if issubclass(find("sinks", kind).Options, HttpOptions))


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


# N4

CANARY = "canary-7f3a9"


async def test_n4_secrets_are_in_no_output(daemon, tally):
    """Everything a daemon says while its receiver fails in several ways, and everything it can be asked."""
    secrets = {}
    for name in ("url_file", "secret_file", "bearer_token_file", "routing_key_file", "link_secret_file"):
        secrets[name] = str(daemon.directory / name)
    token = daemon.directory / "token"
    token.write_text(f"{CANARY}-token\n")
    (daemon.directory / "secret_file").write_text(f"{CANARY}-hmac\n")
    (daemon.directory / "bearer_token_file").write_text(f"{CANARY}-bearer\n")
    (daemon.directory / "routing_key_file").write_text(f"{CANARY}-key\n")
    (daemon.directory / "link_secret_file").write_text(f"{CANARY}-of-links\n")
    async with BadServer(NO.format(500, "")) as server:
        (daemon.directory / "url_file").write_text(f"{server.url}/{CANARY}-path?key={CANARY}\n")
        away = {"kind": "webhook", "name": "away", "max_age": None, "url": f"http://user:{CANARY}@127.0.0.1:9/{CANARY}"}
        failing = {"kind": "webhook", "max_age": None, **{name: secrets[name] for name in list(secrets)[:3]}}
        others = [
            {"kind": "slack", "url_file": secrets["url_file"], "max_age": None},
            {"kind": "pagerduty", "url": server.url, "routing_key_file": secrets["routing_key_file"], "max_age": None},
            {
                "kind": "alertmanager",
                "urls": [f"{server.url}/{CANARY}-am"],
                "bearer_token_file": secrets["bearer_token_file"],
                "max_age": None,
            },
        ]
        local = [{"kind": "log", "max_age": None}, {"kind": "jsonl", "path": str(daemon.directory / "alerts.jsonl")}]
        daemon.configure(
            sinks=[failing, away, *others, *local],
            http={
                "listen": f"127.0.0.1:{daemon.port}",
                "token_file": str(token),
                "external_url": "https://logs.example",
                "link_secret_file": secrets["link_secret_file"],
            },
        )
        write(daemon, log_lines(6000))
        daemon.start()
        await server.wait_for(8)  # each of the four, and again
        server.reply = ""
        await server.wait_for(12)
        used = "".join(f"{request.line}{request.headers}{request.body!r}" for request in server.requests)
        for name in ("bearer", "key", "path", "am"):
            assert f"{CANARY}-{name}" in used  # it is in use
        (daemon.directory / "bearer_token_file").write_text(f"{CANARY}\nsecond line\n")
        (daemon.directory / "url_file").write_text(f"gopher://{CANARY}/\n")
        asked = await asyncio.to_thread(everything, daemon)
        assert await asyncio.to_thread(daemon.stop) == 0
    said = daemon.said()
    assert "answered 500" in said
    kept = b"".join(path.read_bytes() for path in daemon.state.iterdir() if path.is_file())
    for place, text in {
        "log": said.encode(),
        "state": kept,
        "alerts": str(daemon.delivered()).encode(),
        **asked,
    }.items():
        assert CANARY.encode() not in text, place
        tally.add(lines=text.count(b"\n"))


async def test_n4_nothing_that_could_be_printed_shows_one(tmp_path):
    """What a sink holds is names of files; a url with a password in it is shown by nothing but the configuration."""
    async with BadServer(NO.format(500, "")) as server:
        for kind in HTTP_KINDS:
            url = server.url.replace("http://", f"http://user:{CANARY}@")
            sink = http_sink(kind, f"{url}/{CANARY}", tmp_path)
            with pytest.raises(NotConnected) as caught:
                await sink.send([alert(1)])
            assert CANARY not in f"{sink!r} {sink} {caught.value!r} {caught.value.__context__!r}"
            await sink.close()
        assert all(CANARY in request.line for request in server.requests)
        assert len(server.requests) == len(HTTP_KINDS)


def everything(daemon):
    paths = ["/", "/metrics", "/-/ready", "/-/healthy", "/api/v1/alerts", "/api/v1/status", "/api/v1/streams"]
    asked = {path: daemon.get(path)[1] for path in [*paths, "/api/v1/templates?limit=1000", f"/{CANARY[:3]}"]}
    asked["refused reload"] = daemon.post("/-/reload", Authorization="Bearer wrong")[1]
    assert all(asked.values())
    daemon.config.write_text(daemon.config.read_text().replace('"webhook"', '"webhok"'))
    asked["bad reload"] = daemon.post("/-/reload", Authorization=f"Bearer {CANARY}-token")[1]
    assert b"webhok" in asked["bad reload"]
    return asked


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty or not text"),
        ("a\nb\n", "more than one line"),
        ("a\x00b", "more than one line"),
        (None, "No such file"),
    ],
)
async def test_n4_a_secret_that_is_being_written_anew_is_waited_for(tmp_path, content, message):
    """Not given up after a few attempts, as what is wrong with the sink itself would be."""
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    async with BadServer() as server, hook(server, bearer_token_file=str(path)) as sink:
        with pytest.raises(NotConnected, match=message) as caught:
            await sink.send([alert(1)])
        assert str(tmp_path) not in str(caught.value)
        path.write_text("good\n")
        await sink.send([alert(1)])
        assert server.requests[0].headers["authorization"] == "Bearer good"


# N5


async def test_n5_a_storm_goes_out_so_many_times_a_minute(tmp_path, tally):
    """20,000 changes of 100 incidents in one minute: grouped, newest state, one word on the rest."""
    clock = Leap()
    moments = [alert(n % 100, at=n, windows=n) for n in range(1, 20_001)]
    async with BadServer() as server:
        entry = {"kind": "webhook", "url": server.url, "max_per_minute": 6}
        async with delivery(tmp_path, entry, moments, clock, clock) as (store, way):
            running = asyncio.create_task(way.run())
            while store.lengths:  # noqa: ASYNC110 - the delivery has no event for it
                await asyncio.sleep(0)
            way.finish()
            await asyncio.wait_for(running, 20)
        documents = [request.json() for request in server.requests]
    assert len(documents) == 4  # 100 incidents, 32 at a time
    assert clock.waits[:2] == pytest.approx([10.0, 10.0])  # two at once, then one each ten seconds
    newest = {}
    for document in documents:
        assert len(document["alerts"]) <= 32
        newest |= {entry["fingerprint"]: int(entry["annotations"]["windows"]) for entry in document["alerts"]}
    assert newest == {alert(n % 100).id: n for n in range(19_901, 20_001)}
    suppressed = [int(d["commonAnnotations"].get("suppressed", "0").split()[0]) for d in documents]
    sent = sum(len(document["alerts"]) for document in documents)
    assert sent + sum(suppressed) + sum(document["truncatedAlerts"] for document in documents) == 20_000
    assert (way.outcomes["sent"], way.outcomes["dropped_queue_full"]) == (sent, 18_000)
    tally.add(rounds=len(documents), lines=20_000)


@pytest.mark.slow
async def test_n5_a_hundred_thousand_critical_lines(daemon, tally):
    """Each alone would be an alert. They become few incidents, told so many times; every line is counted."""
    words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"]
    chance = random.Random(5)
    storm = [
        f"Oct 16 09:00:{n // 2000:02d} host kernel: Kernel panic: {' '.join(chance.choices(words, k=6))}\n".encode()
        for n in range(100_000)
    ]
    async with BadServer() as server:
        hooked = {"kind": "webhook", "url": server.url, "max_age": None, "max_per_minute": 6}
        jsonl = {"kind": "jsonl", "path": str(daemon.directory / "alerts.jsonl"), "fsync": False}
        daemon.configure(sinks=[hooked, jsonl])
        write(daemon, [*log_lines(6000), *storm])
        daemon.start()
        await asyncio.to_thread(wait_until, lambda: daemon.lines() == 106_000, "every line of the storm", 120)
        await server.wait_for(1)
        assert await asyncio.to_thread(daemon.stop) == 0
    incidents = {moment["id"] for moment in daemon.delivered()}
    assert 1 <= len(incidents) <= 64 + 6000 // 50
    assert len(daemon.delivered()) <= 64 * 48
    assert len(server.requests) <= 30
    tally.add(lines=106_000)


# N6


async def test_n6_an_hour_away(tmp_path, tally):
    """5,000 changes of 40 incidents while the receiver is away: the newest 2,000 wait, and the gap is told.

    What has no room is the oldest, not the newest as the matrix has it for N1: an incident's first change says less
    than its last, the newest state is what a receiver that returns needs, and the history keeps all incidents.
    """
    clock = Leap()
    hour = 3600.0
    moments = [alert(n % 40, at=n, windows=n) for n in range(1, 5001)]

    def judge(_body):
        return "503 No" if clock.now < hour else "200 OK"

    async with BadServer(judge=judge) as server:
        entry = {"kind": "webhook", "url": server.url}
        async with delivery(tmp_path, entry, moments, clock, clock) as (store, way):
            assert store.lengths == {"webhook": Limits().outbox_rows}
            running = asyncio.create_task(way.run())
            await server.wait_for_good()
            way.finish()
            await asyncio.wait_for(running, 20)
            assert store.lengths == {}
            # The history lost nothing of it: each incident's newest state is there.
            assert {one.windows for one in await store.alerts(AlertFilter(limit=100))} == set(range(4961, 5001))
    away = [request for request in server.requests if b'"truncatedAlerts":3000' in request.body]
    good = [request.json() for request in server.requests[-2:]]
    assert 12 <= len(away) <= 40  # attempts in the hour: pauses grow to five minutes
    assert max(clock.waits) <= 300.0
    assert good[0]["truncatedAlerts"] == 3000
    assert good[1]["truncatedAlerts"] == 0
    newest = {e["fingerprint"]: int(e["annotations"]["windows"]) for document in good for e in document["alerts"]}
    assert newest == {alert(n % 40).id: n for n in range(4961, 5001)}
    assert way.outcomes["dropped_queue_full"] == 3000
    tally.add(rounds=len(server.requests), lines=5000)


async def test_n6_the_gap_is_told_once_also_after_a_restart(tmp_path, tally):
    moments = [alert(n % 40, at=n, windows=n) for n in range(1, 2501)]
    async with BadServer() as server:
        entry = {"kind": "webhook", "url": server.url}
        async with delivery(tmp_path, entry, moments):
            pass  # the daemon ended before the receiver came back
        for again in range(2):
            async with delivery(tmp_path, entry, [alert(50 + again, at=9000)]) as (store, way):
                way.finish()
                await asyncio.wait_for(way.run(), 20)
                assert store.lengths == {}
    told = [request.json()["truncatedAlerts"] for request in server.requests]
    assert told[0] == 501  # and the one that made room for the first alert of the next run
    assert sum(told) == 501
    tally.add(rounds=2, lines=2502)


async def test_n6_dropped_changes_are_a_metric(tmp_path):
    moments = [alert(n % 40, at=n, windows=n) for n in range(1, 2501)]
    async with delivery(tmp_path, {"kind": "jsonl", "path": str(tmp_path / "out")}, []) as (store, way):
        assert await store.commit([Snapshot("sshd", 1, alerts=moments)])
        way.wake()
        assert way.outcomes["dropped_queue_full"] == 500
        way.finish()
        await asyncio.wait_for(way.run(), 20)
    kept = [json.loads(line)["windows"] for line in (tmp_path / "out").read_text().splitlines()]
    assert kept == list(range(501, 2501))
