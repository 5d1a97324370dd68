"""The journals tests read: a file shown by a journalctl whose answers are known, and a systemd-journald of ours."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.rig import Rig
from tests.log_writer import numbers

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


class FakeJournal:
    """A file of entries, numbered as tests/log_writer.py numbers lines."""

    def __init__(self, place: Path) -> None:
        self.path = place / "journal"
        self.path.touch()
        self.next = 0

    def write(self, count: int = 1) -> None:
        with self.path.open("a") as journal:
            for number in range(self.next, self.next + count):
                place = {"__CURSOR": cursor(number), "__REALTIME_TIMESTAMP": str(START + number * SECOND)}
                entry = {"MESSAGE": f"msgnum:{number:08}", "_HOSTNAME": "h", "SYSLOG_IDENTIFIER": "p", "_PID": "1"}
                journal.write(json.dumps({**place, **entry}) + "\n")
        self.next += count

    def raw(self, line: str) -> None:
        with self.path.open("a") as journal:
            journal.write(line + "\n")

    def vacuum(self, first: int) -> None:
        lines = self.path.read_text().splitlines(keepends=True)
        self.path.write_text("".join(lines[first:]))

    def calls(self) -> list[str]:
        called = Path(f"{self.path}.calls")
        return called.read_text().splitlines() if called.exists() else []


def cursor(number: int) -> str:
    return f"s=1;i={number};b=boot;t={START + number * SECOND}"


def message(line: bytes) -> bytes:
    return line.split(b" ", 7)[7]  # after priority, time, host, program, pid, id and structured data


def messages(rig: Rig) -> list[int]:
    return numbers(b"\n".join(message(line) for line in rig.text["journal"].splitlines()))


async def read(rig: Rig, *expected: int) -> None:
    await rig.when(lambda: len(messages(rig)) >= len(expected))
    assert messages(rig) == list(expected)


JOURNALD = "/lib/systemd/systemd-journald"
NAMESPACE = """
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal /run/systemd/journald.conf.d
mount --bind "$1/sockets" /run/systemd/journal
mount --bind "$1/files" /run/log/journal
cat > /run/systemd/journald.conf.d/test.conf <<END
[Journal]
Storage=volatile
ReadKMsg=no
Audit=no
RateLimitBurst=0
END
test -z "$2" || { echo "$2" > /run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id; }
exec "$3"
"""


class RealJournal:
    """One systemd-journald at a time; `boot` gives it another boot's identity."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in ("sockets", "files"):
            (place / name).mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, boot: str = "") -> None:
        for left in (self.place / "sockets").iterdir():
            left.unlink()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", str(self.place), boot, JOURNALD],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while not (self.place / "sockets" / "socket").exists() and self.process.poll() is None:
            os.sched_yield()
        if self.process.poll() is not None:
            pytest.skip("cannot run systemd-journald in a namespace here")

    def send(self, message: bytes) -> None:
        field = b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\nPRIORITY=3\nSYSLOG_IDENTIFIER=test\n"
        here = contextlib.chdir(self.place / "sockets")  # socket paths are short
        with here, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(field, "socket")

    def written(self, message: str) -> None:
        """Waits until an entry is in the files."""
        command = [
            "journalctl",
            f"--directory={self.place / 'files'}",
            "--output=cat",
            "--lines=1",
            "--identifier=test",
        ]
        for _ in range(1000):
            if message in subprocess.run(command, capture_output=True, text=True, check=False).stdout:
                return
        pytest.fail(f"journald did not write {message}")

    def rotate(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR2)

    def vacuum(self) -> None:
        """All files but the newest are deleted."""
        command = ["journalctl", f"--directory={self.place / 'files'}", "--vacuum-files=1"]
        subprocess.run(command, check=True, capture_output=True)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate()
            self.process = None


def texts(rig: Rig) -> list[bytes]:
    return [message(line) for line in rig.text["journal"].splitlines() if b" test " in line]


def from_real(journal: RealJournal, positions: Any = ()) -> Rig:
    return Rig("journald", {"directory": str(journal.place / "files"), "identifiers": ["test"]}, positions)


def fake_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJournal:
    """Puts a journalctl that shows it first on PATH."""
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -S "{Path(__file__).with_name("fake_journalctl.py")}" "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    fake = FakeJournal(tmp_path)
    monkeypatch.setenv("FAKE_JOURNAL", str(fake.path))
    return fake


def run_journal(tmp_path: Path) -> Iterator[RealJournal]:
    """One that is not started yet; skips where there is no journald, or no root."""
    if not (os.path.exists(JOURNALD) and shutil.which("journalctl") and os.geteuid() == 0):
        pytest.skip("needs systemd-journald, journalctl and root")
    journal = RealJournal(tmp_path)
    yield journal
    journal.stop()
