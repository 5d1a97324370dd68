"""F17, F18, F24, F27, F28: what a log can cost: memory, descriptors, watches, looks."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.following import check, follow, held
from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter


async def test_f27_few_descriptors(disk: Path, tally: Tally) -> None:
    writers = [LogWriter(disk / f"{i:04}.log", first=1000 * i) for i in range(300)]
    expected = [number for writer in writers for number in writer.write(2)]
    for writer in writers:
        writer.close()
    async with follow(disk, max_open_files=8) as rig:
        for turn in range(3):
            for writer in writers[turn::3]:
                writer.reopen()
                expected += writer.write(1)
                writer.close()
            await rig.advance(12)
            assert len(held(disk)) <= 8
        check(tally, sorted(rig.numbers()), sorted(expected))


MIB = 1024 * 1024


def peak(process: subprocess.Popen[bytes]) -> int:
    """Most memory a process ever had at once, in bytes."""
    return memory(process, "VmHWM")


def memory(process: subprocess.Popen[bytes], what: str) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(next(one.split()[1] for one in status.splitlines() if one.startswith(f"{what}:")))


def quick(disk: Path, **options: Any) -> DaemonProcess:
    """A daemon that looks often, and has read a quiet log already: its memory stands."""
    (disk / "logs").mkdir()
    (disk / "logs" / "quiet.log").write_bytes(b"".join(log_lines(60_000)))  # fills what is kept for evidence
    collect = [{"kind": "file", "include": [f"{disk}/logs/*.log"], "poll": "100ms", **options}]
    daemon = DaemonProcess(disk, streams=[{"name": "host", "collect": collect}]).start().wait_ready()
    wait_until(lambda: daemon.lines() == 60_000, "the quiet log")
    return daemon


# What a long line or a hole may add: blocks in hand, a line so far, and the slack of an allocator. Twice max_line_bytes
# (128 KiB) would be less than one block; this is a twelfth of the line, and does not grow with it.
GROWTH = 8 * MIB


def test_f17_a_line_of_100_mb(disk: Path, tally: Tally) -> None:
    """Cut and counted once, whatever is killed meanwhile, and what follows is read."""
    daemon = quick(disk)
    try:
        assert daemon.process is not None
        before = peak(daemon.process)
        with (disk / "logs" / "a.log").open("wb", buffering=0) as log:
            for _ in range(100):
                log.write(b"x" * MIB)
            wait_until(lambda: daemon.stream()["bytes_read"] > 100 * MIB, "all of the line", 120)
            assert peak(daemon.process) - before < GROWTH
            daemon.kill()
            log.write(b"x\nshort\n")
        daemon.start().wait_ready()
        assert daemon.process is not None
        wait_until(lambda: daemon.lines() == 60_002, "what follows it", 120)
        assert daemon.stream()["core"]["engine"]["too_long"] == 1
        assert peak(daemon.process) - before < GROWTH
        assert daemon.stop() == 0
        daemon.start().wait_ready()
        assert daemon.stream()["bytes_read"] < 1000, "its position lies beyond the line"
    finally:
        daemon.kill()
    tally.add(lines=60_002)


@pytest.mark.parametrize(
    ("where", "size"),
    [("beginning", 1 << 30), ("middle", 1 << 28), pytest.param("middle", 1 << 30, marks=pytest.mark.slow)],
)
def test_f18_a_hole(disk: Path, tally: Tally, where: str, size: int) -> None:
    """A writer that does not append goes on at its old offset after a truncation; a power loss leaves NULs amid lines.

    A hole at the beginning is skipped. One amid the lines is read (an offset must stay an offset), which costs a
    second and no memory; the line that begins in it is cut, and counted as too long.
    """
    daemon = quick(disk)
    try:
        assert daemon.process is not None
        before = peak(daemon.process)
        with (disk / "hole").open("wb", buffering=0) as log:
            log.write(b"one\n" if where == "middle" else b"")
            log.truncate(size)
            log.seek(0, os.SEEK_END)
            log.write(b" torn\ntwo\n" if where == "middle" else b"one\ntwo\n")
        assert (disk / "hole").stat().st_blocks * 512 < MIB
        (disk / "hole").rename(disk / "logs" / "a.log")
        wait_until(lambda: daemon.lines() == 60_002 + (where == "middle"), "what follows the hole", 120)
        assert daemon.stream()["core"]["engine"]["too_long"] == (where == "middle")
        assert peak(daemon.process) - before < GROWTH
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(lines=60_002)


def test_f24_a_bomb_costs_nothing(disk: Path, tally: Tally) -> None:
    """1 GB of zeros in 1 MB, under the name of a log and of a rotated one: not unpacked at all."""
    daemon = quick(disk, rotated=True)
    try:
        assert daemon.process is not None
        before = peak(daemon.process)
        bomb = gzip.compress(bytes(16 * MIB)) * 64
        assert len(bomb) < 2 * MIB
        for name in ("a.log", "b.log.1.gz"):
            (disk / "logs" / name).write_bytes(bomb)
        with (disk / "logs" / "quiet.log").open("ab") as log:
            log.write(b"".join(log_lines(10)))
        wait_until(lambda: daemon.lines() == 60_010, "what else is written")
        wait_until(lambda: daemon.stream()["notes"].get("refused") == 2, "both to be refused")
        assert peak(daemon.process) - before < GROWTH
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=2, lines=60_010)
