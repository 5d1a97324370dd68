"""The state file: one transaction, nothing half-written, damage set aside, bounds kept."""

import dataclasses
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from alogd.alerts.filter import AlertFilter
from alogd.state.database import Limits, Reader, Snapshot, SourceRow, State, StateUnusable
from tests.alerts import SECOND, START, alert

ROOT = Path(__file__).parents[1]
ROWS = (
    SourceRow("file#0", "8:1", 1, "/var/log/auth.log", {"offset": 512, "mark": "ab"}),
    SourceRow("stdin#0", "stdin", 2, "stdin", {}),
)
PARTS = {"engine": b"\x00\xff" * 5000, "windows": b""}
SNAPSHOT = Snapshot("sshd", 3, ROWS, PARTS)


def everywhere(_alert):
    return ["log", "hook"]


@pytest.fixture
def state(tmp_path):
    with_lock = State(tmp_path)
    yield with_lock
    with_lock.close()


def test_a_stream_comes_back_as_it_was_committed(tmp_path):
    state = State(tmp_path)
    assert state.load("sshd") is None
    state.commit([dataclasses.replace(SNAPSHOT, alerts=[alert(1)])], everywhere)
    state.close()
    state = State(tmp_path)
    assert state.load("sshd") == SNAPSHOT
    assert state.alert(alert(1).id) == alert(1)
    assert state.streams() == ["sshd"]
    assert not state.recovered
    state.close()


def test_a_later_snapshot_replaces_the_earlier_one_whole(state):
    state.commit([SNAPSHOT], everywhere)
    later = Snapshot("sshd", 9, ROWS[:1], {"engine": b"new"})
    state.commit([later], everywhere)
    assert state.load("sshd") == later


def test_parts_that_did_not_change_are_not_written_again(state):
    state.commit([SNAPSHOT], everywhere)
    rowids = "SELECT name, rowid FROM part ORDER BY name"  # a row that is written again gets a new one
    before = dict(state._db.execute(rowids))
    state.commit([dataclasses.replace(SNAPSHOT, parts={**PARTS, "windows": b"moved"})], everywhere)
    after = dict(state._db.execute(rowids))
    assert before["engine"] == after["engine"]
    assert before["windows"] != after["windows"]
    assert state.load("sshd").parts["windows"] == b"moved"


def test_streams_do_not_touch_each_other(state):
    state.commit([SNAPSHOT, dataclasses.replace(SNAPSHOT, stream="nginx")], everywhere)
    state.commit([Snapshot("nginx", 1)], everywhere)
    assert state.load("sshd") == SNAPSHOT
    assert state.load("nginx") == Snapshot("nginx", 1)


def test_a_commit_that_fails_changes_nothing_and_can_be_tried_again(state):
    state.commit([SNAPSHOT], everywhere)
    pages = state._db.execute("PRAGMA page_count").fetchone()[0]
    state._db.execute(f"PRAGMA max_page_count = {pages + 3}")
    big = dataclasses.replace(SNAPSHOT, next_id=8, parts={"engine": os.urandom(1 << 20)}, alerts=[alert(1)])
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            state.commit([big], everywhere)
    assert state.load("sshd") == SNAPSHOT
    assert state.alerts() == []
    assert state.queue_lengths() == {}
    state._db.execute("PRAGMA max_page_count = 100000")
    state.commit([big], everywhere)
    assert state.load("sshd").parts == big.parts
    assert [moment.alert for moment in state.queued("log", 10)] == [alert(1)]


def test_the_outbox_keeps_order_until_delivery(state):
    moments = [alert(1, at=1), alert(2, at=2), alert(1, at=3, windows=2), alert(1, at=4, windows=2, status="resolved")]
    state.commit([Snapshot("sshd", 1, alerts=moments)], everywhere)
    queued = state.queued("hook", 10)
    assert [moment.alert for moment in queued] == moments
    state.done([queued[0].seq, queued[1].seq])
    assert [moment.alert for moment in state.queued("hook", 10)] == moments[2:]
    assert state.queue_lengths() == {"hook": 2, "log": 4}


def test_what_is_known_of_an_incident_is_not_sent_again(state):
    final = alert(1, at=9, windows=4, status="resolved")
    state.commit([Snapshot("sshd", 1, alerts=[final])], everywhere)
    state.done([moment.seq for sink in ("log", "hook") for moment in state.queued(sink, 10)])
    state.forget("sshd", "damaged", "test")
    assert state.commit([Snapshot("sshd", 1, alerts=[alert(1, at=1), final])], everywhere) == 0
    assert state.alert(final.id) == final
    assert state.commit([Snapshot("sshd", 1, alerts=[alert(1, at=10, windows=5)])], everywhere) == 2


def test_bounds_of_history_and_outbox(tmp_path):
    state = State(tmp_path, Limits(history_rows=5, outbox_rows=3))
    for number in range(20):
        state.commit([Snapshot("sshd", 1, alerts=[alert(number)])], everywhere)
    assert [one.title for one in state.alerts()] == [f"incident {n}" for n in range(19, 14, -1)]
    assert [moment.alert.title for moment in state.queued("log", 10)] == [f"incident {n}" for n in range(17, 20)]
    assert state.dropped == {("log", "queue_full"): 17, ("hook", "queue_full"): 17}
    state.close()


def test_old_alerts_leave_the_history(tmp_path):
    state = State(tmp_path, Limits(history_age=-1))
    state.commit([Snapshot("sshd", 1, alerts=[alert(1)])], everywhere)
    assert state.alerts() == []
    assert len(state.queued("log", 10)) == 1
    state.close()


def test_filters(state):
    alerts = [
        alert(1, at=1, stream="nginx", level="LOW"),
        alert(2, at=2, status="resolved", resolved_ns=START),
        alert(3, at=3),
        alert(4, at=3, level="HIGH"),
    ]
    state.commit([Snapshot("sshd", 1, alerts=alerts)], everywhere)

    def found(**wanted):
        return [int(one.id, 16) for one in state.alerts(AlertFilter(**wanted))]

    assert found() == [3, 4, 2, 1]
    assert found(stream="nginx") == [1]
    assert found(status="resolved") == [2]
    assert found(status="firing") == [3, 4, 1]
    assert found(min_level="HIGH") == [3, 4, 2]
    assert found(since_ns=START + 2 * SECOND) == [3, 4, 2]
    assert found(limit=2) == [3, 4]
    assert found(before=(START + 3 * SECOND, alert(3).id)) == [4, 2, 1]


def test_sinks_that_are_gone_do_not_keep_alerts(state):
    state.commit([Snapshot("sshd", 1, alerts=[alert(1)])], everywhere)
    state.drop_other_sinks(["log"])
    assert state.queue_lengths() == {"log": 1}
    assert "hook" in state.notes[-1]


def test_a_reader_beside_the_daemon(state, tmp_path):
    state.commit([dataclasses.replace(SNAPSHOT, alerts=[alert(1)])], everywhere)
    reader = Reader.open(tmp_path)
    assert reader.alerts() == [alert(1)]
    assert reader.parts("sshd") == PARTS
    with pytest.raises(sqlite3.OperationalError):
        reader._db.execute("DELETE FROM alert")
    reader.close()
    with pytest.raises(StateUnusable, match="there is no state"):
        Reader.open(tmp_path / "elsewhere")


def committed(directory):
    state = State(directory)
    state.commit([dataclasses.replace(SNAPSHOT, alerts=[alert(1)])], everywhere)
    state.close()
    return directory / "state.db"


def test_a_failed_start_lets_go_of_the_lock(tmp_path):
    path = committed(tmp_path)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    for _ in range(2):
        with pytest.raises(StateUnusable, match="newer"):
            State(tmp_path)


# C1: the transaction under kill -9

KILLED = """
import os, sys
from alogd.state.database import Snapshot, SourceRow, State
from tests.alerts import alert
state = State(sys.argv[1])
for n in range(1, 100000):
    rows = [SourceRow("file#0", "a", 1, "a", {"offset": n})]
    state.commit([Snapshot("s", n, rows, {"engine": b"%d " % n * 2000}, [alert(n)])], lambda a: ["log"])
    print(n, flush=True)
"""


def test_a_kill_leaves_one_whole_moment(tmp_path):
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        said = [int(process.stdout.readline()) for _ in range(20)][-1]
        process.kill()
        rest = process.stdout.read().split()
        process.wait()
        state = State(tmp_path)
        snapshot = state.load("s")
        n = snapshot.next_id
        assert n >= int(rest[-1] if rest else said)
        assert snapshot.sources[0].position == {"offset": n}
        assert snapshot.parts == {"engine": b"%d " % n * 2000}
        assert [int(one.id, 16) for one in state.alerts(AlertFilter(limit=10_000))] == list(range(n, 0, -1))
        assert len(state.queued("log", 10_000)) == n
        state.close()
        for file in tmp_path.iterdir():
            file.unlink()
