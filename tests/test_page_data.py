"""What the page is made of: the overview, scores over log time, when templates were seen, alerts in brief, events."""

import asyncio
import json
from urllib.parse import quote

import numpy as np
import pytest

from alogd.config.tree import Alerts, Risk, StreamOptions
from alogd.engine.sightings import Sightings
from alogd.event import Also
from alogd.judging.scores import SLOTS, STEP_NS, Scores
from alogd.state.database import Snapshot
from alogd.stream import Stream
from alogd.web import events
from alogd.web.overview import overview
from tests.alerts import START, alert
from tests.http_face import HOSTILE, ask, gone, serving, until, view

# The sentence


def test_one_sentence_says_how_things_are():
    learned = view()
    learned = view(streams=[_with(learned.streams[0], warmup=1.0)])
    said = {
        "ok": overview(learned, {}),
        "learning": overview(view(), {}),
        "amiss": overview(view(reasons=["sink pager: answered 503"]), {}),
        "alert": overview(view(reasons=["sink pager: answered 503"]), {"CRITICAL": 1, "LOW": 2}),
        "bad": overview(view(ready=False, reasons=["stream sshd: starting"]), {"LOW": 1}),
    }
    assert [now["state"] for now in said.values()] == list(said)
    assert said["ok"]["sentence"] == "Everything looks normal"
    assert "sshd" in said["learning"]["more"]
    assert said["amiss"]["more"] == "sink pager: answered 503"
    assert (said["alert"]["sentence"], said["alert"]["more"]) == ("3 alerts are firing", "the worst is CRITICAL")
    assert [now["level"] for now in said.values()] == [None, None, None, "CRITICAL", "LOW"]
    assert said["bad"]["more"] == "stream sshd: starting"
    assert overview(view(), {"HIGH": 4}, 1, 2)["more"] == "the worst is HIGH; 2 causes in all; 1 acknowledged"
    assert overview(view(), {"HIGH": 2}, 0, 1)["more"] == "the worst is HIGH; 1 cause in all"


def _with(stream, **core):
    return type(stream)(
        **{name: getattr(stream, name) for name in stream.__struct_fields__} | {"core": stream.core | core}
    )


# Scores


def test_scores_are_the_largest_of_each_step_whatever_the_cut():
    chance = np.random.default_rng(3)
    closed = np.sort(chance.integers(0, 500, 1000)) * STEP_NS // 4
    risk, fresh = chance.random(1000) * 100, chance.integers(1, 50, 1000).astype(np.uint32)
    whole, cut = Scores(), Scores()
    whole.add(closed, risk, fresh)
    for begin in range(0, 1000, 7):
        part = slice(begin, begin + 7)
        cut.add(closed[part], risk[part], fresh[part])
    assert whole.between(None, None, 1000) == cut.between(None, None, 1000)
    for begin, largest, count in whole.between(None, None, 1000):
        mine = closed // STEP_NS == begin // STEP_NS
        assert largest == pytest.approx(risk[mine].max(), abs=0.06)
        assert count == fresh[mine].sum()
    few = whole.between(None, None, 10)
    assert len(few) <= 10
    assert sum(count for _, _, count in few) == fresh.sum()
    assert max(point[1] for point in few) == pytest.approx(risk.max(), abs=0.06)
    middle = whole.between(50 * STEP_NS, 60 * STEP_NS, 1000)
    assert {begin // STEP_NS for begin, _, _ in middle} <= set(range(50, 61))


def test_scores_hold_the_newest_steps_and_no_more():
    scores = Scores()
    size = scores._step.nbytes
    for chunk in np.array_split(np.arange(3 * SLOTS), 5):
        scores.add(chunk * STEP_NS, chunk.astype(float), np.ones(len(chunk), np.uint32))
    points = scores.between(None, None, 1_000_000)
    assert [begin // STEP_NS for begin, _, _ in points] == list(range(2 * SLOTS, 3 * SLOTS))
    scores.add(np.array([0]), np.array([99.0]), np.array([1], np.uint32))  # long past: its slot is another's by now
    assert scores.between(None, None, 1_000_000) == points
    assert scores._step.nbytes == size
    scores.add(np.array([4 * SLOTS + 9]) * STEP_NS, np.array([1.0]), np.array([1], np.uint32))  # after a long silence
    assert len(scores.between(None, None, 1_000_000)) == 1
    scores.add(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint32))


def test_a_stream_scores_at_log_time_whatever_the_cut():
    lines = [b"2026-01-02T03:%02d:%02dZ host app: login of anna\n" % divmod(n, 60) for n in range(3000)]
    whole, cut = _stream(), _stream()
    for stream, size in ((whole, 10**9), (cut, 777)):
        stream.open(1)
        text = b"".join(lines)
        for begin in range(0, len(text), size):
            stream.feed(1, text[begin : begin + size])
        stream.settle(1)
    points = whole.scores.between(None, None, 1000)
    assert points == cut.scores.between(None, None, 1000)
    assert len(points) > 20
    times = np.array([begin for begin, _, _ in points])
    assert np.diff(times).max() <= 2 * np.median(np.diff(times))  # no gap, though all came in one block


# Templates


def _stream():
    return Stream(
        StreamOptions(name="s", collect=({"kind": "file", "include": ["x"]},)),
        alerts=Alerts(),
        risk=Risk(),
        budget_per_day=5.0,
        text=lambda *_: None,
        names=lambda _: "s",
    )


def test_templates_know_when_they_were_seen():
    lines = [b"2026-01-02T03:04:%02dZ host app: login of anna\n" % second for second in range(10, 20)]
    lines.insert(5, b"2026-01-02T03:04:15Z host app: the disk of this host is full now\n")
    streams = [_stream(), _stream(), _stream()]
    for stream in streams:
        stream.open(1)
    streams[0].feed(1, b"".join(lines))
    for line in lines:
        streams[1].feed(1, line)
    for line in lines[:6]:
        streams[2].feed(1, line)
    resumed = _stream()
    resumed.load(streams[2].save())
    resumed.open(1, offset=streams[2].consumed(1))
    resumed.feed(1, b"".join(lines)[streams[2].consumed(1) :])
    for stream in (streams[0], streams[1], resumed):
        stream.settle(1)
        seen = {t.text: ((t.first_ns or 0) // 10**9 % 60, (t.last_ns or 0) // 10**9 % 60) for t in stream.templates()}
        assert next(times for text, times in seen.items() if "login" in text) == (10, 19)
        assert next(times for text, times in seen.items() if "disk" in text) == (15, 15)


def test_lines_without_a_time_were_seen_nobody_knows_when():
    stream = _stream()
    stream.open(1)
    stream.feed(1, b"disk is full\n" * 3)
    stream.settle(1)
    assert [(t.first_ns, t.last_ns) for t in stream.templates()] == [(None, None)]


def test_damaged_sightings_are_refused():
    with pytest.raises(ValueError, match="seen"):
        Sightings().restore({"first": np.zeros(3, np.int64), "last": np.zeros(2, np.int64)})


# The API


async def get(port, path):
    status, _, body = await ask(port, f"/api/v1/{path}")
    assert status == 200, body
    return json.loads(body)


async def test_alerts_in_brief_and_by_text(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        found = (await get(port, "alerts?brief=true"))["alerts"]
        assert len(found) == 5
        assert found[0]["title"] == HOSTILE
        assert not {"lines", "templates", "detectors"} & set(found[0])
        assert [one["also_in"] for one in found] == [[]] * 5
        assert len((await get(port, "alerts?contains=OUT%20of%20MEM"))["alerts"]) == 5
        assert len((await get(port, f"alerts?contains={quote('<SCRIPT>')}"))["alerts"]) == 5
        assert len((await get(port, f"alerts?contains={quote(HOSTILE)}"))["alerts"]) == 5
        assert (await get(port, "alerts?contains=100%25"))["alerts"] == []
        assert (await get(port, f"alerts?contains={alert(3).id}"))["alerts"][0]["id"] == alert(3).id
        daemon.points.add(np.array([START]), np.array([50.0]), np.array([3], np.uint32))
        scores = await get(port, "streams/sshd/scores")
        assert scores["points"] == [[START // STEP_NS * STEP_NS, 50.0, 3]]
        assert (await get(port, "streams/sshd/scores?since=1800000000"))["points"] == []
        assert (await ask(port, "/api/v1/streams/none/scores"))[0] == 404
        for bad in ("points=0", "points=1001", "since=x", "other=1"):
            assert (await ask(port, f"/api/v1/streams/sshd/scores?{bad}"))[0] == 400


async def test_a_brief_alert_names_the_streams_it_stands_for(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        root = alert(9, at=99, also=(Also("web\udcff", alert(8).id, "HIGH", "it waits"),))
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[root])])
        assert (await get(port, "alerts?brief=true&limit=1"))["alerts"][0]["also_in"] == ["web\\udcff"]


async def test_templates_page_and_sort(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        first = await get(port, "templates?limit=2")
        second = await get(port, "templates?limit=2&offset=2")
        assert [t["id"] for t in first["templates"] + second["templates"]] == [1, 2, 3, 4]
        assert first["total"] == second["total"] == 5
        assert [t["id"] for t in (await get(port, "templates?order=rare"))["templates"]] == [5, 4, 3, 2, 1]
        assert (await get(port, "templates?contains=SCRIPT"))["total"] == 1
        assert (await get(port, "templates?offset=99"))["templates"] == []
        assert (await ask(port, "/api/v1/templates?offset=-1"))[0] == 400


async def test_the_overview_counts_what_is_firing(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        now = await get(port, "overview")
        assert now["firing"] == {"HIGH": 4, "LOW": 1}
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[alert(2, level="HIGH", status="resolved", at=9)])])
        assert (await get(port, "overview"))["firing"] == {"HIGH": 3, "LOW": 1}
        assert now["streams"][0]["name"] == "sshd"
        assert "sources" not in now


# Events


class Listener:
    """Somebody who listens, as a browser does."""

    def __init__(self, reader, writer):
        self._reader, self.writer = reader, writer

    @classmethod
    async def on(cls, port, last=None, limit=2**16):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
        head = f"Last-Event-ID: {last}\r\n" if last else ""
        writer.write(f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        async with asyncio.timeout(20):
            first = (await reader.readuntil(b"\r\n\r\n")).decode()
        listener = cls(reader, writer)
        listener.status, listener.head = int(first.split()[1]), first
        return listener

    async def event(self, kind):
        """The next event of a kind: its id and its data."""
        async with asyncio.timeout(20):
            while True:
                lines = []
                while (line := (await self._reader.readline()).decode().strip("\r\n")) != "":
                    lines.append(line)
                fields = dict(line.split(": ", 1) for line in lines if ": " in line)
                if fields.get("event") == kind:
                    return fields["id"], json.loads(fields["data"])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(events, "EVERY", 0.02)


async def test_events_tell_alerts_as_they_are_committed(tmp_path, quick):
    async with serving(tmp_path) as (daemon, server, port):
        one, two = await Listener.on(port), await Listener.on(port)
        assert (one.status, "text/event-stream" in one.head, "default-src 'none'" in one.head) == (200, True, True)
        assert (await one.event("overview"))[1]["sentence"]
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[alert(9, title=HOSTILE)])])
        last, told = await one.event("alert")
        assert told["title"] == HOSTILE
        assert (await two.event("alert"))[1] == told
        one.writer.close()
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[alert(10), alert(11)])])
        await two.event("alert")
        again = await Listener.on(port, last=last)
        assert [(await again.event("alert"))[1]["title"] for _ in range(2)] == ["incident 10", "incident 11"]
        assert (await two.event("alert"))[1]["title"] == "incident 11"
        for stranger in ("0.1", "x", f"{last}999999", "9" * 40):
            other = await Listener.on(port, last=stranger)
            assert (await other.event("reload"))[1] == {}
            other.writer.close()
        two.writer.close()
        again.writer.close()
        await gone(server)
        assert server._events._task is None  # nobody listens: nothing is looked at


async def test_many_changes_are_one_reload(tmp_path, quick):
    async with serving(tmp_path) as (daemon, _, port):
        one = await Listener.on(port)
        await one.event("overview")
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[alert(n) for n in range(10, 200)])])
        assert (await one.event("reload"))[1] == {}
        one.writer.close()


async def test_listeners_are_bounded(tmp_path, quick):
    async with serving(tmp_path) as (_, server, port):
        listeners = [await Listener.on(port) for _ in range(events.MAX_LISTENERS)]
        over = await Listener.on(port)
        assert over.status == 503
        assert "Retry-After" in over.head
        assert server.gate.refused["too_many_listeners"] == 1
        for listener in [*listeners, over]:
            listener.writer.close()
        await until(lambda: not server._events._listeners)
        assert (await Listener.on(port)).status == 200


async def test_who_does_not_read_is_let_go_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "EVERY", 0.001)
    monkeypatch.setattr(events, "SLOWEST", 0.2)
    async with serving(tmp_path) as (daemon, server, port):
        slow = await Listener.on(port, limit=512)
        number = 0

        async def changing():
            nonlocal number
            number += 1
            return view(version=f"{number}{'x' * 60_000}")

        daemon.view = changing
        await until(lambda: server.gate.refused["slow_listener"] == 1)
        await gone(server)
        assert not server._events._listeners
        slow.writer.close()


async def test_an_idle_stream_of_events_has_a_heartbeat_and_outlives_the_time_of_an_answer(
    tmp_path, quick, monkeypatch
):
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    monkeypatch.setattr("alogd.web.access.HANDLER_SECONDS", 0.2)
    async with serving(tmp_path) as (_, _, port):
        one = await Listener.on(port)
        async with asyncio.timeout(20):
            for _ in range(10):
                await one._reader.readuntil(b": nothing new\n\n")
        one.writer.close()


async def test_closing_the_server_ends_the_events(tmp_path, quick):
    async with serving(tmp_path) as (_, server, port):
        one = await Listener.on(port)
        await one.event("overview")
        await server.close()
        async with asyncio.timeout(20):
            await one._reader.read()
