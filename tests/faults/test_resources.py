"""R1-R4, R7: little of everything. The daemon does less, says so, loses nothing, and comes back."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.faults.test_service_manager import NotifySocket
from tests.log_writer import LogWriter

MEGABYTE = 1 << 20


def resident(daemon: DaemonProcess) -> int:
    """Bytes of memory in use."""
    assert daemon.process is not None
    fields = Path(f"/proc/{daemon.process.pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(daemon: DaemonProcess) -> int:
    assert daemon.process is not None
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def hostile_lines(count: int, seed: int) -> Iterator[bytes]:
    """New words in every line."""
    chance = random.Random(seed)
    for _ in range(count):
        yield b" ".join(b"%x" % chance.getrandbits(40) for _ in range(chance.randrange(3, 12))) + b"\n"


def test_r1_little_memory_under_mixed_load(daemon: DaemonProcess, tally: Tally) -> None:
    """A line of 50 MB, an explosion of templates, session keys, programs and files, in 700 MB of address space.

    It is scraped all the while, and killed amid it, as the service manager would at its limit: every line counts once.
    """
    logs = daemon.directory / "logs"
    (logs / "long.log").write_bytes(b"x" * (50 * MEGABYTE) + b"\nafter the long line\n")
    (logs / "words.log").write_bytes(b"".join(hostile_lines(60_000, 1)))
    (logs / "quiet.log").write_bytes(b"".join(log_lines(2_000)))
    for number in range(100):
        some = (f"Oct 16 09:00:00 evil{number} evil{number}x{n}[1]: word{n} of {number}\n" for n in range(50))
        (logs / f"labels{number}.log").write_text("".join(some))
    files = {"kind": "file", "include": [f"{logs}/*.log"]}
    mask = {"name": "ID", "pattern": "[0-9a-f]{9,10}"}
    windows = {"kind": "session", "key": {"mask": "ID"}}
    daemon.configure(
        streams=[{"name": "host", "collect": [files], "engine": {"user_masks": [mask]}, "windows": windows}]
    )
    limited = ("prlimit", "--as=700000000")
    total = 60_000 + 2_000 + 2 + 100 * 50
    daemon.start(prefix=limited)
    wait_until(lambda: total // 10 < daemon.lines(), "a part of the lines", 120)
    daemon.kill()
    daemon.start(prefix=limited)
    wait_until(lambda: scraped(daemon) and daemon.lines() >= total, "all lines", 120)
    assert daemon.lines() == total
    assert resident(daemon) < 150 * MEGABYTE
    assert b"evil" not in daemon.get("/metrics")[1]
    engine = daemon.stream()["core"]["engine"]
    assert engine["too_long"] == 1
    assert engine["memory"] <= 256 * MEGABYTE
    assert daemon.stop() == 0
    tally.add(lines=total)


def scraped(daemon: DaemonProcess) -> bool:
    """Whether the metrics were given; they are small whatever the logs hold."""
    status, body = daemon.get("/metrics")
    assert len(body) < MEGABYTE
    return status == 200


def test_r2_few_descriptors(daemon: DaemonProcess, tally: Tally) -> None:
    """200 files that grow, 64 descriptors: each is read, and it is said once that there are too few."""
    writers = [LogWriter(daemon.directory / "logs" / f"{number:03d}.log") for number in range(200)]
    for writer in writers:
        writer.write(20)
        writer.close()
    daemon.start(prefix=("prlimit", "--nofile=64")).wait_ready()
    wait_until(lambda: daemon.lines() == 4_000, "the first lines")
    for writer in writers:
        writer.reopen()
        writer.write(5)
        writer.close()
    wait_until(lambda: daemon.lines() == 5_000, "what came later", 60)
    assert descriptors(daemon) <= 64
    assert daemon.said().count("out of file descriptors") == 1
    assert "too many open files" not in daemon.said()
    assert "not read:" not in daemon.said()
    assert daemon.stop() == 0
    tally.add(lines=5_000)


def test_r4_a_core_taken_by_another_process(daemon: DaemonProcess, tally: Tally) -> None:
    """Both cores busy with something else: it lags, catches up, and takes the lag for nothing odd."""
    lines = log_lines(2_400)
    log = daemon.directory / "logs" / "a.log"
    log.write_bytes(b"".join(lines[:1_600]))
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 1_600, "history")
    before = len(daemon.json("/api/v1/alerts")["alerts"])
    loop = "while True: pass"
    busy = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        with log.open("ab", buffering=0) as file:
            for at in range(1_600, 2_400, 40):
                file.write(b"".join(lines[at : at + 40]))
                time.sleep(0.05)
        wait_until(lambda: daemon.lines() == 2_400, "all lines", 60)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert len(daemon.json("/api/v1/alerts")["alerts"]) == before
    assert daemon.get("/-/ready")[0] == 200
    assert daemon.stop() == 0
    tally.add(lines=2_400)


@pytest.mark.slow
def test_r3_a_day_s_soak(daemon: DaemonProcess, tally: Tally) -> None:
    """A day of log time, rotated every hour, as fast as it is read: memory and descriptors do not climb."""
    lines, path = log_lines(86_400 * 4), daemon.directory / "logs" / "a.log"
    daemon.start().wait_ready()
    memory, fds = [], []
    hour = len(lines) // 24
    for number in range(24):
        with path.open("ab") as file:
            file.write(b"".join(lines[number * hour : (number + 1) * hour]))
        wait_until(lambda number=number: daemon.lines() >= (number + 1) * hour, f"hour {number}", 120)
        memory.append(resident(daemon))
        fds.append(descriptors(daemon))
        wait_until(lambda: daemon.stream()["backlog_bytes"] == 0, "no lag at the end of an hour")
        for old in range(min(number, 3), 0, -1):
            path.with_name(f"a.log.{old}").rename(path.with_name(f"a.log.{old + 1}"))
        path.rename(path.with_name("a.log.1"))
        tally.add(lines=hour)
    settled = sorted(memory[6:12])[3]
    assert max(memory[18:]) < settled * 1.05 + 4 * MEGABYTE, [m // 1024 for m in memory]
    wait_until(lambda: descriptors(daemon) <= fds[0] + 2, "rotated files let go")
    assert max(memory) < 150 * MEGABYTE
    assert daemon.stop() == 0


BARE = {
    "no network": ("unshare", "-rn"),
    "no HOME, no PATH": ("env", "-i"),
    "no /proc": ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"),
}


@pytest.mark.parametrize("what", BARE)
def test_r7_the_daemon_itself_starts_there(daemon: DaemonProcess, what: str, tally: Tally) -> None:
    """With its socket for metrics, its state and its signals, not only to read once."""
    manager = NotifySocket(daemon.directory)
    prefix = (*BARE[what], f"NOTIFY_SOCKET={manager.path}") if BARE[what][0] == "env" else BARE[what]
    if prefix[0] == "unshare" and subprocess.run([*prefix[:2], "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    daemon.environment["NOTIFY_SOCKET"] = manager.path
    daemon.write(log_lines(500))
    daemon.start(prefix=prefix)
    manager.wait_for("READY=1")
    assert daemon.stop() == 0
    manager.wait_for("STOPPING=1")
    manager.socket.close()
    tally.add(lines=500)


@pytest.mark.parametrize("what", BARE)
def test_r7_a_bare_host(daemon: DaemonProcess, what: str, tally: Tally) -> None:
    prefix = BARE[what]
    if prefix[0] == "unshare":
        tried = subprocess.run(["unshare", *prefix[1:2], "true"], check=False, capture_output=True)
        if tried.returncode:
            pytest.skip("no user namespaces here")
    (daemon.directory / "logs" / "a.log").write_bytes(b"".join(log_lines(500)))
    command = [*prefix, sys.executable, "-m", "alogd", "run", "--config", str(daemon.config), "--once"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "500 lines" in done.stderr
    tally.add(lines=500)
