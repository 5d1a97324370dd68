"""One incident per cause across streams: what belongs together, who is told of it, through kills and replays."""

import dataclasses
import os
import random
from collections import Counter

import pytest

from alogd.alerts.across import EVERYBODY, MAX_GROUPS, MAX_PARTS, Across, together
from alogd.cli.main import main
from alogd.event import Alert, TemplateEvidence
from alogd.feedback.mute import Mute
from alogd.sinks.base import build
from alogd.sinks.outlets import Outlets
from alogd.state.database import Snapshot, State
from alogd.state.own import digest
from alogd.state.store import Store
from tests.alerts import SECOND, START, alert

WITHIN = 300 * SECOND


def says(text: str) -> list[TemplateEvidence]:
    return [TemplateEvidence(text, f"{hash(text) & (1 << 64) - 1:016x}", True, 3, 0, 1.0)]


REFUSED = says("ERROR connection to database <IP> refused")
TOO = says("WARN pool: connection to database refused")  # as another stream words it
DISK = says("filesystem <*> has no space left")


def of(number: int, stream: str, at: float = 0.0, level: str = "HIGH", **changes: object) -> Alert:
    """An incident's first moment, a window of ten seconds that closes at `at`."""
    moment = START + round(at * SECOND)
    risk = {"CRITICAL": 90.0, "HIGH": 70.0, "MEDIUM": 50.0}[level]
    values = {"stream": stream, "level": level, "risk": risk, "opened_ns": moment - 10 * SECOND, "updated_ns": moment}
    return dataclasses.replace(
        alert(number), **(values | {"templates": says(f"nothing like number{'x' * number} {stream}")} | changes)
    )


def over(one: Alert, at: float = 900.0) -> Alert:
    return dataclasses.replace(one, status="resolved", resolved_ns=START + round(at * SECOND))


def taken(*alerts: Alert) -> list[str]:
    across = Across(WITHIN)
    return [across.take(one).alert.cause for one in alerts]


def test_alike_templates_close_in_time_have_one_cause() -> None:
    db, web = of(1, "db", templates=REFUSED), of(2, "web", 60, templates=TOO)
    assert taken(db, web) == ["", db.id]
    assert taken(db, of(2, "web", 60, templates=DISK)) == ["", ""]
    assert taken(db, of(2, "web", 400, templates=TOO)) == ["", ""]  # too late
    assert taken(db, of(2, "db", 60, templates=TOO)) == ["", ""]  # its own stream has joined what it wants to
    assert taken(db, over(db), of(2, "web", 950, templates=TOO)) == ["", "", ""]


def test_a_shared_host_is_one_cause() -> None:
    assert taken(of(1, "db", hosts=("n1", "n2")), of(2, "web", 60, hosts=("n2",))) == ["", f"{1:016x}"]
    assert taken(of(1, "db", hosts=("n1",)), of(2, "web", 60, hosts=("n2",))) == ["", ""]


def test_many_that_fail_at_once_are_one_unless_critical() -> None:
    first, second = of(1, "db"), of(2, "web", 60)
    assert taken(first, second, of(3, "mail", 100)) == ["", "", first.id]
    assert taken(first, second, of(3, "mail", 100, "CRITICAL")) == ["", "", ""]
    assert taken(first, of(2, "db", 60), of(3, "mail", 100)) == ["", "", ""]  # two streams are no crowd


def test_a_cascade_is_one_cause_and_does_not_go_on_for_ever() -> None:
    cascade = [of(n, f"s{n}", 250.0 * n, templates=REFUSED) for n in range(6)]
    assert taken(*cascade) == ["", *[cascade[0].id] * 3, "", cascade[4].id]


def test_the_root_tells_of_the_others_and_ends_with_the_last() -> None:
    across = Across(WITHIN)
    db, web = of(1, "db", templates=REFUSED), of(2, "web", 60, "CRITICAL", templates=TOO)
    across.take(db)
    group = across.take(web).group
    assert group is not None
    told = group.told_of(db)
    assert [(one.stream, one.id, one.level) for one in told.also] == [("web", web.id, "CRITICAL")]
    assert (told.level, told.risk, told.anomaly) == ("CRITICAL", 90.0, db.anomaly)  # as bad as the worst of them
    more = dataclasses.replace(db, windows=2, updated_ns=START + 90 * SECOND)
    assert across.take(more).alert.also == told.also
    still = across.take(over(more, 900)).alert
    assert (still.status, still.resolved_ns) == ("firing", None)
    assert across.take(dataclasses.replace(web, windows=2, updated_ns=START + 99 * SECOND)).group is None  # no news
    last = across.take(over(web, 960))
    assert last.alert.cause == db.id
    assert last.group is not None
    end = last.group.told_of(still)
    assert (end.status, end.resolved_ns) == ("resolved", START + 960 * SECOND)


def test_another_of_a_stream_that_is_named_is_no_news_unless_worse() -> None:
    across = Across(WITHIN)
    across.take(of(1, "db", templates=REFUSED))
    assert across.take(of(2, "web", 10, templates=TOO)).group is not None
    assert across.take(of(3, "web", 20, templates=TOO)).group is None
    assert across.take(of(4, "web", 30, "CRITICAL", templates=TOO)).group is not None


def test_it_is_bounded_and_survives_its_json() -> None:
    across = Across(WITHIN)
    for number in range(MAX_PARTS + 1):
        cause = across.take(of(number, f"s{number}", number, templates=REFUSED)).alert.cause
        assert cause == ("" if number in (0, MAX_PARTS) else f"{0:016x}")
    for number in range(100, 100 + MAX_GROUPS):
        across.take(of(number, f"s{number}", 9999 * number))
    again = Across.load(across.save())
    assert again.save() == across.save()
    assert across.take(of(1, "s1", 999, windows=9), is_known=True).alert.cause == ""  # its group made room
    for bad in (b"[{}]", b'[{"parts":[]}]', b"{"):
        with pytest.raises(ValueError, match=r"bounds|JSON|Expected|missing"):
            Across.load(bad)


def test_switched_off_each_stands_alone() -> None:
    across = Across(0)
    assert [
        across.take(one).alert.cause for one in (of(1, "db", templates=REFUSED), of(2, "web", templates=REFUSED))
    ] == ["", ""]
    assert across.save() == b"[]"


def test_a_replay_tells_the_same_in_whatever_order_streams_were_read() -> None:
    db, web = of(1, "db", templates=REFUSED), of(2, "web", 60, templates=TOO)
    moments = [[db, over(db, 900)], [web, over(web, 960)]]
    forth, back = together(moments, WITHIN), together(moments[::-1], WITHIN)
    assert forth == back[::-1]
    assert [(one.status, len(one.also)) for one in forth[0]] == [
        ("firing", 0),
        ("firing", 1),
        ("firing", 1),
        ("resolved", 1),
    ]
    assert [one.cause for one in forth[1]] == [db.id, db.id]
    assert together(moments, 0) == moments


# -- where it is kept and told


def snapshots(*alerts: Alert) -> list[Snapshot]:
    return [Snapshot(name, 1, alerts=[one for one in alerts if one.stream == name]) for name in ("db", "mail", "web")]


def opened(path) -> State:
    state = State(path)
    state.across.within_ns = WITHIN
    return state


DB, WEB = of(1, "db", templates=REFUSED), of(2, "web", 60, templates=TOO)


def test_it_is_decided_with_the_commit_and_known_after_a_kill(tmp_path):
    state = opened(tmp_path)
    state.commit(snapshots(WEB, DB), lambda _: ["log"])  # by log time, whatever the order of the streams
    assert [(one.alert.id, len(one.alert.also)) for one in state.queued("log", 9)] == [
        (DB.id, 0),
        (WEB.id, 0),
        (DB.id, 1),
    ]
    assert state.retold == [DB.id]
    state._db.close()  # as after a kill
    os.close(state._lock)
    again = opened(tmp_path)
    assert again.alert(DB.id).also[0].id == WEB.id
    again.commit(snapshots(over(DB), WEB), lambda _: [])  # WEB a second time: read again, and nothing new
    assert (again.alert(DB.id).status, again.alert(WEB.id).cause) == ("firing", DB.id)
    again.commit(snapshots(over(WEB, 960)), lambda _: [])
    assert (again.alert(DB.id).status, again.alert(DB.id).resolved_ns) == ("resolved", START + 960 * SECOND)
    bad = b'[{"parts":1}]'
    again._db.execute("UPDATE part SET data = ?, digest = ? WHERE name = 'across'", (bad, digest(bad)))
    again.close()
    third = opened(tmp_path)
    assert any("several streams begin anew" in note for note in third.notes)
    third.close()


def test_a_commit_that_fails_changes_nothing(tmp_path):
    state = opened(tmp_path)
    state.commit(snapshots(DB), lambda _: [])
    before = state.across.save()

    def fails(_alert):
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        state.commit(snapshots(WEB), fails)
    assert state.across.save() == before
    assert state.alert(WEB.id) is None
    state.close()


def test_a_stream_that_is_gone_is_not_waited_for(tmp_path):
    state = opened(tmp_path)
    state.commit(snapshots(DB, WEB, over(DB)), lambda _: ["log"])
    assert state.alert(DB.id).status == "firing"
    state.go_on_with(["db", "mail"], lambda _: ["log"])
    assert state.alert(DB.id).status == "resolved"
    assert state.queued("log", 9)[-1].alert.status == "resolved"
    state.close()


SINKS = {
    "chat": {"kind": "slack", "url": "http://127.0.0.1:1/"},
    "ours": {"kind": "slack", "url": "http://127.0.0.1:1/", "when": {"streams": ["web"]}},  # hears nothing of db
    "record": {"kind": "jsonl", "path": "x"},
    "am": {"kind": "alertmanager", "urls": ["http://127.0.0.1:1"]},
}


@pytest.fixture
async def told(tmp_path):
    """told(*moments): how many moments wait for each sink after these; told.store, told.ways."""
    store = Store()
    await store.open(str(tmp_path))
    outlets = Outlets(store, type("Clock", (), {"time": lambda _self: START / 1e9})(), random.Random(1))
    outlets.ways = [
        type("Way", (), {"sink": build({**entry, "name": name}), "outcomes": Counter()})()
        for name, entry in SINKS.items()
    ]
    await store.route(list(SINKS), outlets._sinks_of)
    store.state.across.within_ns = WITHIN

    async def waiting(*moments):
        assert await store.commit(snapshots(*moments))
        return {name: [one.alert.id[-1] for one in await store.queued(name, 99, 0)] for name in SINKS}

    waiting.store, waiting.ways = store, {way.sink.name: way for way in outlets.ways}
    yield waiting
    for way in outlets.ways:
        await way.sink.sink.close()
    await store.close()


async def test_who_is_told_of_the_root_is_told_of_the_others_by_it(told):
    assert await told(DB) == {"chat": ["1"], "ours": [], "record": ["1"], "am": ["1"]}
    at = told.store.changes
    assert await told(WEB) == {"chat": ["1", "1"], "ours": ["2"], "record": ["1", "2", "1"], "am": ["1", "1"]}
    assert told.store.changed_since(at) == [WEB.id, DB.id]  # the page looks at both
    assert told.ways["chat"].outcomes["grouped"] == 1
    ended = await told(over(WEB, 900))
    assert ended["chat"] == ["1", "1"]  # whoever was not told of its beginning is not told of its end
    assert ended["ours"] == ["2", "2"]
    assert (await told(over(DB, 960)))["chat"] == ["1", "1", "1"]


async def test_a_root_that_is_held_back_hides_nothing(told):
    now = START / 1e9
    told.store.mutes.mutes = (Mute(id="0" * 16, matchers=("stream=db",), begins=now - 9, ends=now + 9),)
    assert (await told(DB))["chat"] == []
    assert (await told(WEB))["chat"] == ["2"]
    told.store.mutes.mutes = ()
    told.store.mutes.held.clear()
    assert (await told(over(WEB)))["chat"] == ["2", "2"]  # told by itself, and so to its end


async def test_what_was_handed_over_while_the_disk_was_full_is_told_to_its_end(told):
    await told(DB)
    told.store._strand(snapshots(WEB))
    for name in SINKS:
        told.store.unstrand(name, [WEB])
    assert (await told(WEB))["chat"] == ["1", "1"]  # not a second time
    assert EVERYBODY in told.store.state.across.apart(WEB.id)
    assert (await told(over(WEB)))["chat"] == ["1", "1", "2"]


def test_lists_show_the_others_below_their_root(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    api, batch = of(3, "api", 150, templates=TOO), of(4, "batch", 30, templates=DISK)
    state = opened(tmp_path)
    state.commit([Snapshot(one.stream, 1, alerts=[one]) for one in (DB, WEB, api, batch)], lambda _: [])
    state.close()
    assert main(["alerts", "list", "--state", str(tmp_path), "--no-color"]) == 0
    titles = [line.partition(f"{0:010x}")[2].split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert titles == ["incident 1 [also in web, api]", "+ incident 2", "+ incident 3", "incident 4"]
    assert main(["alerts", "show", api.id, "--state", str(tmp_path), "--no-color"]) == 0
    shown = capsys.readouterr().out
    assert f"began in db: HIGH incident 1  ({DB.id})" in shown
    assert f"also in web: HIGH incident 2  ({WEB.id})" in shown
    assert "incident 3  (" not in shown  # itself
    assert main(["alerts", "list", "--state", str(tmp_path), "--no-color", "--stream", "api"]) == 0
    assert f"incident 3 [with {DB.id[:12]}]" in capsys.readouterr().out


def test_a_narrow_terminal_is_for_what_happened(tmp_path, capsys, monkeypatch):
    state = opened(tmp_path)
    state.commit([Snapshot("db", 1, alerts=[DB])], lambda _: [])
    state.close()
    for columns, shown in ((80, DB.id[:8]), (200, DB.id[:12])):
        monkeypatch.setattr("alogd.cli.alerts.width", lambda columns=columns: columns)
        monkeypatch.setattr("alogd.cli.output.width", lambda columns=columns: columns)
        assert main(["alerts", "list", "--state", str(tmp_path), "--no-color"]) == 0
        heads, line = capsys.readouterr().out.splitlines()
        assert line.endswith(f" {shown}  incident 1")
        assert ("risk" in heads) == (columns == 200)
        assert columns - line.index("incident 1") >= 24  # room for the beginning of a title
