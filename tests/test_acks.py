"""Acknowledgements: who and when is kept, people are not told again, and what has to hear of an alert still does."""

import asyncio
import dataclasses
import json
import os
import random
from collections import Counter

import pytest

from alogd.alerts.filter import AlertFilter
from alogd.cli.main import main
from alogd.feedback.acks import MAX_ACKS, Ack, Acks
from alogd.sinks.base import build
from alogd.sinks.outlets import Outlets
from alogd.state.database import Reader, Snapshot, State
from alogd.state.own import digest
from alogd.state.store import Store
from tests.alerts import alert
from tests.http_face import ask, raw, serving

NOW = 1_700_438_400.0
JSON = "Content-Type: application/json"


def taken(one, by="ann", at=NOW):
    return Acks().with_ack(one, by, "", at)


def test_it_is_of_the_level_the_incident_had():
    acks = taken(alert(level="HIGH"))
    assert acks.of(alert(level="HIGH")) == Ack(alert=alert().id, level="HIGH", at=NOW, by="ann")
    assert acks.quiets(alert(level="MEDIUM", windows=8))
    assert not acks.quiets(alert(level="CRITICAL"))
    assert not acks.quiets(alert(level="HIGH", status="resolved"))
    assert not acks.quiets(alert(2, level="HIGH"))
    again = acks.with_ack(alert(level="CRITICAL"), "bob", "", NOW + 1)
    assert again.quiets(alert(level="CRITICAL"))
    assert again.with_ack(alert(level="LOW"), "cleo", "", NOW + 2) is None


def test_it_can_be_taken_back_and_stays_in_the_record():
    acks = taken(alert()).with_undone(alert().id, "bob", NOW + 5)
    assert acks.of(alert()) is None
    assert (acks.entries[0].undone, acks.entries[0].undone_by) == (NOW + 5, "bob")
    assert acks.with_undone(alert().id, "bob", NOW + 6) is None
    assert [one.by for one in acks.with_ack(alert(), "cleo", "", NOW + 7).entries] == ["ann", "cleo"]


def test_they_are_bounded():
    acks = Acks()
    for number in range(MAX_ACKS + 5):
        acks = acks.with_ack(alert(number), "ann", "", NOW)
    assert len(acks.entries) == MAX_ACKS
    assert acks.of(alert(4)) is None
    assert acks.of(alert(5)) is not None
    assert len(acks.save()) < 400_000


def test_they_survive_a_kill_and_a_damaged_part_is_counted(tmp_path):
    state = State(tmp_path)
    state.commit([Snapshot("sshd", 1, alerts=[alert(1), alert(2)])], lambda _: [])
    assert state.set_acks(lambda acks: acks.with_ack(alert(1), "ann", "mine", NOW))
    assert not state.set_acks(lambda acks: acks.with_ack(alert(1), "bob", "", NOW))
    state._db.close()  # as after a kill: nothing is written on the way out
    os.close(state._lock)
    again = State(tmp_path)
    assert again.acks.entries == (Ack(alert=alert(1).id, level="CRITICAL", at=NOW, by="ann", why="mine"),)
    assert [one.id for one in again.alerts(AlertFilter(acked=True))] == [alert(1).id]
    assert [one.id for one in again.alerts(AlertFilter(acked=False))] == [alert(2).id]
    assert again.count(AlertFilter(status="firing", acked=True), again.acks) == 1
    bad = b'[{"alert":1}]'
    again._db.execute("UPDATE part SET data = ?, digest = ? WHERE name = 'acks'", (bad, digest(bad)))
    again.close()
    third = State(tmp_path)
    assert third.acks.entries == ()
    assert third.recovered["damaged"] == 1
    assert any("acknowledgements begin anew" in note for note in third.notes)
    third.close()


def test_they_are_in_a_file_that_began_anew_in_use(tmp_path):
    state = State(tmp_path)
    state.commit([Snapshot("sshd", 1, alerts=[alert()])], lambda _: [])
    state.set_acks(lambda acks: acks.with_ack(alert(), "ann", "", NOW))
    (tmp_path / "state.db").write_bytes(b"no database at all" * 999)
    for beside in ("state.db-wal", "state.db-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    state.reopen()
    assert Reader.open(tmp_path).saved_acks().entries == ()
    state.commit([Snapshot("sshd", 1)], lambda _: [])
    assert Reader.open(tmp_path).saved_acks().entries == state.acks.entries != ()
    state.close()


KINDS = {
    "chat": {"kind": "slack", "url": "http://127.0.0.1:1/"},
    "record": {"kind": "jsonl", "path": "x"},
    "am": {"kind": "alertmanager", "urls": ["http://127.0.0.1:1"]},
}


async def test_people_are_not_told_again_what_keeps_a_record_and_alertmanager_are(tmp_path):
    store, clock = Store(), type("Clock", (), {"time": lambda _self: alert().updated_ns / 1e9})()
    await store.open(str(tmp_path))
    outlets = Outlets(store, clock, random.Random(1))
    sinks = [build({**entry, "name": name}) for name, entry in KINDS.items()]
    outlets.ways = [type("Way", (), {"sink": sink, "outcomes": Counter()})() for sink in sinks]
    await store.route(list(KINDS), outlets._sinks_of)

    async def waiting(*moments):
        await store.commit([Snapshot("sshd", 1, alerts=moments)])
        return {name: len(await store.queued(name, 99, 0)) for name in KINDS}

    first = alert(level="HIGH", at=1)
    assert await waiting(first) == {"chat": 1, "record": 1, "am": 1}
    assert await store.set_acks(first.id, lambda acks: acks.with_ack(first, "ann", "", NOW))
    assert await waiting(alert(level="HIGH", at=2, windows=2)) == {"chat": 1, "record": 2, "am": 2}
    assert outlets.ways[0].outcomes["acknowledged"] == 1
    assert [one.id for one in await store.still_firing(9)] == [first.id]  # and so it is re-sent
    assert await waiting(alert(level="CRITICAL", at=3, windows=4)) == {"chat": 2, "record": 3, "am": 3}
    over = alert(level="CRITICAL", at=4, windows=4, status="resolved")
    assert await waiting(over) == {"chat": 3, "record": 4, "am": 4}
    for sink in sinks:
        await sink.sink.close()
    await store.close()


def post(path, body, *headers, method="POST"):
    lines = [f"{method} /api/v1/{path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body).encode()


async def get(port, path):
    return json.loads((await ask(port, f"/api/v1/{path}"))[2])


async def test_over_http(tmp_path):
    path = f"alerts/{alert(3).id}/ack"
    async with serving(tmp_path) as (daemon, _, port):
        before = daemon.store.changes
        assert b" 200 " in await raw(port, post(path, '{"by":"ann","why":"mine"}', JSON))
        assert daemon.store.changed_since(before) == [alert(3).id]  # who looks on is told
        one = await get(port, f"alerts/{alert(3).id}")
        assert (one["ack"]["by"], one["ack"]["why"]) == ("ann", "mine")
        found = (await get(port, "alerts?brief=true&acked=true"))["alerts"]
        assert [(one["id"], one["ack"]["by"]) for one in found] == [(alert(3).id, "ann")]
        assert len((await get(port, "alerts?acked=false"))["alerts"]) == 4
        now = await get(port, "overview")
        assert (now["acked"], now["more"]) == (1, "the worst is HIGH; 1 acknowledged")
        assert b" 200 " in await raw(port, post(path, '{"by":"bob"}', JSON))  # already: nothing changes
        assert [one["by"] for one in (await get(port, "acks"))["acks"]] == ["ann"]
        assert b" 200 " in await raw(port, post(f"{path}?by=cleo", "", method="DELETE"))
        assert b" 404 " in await raw(port, post(path, "", method="DELETE"))
        assert (await get(port, f"alerts/{alert(3).id}"))["ack"] is None
        assert [one["undone_by"] for one in (await get(port, "acks"))["acks"]] == ["cleo"]


async def test_only_this_host_may_and_only_in_json(tmp_path):
    path = f"alerts/{alert(3).id}/ack"
    async with serving(tmp_path) as (daemon, _, port):
        assert b" 415 " in await raw(port, post(path, "{}"))
        assert b" 403 " in await raw(port, post(path, "{}", JSON, "Origin: http://evil.example"))
        assert b" 401 " in await raw(port, post(path, "{}", JSON, "X-Forwarded-For: 10.0.0.1"))
        assert b" 400 " in await raw(port, post(path, '{"until":1}', JSON))
        assert b" 404 " in await raw(port, post("alerts/none/ack", "{}", JSON))
        assert b" 405 " in await raw(port, post(path, "", method="GET"))
        assert daemon.store.acks.entries == ()


async def test_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with serving(tmp_path) as (_, _, port):
        daemon_flags = ["--url", f"http://127.0.0.1:{port}", "--by", "ann"]
        state = ["--state", str(tmp_path / "state")]

        async def say(*words):
            assert await asyncio.to_thread(main, ["alerts", *words]) == 0
            return capsys.readouterr().out

        await say("ack", alert(3).id, alert(4).id, "--why", "mine", *daemon_flags)
        listed = await say("list", *state)
        assert (listed.count(" acked "), listed.count(" firing ")) == (2, 3)
        assert (await say("list", "--unacked", "-o", "jsonl", *state)).count("\n") == 3
        assert "acknowledged by ann, " in await say("show", alert(3).id, *state)
        await say("ack", alert(3).id, "--undo", *daemon_flags)
        assert [one["ack"] for one in json.loads(await say("show", alert(3).id, "-o", "json", *state))] == [None]
        record = [json.loads(line) for line in (await say("acks", "-o", "jsonl", *daemon_flags)).splitlines()]
        assert [(one["alert"], one["undone_by"]) for one in record] == [(alert(4).id, ""), (alert(3).id, "ann")]
        assert "ann" in await say("acks", *daemon_flags)


@pytest.mark.parametrize(("start", "said"), [("00000000000000", "5 alerts"), ("ffff", "no alert")])
async def test_an_id_must_tell_alerts_apart(tmp_path, capsys, monkeypatch, start, said):
    monkeypatch.chdir(tmp_path)
    async with serving(tmp_path) as (daemon, _, port):
        assert await asyncio.to_thread(main, ["alerts", "ack", start, "--url", f"http://127.0.0.1:{port}"]) == 1
        assert said in capsys.readouterr().err
        assert (
            await asyncio.to_thread(
                main, ["alerts", "ack", f"{3:016x}"[:-1] + "3", "--url", f"http://127.0.0.1:{port}"]
            )
            == 0
        )
        assert daemon.store.acks.of(dataclasses.replace(alert(3), level="HIGH")) is not None
