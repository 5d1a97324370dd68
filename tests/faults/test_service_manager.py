"""L6, L7: what the service manager is told: nothing by a daemon that hangs, READY not before it reads."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.faults import stalls
from tests.faults.conftest import Tally

PERIOD = 0.4  # seconds of the watchdog


class NotifySocket:
    """The service manager's end."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard: list[str] = []

    def listen(self, seconds: float = 0.01) -> list[str]:
        """All that was heard so far, the next so many seconds without a word included."""
        self.socket.settimeout(seconds)
        try:
            while True:
                self.heard += self.socket.recv(65536).decode().splitlines()
        except TimeoutError:
            return self.heard

    def wait_for(self, line: str) -> None:
        wait_until(lambda: line in self.listen(), line)

    def is_quiet(self) -> bool:
        """Whether no ping was heard for five periods."""
        self.heard.clear()
        return "WATCHDOG=1" not in self.listen(5 * PERIOD)


@pytest.fixture
def notified(daemon: DaemonProcess) -> Iterator[NotifySocket]:
    manager = NotifySocket(daemon.directory)
    daemon.environment |= {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(int(PERIOD * 1e6))}
    yield manager
    manager.socket.close()


def test_l6_a_core_that_hangs_is_not_reported_alive(
    daemon: DaemonProcess, notified: NotifySocket, tally: Tally
) -> None:
    stalls.install(daemon)
    daemon.write(log_lines(3000))
    files = {"kind": "file", "include": [f"{daemon.directory}/logs/*.log"]}
    daemon.configure(streams=[{"name": "host", "collect": [files], "detectors": [{"name": "holding"}]}])
    daemon.start()
    wait_until(lambda: daemon.state.joinpath("state.db").exists(), "the start")
    wait_until(notified.is_quiet, "silence")
    assert daemon.process is not None
    assert daemon.process.poll() is None
    tally.add()


def test_l6_an_event_loop_that_hangs_is_not_reported_alive(
    daemon: DaemonProcess, notified: NotifySocket, tally: Tally
) -> None:
    open_when, block_when = stalls.install(daemon)
    open_when.touch()
    daemon.configure(streams=[{"name": "host", "collect": [{"kind": "blocking"}]}])
    daemon.start()
    notified.wait_for("WATCHDOG=1")
    block_when.touch()
    wait_until(notified.is_quiet, "silence")
    assert daemon.process is not None
    assert daemon.process.poll() is None
    tally.add()


def test_l6_a_daemon_without_anything_to_do_is_alive(daemon: DaemonProcess, notified: NotifySocket) -> None:
    daemon.start()
    notified.wait_for("READY=1")
    for _ in range(3):
        notified.heard.clear()
        notified.wait_for("WATCHDOG=1")
    assert daemon.stop() == 0


def test_l7_ready_stopping_and_reloading_are_said(daemon: DaemonProcess, notified: NotifySocket) -> None:
    daemon.write(log_lines(300))
    daemon.start()
    notified.wait_for("READY=1")
    assert daemon.state.joinpath("state.db").exists()
    daemon.signal(signal.SIGHUP)
    notified.wait_for("RELOADING=1")
    reloading = notified.heard.index("RELOADING=1")
    wait_until(lambda: "READY=1" in notified.listen()[reloading:], "READY=1 after RELOADING=1")
    assert any(line.startswith("MONOTONIC_USEC=") for line in notified.heard)
    assert daemon.stop() == 0
    notified.wait_for("STOPPING=1")
    assert any(line.startswith("STATUS=") for line in notified.heard)


def test_l7_not_ready_before_a_collector_has_opened(daemon: DaemonProcess, notified: NotifySocket) -> None:
    open_when, _ = stalls.install(daemon)
    daemon.configure(streams=[{"name": "host", "collect": [{"kind": "blocking"}]}])
    daemon.start()
    notified.wait_for("WATCHDOG=1")
    wait_until(lambda: daemon.get("/-/healthy")[0] == 200, "the web")
    assert daemon.get("/-/ready")[0] == 503
    assert "READY=1" not in notified.listen()
    open_when.touch()
    notified.wait_for("READY=1")
    assert daemon.get("/-/ready")[0] == 200
    assert daemon.stop() == 0


def test_l7_not_ready_when_the_state_cannot_be_read(daemon: DaemonProcess, notified: NotifySocket) -> None:
    daemon.configure(state={"directory": "/proc/alogd"})
    daemon.write(log_lines(300))
    assert daemon.start().wait() == 78
    assert "READY=1" not in notified.listen()
