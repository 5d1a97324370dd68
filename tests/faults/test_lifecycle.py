"""L1, L2, L4, L8: signals in every number and at the worst of times, and nobody who reads the output."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alogd.state.database import Reader
from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults import stalls
from tests.faults.conftest import Tally
from tests.faults.log_storm import line

UNIT = (ROOT / "systemd" / "alogd.service").read_text()
STOP_TIMEOUT = float(re.search(r"^TimeoutStopSec=(\d+)s$", UNIT, re.MULTILINE)[1])  # type: ignore[index]
STORM = [sys.executable, str(ROOT / "tests" / "faults" / "log_storm.py")]


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_l1_stopped_under_full_load(daemon: DaemonProcess, rounds: int, tally: Tally) -> None:
    """A writer faster than anybody reads; each run is stopped in the midst of it and the next one goes on."""
    log = daemon.directory / "logs" / "a.log"
    daemon.write(line(number) for number in range(50_000))
    storm = subprocess.Popen([*STORM, str(log), "100000000", "200000"])
    try:
        last = 0
        for _ in range(rounds):
            daemon.start()
            wait_until(lambda last=last: daemon.lines() > last, "lines")
            last = daemon.lines()
            daemon.signal(signal.SIGTERM)
            assert daemon.wait(STOP_TIMEOUT) == 0
            tally.add()
    finally:
        storm.terminate()
        storm.wait()
    total = log.read_bytes().count(b"\n")
    daemon.start().wait_ready()
    daemon.wait_lines(total)
    assert daemon.lines() == total
    assert daemon.stop() == 0
    tally.add(rounds=0, lines=total)


def test_l1_what_was_read_is_not_read_again(daemon: DaemonProcess, tally: Tally) -> None:
    lines = log_lines(3000)
    daemon.write(lines[:2000])
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 2000, "2000 lines")
    assert daemon.stop() == 0
    daemon.write(lines[2000:])
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 3000, "3000 lines")
    stream = daemon.stream()
    assert stream["lines_read"] in (1000, 1001)  # the last line had waited for one that goes on it
    assert stream["resumed"]
    wait_until(lambda: daemon.stream()["core"]["window"]["records"] == 3000, "3000 records")
    assert daemon.stop() == 0
    tally.add(lines=3000)


def test_l2_sigint_is_the_same(daemon: DaemonProcess) -> None:
    daemon.start().wait_ready()
    daemon.signal(signal.SIGINT)
    assert daemon.wait() == 0


@pytest.fixture
def stuck(daemon: DaemonProcess) -> Iterator[socket.socket]:
    """A connection of the webhook sink, which waits for an answer that never comes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        hook = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        daemon.configure(sinks=[{"kind": "webhook", "url": hook, "timeout": "60s", "max_age": None}])
        daemon.write(log_lines(6000))
        daemon.start().wait_ready()
        taken, _ = silent.accept()
        yield taken
        taken.close()


@pytest.mark.usefixtures("stuck")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_l2_a_second_signal_forces(daemon: DaemonProcess, number: signal.Signals) -> None:
    daemon.signal(number)
    wait_until(lambda: '"event":"stopping"' in daemon.said(), "the first signal")
    daemon.signal(number)
    assert daemon.wait() == 128 + number
    assert "told twice" in daemon.said()


@pytest.mark.usefixtures("stuck")
def test_l2_a_stuck_sink_is_cut_off_and_its_alerts_kept(daemon: DaemonProcess, tally: Tally) -> None:
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(STOP_TIMEOUT) == 0
    reader = Reader.open(daemon.state)
    assert reader.queue_lengths()["webhook"] >= 1
    reader.close()
    tally.add(lines=6000)


def test_l4_many_hangups_are_few_reloads(daemon: DaemonProcess, tally: Tally) -> None:
    daemon.write(log_lines(500))
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 500, "the first lines")
    before = threads_and_files(daemon)
    for _ in range(100):
        daemon.signal(signal.SIGHUP)
        time.sleep(0.01)
    assert daemon.post("/-/reload")[0] == 200
    assert 1 <= daemon.said().count("was read again") <= 101
    assert threads_and_files(daemon) <= tuple(n + 3 for n in before)
    daemon.write(log_lines(600)[500:])
    wait_until(lambda: daemon.lines() == 600, "lines after the storm")
    assert not daemon.stream()["resumed"]  # it never stopped
    assert daemon.stop() == 0
    tally.add(rounds=100, lines=600)


def test_l4_hangups_at_once_are_coalesced(daemon: DaemonProcess) -> None:
    daemon.start().wait_ready()
    for _ in range(100):
        daemon.signal(signal.SIGHUP)
    assert daemon.post("/-/reload")[0] == 200
    assert daemon.said().count("was read again") < 50
    assert daemon.stop() == 0


def test_l4_nothing_grows_with_reloads(daemon: DaemonProcess, tally: Tally) -> None:
    """Tasks of the event loop, told by one of its own, threads, descriptors: after the second hundred as after one."""
    counted = stalls.install(daemon)[0].with_name("tasks")
    files = {"kind": "file", "include": [f"{daemon.directory}/logs/*.log"]}
    daemon.configure(streams=[{"name": "host", "collect": [files]}, {"name": "own", "collect": [{"kind": "counting"}]}])
    daemon.write(log_lines(100))
    daemon.start().wait_ready()
    seen = []
    for _ in range(2):
        for _ in range(100):
            daemon.signal(signal.SIGHUP)
        for _ in range(10):
            assert daemon.post("/-/reload")[0] == 200
        counted.unlink(missing_ok=True)
        wait_until(lambda: counted.exists() and counted.read_text(), "tasks to be counted")
        seen.append((int(counted.read_text()), *threads_and_files(daemon)))
        tally.add(rounds=110)
    assert seen[0][0] > 5
    assert all(after <= before + 2 for before, after in zip(*seen, strict=True)), seen  # of 10 and 110 reloads
    assert daemon.stop() == 0


def threads_and_files(daemon: DaemonProcess) -> tuple[int, int]:
    assert daemon.process is not None
    process = Path(f"/proc/{daemon.process.pid}")
    return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))


@pytest.mark.parametrize("how", ["hung up", "full", "closed"])
def test_l8_nobody_reads_its_output(daemon: DaemonProcess, how: str, tally: Tally) -> None:
    """A pipe whose reader went, a pipe that is full, no standard output and error at all."""
    daemon.write(log_lines(3000))
    reading, writing = os.pipe()
    if how == "hung up":
        os.close(reading)
    if how == "full":
        fill(writing)
    daemon.start(output=writing, prefix=("sh", "-c", 'exec "$@" >&- 2>&-', "sh") if how == "closed" else ())
    os.close(writing)
    wait_until(lambda: daemon.lines() == 3000, "3000 lines")
    assert daemon.stop() == 0
    if how != "hung up":
        os.close(reading)
    tally.add(lines=3000)


def fill(pipe: int) -> None:
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(pipe, bytes(65536)):
            continue
    os.set_blocking(pipe, True)
