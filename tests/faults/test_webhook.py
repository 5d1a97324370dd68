"""N1, N2, N5, N6: a receiver that fails, hangs, cannot keep up or is away. Detection goes on, and no loss is unsaid."""

from __future__ import annotations

import asyncio
import json
import random

import aiohttp
import pytest

from alogd.alerts.filter import AlertFilter
from alogd.sinks.base import NotConnected, Rejected
from alogd.sinks.delivery import pause_seconds
from alogd.state.database import Limits, Snapshot
from tests.alerts import alert
from tests.bad_server import GOOD, NO, BadServer
from tests.daemon_process import log_lines, wait_until
from tests.outlets import Leap, delivery, hook

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
        daemon.write(log_lines(6000))
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
        daemon.write([*log_lines(6000), *storm])
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
