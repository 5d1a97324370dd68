"""Sinks against real files and real HTTP servers; what servers do wrong is in tests/faults/test_webhook*.py."""

import asyncio
import hashlib
import hmac
import json
import os

import pytest

from alogd.alerts.filter import AlertFilter
from alogd.config.tree import Log
from alogd.logs import Output, configure
from alogd.registry import names
from alogd.sinks.base import build, build_all
from alogd.sinks.delivery import pick
from alogd.state.database import Snapshot
from tests.alerts import START, alert
from tests.bad_server import BadServer
from tests.outlets import HOSTILE, delivery, hook, hostile, risky

# Building


@pytest.mark.parametrize("kind", names("sinks"))
def test_every_sink_refuses_what_it_does_not_know(kind):
    with pytest.raises(ValueError, match="surprise"):
        build({"kind": kind, "surprise": 1, "path": "x", "url": "https://x"})


def test_names_and_levels():
    hook = build({"kind": "webhook", "url": "https://example.org/x", "name": "pager", "min_level": "HIGH"})
    assert hook.name == "pager"
    assert [hook.wants(alert(level=level)) for level in ("CRITICAL", "HIGH", "MEDIUM")] == [True, True, False]
    with pytest.raises(ValueError, match="two sinks are named 'log'"):
        build_all([{"kind": "log"}, {"kind": "log"}])
    with pytest.raises(ValueError, match="no sink named 'mail'"):
        build({"kind": "mail"})


# log


async def written_by_log_sink(format_, alerts):
    reading, writing = os.pipe()
    output = Output(writing)
    configure(Log(format=format_), output, terminal=False)
    await build({"kind": "log"}).sink.send(alerts)
    output.flush()
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        return pipe.read()


async def test_log_json_is_one_safe_line_an_alert():
    text = await written_by_log_sink("json", [hostile(1), alert(2)])
    assert not risky(text)
    first, second = [json.loads(line) for line in text.splitlines()]
    assert first["level"] == "warning"
    assert first["alert"] == alert(1).id
    assert "%s%n" in first["event"]
    assert second["event"] == "incident 2"
    assert second["lines"] == ["/var/log/auth.log:4711: Out of memory"]


async def test_log_console_cannot_be_steered_or_forged():
    text = await written_by_log_sink("console", [hostile(1)])
    assert not risky(text)
    assert sum(line.lstrip().startswith('{"level"') for line in text.splitlines()) == 0


# jsonl


async def test_jsonl_follows_rotation_and_stays_whole(tmp_path):
    path = tmp_path / "alerts.jsonl"
    sink = build({"kind": "jsonl", "path": str(path)}).sink
    await sink.send([hostile(1), alert(2)])
    path.rename(tmp_path / "alerts.jsonl.1")
    await sink.send([alert(3)])
    path.unlink()
    await sink.send([alert(4)])
    await sink.close()
    old = (tmp_path / "alerts.jsonl.1").read_text()
    assert not risky(old)
    assert [json.loads(line)["title"] for line in old.splitlines()] == [HOSTILE, "incident 2"]
    assert [json.loads(line)["title"] for line in path.read_text().splitlines()] == ["incident 4"]


async def test_jsonl_cuts_off_what_a_killed_process_wrote_half(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"id": "whole"}\n{"id": "ha')
    sink = build({"kind": "jsonl", "path": str(path), "fsync": False}).sink
    await sink.send([alert(1)])
    await sink.close()
    lines = path.read_bytes().splitlines()
    assert lines[0] == b'{"id": "whole"}'
    assert len(lines) == 2
    assert json.loads(lines[1])["id"]


async def test_jsonl_cuts_off_what_a_power_failure_left_of_a_batch(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"id": "whole"}\n' + bytes(4096) + b'half"}\n{"id": "of the same batch"}\n')
    sink = build({"kind": "jsonl", "path": str(path)}).sink
    await sink.send([alert(1)])
    await sink.close()
    lines = path.read_bytes().splitlines()
    assert lines[0] == b'{"id": "whole"}'
    assert len(lines) == 2
    assert json.loads(lines[1])["id"]


async def test_jsonl_cuts_off_what_was_written_half(tmp_path):
    import resource
    import signal

    path = tmp_path / "alerts.jsonl"
    sink = build({"kind": "jsonl", "path": str(path)}).sink
    await sink.send([alert(1)])
    whole = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            await sink.send([alert(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == whole
    await sink.send([alert(2)])
    assert len(path.read_text().splitlines()) == 2
    await sink.close()


# webhook


async def test_webhook_payload_is_alertmanagers():
    async with BadServer() as server, hook(server, external_url="http://logs.example:9178/", lines=True) as sink:
        resolved = alert(2, status="resolved", resolved_ns=START + 5_000_000_000)
        await sink.send([alert(1), resolved])
        document = server.requests[0].json()
    assert set(document) == {
        "version",
        "groupKey",
        "truncatedAlerts",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "alerts",
    }
    assert (document["version"], document["status"], document["receiver"]) == ("4", "firing", "pager")
    assert document["commonLabels"] == {
        "alertname": "LogAnomaly",
        "stream": "sshd",
        "severity": "critical",
        "key": "sshd",
    }
    first, second = document["alerts"]
    assert set(first) == {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
    assert all(isinstance(value, str) for part in ("labels", "annotations") for value in first[part].values())
    assert first["fingerprint"] == alert(1).id
    assert first["startsAt"] == "2023-11-14T22:13:20.000000Z"
    assert first["endsAt"] == "0001-01-01T00:00:00Z"
    assert second["endsAt"] == "2023-11-14T22:13:25.000000Z"
    assert first["generatorURL"] == f"http://logs.example:9178/#/alerts/{alert(1).id}"
    assert first["annotations"]["lines"] == "/var/log/auth.log:4711: Out of memory"


async def test_webhook_signs_the_body_and_names_a_repeat(tmp_path):
    (tmp_path / "secret").write_text("canary-secret\n")
    (tmp_path / "token").write_text("canary-token\n")
    files = {"secret_file": str(tmp_path / "secret"), "bearer_token_file": str(tmp_path / "token")}
    async with BadServer() as server, hook(server, **files) as sink:
        await sink.send([alert(1)])
        await sink.send([alert(1)])
        await sink.send([alert(1, windows=2)])
        assert "canary" not in repr(sink) + repr(vars(sink))
    first, again, other = server.requests
    expected = hmac.new(b"canary-secret", first.body, hashlib.sha256).hexdigest()
    assert first.headers["x-alogd-signature-256"] == f"sha256={expected}"
    assert first.headers["authorization"] == "Bearer canary-token"
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] != other.headers["idempotency-key"]


def test_webhook_urls_that_are_fine():
    for url in ("https://example.org/x", "http://127.0.0.1:9/x", "http://[::1]:9/x", "http://localhost/x"):
        build({"kind": "webhook", "url": url})
    build({"kind": "webhook", "url": "http://example.org/", "allow_insecure": True})
    with pytest.raises(ValueError, match="either url or url_file"):
        build({"kind": "webhook"})


# Delivery


async def test_delivery_empties_the_outbox_in_order(tmp_path):
    path = tmp_path / "out.jsonl"
    moments = [alert(n % 3, at=n, windows=n) for n in range(1, 100)]
    async with delivery(tmp_path, {"kind": "jsonl", "path": str(path)}, moments) as (store, way):
        way.finish()
        await asyncio.wait_for(way.run(), 20)
        assert store.lengths == {}
    assert [json.loads(line)["windows"] for line in path.read_text().splitlines()] == list(range(1, 100))
    assert way.outcomes["sent"] == 99


async def test_one_alert_that_is_refused_does_not_take_others_with_it(tmp_path):
    def judge(body):
        return "400 No" if b"incident 2" in body else "200 OK"

    async with BadServer(judge=judge) as server:
        moments = [alert(n) for n in (1, 2, 3)]
        async with delivery(tmp_path, {"kind": "webhook", "url": server.url}, moments) as (store, way):
            way.finish()
            await asyncio.wait_for(way.run(), 20)
            assert store.lengths == {}
    assert way.outcomes["sent"] == 2
    assert way.outcomes["dropped_refused"] == 1


async def test_what_the_disk_refuses_is_delivered_from_memory_once(tmp_path):
    path = tmp_path / "out.jsonl"
    async with delivery(tmp_path, {"kind": "jsonl", "path": str(path)}, []) as (store, way):
        await store.call(lambda: store.state._db.execute("PRAGMA max_page_count = 1"))
        big = Snapshot("sshd", 1, parts={"engine": os.urandom(1 << 20)}, alerts=[alert(1), alert(2)])
        assert not await store.commit([big])
        assert not await store.commit([big])
        assert "full" in store.problem
        way.finish()
        await asyncio.wait_for(way.run(), 20)
        await store.call(lambda: store.state._db.execute("PRAGMA max_page_count = 100000"))
        assert await store.commit([big])
        assert store.problem == ""
        await asyncio.wait_for(way.run(), 20)
        assert await store.alerts(AlertFilter()) == [alert(2), alert(1)]
    assert [json.loads(line)["title"] for line in path.read_text().splitlines()] == ["incident 1", "incident 2"]


def test_only_the_newest_moment_of_an_incident_matters():
    moments = [alert(1, at=1), alert(2, at=2), alert(1, at=3), alert(3, at=4), alert(2, at=5)]
    load = pick([(number, one) for number, one in enumerate(moments, 7)], 2, True)
    assert (load.alerts, load.superseded) == ([moments[2], moments[3]], [moments[0], moments[1]])
    assert (load.seqs, load.after) == ([7, 8, 9, 10], 10)
    everything = pick([(7, moments[0]), (8, None), (9, moments[2]), (10, moments[3])], 2, False)
    assert (everything.alerts, everything.damaged, everything.after) == ([moments[0], moments[2]], 1, 9)


def test_what_is_past_is_not_sent():
    sink = build({"kind": "jsonl", "path": "/nowhere/alerts.jsonl", "max_age": 3600.0})
    firing = alert(updated_ns=10_000 * 10**9)
    assert not sink.is_old(firing, 13_600.0)
    assert sink.is_old(firing, 13_601.0)
    resolved = alert(updated_ns=10_000 * 10**9, status="resolved", resolved_ns=10_900 * 10**9)
    assert not sink.is_old(resolved, 14_500.0)
    assert not build({"kind": "jsonl", "path": "/nowhere/alerts.jsonl"}).is_old(firing, 1e10)
