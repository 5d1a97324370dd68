"""R1: the most memory the daemon ever has, at its default limits, through what a log can do to it; no networks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon_process import TROUBLE, DaemonProcess, free_port, log_lines
from tests.faults.conftest import Tally
from tests.faults.test_resources import hostile_lines

MEGABYTE = 1 << 20
MOST = 150 * MEGABYTE
START = 1_760_000_000

pytestmark = pytest.mark.slow


def peak(daemon: DaemonProcess) -> int:
    """Bytes, of the daemon's life so far."""
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return 1024 * int(next(one.split()[1] for one in status.splitlines() if one.startswith("VmHWM:")))


def long_line(daemon: DaemonProcess) -> int:
    with (daemon.directory / "logs" / "a.log").open("wb") as log:
        for _ in range(100):
            log.write(b"x" * MEGABYTE)
        log.write(b"\nafter it\n")
    return 2


def many_files(daemon: DaemonProcess) -> int:
    lines = log_lines(10_000)
    for number in range(10_000):
        (daemon.directory / "logs" / f"{number:05d}.log").write_bytes(b"".join(lines[number : number + 3]))
    return sum(len(lines[number : number + 3]) for number in range(10_000))


def templates(daemon: DaemonProcess) -> int:
    write(daemon, hostile_lines(1_000_000, 1))
    return 1_000_000


def session_keys(daemon: DaemonProcess) -> int:
    """Each key's window stays open, as its log time goes on by a minute only."""
    mask = {"name": "ID", "pattern": "order [0-9a-f]{12}"}
    daemon.configure(
        streams=[
            {
                "name": "host",
                "collect": [{"kind": "file", "include": [f"{daemon.directory}/logs/*.log"]}],
                "engine": {"user_masks": [mask]},
                "windows": {"kind": "session", "key": {"mask": "ID"}},
            }
        ]
    )
    chance = random.Random(2)
    write(
        daemon, (stamped(n // 20_000, f"shop: order {chance.getrandbits(48):012x} came in") for n in range(1_000_000))
    )
    return 1_000_000


def alert_storm(daemon: DaemonProcess) -> int:
    """Two hours of log in which something calls itself critical every second, and nobody answers the webhook."""
    sink = {"kind": "webhook", "url": f"http://127.0.0.1:{free_port()}/"}
    daemon.configure(sinks=[sink], alerts={"warmup_windows": 20, "budget": "100000/day", "resolve_after": "1s"})
    write(daemon, (stamped(n // 20, storm_line(n)) for n in range(144_000)))
    return 144_000


def storm_line(number: int) -> str:
    if number < 4_000 or number % 20:
        return f"sshd[1]: Accepted publickey for anna from 10.0.0.{number % 250} port {number % 60_000}"
    return f"{TROUBLE[number % len(TROUBLE)]} {'xyzuvw'[number // 20 % 6] * (number // 120 % 40 + 1)}"


def stamped(second: int, message: str) -> bytes:
    return f"{time.strftime('%b %e %H:%M:%S', time.gmtime(START + second))} host {message}\n".encode()


def write(daemon: DaemonProcess, lines: Iterator[bytes]) -> None:
    with (daemon.directory / "logs" / "a.log").open("wb") as log:
        log.writelines(lines)


CASES: dict[str, Callable[[DaemonProcess], int]] = {
    "a line of 100 MB": long_line,
    "10,000 files": many_files,
    "a million templates": templates,
    "a million session keys": session_keys,
    "an alert storm that nobody takes": alert_storm,
}


@pytest.mark.parametrize("what", CASES)
def test_r1_never_more_than_150_mb(daemon: DaemonProcess, what: str, tally: Tally) -> None:
    expected = CASES[what](daemon)
    daemon.start().wait_ready()
    daemon.wait_lines(expected)
    assert daemon.lines() == expected
    print(what, peak(daemon) // MEGABYTE, "MB")
    assert peak(daemon) < MOST, f"{peak(daemon) / MEGABYTE:.0f} MB"
    assert daemon.stop() == 0
    tally.add(lines=expected)
