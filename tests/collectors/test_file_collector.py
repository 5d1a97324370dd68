"""The file collector against real files: every test writes numbered lines and asserts the exact sequence read."""

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alogd.collectors.base import Closed, Data, Idle, Opened
from tests.collectors.rig import Rig
from tests.log_writer import LogWriter, line, numbers


def follow(place: Path, positions: Any = (), **options: Any) -> Rig:
    chosen = {"include": [str(place / "*.log")], "watch": "poll", "gather": 0, **options}
    return Rig("file", chosen, positions)


def closed(rig: Rig) -> list[str]:
    return [event.reason for event in rig.of(Closed)]


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


async def test_partial_line_is_handed_out_once(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.partial()
    async with follow(place) as rig:
        await rig.advance(3)
        writer.finish()
        await rig.advance(1)
        assert rig.numbers() == [0]


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


def held(place: Path) -> list[str]:
    """What this process holds open below a directory, deleted files included."""
    names = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    return [name for name in names if name.startswith(f"{place}/")]


# Rotation (F1, F2, F9, F10, F16)


async def test_rename_then_new_file_with_writes_at_each_step(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(3)
    async with follow(place) as rig:
        writer.write(3)
        writer.rename()
        writer.write(3)
        await rig.advance(1)
        writer.write(3)  # still to the old file
        fresh = LogWriter(place / "a.log", first=writer.next)
        await rig.advance(1)
        writer.next = 100
        writer.write(2)
        fresh.write(4)
        await rig.advance(20)
        assert rig.numbers() == [*range(12), 100, 101, *range(12, 16)]
        assert closed(rig) == ["rotated"]
        assert [note.kind for note in rig.notes("rotated")] == ["rotated"]


async def test_old_file_is_kept_until_a_new_one_appears(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write()
    async with follow(place) as rig:
        writer.rename()
        await rig.advance(100)
        assert [source.state for source in rig.collector.status().sources] == ["waiting"]
        writer.write()
        await rig.advance(1)
        assert rig.numbers() == [0, 1]
        LogWriter(place / "a.log", first=2).write()
        await rig.advance(20)
        assert rig.numbers() == [0, 1, 2]
        assert closed(rig) == ["rotated"]


async def test_close_after_without_successor(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write()
    async with follow(place, close_after=60.0) as rig:
        writer.rename()
        await rig.advance(70)
        assert closed(rig) == ["rotated"]
        assert rig.collector.status().sources == []


async def test_rename_chain_is_followed_by_identity(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place) as rig:
        for _ in range(4):
            writer.write(10)
            await rig.advance(1)
            writer.write(10)
            writer.rotate()
            writer.write(10)
            await rig.advance(1)
        await rig.advance(30)
        assert sorted(rig.numbers()) == list(range(120))
        assert closed(rig) == ["rotated"] * 4


async def test_last_line_without_newline_comes_before_closed(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write()
    async with follow(place) as rig:
        writer.raw(b"msgnum:00000001")
        writer.rotate()
        await rig.advance(20)
        kinds = [type(event) for event in rig.events]
        assert rig.numbers() == [0, 1]
        assert kinds.index(Closed) > max(i for i, kind in enumerate(kinds) if kind is Data)


async def test_rotated_while_down_is_finished_from_its_position(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(5)
    async with follow(place) as rig:
        positions = rig.positions()
    writer.write(5)
    writer.rotate()
    writer.write(5)
    async with follow(place, positions, start="end") as rig:
        await rig.advance(20)
        assert rig.numbers() == list(range(5, 15))
        assert [event.resumed for event in rig.of(Opened)] == [True, False]
        assert closed(rig) == ["rotated"]


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


# Truncation (F3, F4, F6, F7, F8)


async def test_copytruncate(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(100)
    async with follow(place) as rig:
        writer.copytruncate()
        writer.write(10)
        await rig.advance(1)
        writer.write(5)
        await rig.advance(1)
        assert rig.numbers() == list(range(115))
        assert closed(rig) == ["truncated"]
        assert len(rig.notes("truncated")) == 1


@pytest.mark.parametrize("extra", [0, 1, 500])
async def test_truncated_and_grown_past_the_offset(place: Path, extra: int) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(100)
    async with follow(place) as rig:
        writer.truncate()
        writer.write(100 + extra)
        await rig.advance(1)
        assert rig.numbers() == list(range(200 + extra))


async def test_truncated_again_and_again(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place) as rig:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            writer.write(3)
            await rig.advance(1)
            writer.truncate()
        await rig.advance(1)
        assert rig.numbers() == list(range(150))
        assert len(os.listdir("/proc/self/fd")) <= before
        assert len(rig.open) == 1


async def test_deleted_and_created_again_at_once(place: Path) -> None:
    async with follow(place) as rig:
        for turn in range(20):
            writer = LogWriter(place / "a.log", first=10 * turn)
            writer.write(10)
            await rig.advance(12)
            writer.unlink()
            writer.close()
        assert rig.numbers() == list(range(200))


@pytest.mark.parametrize("longer", [False, True])
async def test_recreated_while_down(place: Path, longer: bool) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(10)
    async with follow(place) as rig:
        positions = rig.positions()
    writer.unlink()
    writer.close()
    LogWriter(place / "a.log", first=10).write(30 if longer else 3)
    async with follow(place, positions, start="end") as rig:
        await rig.advance(10_000, step=2000)
        assert rig.numbers() == list(range(10, 40 if longer else 13))
        assert closed(rig) in (["gone"], ["replaced"])
        assert rig.of(Closed)[0].source == positions[0]["source"]


@pytest.mark.parametrize("lines", [3, 10, 40])
async def test_rewritten_in_place_while_down(place: Path, lines: int) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(10)
    async with follow(place) as rig:
        positions = rig.positions()
    writer.truncate()
    writer.write(lines)
    async with follow(place, positions, start="end") as rig:
        assert rig.numbers() == list(range(10, 10 + lines))
        assert closed(rig) == ["replaced"]
        assert rig.open != [positions[0]["source"]]


# Restart (F14, F15)


async def test_restart_resumes_at_what_was_acted_upon(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(7)
    writer.partial()
    async with follow(place) as rig:
        positions = rig.positions()
    writer.finish()
    writer.write(3)
    async with follow(place, positions, start="end") as rig:
        assert rig.numbers() == list(range(7, 11))
        assert rig.of(Opened)[0].resumed
        assert rig.open == [positions[0]["source"]]


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


# What is read (F11, F12, F13, F18, F22, F23, F24, F25, F29)


async def test_symbolic_link_switched(place: Path) -> None:
    LogWriter(place / "one").write(3)
    LogWriter(place / "two", first=3).write(3)
    os.symlink("one", place / "a.log")
    async with follow(place) as rig:
        os.symlink("two", place / "new")
        os.rename(place / "new", place / "a.log")
        await rig.advance(20)
        assert rig.numbers() == list(range(6))


async def test_symbolic_link_out_of_the_roots(place: Path) -> None:
    (place / "logs").mkdir()
    (place / "secret").write_bytes(line(666))
    os.symlink(place / "secret", place / "logs" / "a.log")
    async with follow(place / "logs") as rig:
        await rig.advance(30)
        assert rig.numbers() == []
        assert len(rig.notes("refused")) == 1
        assert "outside the allowed roots" in rig.notes("refused")[0].text
    async with follow(place / "logs", roots=[str(place)]) as rig:
        assert rig.numbers() == [666]
    async with follow(place / "logs", roots=[str(place)], follow_symlinks=False) as rig:
        assert rig.numbers() == []


async def test_swapped_between_finding_and_opening(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "logs").mkdir()
    (place / "secret").write_bytes(line(666))
    path = place / "logs" / "a.log"
    LogWriter(path).write()
    real = os.open

    def swap(name: Any, *arguments: Any, **more: Any) -> int:
        if name == str(path):
            path.unlink()
            path.symlink_to(place / "secret")
        return real(name, *arguments, **more)

    monkeypatch.setattr("alogd.collectors.followed.os.open", swap)
    async with follow(place / "logs") as rig:
        assert rig.numbers() == []
        assert "outside the allowed roots" in rig.notes("refused")[0].text


async def test_two_names_of_one_file(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(3)
    os.link(place / "a.log", place / "b.log")
    os.symlink("a.log", place / "c.log")
    async with follow(place, include=[str(place / "*.log"), str(place / "a*")]) as rig:
        await rig.advance(30)
        assert rig.numbers() == [0, 1, 2]
        assert len(rig.notes("duplicate")) == 2
        writer.unlink()  # the other hard link keeps it
        writer.write(3)
        await rig.advance(60)
        writer.write(3)
        await rig.advance(400)
        writer.write(3)
        await rig.advance(60)
        assert rig.numbers() == list(range(12))
        assert closed(rig) == []


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


async def test_sparse_beginning_is_skipped(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    os.ftruncate(writer.fd, 1 << 30)
    writer.write(5)
    async with follow(place) as rig:
        assert numbers(next(iter(rig.text.values())).lstrip(b"\0")) == list(range(5))
        assert rig.of(Opened)[0].offset >= (1 << 30) - 4096
        assert len(rig.notes("hole")) == 1


async def test_directories_devices_and_sockets_are_refused(place: Path) -> None:
    (place / "dir.log").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    with contextlib.chdir(place):  # socket paths are short
        listener.bind("s.log")
    os.symlink("/dev/zero", place / "zero.log")
    include = [str(place / "dir.log"), str(place / "*.log")]
    async with follow(place, include=include, roots=["/dev"]) as rig:
        await rig.advance(30)
        texts = " ".join(note.text for note in rig.notes("refused"))
        assert len(rig.notes("refused")) == 3
        assert all(word in texts for word in ("is a directory", "is a device", "is a socket"))
    listener.close()


async def test_fifo_has_no_position_and_outlives_its_writer(place: Path) -> None:
    os.mkfifo(place / "a.log")
    async with follow(place) as rig:
        for turn in range(3):
            writer = LogWriter(place / "a.log", first=10 * turn)
            writer.write(10)
            writer.close()
            await rig.advance(5)
        assert rig.numbers() == list(range(30))
        assert rig.positions() == []


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user who owns nothing; root would be let in everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_permission_denied_then_granted(place: Path) -> None:
    LogWriter(place / "a.log").write(3)
    os.chmod(place, 0o755)
    os.chmod(place / "a.log", 0)
    with unprivileged():
        if not os.access(place, os.R_OK, effective_ids=True):
            pytest.skip("the checkout lies in a directory that other users may not enter")
        rig = await follow(place).__aenter__()
        await rig.advance(100)
        assert len(rig.notes("permission_denied")) == 1
        assert [source.state for source in rig.collector.status().sources] == ["denied"]
        assert not rig.collector.status().up
    os.chmod(place / "a.log", 0o644)
    with unprivileged():
        await rig.advance(100)
        assert rig.numbers() == [0, 1, 2]
        assert len(rig.notes("recovered")) == 1
        assert rig.collector.status().up
        await rig.__aexit__()


async def test_removed_file_is_let_go(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    writer.write()
    async with follow(place) as rig:
        writer.write()
        writer.unlink()
        writer.close()
        await rig.advance(20)
        assert len(held(place)) == 0
        assert rig.numbers() == [0, 1]
        assert closed(rig) == ["removed"]


# Bounds (F27)


async def test_many_files_with_few_descriptors(place: Path) -> None:
    writers = [LogWriter(place / f"{i:04}.log", first=1000 * i) for i in range(300)]
    expected = [number for writer in writers for number in writer.write(2)]
    for writer in writers:
        writer.close()
    async with follow(place, max_open_files=8) as rig:
        for turn in range(3):
            for writer in writers[turn::3]:
                writer.reopen()
                expected += writer.write(1)
                writer.close()
            await rig.advance(12)
            assert len(held(place)) <= 8
        assert sorted(rig.numbers()) == sorted(expected)


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


async def test_errors_back_off_and_recover(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LogWriter(place / "a.log")
    writer.write(2)
    async with follow(place) as rig:
        for number in (5, 116):  # EIO, ESTALE
            real = os.preadv

            def fail(*_: Any, number: int = number) -> int:
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr("alogd.collectors.followed.os.preadv", fail)
            writer.write(2)
            await rig.advance(40)
            assert [source.state for source in rig.collector.status().sources] == ["failing"]
            monkeypatch.setattr("alogd.collectors.followed.os.preadv", real)
            await rig.advance(70)
        assert rig.numbers() == list(range(6))
        assert len(rig.notes("io_error")) == len(rig.notes("stale")) == 1
        assert len(rig.notes("recovered")) == 2


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
