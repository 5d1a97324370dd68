"""C7-C9: where the state lies. The disk fills, the directory cannot be written, another daemon has it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alogd.state.database import Reader, State, StateUnusable
from tests.daemon_process import DEADLINE, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.test_state import SNAPSHOT, committed, everywhere

SLOW = 3 * DEADLINE  # a save that failed is tried again later and later, and a busy machine puts it off besides
HOLD = 'mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec cat'


class SmallDisk:
    """A file system of its own in a user namespace: it lives as long as the process that holds it."""

    def __init__(self, place: Path, size: str) -> None:
        place.mkdir()
        command = ["unshare", "-rm", "sh", "-c", HOLD, "sh", size, str(place)]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._holder.stdout is not None
        self.mounted = self._holder.stdout.readline() == b"mounted\n"
        self.path = Path(f"/proc/{self._holder.pid}/root{place}")  # the same directory, seen from outside

    @property
    def prefix(self) -> tuple[str, ...]:
        """What runs a command inside."""
        return ("nsenter", "-t", str(self._holder.pid), "-U", "-m", "--preserve-credentials")

    def fill(self) -> Path:
        filler = self.path / "filler"
        for size in (4096, 1):
            with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    continue
        return filler

    def close(self) -> None:
        self._holder.communicate()


@pytest.fixture
def small_disk(daemon: DaemonProcess, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    disk = SmallDisk(daemon.state, request.param)
    if not disk.mounted:
        disk.close()
        pytest.skip("FULL DISKS WERE NOT TRIED: no user namespace in which a file system could be mounted")
    yield disk
    daemon.kill()
    disk.close()


def learned(disk: SmallDisk, copy: Path) -> tuple[dict[str, bytes], object]:
    """From a copy: SQLite resolves the links in a path, and would look outside."""
    shutil.copytree(disk.path, copy, ignore=shutil.ignore_patterns("filler", "*-shm"))
    reader = Reader.open(copy)
    try:
        return reader.parts("host"), reader.sources("host")
    finally:
        reader.close()


@pytest.mark.parametrize("small_disk", ["3m"], indirect=True)
def test_c7_a_full_disk_is_waited_out(daemon: DaemonProcess, small_disk: SmallDisk, tally: Tally) -> None:
    """It keeps running and delivering, says so, leaves what it has intact, and recovers by itself."""
    daemon.write(log_lines(4000))
    daemon.start(prefix=small_disk.prefix).wait_ready()
    wait_until(lambda: daemon.lines() == 4000, "the first lines")
    read = time.time()
    daemon.write(log_lines(4001)[4000:])
    wait_until(lambda: daemon.metric("alogd_snapshot_last_success_timestamp_seconds") > read, "their commit", SLOW)
    filler = small_disk.fill()
    before = len(daemon.delivered())
    daemon.write(log_lines(8000)[4001:])
    wait_until(lambda: daemon.metric('alogd_component_up{component="state"}') == 0, "the failure", SLOW)
    status, ready = daemon.get("/-/ready")
    assert status == 200
    assert b"state: database or disk is full" in ready
    wait_until(lambda: len(daemon.delivered()) > before, "an alert though the disk is full", SLOW)
    assert (daemon.metric("alogd_snapshot_failures_total") or 0) > 0
    parts, sources = learned(small_disk, daemon.directory / "copy")
    assert parts
    assert sources
    filler.unlink()
    wait_until(lambda: daemon.metric('alogd_component_up{component="state"}') == 1, "recovery", SLOW)
    assert daemon.stop() == 0
    daemon.start(prefix=small_disk.prefix).wait_ready()
    wait_until(lambda: daemon.lines() == 8000, "all lines")
    assert daemon.stream()["lines_read"] <= 1
    moments = [(e["id"], e["status"], e["updated_ns"], e["windows"]) for e in daemon.delivered()]
    assert len(moments) == len(set(moments))
    assert daemon.stop() == 0
    tally.add(lines=8000)


@pytest.mark.parametrize("small_disk", ["3m"], indirect=True)
def test_c7_killed_on_a_full_disk_it_goes_on_from_what_was_committed(
    daemon: DaemonProcess, small_disk: SmallDisk, tally: Tally
) -> None:
    daemon.write(log_lines(3000))
    daemon.start(prefix=small_disk.prefix).wait_ready()
    wait_until(lambda: daemon.lines() == 3000, "the first lines")
    read = time.time()
    daemon.write(log_lines(3001)[3000:])
    wait_until(lambda: daemon.metric("alogd_snapshot_last_success_timestamp_seconds") > read, "their commit", SLOW)
    filler = small_disk.fill()
    daemon.write(log_lines(5000)[3001:])
    wait_until(lambda: daemon.metric('alogd_component_up{component="state"}') == 0, "the failure", SLOW)
    daemon.kill()
    before = learned(small_disk, daemon.directory / "copy")
    assert before[0]
    filler.unlink()
    daemon.start(prefix=small_disk.prefix).wait_ready()
    wait_until(lambda: daemon.lines() == 5000, "all lines, once")
    assert daemon.stream()["resumed"]
    assert daemon.stop() == 0
    tally.add(lines=5000)


@pytest.mark.parametrize("small_disk", ["64k"], indirect=True)
def test_c7_no_room_for_any_state_ends_the_start_in_one_line(daemon: DaemonProcess, small_disk: SmallDisk) -> None:
    """64 KiB hold no state at all; the code is one after which the service manager tries again."""
    small_disk.fill()
    assert daemon.start(prefix=small_disk.prefix).wait() == 1
    assert re.fullmatch(r"alogd: cannot [^\n]*\n", daemon.said()), daemon.said()


@pytest.mark.parametrize("small_disk", ["64k"], indirect=True)
def test_c7_with_room_for_too_little_it_runs_and_says_so(daemon: DaemonProcess, small_disk: SmallDisk) -> None:
    """Whether the empty state fits or not: it runs and says that nothing is kept, or ends in one line."""
    daemon.write(log_lines(500))
    daemon.start(prefix=small_disk.prefix)
    assert daemon.process is not None
    process = daemon.process
    wait_until(lambda: process.poll() is not None or daemon.lines() == 500, "the lines, or the end")
    if process.poll() is not None:
        assert process.returncode == 1
        assert re.fullmatch(r"alogd: cannot [^\n]*\n", daemon.said()), daemon.said()
        return
    wait_until(lambda: b"state: " in daemon.get("/-/ready")[1], "the note")
    assert daemon.get("/-/ready")[0] == 200
    daemon.stop()


@pytest.mark.parametrize("place", ["/proc/alogd", "/dev/null/alogd"])
def test_c8_a_directory_that_cannot_be(place: str) -> None:
    with pytest.raises(StateUnusable, match="cannot write in the state directory") as caught:
        State(place)
    assert caught.value.exit_code == 78
    assert "\n" not in str(caught.value)


def test_c8_the_daemon_refuses_a_place_that_cannot_be(daemon: DaemonProcess) -> None:
    daemon.configure(state={"directory": "/proc/alogd"})
    assert daemon.start().wait() == 78
    assert daemon.said().count("\n") == 1
    assert daemon.said().startswith("alogd: cannot write in the state directory")


READ_ONLY = 'mount -t tmpfs -o size=1m none "$0" && cp -a "$0.was/." "$0" && mount -o remount,ro "$0" && exec "$@"'


@pytest.mark.parametrize("state", ["none yet", "there"])
def test_c8_a_read_only_file_system(daemon: DaemonProcess, state: str) -> None:
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("READ-ONLY FILE SYSTEMS WERE NOT TRIED: no user namespaces here")
    daemon.state.mkdir()
    was = Path(f"{daemon.state}.was")
    was.mkdir()
    if state == "there":
        committed(was)
    assert daemon.start(prefix=("unshare", "-rm", "sh", "-c", READ_ONLY, str(daemon.state))).wait() == 78
    assert daemon.said().count("\n") == 1
    assert daemon.said().startswith("alogd: cannot ")
    assert "read-only" in daemon.said()


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere")
@pytest.mark.parametrize("mode", [0o500, 0o400])
def test_c8_a_directory_that_may_not_be_written(daemon: DaemonProcess, mode: int) -> None:
    """Under an ordinary user: root's capabilities are put away."""
    daemon.state.mkdir()
    daemon.state.chmod(mode)
    bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    assert daemon.start(prefix=bare).wait() == 78
    assert daemon.said().count("\n") == 1
    assert "permission denied" in daemon.said()


def test_c8_a_missing_directory_is_made(daemon: DaemonProcess) -> None:
    daemon.configure(state={"directory": str(daemon.directory / "not" / "yet")})
    daemon.write(log_lines(50))
    assert daemon.finish() == 0
    assert (daemon.directory / "not" / "yet" / "state.db").stat().st_mode & 0o777 == 0o640


def test_c9_two_states_on_one_directory(tmp_path: Path) -> None:
    first = State(tmp_path)
    with pytest.raises(StateUnusable, match="another alogd") as caught:
        State(tmp_path)
    assert caught.value.exit_code == 1
    first.commit([SNAPSHOT], everywhere)
    first.close()
    State(tmp_path).close()


def test_c9_a_second_daemon_leaves_and_the_first_goes_on(daemon: DaemonProcess, tally: Tally) -> None:
    daemon.write(log_lines(500))
    daemon.start().wait_ready()
    second = DaemonProcess(daemon.directory)
    second.state, second.stderr = daemon.state, daemon.directory / "second"
    for _ in range(3):
        assert second.start().wait() == 1
        tally.add()
    assert second.said().count("another alogd is using") == 3
    assert second.said().count("\n") == 3
    wait_until(lambda: daemon.lines() == 500, "the first daemon's lines")
    daemon.kill()  # the lock goes with the process, whatever is left on the disk
    second.start().wait_ready()
    assert second.stop() == 0
