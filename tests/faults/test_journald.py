"""J1-J3: the journal loses what was read last, its reader dies, it is rotated and vacuumed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alogd.collectors.base import Note
from tests.collectors.journals import (
    SECOND,
    START,
    FakeJournal,
    RealJournal,
    fake_journal,
    from_real,
    read,
    run_journal,
    texts,
)
from tests.collectors.rig import Rig
from tests.faults.conftest import Tally


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJournal:
    return fake_journal(tmp_path, monkeypatch)


@pytest.fixture
def real_journal(tmp_path: Path) -> Iterator[RealJournal]:
    yield from run_journal(tmp_path)


async def test_j1_said_and_nothing_else_is_lost(journal: FakeJournal, tally: Tally) -> None:
    """One gap, counted once: how many entries it had nobody can tell, for cursors have no numbers."""
    journal.write(5)
    async with Rig("journald", {}) as rig:
        await read(rig, *range(5))
        position = rig.collector.position("journal", len(rig.text["journal"]))
    journal.write(5)
    journal.vacuum(7)
    async with Rig("journald", {}, [position]) as rig:
        await read(rig, 7, 8, 9)
        await rig.when(lambda: len(rig.notes("lost")) == 1)
        journal.write()
        await read(rig, 7, 8, 9, 10)
        assert len(rig.notes("lost")) == 1
    tally.add(lines=11)


async def test_j1_a_refused_cursor_falls_back_to_time(journal: FakeJournal, tally: Tally) -> None:
    journal.raw("!bad cursor")
    journal.write(5)
    position = {"cursor": "nonsense", "offset": 10, "realtime": START + 2 * SECOND}
    async with Rig("journald", {}, [position]) as rig:
        await rig.when(lambda: bool(rig.notes("lost")))
        await rig.settle()
        await rig.advance(60, step=60)
        await read(rig, 3, 4)
    tally.add(lines=7)


async def test_j2_journalctl_that_dies_is_started_again(journal: FakeJournal, tally: Tally) -> None:
    journal.write(2)
    async with Rig("journald", {}) as rig:
        await read(rig, 0, 1)
        for turn in range(3):
            await rig.when(lambda turn=turn: len(journal.calls()) == 2 * turn + 2)  # type: ignore[misc]
            journal.raw("!exit 0")
            journal.write(2)
            await rig.when(lambda: not rig.collector.status().up)
            await rig.settle()
            await rig.advance(60, step=60)
            await read(rig, *range(2 * turn + 4))
        assert len(rig.notes("restarted")) == 1
    tally.add(lines=8)


async def test_j2_pauses_grow_are_jittered_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    """Where there is no journalctl at all: tried again ever more seldom, at most a minute apart, and said once."""
    monkeypatch.setenv("PATH", str(tmp_path))
    pauses = []
    async with Rig("journald", {}) as rig:
        for _ in range(12):
            await rig.settle()
            pauses.append(rig.waker.deadline - rig.clock.now)
            await rig.advance(60, step=60)
        assert len(rig.notes("unavailable")) == 1
        assert not rig.collector.status().up
    for turn, pause in enumerate(pauses):
        longest = min(60.0, 0.5 * 2**turn)
        assert longest / 2 <= pause <= longest, pauses
    assert len(set(pauses)) == len(pauses)
    tally.add(rounds=len(pauses))


async def test_j2_bad_entries_are_passed_over_and_counted(journal: FakeJournal, tally: Tally) -> None:
    """They are not set aside: the journal keeps them, and what cannot be read there could not be here."""
    journal.write()
    for bad in ("{", "null", '{"__CURSOR": 3}', '{"__CURSOR": "c", "__REALTIME_TIMESTAMP": "x"}', "x" * 5_000_000):
        journal.raw(bad)
    journal.write()
    async with Rig("journald", {}) as rig:
        await read(rig, 0, 1)
        assert sum(note.count for note in rig.notes("malformed")) == 5
    tally.add(lines=2)


async def test_j3_rotation(real_journal: RealJournal, tally: Tally) -> None:
    real_journal.start()
    real_journal.send(b"zero")
    real_journal.written("zero")
    async with from_real(real_journal) as rig:
        await rig.when(lambda: len(texts(rig)) == 1)
        real_journal.send(b"one\nmore")
        await rig.when(lambda: len(texts(rig)) == 2)
        real_journal.rotate()
        real_journal.send(b"two \xff\x00")
        await rig.when(lambda: len(texts(rig)) == 3)
        assert texts(rig) == [b"zero", b"one", b"two \xff\x00"]
        assert b" - - one\n    more\n" in rig.text["journal"]
        assert not rig.of(Note)
    tally.add(lines=3)


async def test_j2_fields_that_are_null_arrays_or_long(journal: FakeJournal, tally: Tally) -> None:
    """journalctl gives null for what it finds too long, and numbers for what is no text: one line each, none lost."""
    odd: list[Any] = [None, [98, 0, 255], [[98, 10], "two"], "x" * 200_000, [98, 300], 7, {"a": 1}]
    journal.write()
    for number, what in enumerate(odd, 1):
        stamp = str(START + number * 1000)
        journal.raw(json.dumps({"__CURSOR": f"odd{number}", "__REALTIME_TIMESTAMP": stamp, "MESSAGE": what}))
    journal.write()
    async with Rig("journald", {}) as rig:
        await rig.when(lambda: b"msgnum:00000001" in rig.text["journal"])
        text = rig.text["journal"]
        refused = sum(note.count for note in rig.notes("malformed"))
        records = [one for one in text.split(b"\n") if one.startswith(b"<")]
        assert len(records) + refused == len(odd) + 2
        assert b"x" * 200_000 in text
        assert b"b\x00\xff\n" in text
    tally.add(lines=len(odd) + 2)


async def test_j2_killed_again_and_again(journal: FakeJournal, tally: Tally) -> None:
    """kill -9 on the reader while entries come, amid them: each is handed out once, and no process is left behind."""
    others = children()  # of tests before this one
    async with Rig("journald", {}) as rig:
        for turn in range(1, 11):
            journal.write(20)
            await rig.when(lambda turn=turn: len(journal.calls()) == 2 * turn)  # type: ignore[misc]
            for process in children() - others:  # it follows
                os.kill(process, signal.SIGKILL)
            journal.write(20)
            await rig.when(lambda: not rig.collector.status().up)
            await rig.settle()
            await rig.advance(60, step=60)
            await read(rig, *range(40 * turn))
    assert not children() - others
    tally.add(rounds=10, lines=400)


def children() -> set[int]:
    """Processes this one started."""
    return {int(one) for one in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


async def test_j3_rotation_and_vacuum_while_following(real_journal: RealJournal, tally: Tally) -> None:
    """Ten rotations, each with all but the newest file deleted: nothing is lost, and descriptors do not grow."""
    real_journal.start()
    real_journal.send(b"first")
    real_journal.written("first")
    expected = [b"first"]
    async with from_real(real_journal) as rig:
        await rig.when(lambda: texts(rig) == expected)
        before = len(os.listdir("/proc/self/fd"))
        for turn in range(10):
            real_journal.rotate()
            expected.append(b"turn %d" % turn)
            real_journal.send(expected[-1])
            await rig.when(lambda: texts(rig) == expected)
            real_journal.vacuum()
        assert len(os.listdir("/proc/self/fd")) <= before
        held = [os.listdir(f"/proc/{process}/fd") for process in children()]
        assert all(len(fds) < 40 for fds in held)
        assert not rig.notes("lost")
    tally.add(rounds=10, lines=len(expected))
