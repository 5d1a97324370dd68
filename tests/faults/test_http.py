"""H1-H6: the HTTP face against those who misuse it, over raw sockets; the daemon goes on reading whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import socket

import msgspec
import pytest

from alogd.web import access, guard, metrics
from alogd.web.server import MAX_BODY
from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.http_face import HOSTILE, ask, gone, raw, serving, until, view


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "logs").mkdir()
    running = DaemonProcess(tmp_path)
    yield running
    running.kill()


def write(daemon, lines, name="a.log"):
    with (daemon.directory / "logs" / name).open("ab") as file:
        file.write(b"".join(lines))


# H1


def series(daemon):
    """Names of the time series, with their labels."""
    text = daemon.get("/metrics")[1].decode()
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def test_h1_what_logs_say_never_becomes_a_label(daemon, tally):
    """Programs, hosts, templates and files by the thousand, a level of its own each: the series stay what they were."""
    daemon.configure(
        streams=[
            {
                "name": "host",
                "collect": [{"kind": "file", "include": [f"{daemon.directory}/logs/*.log"]}],
                "windows": {"size": 2, "stride": 2, "max_keys": 1000},
            }
        ]
    )
    for number in range(50):
        write(daemon, log_lines(100, number), f"first{number}.log")
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 5000, "the first lines")
    before = series(daemon)
    for number in range(300):
        lines = [
            f"Oct 16 09:00:00 evil{n} evil{number}x{n}[1]: evil word{n}{number} level=EVIL{n}\n" for n in range(100)
        ]
        write(daemon, [line.encode() for line in lines], f"evil{number}.log")
    wait_until(lambda: daemon.lines() == 35_000, "the others")
    after = series(daemon)
    assert "evil" not in "".join(after).lower()
    assert {one for one in after - before if "alogd_anomalies_total" not in one} == set()
    assert len(after - before) <= 2 * 5  # detectors, levels
    tally.add(rounds=300, lines=35_000)


def test_h1_the_largest_exposition_is_small(tally):
    """Labels come from the configuration and closed sets only; 256 streams, the most there can be, stay below 1 MB."""
    stream = view().streams[0]
    notes = dict.fromkeys(["rotated", "truncated", "permission_denied", "refused", "lost"], 3)
    opened = {
        f"{name} {level}": 1 for name in ("ewma", "loganomaly") for level in ("CRITICAL", "HIGH", "MEDIUM", "LOW")
    }
    streams = [msgspec.structs.replace(stream, name=f"stream-{n}", notes=notes, opened=opened) for n in range(256)]
    body = metrics.render(view(streams=streams), process=True)
    assert body.count(b"\n") > 256 * 40
    assert len(body) < 1_000_000
    tally.add(lines=body.count(b"\n"))


# H2


async def test_h2_half_open_connections_are_closed(tmp_path, monkeypatch, tally):
    """Each gets its time for a header, drip-feeding does not extend it, and others are served meanwhile."""
    assert guard.HEADER_SECONDS <= 5  # in service; here it is shorter
    monkeypatch.setattr(guard, "HEADER_SECONDS", 0.5)
    async with serving(tmp_path, max_connections=400) as (_, server, port):
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        for _, writer in pairs:
            writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert (await ask(port, "/-/healthy"))[0] == 200
        async with asyncio.timeout(20):
            replies = await asyncio.gather(*(drip(*pair) for pair in pairs))
        assert len(replies) == 300
        assert server.gate.refused["slow_header"] == 300
        await gone(server)
    tally.add(rounds=300)


async def drip(reader, writer):
    """A byte of header now and then, until the server has had enough."""
    ended = asyncio.create_task(reader.read())
    while not ended.done():
        with contextlib.suppress(ConnectionError):
            writer.write(b"x")
        await asyncio.wait([ended], timeout=0.1)
    writer.close()
    with contextlib.suppress(ConnectionError):
        return await ended


async def test_h2_idle_connections_may_be_used_again_but_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "IDLE_SECONDS", 0.3)
    async with serving(tmp_path) as (_, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"healthy\n")
        async with asyncio.timeout(20):
            assert await reader.read() == b""  # closed when nothing came for a while
        writer.close()
        assert server.gate.refused["slow_header"] == 0


async def test_h2_who_does_not_read_the_answer_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.3)
    async with serving(tmp_path) as (daemon, server, port):
        sources = [msgspec.structs.replace(daemon.now.streams[0].sources[0], error="x" * 50_000)] * 200
        daemon.now = view(streams=[msgspec.structs.replace(daemon.now.streams[0], sources=sources)])  # 10 MB
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /api/v1/streams HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await until(lambda: server.gate.open)
            await gone(server)


@pytest.mark.slow
def test_h2_the_daemon_reads_on_meanwhile(daemon, tally):
    write(daemon, log_lines(1000))
    daemon.start().wait_ready()
    held = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(300)]
    for one in held:
        with contextlib.suppress(ConnectionError):
            one.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
    write(daemon, log_lines(20_000, 2))
    wait_until(lambda: metric(daemon, 'alogd_http_refused_total{reason="slow_header"}') == 100, "100 cut off")
    assert metric(daemon, 'alogd_http_refused_total{reason="too_many_connections"}') >= 200
    wait_until(lambda: daemon.lines() == 21_000, "every line")
    for one in held:
        one.close()
    tally.add(rounds=300, lines=21_000)


def metric(daemon, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", daemon.get("/metrics")[1].decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


# H3


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", (b"400", b"414", b"431")),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", (b"400", b"431")),
        (b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyy\r\n" * 2000, (b"400", b"431")),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", (b"400", b"405")),
        (b"GET /\r\n\r\n", (b"400",)),
        (b"GET / HTTP/0.9\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX\x00Y: 1\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (b"400",)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (b"400", b"405", b"505")),
        (
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /-/reload HTTP/1.1\r\n\r\n",
            (b"400",),
        ),
        (
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 300_000,
            (b"413",),
        ),
        (
            b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"
            + b"x" * 300_000,
            (b"413",),
        ),
        (
            b"GET /metrics?"
            + b"&".join(b"%d" % n for n in range(1500))
            + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            (b"200", b"400"),
        ),
    ],
)
async def test_h3_malformed_requests_get_an_error_and_the_door(tmp_path, monkeypatch, data, statuses):
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.1)
    async with serving(tmp_path) as (_, server, port):
        reply = await raw(port, data)
        assert reply.partition(b" ")[2][:3] in statuses
        assert (await ask(port, "/-/healthy"))[0] == 200
        await gone(server)


async def test_h3_pipelined_requests_are_answered_in_order(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        one = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        reply = await raw(port, one * 3 + last)
        assert reply.count(b"alogd is healthy") == 3
        assert reply.index(b"warm-up") > reply.rindex(b"alogd is healthy")


async def test_h3_what_is_held_before_a_request_is_whole_is_bounded(tmp_path):
    """16 KiB are the most a head may have; a body, which only follows a whole head, may have 64."""
    async with serving(tmp_path) as (_, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" + (b"X: " + b"y" * 200 + b"\r\n") * 75)
        await until(lambda: any(one._held > 15_000 for one in server.gate.open))
        writer.write((b"X: " + b"y" * 200 + b"\r\n") * 10)
        async with asyncio.timeout(20):
            assert b"431" in await reader.read()
        writer.close()
        assert server.gate.refused["too_large"] == 1


def post(path, size, more=b""):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n".encode()
    return head + more + b"\r\n" + b" " * size


@pytest.mark.parametrize(("size", "status"), [(20_000, b"200"), (MAX_BODY, b"200"), (MAX_BODY + 1, b"413")])
@pytest.mark.parametrize("pieces", [1, 3])
async def test_h3_a_body_may_have_64_kib(tmp_path, size, status, pieces):
    """However it is cut. The 16 KiB are for the head: before, a body that came in one piece with it was part of it."""
    async with serving(tmp_path) as (daemon, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data = post("/-/reload", size, b"Connection: close\r\n")
        for at in range(pieces):
            writer.write(data[at * len(data) // pieces : (at + 1) * len(data) // pieces])
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"\r\n")).split(b" ")[1] == status
        writer.close()
        await gone(server)
        assert daemon.reloads == (status == b"200")


async def test_h3_a_body_of_a_megabyte_is_told_so_and_not_held(tmp_path):
    """The answer is one the client can read, not a reset: what is too much is thrown away as it comes."""
    async with serving(tmp_path) as (daemon, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/-/reload", 1 << 20))
        async with asyncio.timeout(20):
            await writer.drain()
            assert b" 413 " in await reader.readuntil(b"\r\n")
            held = [one._held for one in server.gate.open]
        writer.close()
        await gone(server)
        assert daemon.reloads == 0
        assert max(held, default=0) <= guard.MAX_REQUEST
        assert server.gate.refused["too_large"] == 1


@pytest.mark.parametrize("path", ["/-/reload", "/metrics", "/nothing"])
async def test_h3_a_body_is_not_taken_for_the_next_request(tmp_path, path):
    """Whoever asks, and whether or not the answer had to read it."""
    (tmp_path / "token").write_text("s3cret\n")
    async with serving(tmp_path, token_file=str(tmp_path / "token")) as (daemon, server, port):
        last = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        reply = await raw(port, post(path, 40_000) + last)
        assert reply.split(b" ", 2)[1] in {b"401", b"405", b"404"}
        assert reply.count(b"HTTP/1.1 ") == 2
        assert b"alogd is healthy" in reply
        assert server.gate.refused.total() == 0
        assert daemon.reloads == 0


async def test_h3_a_body_that_does_not_come_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(access, "BODY_SECONDS", 0.2)
    async with serving(tmp_path) as (daemon, server, port):
        head = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
        assert b" 408 " in await raw(port, head, all_of_it=False)
        await gone(server)
        assert server.gate.refused["slow_body"] == 1
        assert daemon.reloads == 0


GOOD_REQUEST = (
    b"POST /-/reload?x=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nContent-Type: application/json\r\n"
    b'Connection: close\r\n\r\n{"a": [1]}\n'
)
PIECES = (b"\r\n", b"\n", b"\x00", b"Transfer-Encoding: chunked\r\n", b"Content-Length: -1\r\n", b"%00", b"\xff", b": ")


def mangled(chance):
    """A request with some of its bytes changed, doubled, left out, or with a piece that does not belong there."""
    data = bytearray(GOOD_REQUEST)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data))
        how = chance.randrange(4)
        if how == 0:
            data[at] = chance.randrange(256)
        elif how == 1:
            del data[at : at + chance.randrange(1, 9)]
        elif how == 2:
            data[at:at] = chance.choice(PIECES)
        else:
            data[at:at] = data[at : at + 20]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_h3_mangled_requests(tmp_path, monkeypatch, tally, caplog, seed):
    """Answered or cut off, each of them; nothing is raised, nothing stays open, and the server goes on."""
    for name in ("HEADER_SECONDS", "IDLE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(guard, name, 0.3)
    monkeypatch.setattr(access, "BODY_SECONDS", 0.3)
    chance = random.Random(seed)
    known = {b"200", *(b"%d" % status for status in range(400, 432)), b"501", b""}
    async with serving(tmp_path) as (_, server, port):
        for _ in range(10):
            replies = await asyncio.gather(*(raw(port, mangled(chance)) for _ in range(25)))
            assert {reply.partition(b" ")[2][:3] for reply in replies} <= known
        await gone(server)
        assert (await ask(port, "/-/healthy"))[0] == 200
        assert server.gate.refused["malformed"] > 50
    assert caplog.text == ""
    tally.add(rounds=250)


# H4


async def test_h4_more_connections_than_allowed_are_turned_away(tmp_path):
    async with serving(tmp_path, max_connections=3) as (_, server, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await until(lambda: len(server.gate.open) == 3)
        assert b"503" in await raw(port, b"")
        for _, writer in held:
            writer.close()
        await gone(server)
        assert (await ask(port, "/-/healthy"))[0] == 200
        assert server.gate.refused["too_many_connections"] == 1


PATHS = ("/metrics", "/api/v1/templates?limit=1000", "/api/v1/alerts?limit=1000", "/api/v1/status", "/-/ready")


async def test_h4_a_flood_does_not_keep_the_daemon_from_reading(daemon, tally):
    """Whatever is asked as fast as it can be, lines written meanwhile are read and committed while it goes on."""
    write(daemon, log_lines(3000))
    await asyncio.to_thread(lambda: daemon.start().wait_ready())
    await asyncio.to_thread(wait_until, lambda: daemon.lines() == 3000, "the first lines")
    over = asyncio.Event()
    counts: dict[bytes, int] = {}
    floods = [asyncio.create_task(flood(daemon.port, PATHS[n % len(PATHS)], over, counts)) for n in range(40)]
    for number in range(5):
        write(daemon, log_lines(1000, number + 2))
        wanted = 4000 + 1000 * number
        await asyncio.to_thread(
            wait_until, lambda wanted=wanted: daemon.lines() >= wanted, f"{wanted} lines in the flood"
        )
    over.set()
    await asyncio.gather(*floods)
    assert set(counts) <= {b"200", b"503"}
    assert counts[b"200"] > 100
    tally.add(rounds=sum(counts.values()), lines=8000)


async def flood(port, path, over, counts):
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    while not over.is_set():
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while not over.is_set():
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                status = head.split(b" ")[1]
                counts[status] = counts.get(status, 0) + 1
            writer.close()


# H5


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:9178"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({}, 401),
        ({"X_Forwarded_For": "203.0.113.9"}, 401),
        ({"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer s3cre"}, 401),
        ({"Authorization": "Bearer s3cretX"}, 401),
        ({"Authorization": "s3cret"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Basic s3cret"}, 401),
        ({"Host": "localhost"}, 401),
        ({"Host": "localhost", "Authorization": "Bearer s3cret"}, 200),
        ({"Authorization": "Bearer s3cret", "Origin": "http://evil.example"}, 403),
        ({"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer s3cret"}, 200),
    ],
)
async def test_h5_who_may_reload(tmp_path, headers, status):
    (tmp_path / "token").write_text("s3cret\n")
    async with serving(tmp_path, token_file=str(tmp_path / "token")) as (daemon, _, port):
        assert (await ask(port, "/-/reload", "POST", Content_Length="0", **headers))[0] == status
        assert daemon.reloads == (status == 200)


async def test_h5_without_a_token_only_this_host_may(tmp_path):
    """The matrix has a unix socket of mode 0600 for this; a page in a browser could not ask there.

    Whoever shares the host with strangers sets a token, which then every change needs, also from loopback.
    """
    async with serving(tmp_path) as (daemon, _, port):
        headers = {"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer "}
        assert (await ask(port, "/-/reload", "POST", Content_Length="0", **headers))[0] == 401
        assert (await ask(port, "/-/reload", "POST", Content_Length="0"))[0] == 200
        assert daemon.reloads == 1


@pytest.mark.parametrize("content", [None, "", "\n"])
async def test_h5_a_token_file_that_says_nothing_lets_nobody_in(tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    async with serving(tmp_path, token_file=str(path)) as (daemon, _, port):
        for header in ("Bearer ", "Bearer None", "Bearer \n"):
            assert (await ask(port, "/-/reload", "POST", Content_Length="0", Authorization=header.strip()))[0] == 401
        assert daemon.reloads == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_h5_only_post_changes_anything(tmp_path, method):
    async with serving(tmp_path) as (daemon, _, port):
        assert (await ask(port, "/-/reload", method, Content_Length="0"))[0] in {405, 403, 401}
        assert daemon.reloads == 0


async def test_h5_a_rebound_name_reads_nothing_on_loopback(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        status, _, body = await ask(port, "/api/v1/alerts", Host="evil.example")
        assert status == 421
        assert b"script" not in body


# H6


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/alerts?limit=0", 400),
        ("/api/v1/alerts?limit=1001", 400),
        ("/api/v1/alerts?limit=%C2%B2", 400),
        ("/api/v1/alerts?min_level=WORST", 400),
        ("/api/v1/alerts?state_is=firing", 400),
        ("/api/v1/alerts?since=yesterday", 400),
        ("/api/v1/alerts?after=1", 400),
        ("/api/v1/alerts?after=99999999999999999999.x", 400),
        ("/api/v1/alerts/..%2f..%2fetc%2fpasswd", 400),
        ("/api/v1/alerts/%2e%2e", 400),
        ("/api/v1/alerts/%252e%252e%252f", 400),
        ("/api/v1/alerts/..%5c..%5cetc", 400),
        ("/api/v1/alerts/" + "a" * 65, 400),
        ("/api/v1/alerts/%00", 400),
        ("/api/v1/alerts/none", 404),
        ("/api/v1/alerts?stream=../../etc/passwd", 200),
        ("/api/v1/templates?stream=..%2f..%2fetc%2fpasswd", 404),
        ("/api/v1/templates?order=random", 400),
        ("/../../etc/passwd", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("//etc/passwd", 404),
        ("/nothing", 404),
    ],
)
async def test_h6_bad_names_and_bad_questions(tmp_path, path, status):
    async with serving(tmp_path) as (_, _, port):
        found, headers, body = await ask(port, path)
        assert found == status
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert b"root:" not in body
        assert HOSTILE.encode() not in body


def test_h6_nothing_that_is_served_comes_from_a_file(daemon):
    """No handler is given a path: only alerts, templates and status are read, from the state and from memory."""
    secret = daemon.directory / "logs" / "secret.txt"
    secret.write_text("canary-in-a-file\n")
    daemon.start().wait_ready()
    for path in (str(secret), f"/..{secret}", f"/api/v1/alerts/{os.path.relpath(secret, '/')}", f"/metrics/{secret}"):
        status, body = daemon.get(path)
        assert status == 404
        assert b"canary" not in body
