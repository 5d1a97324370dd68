"""C10: the wall clock leaps while the daemon runs. Lines still count, no window is negative, nobody is flooded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally

DAY = 86_400
YEARS = 3652 * DAY
LEAPS = [DAY, -DAY, YEARS, -YEARS, 3600, -3600, 0]  # seconds off; an hour is daylight saving
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

pytestmark = pytest.mark.skipif(not LIBRARIES, reason="CLOCK LEAPS WERE NOT TRIED: libfaketime is not here")


class Wall:
    """The wall clock of one daemon; its monotonic clock stays true."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._file = daemon.directory / "clock"
        self.set(0)
        daemon.environment |= {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds between looks at the file
            "NO_FAKE_STAT": "1",  # files keep their times: it is the clock that is wrong
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


def unstamped(lines: list[bytes]) -> list[bytes]:
    """Without their times: their order and the clock are all there is."""
    return [line[16:] for line in lines]


def check_metrics(daemon: DaemonProcess) -> None:
    """No gauge or counter is below zero or no number: no window, delay or age came out negative."""
    samples = [line.rsplit(" ", 1) for line in daemon.get("/metrics")[1].decode().splitlines() if line[:1] != "#"]
    assert len(samples) > 50
    assert [(name, value) for name, value in samples if not float(value) >= 0] == []


@pytest.mark.slow
@pytest.mark.parametrize("stamped", [True, False], ids=["stamped", "without stamps"])
def test_c10_the_wall_clock_leaps(daemon: DaemonProcess, stamped: bool, tally: Tally) -> None:
    """A pause in the writing may be told of, and pauses depend on the load; that each leap is would be a flood.

    Of what was told before nothing is lost, though ten years seem to have gone by."""
    wall = Wall(daemon)
    lines = log_lines(8_000) if stamped else unstamped(log_lines(8_000))
    at = 6_000  # with trouble; none comes in the 1,400 lines after it
    daemon.write(lines[:at])
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == at, "history")
    assert daemon.stop() == 0  # all of it is committed
    daemon.start().wait_ready()
    wait_until(lambda: alerts(daemon), "alerts")
    before = alerts(daemon)
    for leap in LEAPS:
        wall.set(leap)
        daemon.write(lines[at : at + 200])
        at += 200
        wait_until(lambda at=at: daemon.lines() == at, "the lines after a leap")
        wait_until(lambda leap=leap: abs(committed(daemon) - time.time() - leap) < 600, "a commit in the new time")
        check_metrics(daemon)
        tally.add(lines=200)
    assert before <= alerts(daemon)
    assert len(alerts(daemon) - before) < len(LEAPS), "told of leaps"
    assert daemon.get("/-/ready")[0] == 200
    daemon.write(lines[at:])
    wait_until(lambda: daemon.lines() == len(lines), "the last lines")
    window = daemon.stream()["core"]["window"]
    assert all(count >= 0 for count in window.values())
    assert all(one["opened"] <= one["updated"] for one in daemon.json("/api/v1/alerts")["alerts"])
    assert daemon.stop() == 0


def alerts(daemon: DaemonProcess) -> set[str]:
    return {one["id"] for one in daemon.json("/api/v1/alerts?limit=1000")["alerts"]}


def committed(daemon: DaemonProcess) -> float:
    """When the daemon last wrote its state, by its own clock."""
    return daemon.metric("alogd_snapshot_last_success_timestamp_seconds") or 0.0
