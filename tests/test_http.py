"""The HTTP face over real sockets: what it answers, and how it treats those who misuse it (FAULTS H2-H6)."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from alogd import metrics
from alogd.config import Http
from alogd.event import Template
from alogd.state import AlertFilter, Snapshot
from alogd.store import Store
from alogd.view import SinkView, SourceView, StreamView, View
from alogd.web import guard
from alogd.web.access import host_name
from alogd.web.server import Server, split
from tests.alerts import START, alert

HOSTILE = "\x1b]0;x\x07\u202e<script>alert(1)</script>"
CORE = {
    "templates": 5,
    "windows": 40,
    "warmup": 0.4,
    "risk": 12.5,
    "watermark_ns": START,
    "open_incidents": 1,
    "open_windows": 2,
    "suppressed_incidents": 3,
    "detector_failures": {"ewma": 1},
    "engine": {"lines": 1000, "records": 990, "empty": 10, "evicted": 2, "memory": 4096, "created": 7},
    "window": {"closed_full": 30, "late": 4},
}


def view(**changes):
    stream = StreamView(
        name="sshd",
        up=True,
        problem="",
        caught_up=True,
        collectors={"file#0": ""},
        sources=[SourceView(f"/var/log/{HOSTILE}", "idle", 10, 10, "")],
        source_count=1,
        size_bytes=10,
        resumed=False,
        lines_read=1000,
        bytes_read=50_000,
        backlog_bytes=7,
        last_read=4.0,
        restarts=0,
        alerts_given_up=0,
        opened={"ewma HIGH": 2},
        notes={"rotated": 1},
        unread=[],
        delays=[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        delay_sum=12.5,
        core=CORE,
    )
    values = {
        "version": "9.9",
        "started": 1.0,
        "ready": True,
        "reasons": [],
        "streams": [stream],
        "sinks": [SinkView("pager", 3, {"sent": 2, "dropped_refused": 1}, "answered 503")],
        "state_problem": "",
        "state_last_commit": 2.0,
        "state_failed_commits": 0,
        "state_recovered": {},
        "save_pauses": [5, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0],
        "save_pause_sum": 0.1,
        "config_ok": True,
        "config_time": 3.0,
        "log_lines_dropped": 0,
        "core_jobs": 11,
        "http": {"connections": 1, "slow_header": 2},
    }
    return View(**(values | changes))


class FakeDaemon:
    """The daemon's answers, with a real store behind the alerts."""

    def __init__(self, store):
        self.store = store
        self.now = view()
        self.problem = None
        self.reloads = 0

    async def view(self):
        return self.now

    async def alerts(self, wanted):
        return await self.store.alerts(wanted)

    async def alert(self, alert_id):
        return await self.store.alert(alert_id)

    async def templates(self, stream):
        if stream != "sshd":
            return None
        return [Template(n, f"template {n} {HOSTILE if n == 3 else ''}", f"{n:016x}", 100 - n) for n in range(1, 6)]

    async def reload(self):
        self.reloads += 1
        return self.problem


@contextlib.asynccontextmanager
async def serving(tmp_path, **options):
    store = Store()
    await store.open(str(tmp_path / "state"))
    moments = [alert(n, level="LOW" if n == 1 else "HIGH", title=HOSTILE) for n in range(1, 6)]
    await store.commit([Snapshot("sshd", 1, alerts=moments)])
    daemon = FakeDaemon(store)
    server = Server(Http(listen="127.0.0.1:0", **options), daemon)
    url = await server.start()
    try:
        yield daemon, server, int(url.rpartition(":")[2])
    finally:
        await server.close()
        await store.close()


async def raw(port, data, *, all_of_it=True):
    """What the server says to these bytes, until it closes (or has answered)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                return await (reader.read() if all_of_it else reader.readuntil(b"\r\n\r\n"))
        return b""
    finally:
        writer.close()


async def ask(port, path, method="GET", **headers):
    """Status, headers and body."""
    head = {"Host": f"127.0.0.1:{port}", "Connection": "close"} | {k.replace("_", "-"): v for k, v in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    reply = await raw(port, "\r\n".join(lines).encode())
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


# What it answers


async def test_metrics_are_clean_and_say_what_is(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        status, headers, body = await ask(port, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = body.decode()
    for line in (
        'alogd_build_info{version="9.9"} 1.0',
        'alogd_lines_read_total{stream="sshd"} 1000.0',
        'alogd_lines_dropped_total{reason="empty",stream="sshd"} 10.0',
        'alogd_templates_evicted_total{stream="sshd"} 2.0',
        'alogd_source_last_line_timestamp_seconds{stream="sshd"} 4.0',
        'alogd_warmup_ratio{stream="sshd"} 0.4',
        'alogd_anomalies_total{detector="ewma",severity="high",stream="sshd"} 2.0',
        'alogd_anomalies_suppressed_total{reason="budget",stream="sshd"} 3.0',
        'alogd_notifications_total{outcome="dropped_refused",receiver="pager"} 1.0',
        'alogd_notification_queue_length{receiver="pager"} 3.0',
        'alogd_component_up{component="sink/pager"} 0.0',
        'alogd_component_up{component="stream/sshd"} 1.0',
        'alogd_source_lag_bytes{stream="sshd"} 7.0',
        "alogd_snapshot_last_success_timestamp_seconds 2.0",
        'alogd_scored_delay_seconds_bucket{le="0.001",stream="sshd"} 0.0',
        'alogd_scored_delay_seconds_bucket{le="10",stream="sshd"} 3.0',
        'alogd_scored_delay_seconds_bucket{le="+Inf",stream="sshd"} 4.0',
        'alogd_scored_delay_seconds_sum{stream="sshd"} 12.5',
        'alogd_snapshot_pause_seconds_bucket{le="0.05"} 7.0',
        'alogd_http_refused_total{reason="slow_header"} 2.0',
    ):
        assert line in text.splitlines()
    assert "<script>" not in text
    assert "/var/log" not in text


def test_promtool_finds_nothing_to_say():
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here (Debian: apt install prometheus)")
    body = metrics.render(view(), process=True)
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_metrics_document_names_every_metric():
    text = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
    described = set(re.findall(r"^\| `(alogd_\w+)` \|", text, re.MULTILINE))
    exposed = {line.split()[2] for line in metrics.render(view()).decode().splitlines() if line.startswith("# TYPE")}
    assert exposed == described


async def test_readiness_says_why(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        status, _, body = await ask(port, "/-/ready")
        assert status == 200
        assert body == b"ready\nwarm-up sshd: 40%\n"
        daemon.now = view(ready=False, reasons=["stream sshd: starting"])
        status, _, body = await ask(port, "/-/ready")
        assert status == 503
        assert b"stream sshd: starting" in body
        assert (await ask(port, "/-/healthy"))[0] == 200


async def test_the_index_lists_what_there_is(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        status, headers, body = await ask(port, "/")
        assert status == 200
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        for link in [part.split('"')[0] for part in body.decode().split('href="')[1:]]:
            assert (await ask(port, link))[0] == 200, link


async def test_alerts_filter_and_page(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):

        async def titles(query):
            status, _, body = await ask(port, f"/api/v1/alerts?{query}")
            assert status == 200, body
            return json.loads(body)

        assert [int(a["id"], 16) for a in (await titles(""))["alerts"]] == [5, 4, 3, 2, 1]
        assert len((await titles("min_level=HIGH"))["alerts"]) == 4
        assert (await titles("stream=nginx"))["alerts"] == []
        assert len((await titles(f"since={START // 10**9 + 4}"))["alerts"]) == 2
        first = await titles("limit=2")
        second = await titles(f"limit=2&after={first['next']}")
        assert [int(a["id"], 16) for a in first["alerts"] + second["alerts"]] == [5, 4, 3, 2]
        assert (await titles("limit=500"))["next"] is None
        _, _, body = await ask(port, f"/api/v1/alerts/{alert(3).id}")
        assert json.loads(body)["title"] == HOSTILE
        assert b"\x1b" not in body
        assert "\u202e".encode() not in body
        assert await daemon.store.alerts(AlertFilter(limit=1))


async def test_templates_streams_status(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        found = json.loads((await ask(port, "/api/v1/templates?limit=2&order=newest"))[2])
        assert ([t["id"] for t in found["templates"]], found["total"]) == ([5, 4], 5)
        found = json.loads((await ask(port, "/api/v1/templates?contains=template%203"))[2])
        assert found["templates"][0]["text"] == f"template 3 {HOSTILE}"
        assert (await ask(port, "/api/v1/templates?stream=nosuch"))[0] == 404
        streams = json.loads((await ask(port, "/api/v1/streams"))[2])["streams"]
        assert streams[0]["warmup"] == 0.4
        status = json.loads((await ask(port, "/api/v1/status"))[2])
        assert status["sinks"][0]["waiting"] == 3


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
        ("/api/v1/alerts/%00", 400),
        ("/api/v1/alerts/none", 404),
        ("/api/v1/templates?order=random", 400),
        ("/../../etc/passwd", 404),
        ("/nothing", 404),
    ],
)
async def test_bad_questions_are_answered_so(tmp_path, path, status):
    async with serving(tmp_path) as (_, _, port):
        found, headers, _ = await ask(port, path)
        assert found == status
        assert headers["X-Content-Type-Options"] == "nosniff"


# Who may


async def test_reload(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        assert (await ask(port, "/-/reload", "POST", Content_Length="0"))[0] == 200
        daemon.problem = "line 3: unknown key"
        status, _, body = await ask(port, "/-/reload", "POST", Content_Length="0")
        assert (status, b"line 3" in body) == (400, True)
        assert (await ask(port, "/-/reload"))[0] == 405
        assert daemon.reloads == 2


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
        ({"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer s3cret"}, 200),
        ({"Host": "localhost"}, 401),
        ({"Host": "localhost", "Authorization": "Bearer s3cret"}, 200),
    ],
)
async def test_who_may_reload(tmp_path, headers, status):
    (tmp_path / "token").write_text("s3cret\n")
    async with serving(tmp_path, token_file=str(tmp_path / "token")) as (daemon, _, port):
        assert (await ask(port, "/-/reload", "POST", Content_Length="0", **headers))[0] == status
        assert daemon.reloads == (status == 200)


async def test_without_a_token_nobody_elsewhere_may(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        headers = {"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer "}
        assert (await ask(port, "/-/reload", "POST", Content_Length="0", **headers))[0] == 401


async def test_a_rebound_name_reads_nothing_on_loopback(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        status, _, body = await ask(port, "/api/v1/alerts", Host="evil.example")
        assert status == 421
        assert b"script" not in body


def test_names_of_hosts():
    assert host_name("[::1]:9178") == "::1"
    assert host_name("LocalHost:1") == "localhost"
    assert split("[::1]:9178") == ("::1", 9178)
    assert split(":9178") == ("", 9178)


# Misuse


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", (b"400", b"414", b"431")),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", (b"400", b"431")),
        (b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyy\r\n" * 2000, (b"400", b"431")),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", (b"400", b"405")),
        (b"GET /\r\n\r\n", (b"400",)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (b"400",)),
        (
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 300_000,
            (b"200", b"400", b"413", b""),
        ),
        (
            b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"
            + b"x" * 300_000,
            (b"405", b"400", b""),
        ),
    ],
)
async def test_malformed_requests_get_an_error_and_the_door(tmp_path, data, statuses):
    async with serving(tmp_path) as (_, server, port):
        reply = await raw(port, data)
        assert reply.partition(b" ")[2][:3] in statuses
        assert (await ask(port, "/-/healthy"))[0] == 200
        await gone(server)


async def test_pipelined_requests_are_answered_in_order(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        one = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        reply = await raw(port, one * 3 + last)
        assert reply.count(b"alogd is healthy") == 3
        assert reply.index(b"warm-up") > reply.rindex(b"alogd is healthy")


async def test_half_open_connections_are_closed(tmp_path, monkeypatch):
    """H2: each gets its time for a header, drip-feeding does not extend it, and others are served meanwhile."""
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


async def test_more_connections_than_allowed_are_turned_away(tmp_path):
    async with serving(tmp_path, max_connections=3) as (_, server, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await until(lambda: len(server.gate.open) == 3)
        assert b"503" in await raw(port, b"")
        for _, writer in held:
            writer.close()
        await gone(server)
        assert (await ask(port, "/-/healthy"))[0] == 200
        assert server.gate.refused["too_many_connections"] == 1


async def test_idle_connections_may_be_used_again(tmp_path, monkeypatch):
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


async def gone(server):
    await until(lambda: not server.gate.open)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the server under test has no event for it
            await asyncio.sleep(0.01)


# HTTP itself


async def test_head_is_get_without_a_body(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        reply = await raw(port, b"HEAD /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = reply.partition(b"\r\n\r\n")
        assert (b"200 OK" in head, b"Content-Length: 17" in head, body) == (True, True, b"")


async def test_who_has_said_all_is_still_answered(tmp_path):
    async with serving(tmp_path) as (_, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.write_eof()
        async with asyncio.timeout(20):
            assert (await reader.read()).endswith(b"alogd is healthy\n")
        writer.close()
        await gone(server)


async def test_an_old_client_needs_no_host(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        assert b"200 OK" in await raw(port, b"GET /-/healthy HTTP/1.0\r\n\r\n")


async def test_a_body_is_not_taken_for_a_request(tmp_path):
    async with serving(tmp_path) as (daemon, server, port):
        inner = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        length = str(len(inner)).encode()
        reply = await raw(
            port, b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n" + inner
        )
        assert (reply.count(b"HTTP/1.1 "), b" 404 " in reply, daemon.reloads) == (1, True, 0)
        await gone(server)


async def test_a_fault_of_ours_is_an_answer(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        daemon.now = None
        assert (await ask(port, "/metrics"))[0] == 500
        assert (await ask(port, "/-/healthy"))[0] == 200


async def test_who_does_not_read_gets_no_second_answer(tmp_path):
    """Answers wait for the one before them to be taken, so a peer cannot have them pile up."""
    async with serving(tmp_path) as (daemon, server, port):
        asked = 0

        async def alerts(_wanted):
            nonlocal asked
            asked += 1
            return [alert(n, title="x" * 4000) for n in range(1, 1001)]

        daemon.alerts = alerts
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        await until(lambda: asked > 0)
        assert (await ask(port, "/-/healthy"))[0] == 200
        assert asked <= 2
        writer.transport.abort()
        await gone(server)
