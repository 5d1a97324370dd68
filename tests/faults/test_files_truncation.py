"""F3-F8: a log that is truncated, rewritten or made anew in place, which no size and no inode number alone tells."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest

from alogd.collectors.base import Closed, Data, Note, Opened
from alogd.collectors.followed import MARK, digest
from tests.collectors.following import check, closed, follow, held
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter, line, numbers


async def test_f3_the_new_content_is_shorter(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(100)
    async with follow(disk) as rig:
        writer.copytruncate()
        writer.write(10)
        await rig.advance(1)
        writer.write(5)
        await rig.advance(1)
        check(tally, rig.numbers(), list(range(115)))
        assert closed(rig) == ["truncated"]
        assert len(rig.notes("truncated")) == 1


@pytest.mark.parametrize("extra", [0, 1, 500])
async def test_f4_grown_past_the_offset(disk: Path, tally: Tally, extra: int) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(100)
    async with follow(disk) as rig:
        offset = rig.positions()[0]["offset"]
        writer.truncate()
        writer.write(100 + extra)
        assert os.stat(disk / "a.log").st_size >= offset, "its size alone would tell nothing"
        await rig.advance(1)
        check(tally, rig.numbers(), list(range(200 + extra)))
        assert closed(rig) == ["truncated"], "it was the mark that told"
        assert [event.offset for event in rig.of(Opened)] == [0, 0], "never resumed amid the file"


async def test_f6_truncated_again_and_again(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    async with follow(disk) as rig:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            writer.write(3)
            await rig.advance(1)
            (disk / "a.log").open("wb").close()  # as `> a.log` does
        await rig.advance(1)
        await rig.advance(60)
        check(tally, rig.numbers(), list(range(150)))
        assert closed(rig) == ["truncated"] * 50
        assert len(rig.notes("truncated")) == 50
        assert len(rig.of(Opened)) == 51, "begun anew once for each"
        assert len(os.listdir("/proc/self/fd")) <= before
        assert len(rig.open) == 1


async def test_f7_deleted_and_created_again_at_once(disk: Path, tally: Tally) -> None:
    async with follow(disk) as rig:
        for turn in range(20):
            writer = LogWriter(disk / "a.log", first=10 * turn)
            writer.write(10)
            await rig.advance(12)
            writer.unlink()
            writer.close()
        check(tally, rig.numbers(), list(range(200)))


@pytest.mark.parametrize("longer", [False, True])
async def test_f8_created_anew_while_down(disk: Path, tally: Tally, longer: bool) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(10)
    async with follow(disk) as rig:
        positions = rig.positions()
    writer.unlink()
    writer.close()
    LogWriter(disk / "a.log", first=10).write(30 if longer else 3)
    async with follow(disk, positions, start="end") as rig:
        await rig.advance(10_000, step=2000)
        check(tally, rig.numbers(), list(range(10, 40 if longer else 13)))
        assert closed(rig) in (["gone"], ["replaced"])
        assert rig.of(Closed)[0].source == positions[0]["source"]


@pytest.mark.parametrize("lines", [3, 10, 40])
async def test_f8_rewritten_in_place_while_down(disk: Path, tally: Tally, lines: int) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(10)
    async with follow(disk) as rig:
        positions = rig.positions()
    writer.truncate()
    writer.write(lines)
    async with follow(disk, positions, start="end") as rig:
        check(tally, rig.numbers(), list(range(10, 10 + lines)))
        assert closed(rig) == ["replaced"]
        assert rig.open != [positions[0]["source"]]


async def test_f3_what_was_not_read_yet_comes_from_the_copy(disk: Path, tally: Tally) -> None:
    """Better than starting at 0: what was written between the last read and the copy is in the copy."""
    writer = LogWriter(disk / "a.log")
    writer.write(10)
    async with follow(disk) as rig:
        for turn in range(1, 6):
            writer.write(100_000 if turn == 2 else 10)
            os.rename(copy, disk / "a.log.2") if (copy := disk / "a.log.1").exists() else None
            writer.copytruncate()
            writer.write(10)
            await rig.advance(1)
            assert closed(rig) == ["truncated"] * turn
        check(tally, rig.numbers(), range(writer.next))
        assert held(disk) == [str(disk / "a.log")] * 2, "the copies were let go"  # the writer has the other


async def test_f3_copied_while_down(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(10)
    async with follow(disk) as rig:
        positions = rig.positions()
    writer.write(10)
    writer.copytruncate()
    writer.write(10)
    async with follow(disk, positions, start="end") as rig:
        check(tally, rig.numbers(), range(10, 30))
        assert closed(rig) == ["truncated"]


def pack(path: Path) -> None:
    """As gzip does: the times stay."""
    packed, times = path.with_name(f"{path.name}.gz"), path.stat()
    packed.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(packed, ns=(times.st_atime_ns, times.st_mtime_ns))
    path.unlink()


async def test_f3_the_copy_was_packed_before_anyone_looked(disk: Path, tally: Tally) -> None:
    """Under load logrotate may be two rotations ahead: what was not read yet is only in what gzip made of the copy."""
    writer = LogWriter(disk / "a.log")
    writer.write(100)
    async with follow(disk) as rig:
        writer.write(50)
        writer.copytruncate()
        pack(disk / "a.log.1")
        os.rename(disk / "a.log.1.gz", disk / "a.log.2.gz")
        writer.write(10)
        await rig.advance(1)
        check(tally, rig.numbers(), list(range(160)))
        assert not rig.notes("lost")


@pytest.mark.parametrize("kept", [0, 10, -3])
async def test_f3_a_packed_copy_that_is_damaged(disk: Path, tally: Tally, kept: int) -> None:
    """Said as lost, as without a copy; nothing else suffers."""
    writer = LogWriter(disk / "a.log")
    writer.write(100)
    async with follow(disk) as rig:
        writer.write(50)
        os.utime(disk / "a.log")
        await rig.advance(0)
        writer.copytruncate()
        pack(disk / "a.log.1")
        packed = (disk / "a.log.1.gz").read_bytes()
        (disk / "a.log.1.gz").write_bytes(packed[:kept])
        writer.write(10)
        await rig.advance(1)
        check(tally, [number for number in rig.numbers() if not 100 <= number < 150], [*range(100), *range(150, 160)])


async def test_f3_stopped_while_the_copy_is_read(disk: Path, tally: Tally) -> None:
    """A position within the copy is resumed there."""
    writer = LogWriter(disk / "a.log")
    writer.write(10)
    read: list[int] = []
    async with follow(disk) as rig:
        writer.write(100_000)
        writer.copytruncate()
        writer.write(10)
        await rig.advance(1)
        first = rig.of(Opened)[0].source
        middle = rig.text[first][: 16 * 40_000]
    position = position_at(disk, first, len(middle))
    async with follow(disk, [position]) as rig:
        read = rig.numbers()
    check(tally, [*numbers(middle), *read], range(writer.next))


def position_at(disk: Path, source: str, consumed: int) -> dict[str, object]:
    """What a checkpoint would have held while the copy was read: made from the copy, named after the log."""
    text = (disk / "a.log.1").read_bytes()[:consumed]
    device, inode, generation, epoch = (int(part, 16) for part in source.split("-"))
    mark = {"mark": digest(text[-MARK:]), "mark_length": MARK, "mark_end": consumed}
    identity = {"device": device, "inode": inode, "generation": generation, "epoch": epoch}
    return {"source": source, "path": str(disk / "a.log"), "offset": consumed, **identity, **mark}


async def test_f3_an_older_copy_is_not_taken_for_this_one(disk: Path, tally: Tally) -> None:
    """A log that says the same all the time: the copy of yesterday looks like today's, but for its age."""
    writer = LogWriter(disk / "a.log")
    (disk / "a.log.1").write_bytes(line(7) * 100)
    os.utime(disk / "a.log.1", (1e9, 1e9))
    writer.raw(line(7) * 50)
    async with follow(disk) as rig:
        writer.truncate()
        writer.raw(line(7) * 20)
        await rig.advance(1)
        check(tally, rig.numbers(), [7] * 70)


async def test_f5_lost_is_what_was_written_since_the_last_read_and_no_more(disk: Path, tally: Tally) -> None:
    """Truncated without a copy: docs/collectors.md says that what came after the last read is gone. No more is."""
    chance = random.Random(5)
    writer = LogWriter(disk / "a.log")
    expected: list[int] = []
    async with follow(disk) as rig:
        for _ in range(100):
            expected += writer.write(chance.randrange(20))
            await rig.advance(1)
            writer.write(chance.randrange(20))  # nobody looks
            writer.truncate()
            expected += writer.write(1 + chance.randrange(20))
            await rig.advance(1)
        check(tally, rig.numbers(), expected)


async def test_f5_a_backlog_that_is_truncated_is_counted(disk: Path, tally: Tally) -> None:
    """What was known to be there and is lost is said in bytes; what nobody ever saw cannot be counted."""
    writer = LogWriter(disk / "a.log")
    size = 16 * len(writer.write(100_000))
    collector = follow(disk).collector
    read, lost = b"", 0
    async for event in collector.events():
        if isinstance(event, Data) and not read:
            writer.truncate()
            writer.write(1)
        read += event.block if isinstance(event, Data) else b""
        if isinstance(event, Note) and event.kind == "lost":
            lost = event.count
        if read.endswith(line(100_000)):
            break
    await collector.close()
    assert lost == size - (len(read) - 16)
    tally.add(lines=len(read) // 16)


async def test_f7_inode_used_again_while_it_is_not_held_open(disk: Path, tally: Tally) -> None:
    """The file is closed for want of descriptors, deleted, made anew with the same inode and grown past the offset."""
    path, others = disk / "a.log", [disk / f"x{i}.log" for i in range(20)]
    for other in others:
        other.touch()
    first = reused = 0
    async with follow(disk, max_open_files=8) as rig:
        for turn in range(20):
            writer = LogWriter(path, first)
            first = writer.write(10 + turn).stop
            writer.close()
            await rig.advance(12)
            before = os.stat(path).st_ino
            for other in others:  # these are read last: the other one is closed
                with other.open("ab") as file:
                    file.write(b"\n")
            await rig.advance(2)
            assert str(path) not in held(disk)
            path.unlink()
            path.touch()
            reused += os.stat(path).st_ino == before
        read = [int(one[7:]) for text in rig.text.values() for one in text.split(b"\n") if one]
        check(tally, read, range(first))
    if not reused:
        pytest.skip("the file system never used an inode again: this shows nothing here")


@pytest.mark.parametrize("known", [True, False])
async def test_f8_the_same_inode_while_down(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """With the generation, and (file systems without one) by the mark alone."""
    if not known:
        monkeypatch.setattr("alogd.collectors.followed._GETVERSION", 0)
    reused = 0
    for turn in range(20):
        path = disk / f"{turn}.log"
        writer = LogWriter(path)
        writer.write(20)
        async with follow(disk, include=[str(path)]) as rig:
            positions = rig.positions()
        assert (positions[0]["generation"] != 0) == known
        writer.unlink()
        writer.close()
        again = LogWriter(path, first=100)
        again.write(20 + turn)
        again.close()
        if os.stat(path).st_ino != positions[0]["inode"]:
            continue  # another process was quicker
        reused += 1
        async with follow(disk, positions, include=[str(path)], start="end") as rig:
            check(tally, rig.numbers(), range(100, 120 + turn))
            assert closed(rig) == ["replaced"]
    if not reused:
        pytest.skip("the file system never used an inode again: this shows nothing here")


@pytest.mark.parametrize("part", [0, 100, 8000])
async def test_f3_a_copy_that_is_still_being_made_is_no_log_of_its_own(disk: Path, tally: Tally, part: int) -> None:
    """Found when it is empty, or half done: nothing of it is read twice."""
    writer = LogWriter(disk / "a.log")
    writer.write(1000)
    async with follow(disk) as rig:
        whole = (disk / "a.log").read_bytes()
        (disk / "a.log.1").write_bytes(whole[:part])
        await rig.advance(25)
        (disk / "a.log.1").write_bytes(whole)
        await rig.advance(25)
        writer.truncate()
        writer.write(10)
        await rig.advance(25)
        check(tally, rig.numbers(), range(1010))


@pytest.mark.parametrize("before", [1, 3])
async def test_f3_a_copy_that_ends_before_what_was_read(disk: Path, tally: Tally, before: int) -> None:
    """Lines that come between copy and truncation are in no copy. Read, they do not make a new log of the copy."""
    writer = LogWriter(disk / "a.log")
    writer.write(1000)
    async with follow(disk) as rig:
        for turn in range(before):
            copy = (disk / "a.log").read_bytes()
            writer.write(7)
            await rig.advance(0)
            await rig.advance(1)
            writer.truncate()
            writer.write(500)
            await rig.advance(1)
            (disk / f"a.log.{turn + 1}").write_bytes(copy)
        await rig.advance(25)
        check(tally, rig.numbers(), range(writer.next))


@pytest.mark.parametrize("begun_again", [False, True])
@pytest.mark.parametrize("lives", [1, 2, 3])
async def test_f3_killed_between_a_copy_and_the_truncation(
    disk: Path, tally: Tally, begun_again: bool, lives: int
) -> None:
    """The copy ends before what was read, and only an earlier life knows how what it is a copy of began."""
    writer = LogWriter(disk / "a.log")
    writer.write(1000)
    async with follow(disk) as rig:
        (disk / "a.log.1").write_bytes((disk / "a.log").read_bytes())
        writer.write(7)
        await rig.advance(1)
        positions, read = rig.positions(), rig.numbers()
    if begun_again:
        async with follow(disk, positions) as rig:
            await rig.advance(25)
            writer.truncate()
            await rig.advance(25)
            positions = [*rig.ends(), *rig.positions()]
            read += rig.numbers()
    else:
        writer.truncate()
    ended = [one for one in positions if one.get("ended")]
    for _ in range(lives):
        writer.write(500)
        async with follow(disk, positions) as rig:
            await rig.advance(25)
            ended += rig.ends()
            positions = [*ended, *rig.positions()]
            read += rig.numbers()
    check(tally, read, range(writer.next))


async def test_f3_written_to_while_its_first_data_is_looked_for(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after a truncation there is no data to be found; what comes a moment later is no hole."""
    writer = LogWriter(disk / "a.log")
    writer.write(100)
    seek = os.lseek

    def late(fd: int, offset: int, whence: int) -> int:
        try:
            return seek(fd, offset, whence)
        except OSError:
            writer.write(10)
            raise

    async with follow(disk) as rig:
        writer.truncate()
        monkeypatch.setattr(os, "lseek", late)
        await rig.advance(1)
        await rig.advance(25)
        check(tally, rig.numbers(), range(110))
