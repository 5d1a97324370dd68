"""Silences and feedback: what is held back, what is told all the same, and that it survives."""

import asyncio
import dataclasses
import json
import os
import random
import shlex
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from alogd.cli import alerts, feedback, silence
from alogd.cli.main import main
from alogd.clock import SystemClock
from alogd.feedback.mute import MAX_MUTES, Mute, Mutes, matchers_of
from alogd.sinks.base import build
from alogd.sinks.outlets import Outlets
from alogd.state.database import Snapshot, State
from alogd.state.store import Store
from tests.alerts import alert
from tests.http_face import raw, serving

NOW = 1_700_438_400.0  # Monday 2023-11-20 00:00 UTC
HOUR = 3600.0


def mute(*matchers, **changes):
    values = {"id": "0" * 16, "matchers": matchers or ("stream=sshd",), "begins": NOW, "ends": NOW + 2 * HOUR}
    one = Mute(**(values | changes))
    one.check()
    return one


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [
        ("stream=sshd", True),
        ("stream=ssh", False),
        ("stream!=sshd", False),
        ("stream=~ss.*", True),
        ("stream=~ss", False),  # a pattern fits the whole value
        ("stream!~ss.*", False),
        ("level=~HIGH|CRITICAL", True),
        ("source=/var/log/auth.log", True),
        ("template=0123456789abcdef", True),
        ("template!=0123456789abcdef", False),
        ("title=incident 1", True),
        ("host=web1", False),
        ("host!=web1", True),
    ],
)
def test_matchers(matcher, holds):
    assert mute(matcher).holds(alert()) is holds
    assert not mute(matcher, "stream=other").holds(alert())  # all of them


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "stream",
        "address=a",
        "stream=",
        "stream=~(a",
        "stream=~(?=a)b",
        "title=" + "x" * 600,
        "stream=~a(?:(?:(?:){255}){255}){255}",
    ],
)
def test_what_is_no_matcher_is_refused(bad):
    with pytest.raises(ValueError, match=r"\S"):
        mute(bad)


def test_what_patterns_may_cost_together_is_bounded():
    costly = "title=~(?:[a-z]{1,40}-){1,16}x"  # less than two thirds of what all may take
    mute(costly)
    with pytest.raises(ValueError, match="steps of work"):
        mute(*[costly] * 16)


def test_an_alternative_that_begins_anywhere_costs_one_walk():
    """Read as it is written between ^ and $, the last part of this would be tried from each place of a title."""
    one = mute("title=~x)|(?:[^q]*q")
    other = dataclasses.replace(alert(), title="a" * 400)
    assert len(steps_of(lambda: one.holds(other))) < 20_000  # each place: 400,000
    assert not one.holds(other)
    assert one.holds(dataclasses.replace(other, title="a" * 399 + "q"))


def steps_of(job):
    """The lines of Python that a job runs."""
    lines = []
    sys.settrace(lambda _frame, _event, _arg: lambda _frame, event, _arg: lines.append(event))
    try:
        job()
    finally:
        sys.settrace(None)
    return lines


@pytest.mark.parametrize("begins", [-1e17, -1.0, 253_402_214_400.0, 1e17])
def test_moments_that_no_calendar_shows_are_refused(begins):
    with pytest.raises(ValueError, match="1970 and 9999"):
        mute(begins=begins, ends=begins + 1e6)


def test_a_template_nobody_spoke_of_is_news():
    other = dataclasses.replace(alert().templates[0], fingerprint="f" * 16)
    both = alert(templates=[*alert().templates, other])
    assert mute("template=0123456789abcdef").holds(alert())
    assert not mute("template=0123456789abcdef").holds(both)


def test_weekly_by_day_hours_and_zone():
    night = mute(days=("mon",), hours="22:00-06:00", ends=NOW + 30 * 86400)
    on = [hour for hour in range(48) if night.is_on(NOW + hour * HOUR)]
    assert on == [*range(22, 30)]  # the night belongs to the day it begins on
    berlin = mute(hours="02:00-04:00", timezone="Europe/Berlin", ends=NOW + 86400)
    assert [hour for hour in range(24) if berlin.is_on(NOW + hour * HOUR)] == [1, 2]
    with pytest.raises(ValueError, match="time zone"):
        mute(timezone="Mars/Olympus")


def test_who_was_told_of_the_beginning_is_told_of_the_end():
    mutes = Mutes((mute(),))
    assert mutes.keeps(alert(1), NOW)
    assert mutes.keeps(alert(1, status="resolved"), NOW + 3 * HOUR)  # nobody knew of it
    assert mutes.keeps(alert(2, windows=8), NOW)  # it was told before the silence
    assert not mutes.keeps(alert(2, status="resolved"), NOW)
    assert not mutes.keeps(alert(1, windows=8), NOW + 3 * HOUR)  # over, and it goes on
    assert not mutes.keeps(alert(1, status="resolved"), NOW + 3 * HOUR)


def test_expected_is_about_no_more_than_was_judged():
    one = alert(level="MEDIUM")
    here = mute(*matchers_of(one, "here"))
    assert here.holds(one)
    assert here.holds(alert(7, level="LOW"))
    assert not here.holds(alert(level="HIGH"))
    assert not here.holds(alert(level="LOW", stream="web"))
    assert not here.holds(alert(level="LOW", key="cron"))
    assert mute(*matchers_of(one, "template")).holds(alert(level="LOW", stream="web"))


def test_expected_on_a_host_is_about_no_other():
    one = alert(hosts=("db-1.example", "10.0.0.7"))
    there = mute(*matchers_of(one, "host"))
    assert there.holds(alert(stream="web", key="cron", hosts=("db-1.example",)))
    assert not there.holds(alert(hosts=("db-1xexample",)))
    assert not there.holds(alert(hosts=("db-1.example", "db-2.example")))  # one nobody spoke of
    assert not there.holds(alert())
    with pytest.raises(ValueError, match="names its host"):
        matchers_of(alert(), "host")


def test_they_are_bounded_and_those_that_are_over_make_room():
    mutes = Mutes()
    for _ in range(MAX_MUTES):
        mutes.mutes = mutes.with_added(mute(), NOW)
    with pytest.raises(ValueError, match="already"):
        mutes.with_added(mute(), NOW)
    assert len(mutes.with_added(mute(begins=NOW + 9 * HOUR, ends=NOW + 10 * HOUR), NOW + 9 * HOUR)) == MAX_MUTES


def test_they_survive(tmp_path):
    state = State(tmp_path)
    assert state.set_mutes(lambda mutes: mutes.with_added(mute(), NOW))
    state.commit([Snapshot("sshd", 1, alerts=[alert()])], lambda one: ["log"] * (not state.mutes.keeps(one, NOW)))
    assert state.queued("log", 9) == []
    assert state.alert(alert().id) == alert()  # it is kept all the same
    state._db.close()  # as after a kill: nothing is written on the way out
    os.close(state._lock)
    again = State(tmp_path)
    assert again.mutes.mutes == (mute(),)
    assert again.mutes.held == state.mutes.held != {}
    again.close()


async def test_what_a_silence_held_back_is_told_when_it_ends_while_it_fires(tmp_path):
    store, clock = Store(), type("Clock", (), {"time": lambda self: self.now, "now": NOW})()
    await store.open(str(tmp_path))
    outlets = Outlets(store, clock, random.Random(1))
    outlets.ways = [type("Way", (), {"sink": build({"kind": "log", "max_age": None}), "outcomes": Counter()})()]
    await store.route(["log"], outlets._sinks_of)
    await store.set_mutes(lambda mutes: mutes.with_added(mute(), NOW))
    over = alert(2, status="resolved", at=9)
    assert await store.commit([Snapshot("sshd", 1, alerts=[alert(1), alert(2), over])])
    assert await store.queued("log", 9, 0) == []
    assert outlets.ways[0].outcomes["silenced"] == 3
    assert await store.still_firing(9) == []  # not re-sent either
    assert await store.release(NOW) == 0
    clock.now = NOW + 2 * HOUR
    assert await store.release(clock.now) == 1
    assert await store.release(clock.now) == 0
    assert [one.alert.id for one in await store.queued("log", 9, 0)] == [alert(1).id]
    await store.close()


def post(path, body, *headers, method="POST"):
    lines = [f"{method} /api/v1/{path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body).encode()


JSON = "Content-Type: application/json"


async def test_only_this_host_may_silence_and_only_in_json(tmp_path):
    wish = '{"matchers":["stream=sshd"],"ends":9999999999}'
    async with serving(tmp_path) as (daemon, _, port):
        assert b" 415 " in await raw(port, post("silences", wish))
        assert b" 403 " in await raw(port, post("silences", wish, JSON, "Origin: http://evil.example"))
        assert b" 403 " in await raw(port, post("silences", wish, JSON, "Sec-Fetch-Site: cross-site"))
        assert b" 421 " in await raw(port, post("silences", wish, JSON).replace(b"localhost", b"evil.example"))
        assert b" 400 " in await raw(port, post("silences", wish, JSON))  # for more than ten years
        assert b" 400 " in await raw(port, post("silences", '{"matchers":[],"ends":1}', JSON))
        assert b" 404 " in await raw(port, post("silences/0000000000000000", "", method="DELETE"))
        assert daemon.store.mutes.mutes == ()


def run(command, url, *words):
    name = command.__name__.rpartition(".")[2]
    return main([name, words[0], "--url", url, "--by", "ann", *words[1:]] if words else [name])


async def test_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with serving(tmp_path) as (daemon, _, port):

        async def say(command, *words):
            await asyncio.to_thread(run, command, f"http://127.0.0.1:{port}", *words)
            return capsys.readouterr().out

        number = (await say(silence, "add", "stream=web", "--for", "2h", "--why", "release")).strip()
        assert (await say(silence, "list")).count(number) == 1
        assert not daemon.store.mutes.keeps(alert(1), daemon.store.mutes.mutes[0].begins)
        await say(silence, "expire", number)
        assert "undone" in await say(silence, "list")

        judged = (await say(feedback, "add", alert(3).id, "expected", "--why", "import")).strip()
        assert daemon.store.mutes.keeps(alert(3, level="HIGH"), daemon.store.mutes.mutes[1].begins)
        [told] = [msgspec.json.decode(line) for line in (await say(feedback, "export")).splitlines()]
        assert (told["id"], told["by"], told["why"], told["alert"]) == (judged, "ann", "import", alert(3).id)
        await say(feedback, "undo", judged)
        assert [one.undone_by for one in daemon.store.mutes.mutes] == ["ann", "ann"]
        assert not daemon.store.mutes.keeps(alert(4, level="HIGH"), daemon.store.mutes.mutes[1].undone)

        real = (await say(feedback, "real", alert(3).id, "--until", "30d", "--comment", "outage")).strip()
        assert (await say(feedback, "list")).count(real) == 1
        one = daemon.store.mutes.mutes[2]
        assert (one.kind, one.why, one.ends - one.begins) == ("real", "outage", pytest.approx(30 * 86400, abs=60))
        assert daemon.store.said("sshd", SystemClock()).real == (one.pattern,)
        assert daemon.store.said("web", SystemClock()).real == ()
        await say(feedback, "undo", real)
        assert daemon.store.said("sshd", SystemClock()).real == ()
        lasts = alert(9, is_lasting=True)
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[lasts])])
        await say(feedback, "expected", alert(4).id)  # it did not ask
        assert daemon.store.said("sshd", SystemClock()).normal == ()
        await say(feedback, "expected", lasts.id)
        assert daemon.store.said("sshd", SystemClock()).normal == (lasts.id,)

        named = alert(5, id="abc0123456789def")
        await daemon.store.commit([Snapshot("sshd", 2, alerts=[named])])
        await say(feedback, "expected", named.id[:12])  # as lists show it
        assert daemon.store.mutes.mutes[-1].alert == named.id
        everywhere = (await say(feedback, "real", alert(3).id, "--scope", "template")).strip()
        assert [one.alert for one in daemon.store.said("web", SystemClock()).real] == [alert(3).id]
        assert everywhere == daemon.store.mutes.mutes[-1].id


async def test_a_silence_made_of_an_alert(tmp_path):
    ends = time.time() + HOUR
    async with serving(tmp_path) as (daemon, _, port):

        async def add(**wish):
            return await raw(port, post("silences", json.dumps({"ends": ends, **wish}), JSON))

        assert b" 201 " in await add(alert=alert(3).id)
        assert b" 201 " in await add(alert=alert(3).id, scope="stream")
        pattern, stream = daemon.store.mutes.mutes
        other = dataclasses.replace(alert().templates[0], fingerprint="f" * 16)
        assert (pattern.alert, pattern.title) == (alert(3).id, (await daemon.store.alert(alert(3).id)).title)
        assert pattern.holds(alert(9, level="CRITICAL", key="cron"))
        assert not pattern.holds(alert(9, templates=[other]))
        assert not pattern.holds(alert(9, stream="web"))
        assert stream.holds(alert(9, templates=[other]))
        assert not stream.holds(alert(9, stream="web"))
        assert b" 404 " in await add(alert="none")
        assert b" 400 " in await add()
        assert b" 400 " in await add(alert=alert(3).id, matchers=["stream=a"])


async def test_the_commands_of_the_guide(tmp_path, capsys, monkeypatch):
    guide = (Path(__file__).parents[1] / "docs/feedback.md").read_text()
    lines = [line[2:] for line in guide.splitlines() if line.startswith("$ alogd ")]
    assert len(lines) == 15
    monkeypatch.chdir(tmp_path)
    said = ""
    async with serving(tmp_path) as (daemon, _, port):
        for line in lines:
            _, name, *words = shlex.split(line)
            words = [{"ALERT": alert(3).id, "ID": said}.get(word, word) for word in words]
            command = {"silence": silence, "feedback": feedback, "alerts": alerts}[name]
            if name == "alerts" and words[0] not in ("ack", "acks"):  # reads the state
                assert await asyncio.to_thread(main, [name, *words, "--state", str(tmp_path / "state")]) == 0
            else:
                assert await asyncio.to_thread(run, command, f"http://127.0.0.1:{port}", *words) == 0
            out = capsys.readouterr().out.strip()
            said = out if words[0] in ("add", "expected", "real") else said
        states = [one.undone is not None for one in daemon.store.mutes.mutes]
        assert [one.undone_by for one in daemon.store.acks.entries] == ["ann"]
    # What is real ends what was expected; `ID` is the last one said.
    assert states == [False, False, False, True, True, True, True]
