"""F12, F13, F22, F23, F25, F26, F29: what may not, cannot or need not be read, and what is let go again."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.following import check, closed, follow, held, unprivileged
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter, line


async def test_f12_out_of_the_roots(disk: Path, tally: Tally) -> None:
    (disk / "logs").mkdir()
    (disk / "secret").write_bytes(line(666))
    os.symlink(disk / "secret", disk / "logs" / "a.log")
    async with follow(disk / "logs") as rig:
        await rig.advance(30)
        check(tally, rig.numbers(), [])
        assert len(rig.notes("refused")) == 1
        assert "outside the allowed roots" in rig.notes("refused")[0].text
    async with follow(disk / "logs", roots=[str(disk)]) as rig:
        check(tally, rig.numbers(), [666])
    async with follow(disk / "logs", roots=[str(disk)], follow_symlinks=False) as rig:
        check(tally, rig.numbers(), [])


async def test_f12_swapped_between_finding_and_opening(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    (disk / "logs").mkdir()
    (disk / "secret").write_bytes(line(666))
    path = disk / "logs" / "a.log"
    LogWriter(path).write()
    real = os.open

    def swap(name: Any, *arguments: Any, **more: Any) -> int:
        if name == str(path):
            path.unlink()
            path.symlink_to(disk / "secret")
        return real(name, *arguments, **more)

    monkeypatch.setattr("alogd.collectors.followed.os.open", swap)
    async with follow(disk / "logs") as rig:
        check(tally, rig.numbers(), [])
        assert "outside the allowed roots" in rig.notes("refused")[0].text


async def test_f13_two_names_of_one_file(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(3)
    os.link(disk / "a.log", disk / "b.log")
    os.symlink("a.log", disk / "c.log")
    async with follow(disk, include=[str(disk / "*.log"), str(disk / "a*")]) as rig:
        await rig.advance(30)
        check(tally, rig.numbers(), [0, 1, 2])
        assert len(rig.notes("duplicate")) == 2
        writer.unlink()  # the other hard link keeps it
        writer.write(3)
        await rig.advance(60)
        writer.write(3)
        await rig.advance(400)
        writer.write(3)
        await rig.advance(60)
        check(tally, rig.numbers(), list(range(12)))
        assert closed(rig) == []


async def test_f22_no_position_and_outlives_its_writer(disk: Path, tally: Tally) -> None:
    os.mkfifo(disk / "a.log")
    async with follow(disk) as rig:
        for turn in range(3):
            writer = LogWriter(disk / "a.log", first=10 * turn)
            writer.write(10)
            writer.close()
            await rig.advance(5)
        check(tally, rig.numbers(), list(range(30)))
        assert rig.positions() == []


async def test_f23_refused(disk: Path, tally: Tally) -> None:
    (disk / "dir.log").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    with contextlib.chdir(disk):  # socket paths are short
        listener.bind("s.log")
    os.symlink("/dev/zero", disk / "zero.log")
    include = [str(disk / "dir.log"), str(disk / "*.log")]
    async with follow(disk, include=include, roots=["/dev"]) as rig:
        await rig.advance(30)
        texts = " ".join(note.text for note in rig.notes("refused"))
        assert len(rig.notes("refused")) == 3
        assert all(word in texts for word in ("is a directory", "is a device", "is a socket"))
    listener.close()


async def test_f25_denied_then_granted(disk: Path, tally: Tally) -> None:
    LogWriter(disk / "a.log").write(3)
    os.chmod(disk, 0o755)
    os.chmod(disk / "a.log", 0)
    with unprivileged():
        if not os.access(disk, os.R_OK, effective_ids=True):
            pytest.skip("the checkout lies in a directory that other users may not enter")
        rig = await follow(disk).__aenter__()
        await rig.advance(100)
        assert len(rig.notes("permission_denied")) == 1
        assert [source.state for source in rig.collector.status().sources] == ["denied"]
        assert not rig.collector.status().up
    os.chmod(disk / "a.log", 0o644)
    with unprivileged():
        await rig.advance(100)
        check(tally, rig.numbers(), [0, 1, 2])
        assert len(rig.notes("recovered")) == 1
        assert rig.collector.status().up
        await rig.__aexit__()


async def test_f26_back_off_and_recover(disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(2)
    async with follow(disk) as rig:
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
        check(tally, rig.numbers(), list(range(6)))
        assert len(rig.notes("io_error")) == len(rig.notes("stale")) == 1
        assert len(rig.notes("recovered")) == 2


async def test_f29_let_go(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write()
    async with follow(disk) as rig:
        writer.write()
        writer.unlink()
        writer.close()
        await rig.advance(20)
        assert len(held(disk)) == 0
        check(tally, rig.numbers(), [0, 1])
        assert closed(rig) == ["removed"]
