"""The alertmanager sink against the real one: fires, stays while it fires, changes level, resolves."""

import asyncio
import contextlib
import dataclasses
import json
import subprocess
import time
import urllib.request

import pytest

from alogd.sinks.base import NotConnected, build
from alogd.state.database import Snapshot
from tests.alerts import SECOND, alert
from tests.bad_server import BadServer
from tests.daemon_process import free_port, wait_until
from tests.integration.test_rules import program
from tests.outlets import HOSTILE, delivery, hostile


class Manager:
    """A running Alertmanager that tells nobody, and takes for resolved after 2 s what is not sent again."""

    def __init__(self, directory):
        command, port = program("prometheus-alertmanager", "prometheus-alertmanager"), free_port()
        config = directory / "alertmanager.yml"
        config.write_text("global: {resolve_timeout: 2s}\nroute: {receiver: none}\nreceivers: [{name: none}]\n")
        flags = [f"--config.file={config}", f"--storage.path={directory}/am", "--cluster.listen-address="]
        self.url = f"http://127.0.0.1:{port}"
        with (directory / "alertmanager.log").open("wb") as log:
            self.process = subprocess.Popen(
                [command, *flags, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
            )
        wait_until(self.ready, "Alertmanager", 30)

    def ready(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as reply:
            return reply.status == 200

    def alerts(self):
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as reply:
            return json.load(reply)

    def severities(self):
        return sorted(one["labels"]["severity"] for one in self.alerts())


@pytest.fixture
def manager(tmp_path):
    running = Manager(tmp_path)
    yield running
    running.process.terminate()
    running.process.wait(30)


def entry(*urls, **more):
    return {"kind": "alertmanager", "urls": list(urls), "max_age": None, "resend": 1.0, "timeout": 5.0} | more


async def seen(manager, what, wanted):
    await asyncio.to_thread(wait_until, lambda: manager.severities() == wanted, what, 20)


async def test_it_fires_stays_rises_and_resolves(manager, tmp_path):
    low, high = alert(1, level="LOW", opened_ns=time.time_ns()), alert(1, at=2, level="HIGH", windows=2)
    over = alert(1, at=3, level="HIGH", windows=2, status="resolved", resolved_ns=time.time_ns())
    settings = {"labels": {"site": "lab"}, "external_url": "https://alogd.example/"}
    async with delivery(tmp_path, entry(manager.url, **settings), [low]) as (store, way):
        running = asyncio.create_task(way.run())
        await seen(manager, "the alert", ["low"])
        told = manager.alerts()[0]
        await asyncio.sleep(5)  # longer than endsAt lies ahead: only what is sent again is still there
        await seen(manager, "that it stays", ["low"])
        assert manager.alerts()[0]["updatedAt"] != told["updatedAt"]
        for moment, severities in ((high, ["high"]), (over, [])):
            assert await store.commit([Snapshot("sshd", 1, alerts=[moment])])
            way.wake()
            await seen(manager, f"{severities}", severities)
        way.finish()
        await asyncio.wait_for(running, 20)
    assert told["labels"] == {
        "alertname": "LogAnomaly", "stream": "sshd", "severity": "low", "incident": low.id, "site": "lab",
    }  # fmt: skip
    assert told["annotations"]["risk"] == "85.0"
    assert told["annotations"]["description"] == "a template never seen before"
    assert "lines" not in told["annotations"]
    assert told["generatorURL"] == f"https://alogd.example/#/alerts/{low.id}"


async def test_after_a_restart_it_goes_on(manager, tmp_path):
    async with delivery(tmp_path, entry(manager.url), [alert(1, opened_ns=time.time_ns())]) as (_, way):
        way.finish()
        await way.run()
    await seen(manager, "the alert", ["critical"])
    await seen(manager, "that it ends when nobody repeats it", [])
    async with delivery(tmp_path, entry(manager.url), []) as (store, way):
        assert store.lengths == {}
        running = asyncio.create_task(way.run())
        await seen(manager, "the alert again, from the history", ["critical"])
        way.finish()
        await asyncio.wait_for(running, 20)


async def test_text_and_clocks_that_would_be_refused(manager):
    ahead = dataclasses.replace(hostile(2), opened_ns=time.time_ns() + 3600 * SECOND, level="HIGH")
    sink = build(entry(manager.url, lines=True)).sink
    await sink.send([hostile(1), ahead])
    for one in manager.alerts():
        assert HOSTILE not in json.dumps(one, ensure_ascii=False)
        assert "\\x1b]52" in one["annotations"]["summary"]
        assert HOSTILE[:5] not in str(one["labels"])
    assert manager.severities() == ["critical", "high"]
    await sink.close()


async def test_one_of_several_is_enough_and_all_are_told(manager):
    async with BadServer("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as away, BadServer() as other:
        sink = build(entry(away.url, manager.url, other.url)).sink
        await sink.send([alert(1, opened_ns=time.time_ns())])
        assert manager.severities() == ["critical"]
        assert len(away.requests) == len(other.requests) == 1
        await sink.close()
        lonely = build(entry(away.url)).sink
        with pytest.raises(NotConnected, match="503"):
            await lonely.send([alert(1)])
        await lonely.close()


@pytest.mark.parametrize("wrong", [{"labels": {"severity": "x"}}, {"labels": {"a-b": "x"}}, {"urls": []}])
def test_what_is_refused(wrong):
    with pytest.raises(ValueError, match=r"label|urls|length"):
        build(entry("http://127.0.0.1:9093") | wrong)
