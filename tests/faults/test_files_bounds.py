"""F17, F18, F24, F27, F28: what a log can cost: memory, descriptors, watches, looks."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.following import check, follow, held
from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter, line


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
        for writer in (last := writers[50:58]):  # one after the other
            writer.reopen()
            expected += writer.write(1)
            writer.close()
            await rig.advance(12)
        assert held(disk) == [str(writer.path) for writer in last], "the least recently read were closed"
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
        assert daemon.metric('alogd_lines_cut_total{reason="too_long",stream="host"}') == 1
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


@pytest.mark.parametrize(("what", "limit"), [("watches", "4"), ("instances", "0")])
def test_f28_few_watches_or_instances(disk: Path, tally: Tally, what: str, limit: str) -> None:
    script = ROOT / "tests/collectors/follow_few_watches.py"
    command = ["unshare", "--user", "--map-root-user", sys.executable, str(script), str(disk), what, limit]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    if "Permission denied" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("user namespaces are not allowed here")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["numbers"] == [100 * i + turn for i in range(12) for turn in range(4)]
    assert result["notes"] == ["polling"]
    tally.add(lines=48)


def test_f28_more_notices_than_the_kernel_holds(disk: Path, tally: Tally) -> None:
    """The daemon is stopped while far more happens than the queue of notices holds: it looks at everything, at once."""
    daemon = quick(disk, idle_poll="1h", poll="1h")
    held_back = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    try:
        for turn in (1, 2):
            daemon.signal(signal.SIGSTOP)
            for number in range(held_back // 2 + 1000):  # created and deleted: two notices each, and no two the same
                (disk / "logs" / f"{number}.tmp").touch()
                (disk / "logs" / f"{number}.tmp").unlink()
            with (disk / "logs" / "quiet.log").open("ab") as log:
                log.write(b"".join(log_lines(100)))
            (disk / "logs" / f"late{turn}.log").write_bytes(b"".join(log_lines(100)))
            daemon.signal(signal.SIGCONT)
            wait_until(lambda turn=turn: daemon.lines() == 60_000 + 200 * turn, "what was written meanwhile")
        assert daemon.stream()["notes"]["polling"] == 1
        assert daemon.said().count("files are looked at every") == 1, "said once, whatever comes"
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=2, lines=60_400)


@pytest.mark.parametrize("files", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_f27_many_files_few_of_them_active(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """A hundredth is written to all the time; descriptors stay within their bound, and a poll looks at few."""
    expected, looks = files, [0]
    for i in range(files):
        (disk / f"{i:05}.log").write_bytes(line(i))
    writers = [LogWriter(disk / f"{i:05}.log", first=files + 100 * i) for i in range(0, files, 100)]
    async with follow(disk, max_open_files=64) as rig:
        await rig.when(lambda: len(rig.open) == files)
        await rig.advance(120, step=5)  # all of them have fallen quiet
        real = os.stat

        def counting(*arguments: Any, **more: Any) -> os.stat_result:
            looks[0] += 1
            return real(*arguments, **more)

        monkeypatch.setattr("alogd.collectors.follower.os.stat", counting)
        for _ in range(8):
            for writer in writers:
                writer.write(3)
                expected += 3
            before = looks[0]
            await rig.advance(1)
            assert looks[0] - before <= max(200, files // 10) + 2 * len(writers)
            assert len(held(disk)) <= 64 + len(writers)  # the writers hold theirs
        await rig.advance(12)
        check(tally, sorted(rig.numbers()), sorted({*rig.numbers()}))
        assert len(rig.numbers()) == expected


def test_f27_one_inotify_instance(disk: Path, tally: Tally) -> None:
    """However many patterns and directories there are."""
    for number in range(40):
        (disk / "logs" / str(number)).mkdir(parents=True)
        (disk / "logs" / str(number) / "a.log").write_bytes(b"a line\n" * 2)
    include = [f"{disk}/logs/{number}/*.log" for number in range(40)]
    collect = [{"kind": "file", "include": include}]
    daemon = DaemonProcess(disk, streams=[{"name": "host", "collect": collect}]).start().wait_ready()
    try:
        assert daemon.process is not None
        wait_until(lambda: daemon.lines() == 80, "every line")
        fds = Path(f"/proc/{daemon.process.pid}/fd")
        assert [os.readlink(one) for one in fds.iterdir() if one.is_symlink()].count("anon_inode:inotify") == 1
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(lines=80)


@pytest.mark.slow
def test_f27_ten_thousand_idle_files_cost_no_processor(disk: Path, tally: Tally) -> None:
    """Less than a twentieth of a core: processor time of the process, which a busy machine does not change."""
    (disk / "logs").mkdir()
    for number in range(10_000):
        (disk / "logs" / f"{number:05}.log").write_bytes(line(number))
    daemon = DaemonProcess(disk, state={"directory": str(disk / "state")}).start().wait_ready()
    try:
        wait_until(lambda: "caught up" in daemon.said(), "every line", 120)  # asking for all of them costs time
        assert daemon.lines() == 10_000
        assert daemon.process is not None
        before, begun = spent(daemon.process), time.monotonic()
        time.sleep(31)  # three looks at all directories
        share = (spent(daemon.process) - before) / (time.monotonic() - begun)
        assert share < 0.05
        assert len(held(disk / "logs", str(daemon.process.pid))) <= 256
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(lines=10_000)


def spent(process: subprocess.Popen[bytes]) -> float:
    """Processor time, in seconds."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
