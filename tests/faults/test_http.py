"""H1, H2, H4: the HTTP face against those who ask too much of it; the daemon goes on reading whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket

import msgspec
import pytest

from alogd.web import guard, metrics
from tests.daemon_process import log_lines, wait_until
from tests.http_face import ask, gone, raw, serving, until, view

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
        daemon.write(log_lines(100, number), f"first{number}.log")
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 5000, "the first lines")
    before = series(daemon)
    for number in range(300):
        lines = [
            f"Oct 16 09:00:00 evil{n} evil{number}x{n}[1]: evil word{n}{number} level=EVIL{n}\n" for n in range(100)
        ]
        daemon.write([line.encode() for line in lines], f"evil{number}.log")
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
    daemon.write(log_lines(1000))
    daemon.start().wait_ready()
    held = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(300)]
    for one in held:
        with contextlib.suppress(ConnectionError):
            one.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
    daemon.write(log_lines(20_000, 2))
    wait_until(lambda: metric(daemon, 'alogd_http_refused_total{reason="slow_header"}') == 100, "100 cut off")
    assert metric(daemon, 'alogd_http_refused_total{reason="too_many_connections"}') >= 200
    wait_until(lambda: daemon.lines() == 21_000, "every line")
    for one in held:
        one.close()
    tally.add(rounds=300, lines=21_000)


def metric(daemon, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", daemon.get("/metrics")[1].decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


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
    daemon.write(log_lines(3000))
    await asyncio.to_thread(lambda: daemon.start().wait_ready())
    await asyncio.to_thread(wait_until, lambda: daemon.lines() == 3000, "the first lines")
    over = asyncio.Event()
    counts: dict[bytes, int] = {}
    floods = [asyncio.create_task(flood(daemon.port, PATHS[n % len(PATHS)], over, counts)) for n in range(40)]
    for number in range(5):
        daemon.write(log_lines(1000, number + 2))
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
