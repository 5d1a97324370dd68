"""F1, F2, F9-F11, F16: a log that is renamed, replaced, linked anew - every line is read once, and in order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alogd.collectors.base import Closed, Data, Opened
from tests.collectors.following import check, closed, follow, held
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter


async def test_f1_renamed_with_writes_at_each_step(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(3)
    async with follow(disk) as rig:
        writer.write(3)
        writer.rename()
        writer.write(3)
        await rig.advance(1)
        writer.write(3)  # still to the old file
        fresh = LogWriter(disk / "a.log", first=writer.next)
        await rig.advance(1)
        writer.next = 100
        writer.write(2)
        fresh.write(4)
        await rig.advance(20)
        check(tally, rig.numbers(), [*range(12), 100, 101, *range(12, 16)])
        assert closed(rig) == ["rotated"]
        assert [note.kind for note in rig.notes("rotated")] == ["rotated"]


async def test_f2_the_old_file_is_kept_until_a_new_one_appears(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write()
    async with follow(disk) as rig:
        writer.rename()
        await rig.advance(100)
        assert [source.state for source in rig.collector.status().sources] == ["waiting"]
        writer.close()
        assert held(disk) == [str(disk / "a.log.1")], "its descriptor is kept"
        writer = LogWriter(disk / "a.log.1", first=1)
        writer.write()
        await rig.advance(1)
        check(tally, rig.numbers(), [0, 1])
        writer.close()
        fresh = LogWriter(disk / "a.log", first=2)
        fresh.write()
        fresh.close()
        await rig.advance(20)
        check(tally, rig.numbers(), [0, 1, 2])
        assert closed(rig) == ["rotated"]
        assert held(disk) == [str(disk / "a.log")]


async def test_f2_closed_in_the_end_without_successor(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write()
    async with follow(disk, close_after=60.0) as rig:
        writer.rename()
        writer.close()
        await rig.advance(55)
        assert closed(rig) == []
        await rig.advance(15)
        assert closed(rig) == ["rotated"]
        assert held(disk) == []
        assert rig.collector.status().sources == []


async def test_f2_only_the_last_of_several_waits_for_a_new_one(disk: Path, tally: Tally) -> None:
    """Rotated three times within seconds, and no new file after that: the older ones had their successors."""
    writer = LogWriter(disk / "a.log")
    async with follow(disk) as rig:
        for _ in range(2):
            writer.write(3)
            await rig.advance(1)
            writer.rotate()
        writer.write(3)
        await rig.advance(1)
        writer.rotate()
        (disk / "a.log").unlink()
        await rig.advance(20)
        check(tally, rig.numbers(), list(range(9)))
        assert closed(rig) == ["rotated"] * 2
        assert [source.state for source in rig.collector.status().sources] == ["waiting"]


async def test_f9_finished_from_its_position(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(5)
    async with follow(disk) as rig:
        positions = rig.positions()
    writer.write(5)
    writer.rotate()
    writer.write(5)
    async with follow(disk, positions, start="end") as rig:
        await rig.advance(20)
        check(tally, rig.numbers(), list(range(5, 15)))
        assert [event.resumed for event in rig.of(Opened)] == [True, False]
        assert closed(rig) == ["rotated"]


async def test_f9_rotated_again_and_again_between_short_lives(disk: Path, tally: Tally) -> None:
    """Killed before what was rotated meanwhile could be read, three times over."""
    writer = LogWriter(disk / "a.log")
    writer.write(5)
    async with follow(disk) as rig:
        positions = rig.positions()
    for _ in range(3):
        for _ in range(3):
            writer.rotate(keep=20)
            writer.write(5)
        async with follow(disk, positions):
            pass  # killed: nothing of it was committed
    async with follow(disk, positions) as rig:
        await rig.advance(30)
        check(tally, rig.numbers(), list(range(5, 50)))
        positions = [*rig.positions(), *rig.ends()]
    async with follow(disk, positions) as rig:
        await rig.advance(30)
        check(tally, rig.numbers(), [])


async def test_f9_what_was_rotated_before_anything_was_known_is_left(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(5)
    os.utime(disk / "a.log", (1e9, 1e9))
    writer.rotate()
    writer.write(5)
    async with follow(disk) as rig:
        positions = rig.positions()
    writer.rotate()
    writer.write(5)
    async with follow(disk, positions) as rig:
        await rig.advance(20)
        check(tally, rig.numbers(), [10, 11, 12, 13, 14])


async def test_f9_a_file_that_gets_its_name_back_is_not_read_again(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(5)
    async with follow(disk) as rig:
        writer.rotate()
        await rig.advance(20)
        assert closed(rig) == ["rotated"]
        os.rename(disk / "a.log.1", disk / "a.log")
        writer.reopen()
        writer.write(5)
        await rig.advance(20)
        check(tally, rig.numbers(), list(range(10)))


async def test_f10_an_inode_used_again_between_two_looks(disk: Path, tally: Tally) -> None:
    """A file that came and was rotated unseen has name and inode of an earlier one, which was removed."""
    writer = LogWriter(disk / "a.log")
    again, inode = 0, -1
    async with follow(disk) as rig:
        for number in range(5):
            writer.write(10)
            await rig.advance(15)
            (disk / "a.log.1").unlink(missing_ok=True)
            writer.rename(f".{number + 2}")
            writer.reopen()
            again += os.fstat(writer.fd).st_ino == inode
            inode = os.fstat(writer.fd).st_ino
            writer.write(10)
            writer.rename(".1")
            writer.reopen()
        await rig.advance(30)
        assert sorted(rig.numbers()) == list(range(100))
    if not again:
        pytest.skip("this file system did not use an inode again")
    tally.add(rounds=again, lines=100)


async def test_f10_followed_by_identity(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    async with follow(disk) as rig:
        for _ in range(4):
            writer.write(10)
            await rig.advance(1)
            writer.write(10)
            writer.rotate()
            writer.write(10)
            await rig.advance(1)
            names = {source.name for source in rig.collector.status().sources}
            assert names == {str(disk / name) for name in os.listdir(disk)}, "each is known by the name it has now"
        await rig.advance(30)
        check(tally, rig.numbers(), list(range(120)))
        assert [event.offset for event in rig.of(Opened)] == [0] * 5, "none was opened anew under its new name"
        assert closed(rig) == ["rotated"] * 4


async def test_f11_the_old_file_is_drained_the_new_one_read(disk: Path, tally: Tally) -> None:
    old = LogWriter(disk / "one")
    old.write(3)
    LogWriter(disk / "two", first=100).write(3)
    os.symlink("one", disk / "a.log")
    async with follow(disk) as rig:
        os.symlink("two", disk / "new")
        os.rename(disk / "new", disk / "a.log")
        old.write(3)  # nobody has looked since the last read
        await rig.advance(2)
        old.write(3)  # the service has not noticed yet
        await rig.advance(20)
        check(tally, rig.numbers(), [*range(9), 100, 101, 102])
        first, second = rig.of(Opened)
        assert first.source.rsplit("-", 1)[0] != second.source.rsplit("-", 1)[0]
        assert (second.offset, second.resumed) == (0, False)
        assert rig.open == [second.source]


async def test_f16_comes_before_closed(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write()
    async with follow(disk) as rig:
        writer.raw(b"msgnum:00000001")
        writer.rotate()
        await rig.advance(20)
        kinds = [type(event) for event in rig.events]
        check(tally, rig.numbers(), [0, 1])
        assert kinds.index(Closed) > max(i for i, kind in enumerate(kinds) if kind is Data)
