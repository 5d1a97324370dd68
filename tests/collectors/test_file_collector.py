"""The file collector against real files: every test writes numbered lines and asserts the exact sequence read.

What may go wrong with a file is in tests/faults/test_files_*.py, row by row of the fault matrix.
"""

import os
from pathlib import Path

import pytest

from alogd.collectors import file
from alogd.collectors.base import Closed, Data, Idle, Note, Opened
from tests.collectors.following import closed, few_descriptors, follow, held
from tests.collectors.rig import Rig
from tests.log_writer import LogWriter, line, numbers


async def test_reads_what_is_there_and_what_comes(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(1000)
    async with follow(place) as rig:
        assert rig.numbers() == list(range(1000))
        opened = rig.of(Opened)
        assert [(one.name, one.offset, one.resumed) for one in opened] == [(str(place / "a.log"), 0, False)]
        writer.write(5)
        await rig.advance(1)
        assert rig.numbers() == list(range(1005))


async def test_blocks_are_bounded_and_contiguous(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(100_000)
    async with follow(place) as rig:
        assert rig.numbers() == list(range(100_000))
        assert [len(data.block) for data in rig.of(Data)][:6] == [256 * 1024] * 6


async def test_files_take_turns(place: Path) -> None:
    for name in "abc":
        LogWriter(place / f"{name}.log").write(60_000)
    async with follow(place) as rig:
        order = [data.source for data in rig.of(Data)]
        assert len(set(order[:3])) == 3
        assert order[:3] * 3 == order[:9]


async def test_start_at_the_end_keeps_lines_whole(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(10)
    writer.partial()
    async with follow(place, start="end") as rig:
        writer.finish()
        writer.write(2)
        LogWriter(place / "later.log", first=50).write(3)
        await rig.advance(12)
        assert rig.numbers() == [10, 11, 12, 50, 51, 52]


async def test_idle_comes_once_until_new_data(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write()
    async with follow(place) as rig:
        assert not rig.of(Idle)
        await rig.advance(30)
        assert len(rig.of(Idle)) == 1
        writer.write()
        await rig.advance(30)
        assert len(rig.of(Idle)) == 2


# Rotation


async def test_rotated_before_it_was_ever_seen(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place) as rig:
        for _ in range(4):
            for _ in range(2):  # the file in between comes and goes between two looks
                writer.write(5)
                writer.rotate()
            writer.write(5)
            await rig.advance(3)
        await rig.advance(30)
        assert sorted(rig.numbers()) == list(range(60))


async def test_old_siblings_that_are_put_back_are_not_read(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(5)
    async with follow(place) as rig:
        (place / "a.log.2.gz").write_bytes(b"\x1f\x8b")
        (place / "a.log.3").write_bytes(line(99))
        os.utime(place / "a.log.3", (1e9, 1e9))
        (place / "b.log.1").write_bytes(line(98))
        await rig.advance(30)
        for _ in range(3):
            writer.write(5)
            await rig.advance(3)
            writer.copytruncate()
            await rig.advance(30)
        assert rig.numbers() == list(range(20))


async def test_rotated_siblings_are_left_alone(place: Path) -> None:
    for name in ("a.log.1", "a.log-20260101", "a.log.2.gz", "a.log.old", "a.log~", "a.log.2026-01-01"):
        (place / name).write_bytes(line(99))
    LogWriter(place / "a.log").write()
    async with follow(place, include=[str(place / "*")]) as rig:
        assert rig.numbers() == [0]
    async with follow(place, include=[str(place / "*")], rotated=True, binary=True) as rig:
        assert len(rig.numbers()) == 7
    async with follow(place, include=[str(place / "a.log.1")]) as rig:
        assert rig.numbers() == [99]


async def test_position_far_behind_what_was_read(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(50_000)
    async with follow(place) as rig:
        await rig.advance(3)
        positions = [rig.collector.position(source, 16 * 10) for source in rig.open]
    async with follow(place, positions) as rig:
        assert rig.numbers() == list(range(10, 50_000))


async def test_foreign_and_damaged_positions_are_ignored(place: Path) -> None:
    LogWriter(place / "a.log").write(3)
    broken = [{}, {"cursor": "x"}, {"device": "x"}, {"device": 1, "inode": 2, "generation": 3, "offset": -1}]
    async with follow(place, broken) as rig:
        assert rig.numbers() == [0, 1, 2]


async def test_a_vanished_file_is_given_up_after_a_while(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write()
    async with follow(place) as rig:
        positions = rig.positions()
    os.rename(place / "a.log", place / "elsewhere")
    async with follow(place, positions, forget_after=100.0) as rig:
        await rig.advance(90, step=10)
        assert not rig.of(Closed)
        await rig.advance(20, step=10)
        assert [(event.source, event.reason) for event in rig.of(Closed)] == [(positions[0]["source"], "gone")]
        assert len(rig.notes("lost")) == 1


# What is read


async def test_binary_files_are_refused_once(place: Path) -> None:
    (place / "wtmp.log").write_bytes((b"\x07\0\0\0\x33\x01\0\0tty1" + bytes(372)) * 10)
    (place / "x.gz.log").write_bytes(b"\x1f\x8b\x08" + bytes(100))
    (place / "late.log").touch()
    (place / "utf16.log").write_bytes("\ufeffhello\n".encode("utf-16-le"))
    async with follow(place) as rig:
        await rig.advance(30)
        (place / "late.log").write_bytes(bytes(range(256)) * 20)
        await rig.advance(30)
        assert not rig.of(Data)
        assert len(rig.notes("refused")) == 4
        assert closed(rig) == ["refused"]
        assert {source.state for source in rig.collector.status().sources} == {"refused"}


# Bounds


async def test_a_backlog_in_more_files_than_descriptors(place: Path) -> None:
    for i in range(30):
        LogWriter(place / f"{i:02}.log", first=100_000 * i).write(40_000)
    collector = follow(place, max_open_files=8).collector
    read: dict[str, bytes] = {}
    most = 0
    async for event in collector.events():
        most = max(most, len(held(place)) - 30)  # the writers hold one each
        if isinstance(event, Data):
            read[event.source] = read.get(event.source, b"") + event.block
        if sum(map(len, read.values())) == 30 * 40_000 * len(line(0)):
            break
    await collector.close()
    assert most <= 8
    expected = [100_000 * i + n for i in range(30) for n in range(40_000)]
    assert sorted(number for text in read.values() for number in numbers(text)) == expected


async def test_fewer_descriptors_than_the_options_say(place: Path) -> None:
    """The system gives no more of them: said once, not file by file, and every file is read, rotated ones too."""
    writers = [LogWriter(place / f"{i:02}.log", first=1000 * i) for i in range(40)]
    expected = [number for writer in writers for number in writer.write(2)]
    with few_descriptors(20):
        async with follow(place) as rig:
            await rig.advance(10)
            for writer in writers:
                expected += writer.write(2)
            for writer in writers[:10]:
                writer.rotate(keep=1)
            await rig.advance(90)
            assert sorted(rig.numbers()) == sorted(expected)
            assert {note.kind for note in rig.of(Note)} == {"descriptors", "rotated"}
            assert len(rig.notes("descriptors")) == 1


async def test_rotated_while_its_descriptor_was_closed(place: Path) -> None:
    writers = [LogWriter(place / f"{i}.log", first=1000 * i) for i in range(20)]
    expected = [number for writer in writers for number in writer.write(2)]
    async with follow(place, max_open_files=8) as rig:
        for writer in writers:
            expected += writer.write(1)
            writer.rotate()
            expected += writer.write(1)
        await rig.advance(30)
        assert sorted(rig.numbers()) == sorted(expected)
        assert closed(rig) == ["rotated"] * 20


async def test_own_files_are_never_read(place: Path) -> None:
    (place / "state").mkdir()
    LogWriter(place / "state" / "alogd.log", first=5).write()
    LogWriter(place / "a.log").write()
    os.symlink("state/alogd.log", place / "link.log")
    options = {"include": [str(place / "**")], "watch": "poll"}
    rig = Rig("file", options, exclude_paths=[str(place / "state")])
    async with rig:
        await rig.advance(20)
        assert rig.numbers() == [0]


# What it can be asked


async def test_text_of_what_was_read(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(1_000_000)
    async with follow(place) as rig:
        source = rig.open[0]
        assert rig.collector.text(source, 16 * 5, 32) == line(5) + line(6)  # from the disk
        assert rig.collector.text(source, 16 * 999_998, 64) == line(999_998) + line(999_999)
        writer.truncate()
        await rig.advance(1)
        assert rig.collector.text(source, 16 * 999_999, 16) == line(999_999)  # from memory
        assert rig.collector.text(source, 16 * 5, 32) is None
        assert rig.collector.text("nonsense", 0, 10) is None


async def test_text_before_the_last_record_of_a_file_that_closes(place: Path) -> None:
    """It is judged once the file is closed; what came before it was read in a life before this one."""
    writer = LogWriter(place / "a.log")
    writer.write(3)
    async with follow(place) as rig:
        positions = [rig.collector.position(source, 16 * 2) for source in rig.open]
    async with follow(place, positions) as rig:
        writer.rotate()
        await rig.advance(30)
        assert closed(rig) == ["rotated"]
        source = rig.of(Closed)[0].source
        assert rig.collector.text(source, 16 * 2, 16) == line(2)
        assert rig.collector.text(source, 0, 32) == line(0) + line(1)


async def test_texts_of_closed_files_have_a_bound(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "CLOSED", 2)
    monkeypatch.setattr(file, "RECENT", 0)
    writers = [LogWriter(place / f"{i}.log", first=i) for i in range(4)]
    for writer in writers:
        writer.write(1)
    async with follow(place) as rig:
        for writer in writers:
            writer.rotate()
        await rig.advance(30)
        texts = [rig.collector.text(event.source, 0, 16) for event in rig.of(Closed)]
        assert texts[:2] == [None, None]
        assert None not in texts[2:]


async def test_lag_and_status(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place) as rig:
        assert list(rig.collector.lag().values()) == [0]
        writer.write(4)
        await rig.advance(1)
        assert list(rig.collector.lag().values()) == [0]
        status = rig.collector.status()
        assert status.up
        assert [(one.name, one.offset, one.size, one.state) for one in status.sources] == [
            (str(place / "a.log"), 64, 64, "idle")
        ]


async def test_file_name_that_is_not_text(place: Path) -> None:
    LogWriter(place / os.fsdecode(b"\xff\xfe.log")).write()
    async with follow(place) as rig:
        assert rig.numbers() == [0]
        assert rig.of(Opened)[0].name.endswith(r"\xff\xfe.log")
        assert rig.positions()[0]["path"].isascii()
