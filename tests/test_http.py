"""The HTTP face over real sockets: what it answers; those who misuse it are in tests/faults/test_http*.py."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from alogd.alerts.filter import AlertFilter
from alogd.web import metrics
from alogd.web.access import host_name
from alogd.web.page import Page
from alogd.web.server import split
from tests.alerts import START, alert
from tests.http_face import HOSTILE, ask, gone, raw, serving, until, view

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
        'alogd_scored_delay_seconds_bucket{le="0.002",stream="sshd"} 0.0',
        'alogd_scored_delay_seconds_bucket{le="5",stream="sshd"} 3.0',
        'alogd_scored_delay_seconds_bucket{le="+Inf",stream="sshd"} 4.0',
        'alogd_scored_delay_seconds_sum{stream="sshd"} 12.5',
        'alogd_snapshot_pause_seconds_bucket{le="0.02"} 7.0',
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


async def test_the_page_has_all_it_needs_and_asks_nobody_else(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        status, headers, body = await ask(port, "/")
        assert status == 200
        assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        links = re.findall(r'(?:href|src)="(/[^"]*)"', body.decode())
        assert len(links) > 3
        for link in links:
            assert (await ask(port, link))[0] == 200, link
        modules = [name for name in Page().files if name.endswith(".js")]
        for name in modules:
            status, headers, body = await ask(port, f"/page/{name}")
            assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
            assert {f"/page/{found}" for found in re.findall(r'from "\./([^"]+)"', body.decode())} <= {
                f"/page/{other}" for other in modules
            }
    whole = b"".join(Page().files.values())
    assert len(whole) < 1_000_000
    assert set(re.findall(rb"https?://[^\"' ]+", whole)) == {b"http://www.w3.org/2000/svg"}
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", whole)


async def test_the_page_is_sent_once_and_only_its_own_files_are(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        _, headers, _ = await ask(port, "/page/app.css")
        status, _, body = await ask(port, "/page/app.css", If_None_Match=headers["ETag"])
        assert (status, body) == (304, b"")
        for path in ("/page/..%2fpage.py", "/page/../page.py", "/page/", "/page/page.py", "/page/%00", "/page/none.js"):
            assert (await ask(port, path))[0] == 404, path


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


# Who may


async def test_reload(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        assert (await ask(port, "/-/reload", "POST", Content_Length="0"))[0] == 200
        daemon.problem = "line 3: unknown key"
        status, _, body = await ask(port, "/-/reload", "POST", Content_Length="0")
        assert (status, b"line 3" in body) == (400, True)
        assert (await ask(port, "/-/reload"))[0] == 405
        assert daemon.reloads == 2


def test_names_of_hosts():
    assert host_name("[::1]:9178") == "::1"
    assert host_name("LocalHost:1") == "localhost"
    assert split("[::1]:9178") == ("::1", 9178)
    assert split(":9178") == ("", 9178)


# HTTP itself


async def test_head_is_get_without_a_body(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        reply = await raw(port, b"HEAD /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = reply.partition(b"\r\n\r\n")
        assert (b"200 OK" in head, b"Content-Length: 17" in head, body) == (True, True, b"")


async def test_who_has_said_all_is_still_answered(tmp_path):
    async with serving(tmp_path) as (_, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        writer.write_eof()
        async with asyncio.timeout(20):
            assert (await reader.read()).count(b"alogd is healthy\n") == 3
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
            port,
            b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
            + length
            + b"\r\n\r\n"
            + inner,
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

        daemon.store.alerts = alerts
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        await until(lambda: asked > 0)
        assert (await ask(port, "/-/healthy"))[0] == 200
        assert asked <= 2
        writer.transport.abort()
        await gone(server)
