"""C4-C6: the state file is damaged, of a newer version, or has leftovers beside it. Nothing wrong is taken over."""

from __future__ import annotations

import dataclasses
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from alogd.state.database import Snapshot, State, StateUnusable
from tests.alerts import alert
from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.test_state import PARTS, SNAPSHOT, committed, everywhere

SMALL = dataclasses.replace(SNAPSHOT, parts={"engine": b"learned", "windows": b""}, alerts=[alert(1)])
SHRINK = "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM; PRAGMA journal_mode = WAL"
HEADER = 100  # bytes; SQLite may have changed them before it saw the damage further on


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: thousands of starts need no fsync."""
    shared = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="fault-", dir=shared if shared.is_dir() else tmp_path))
    yield place
    shutil.rmtree(place)


def small(directory: Path) -> bytes:
    """The bytes of a state of one stream and one alert, in the smallest pages there are."""
    state = State(directory)
    state.commit([SMALL], everywhere)
    state.close()
    path = directory / "state.db"
    with sqlite3.connect(path) as shrunk:
        for statement in SHRINK.split(";"):
            shrunk.execute(statement)
    shrunk.close()
    return path.read_bytes()


def lay(directory: Path, data: bytes) -> None:
    for file in directory.glob("state.db*"):
        file.unlink()
    (directory / "state.db").write_bytes(data)


def take(directory: Path, damaged: bytes, *, then_commit: bool = True) -> str:
    """Start on a damaged file: "newer" (refused), "whole", or the one reason it was counted for."""
    lay(directory, damaged)
    try:
        state = State(directory)
    except StateUnusable as error:
        assert "newer alogd" in str(error), error  # the damage was in the version  # noqa: PT017
        assert (directory / "state.db").read_bytes() == damaged
        return "newer"
    try:
        found = state.load("sshd")
        assert found in (None, dataclasses.replace(SMALL, alerts=())), "something else was taken over"
        assert state.alert(alert(1).id) in (None, alert(1))
        assert all(moment.alert in (None, alert(1)) for moment in state.queued("log", 5))
        reasons = sorted(state.recovered)
        if found is None and damaged:
            assert reasons == ["damaged"], "lost, and not counted"
        aside = directory / "state.db.bad-1"
        if aside.exists():
            assert aside.read_bytes()[HEADER:] == damaged[HEADER:]
            assert reasons == ["damaged"]
        if then_commit:
            state.commit([SMALL], everywhere)
            assert state.load("sshd") == dataclasses.replace(SMALL, alerts=())
    finally:
        state.close()
    return reasons[0] if reasons else "whole" if found else "new"


def flipped(data: bytes, bits: Iterable[int]) -> Iterable[bytes]:
    for bit in bits:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


@pytest.mark.parametrize("most", [600, pytest.param(None, marks=pytest.mark.slow, id="every bit")])
def test_c4_a_flipped_bit_never_stops_a_start_nor_gives_wrong_state(
    memory: Path, most: int | None, tally: Tally
) -> None:
    good = small(memory)
    bits: Iterable[int] = range(len(good) * 8)
    if most is not None:
        bits = random.Random(4).sample(range(len(good) * 8), most)
    ends = [take(memory, damaged, then_commit=most is not None) for damaged in flipped(good, bits)]
    assert set(ends) <= {"whole", "damaged", "newer"}
    assert ends.count("damaged") > len(ends) / 10
    tally.add(rounds=len(ends))


@pytest.mark.parametrize("step", [37, pytest.param(1, marks=pytest.mark.slow, id="every byte")])
def test_c4_a_file_cut_anywhere_is_set_aside(memory: Path, step: int, tally: Tally) -> None:
    """But for an empty one: so a state begins that is made, and a power loss in that moment leaves no more. Nothing is
    in it to be kept aside or counted; alogd begins anew."""
    good = small(memory)
    whole = 0
    for end in range(0, len(good), step):
        came_to = take(memory, good[:end])
        whole += came_to == "whole"  # nothing was cut but unused space, which is read as NUL
        assert came_to in (("whole", "damaged") if end else ("new",)), end
        assert (memory / "state.db.bad-1").exists() == (came_to == "damaged")
        tally.add()
    assert whole < len(good) / step / 10


@pytest.mark.parametrize("damage", ["nul", "text", "foreign"])
def test_c4_what_is_no_state_is_set_aside_and_counted(tmp_path: Path, damage: str, tally: Tally) -> None:
    path = committed(tmp_path)
    if damage == "foreign":
        path.unlink()
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
    else:
        path.write_bytes({"nul": bytes(path.stat().st_size), "text": b"not a database" * 100}[damage])
    left = path.read_bytes()
    state = State(tmp_path)
    assert state.load("sshd") is None
    assert state.recovered == {"damaged": 1}
    assert "state.db.bad-1" in state.notes[0]
    assert (tmp_path / "state.db.bad-1").read_bytes() == left
    state.commit([SNAPSHOT], everywhere)
    state.close()
    tally.add()


def test_c4_a_damaged_log_of_writes_gives_an_earlier_moment(tmp_path: Path, tally: Tally) -> None:
    """SQLite's write-ahead log, flipped and cut: what comes back is one of the moments that were committed."""
    writer = State(tmp_path / "live")
    moments = [None, *(dataclasses.replace(SMALL, next_id=n, alerts=()) for n in range(5, 9))]
    for moment in moments[1:]:
        assert moment is not None
        writer.commit([moment], everywhere)
    data, log = ((tmp_path / "live" / name).read_bytes() for name in ("state.db", "state.db-wal"))
    writer.close()
    chance = random.Random(5)
    place = tmp_path / "again"
    place.mkdir()
    found = set()
    cuts = [log[: chance.randrange(len(log))] for _ in range(60)]
    for damaged in [*cuts, *flipped(log, chance.sample(range(len(log) * 8), 200))]:
        lay(place, data)
        (place / "state.db-wal").write_bytes(damaged)
        state = State(place)
        snapshot = state.load("sshd")
        assert snapshot in moments
        found.add(snapshot.next_id if snapshot else 0)
        state.close()
        tally.add()
    assert len(found) > 2


def test_c4_names_of_damaged_files_are_bounded(tmp_path: Path) -> None:
    for _ in range(15):
        committed(tmp_path).write_bytes(b"rubbish" * 1000)
    State(tmp_path).close()
    assert len(list(tmp_path.glob("*.bad-*"))) == 10


def test_c4_a_damaged_part_costs_only_its_stream(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.commit([SNAPSHOT, dataclasses.replace(SNAPSHOT, stream="nginx")], everywhere)
    state._db.execute("UPDATE part SET data = x'00' WHERE stream = 'sshd' AND name = 'engine'")
    assert state.load("sshd") is None
    assert state.load("nginx") == dataclasses.replace(SNAPSHOT, stream="nginx")
    assert state.recovered == {"damaged": 1}
    assert "stream sshd" in state.notes[0]
    assert state.sources("sshd") == ()
    state.close()


def test_c4_damage_found_while_running_begins_a_new_file(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.commit([SNAPSHOT], everywhere)
    path = tmp_path / "state.db"
    state._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(b"\xa5" * path.stat().st_size)
    state.reopen()
    assert state.recovered == {"damaged": 1}
    state.commit([SNAPSHOT], everywhere)
    assert state.load("sshd") == SNAPSHOT
    state.close()


def test_c4_the_daemon_begins_anew_and_says_so(daemon: DaemonProcess, tally: Tally) -> None:
    daemon.write(log_lines(500))
    assert daemon.finish() == 0
    (daemon.state / "state.db").write_bytes(b"rubbish" * 1000)
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 500, "all lines again")
    assert daemon.metric('alogd_state_recovered_total{reason="damaged"}') == 1
    assert "state.db.bad-1" in daemon.said()
    assert (daemon.state / "state.db.bad-1").read_bytes() == b"rubbish" * 1000
    assert daemon.stop() == 0
    tally.add(lines=500)


def newer(directory: Path) -> bytes:
    """Make the state one of a later alogd."""
    path = directory / "state.db"
    with sqlite3.connect(path) as changed:
        changed.execute("PRAGMA user_version = 99")
    changed.close()
    return path.read_bytes()


def test_c5_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    committed(tmp_path)
    left = newer(tmp_path)
    with pytest.raises(StateUnusable, match="newer alogd") as caught:
        State(tmp_path)
    assert caught.value.exit_code == 78
    assert (tmp_path / "state.db").read_bytes() == left
    assert not list(tmp_path.glob("*.bad-*"))


def test_c5_the_daemon_refuses_in_one_line(daemon: DaemonProcess) -> None:
    daemon.write(log_lines(100))
    assert daemon.finish() == 0
    left = newer(daemon.state)
    daemon.stderr.unlink()
    assert daemon.start().wait() == 78
    assert "newer alogd" in daemon.said()
    assert daemon.said().count("\n") == 1
    assert (daemon.state / "state.db").read_bytes() == left


LEFT = {
    "a journal that was never finished": ("state.db-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504)),
    "a journal of rubbish": ("state.db-journal", b"rubbish" * 700),
    "shared memory of a process that died": ("state.db-shm", b"\xa5" * 32768),
    "a log of writes of another file": ("state.db-wal", b"rubbish" * 700),
}


@pytest.mark.parametrize("what", LEFT)
def test_c6_leftovers_change_nothing_and_go(tmp_path: Path, what: str, tally: Tally) -> None:
    name, data = LEFT[what]
    committed(tmp_path)
    (tmp_path / name).write_bytes(data)
    state = State(tmp_path)
    assert state.load("sshd") == SNAPSHOT
    assert state.alert(alert(1).id) == alert(1)
    assert not state.recovered
    state.close()
    assert not (tmp_path / name).exists()
    tally.add()


KILLED = """
import os, signal, sys
from alogd.state.database import State
from tests.test_state import SNAPSHOT, everywhere
State(sys.argv[1]).commit([SNAPSHOT], everywhere)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_c6_the_log_of_writes_of_a_state_that_is_gone_is_not_taken_for_it(tmp_path: Path) -> None:
    """The file was deleted by hand, what stood beside it was not: a new state begins, with nothing of the old."""
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    assert (tmp_path / "state.db-wal").exists()
    (tmp_path / "state.db").unlink()
    state = State(tmp_path)
    assert state.load("sshd") is None
    state.commit([Snapshot("sshd", 1, (), PARTS)], everywhere)
    assert state.load("sshd") == Snapshot("sshd", 1, (), PARTS)
    state.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "state.db"]
