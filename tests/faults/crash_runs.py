"""Runs of the real daemon that are killed, and all that must be the same as in a run that never was."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alogd.alerts.filter import AlertFilter
from alogd.state.database import Reader, StateUnusable
from tests.daemon_process import DaemonProcess

SEED = "1234"  # of hashes: learned state is then alike to the byte
KILLED = -9
MAX_LINE = 4096  # bytes


def patient(directory: Path, collector: dict[str, object] | None = None, **sections: Any) -> DaemonProcess:
    """A daemon that never takes a half-written line as whole, however slow the writer is on a busy machine.

    `collector`: options of it; `sections`: of the configuration."""
    files = {"kind": "file", "include": [f"{directory}/logs/*.log"], "settle": "1h", **(collector or {})}
    daemon = DaemonProcess(directory, **{"streams": [{"name": "host", "collect": [files]}], **sections})
    daemon.environment["ALOGD_HASH_SEED"] = SEED
    daemon.environment["ALOGD_READING_ORDER"] = str(directory / "order")
    return daemon


def begin(directory: Path) -> Path:
    """An empty place with a log directory; returns the log."""
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "logs").mkdir(parents=True)
    return directory / "logs" / "a.log"


def spoken_on(lines: Sequence[bytes]) -> list[bytes]:
    """Some records go on in lines at the margin: only the header before tells that these begin none."""
    more = b"order queue drained\ncheckpoint kept\n"
    return [line + more * (number % 20 // 15) for number, line in enumerate(lines)]


def outcome(directory: Path) -> dict[str, Any]:
    """What was learned, to the byte; every alert; what the sink was given."""
    reader = Reader.open(directory / "state")
    parts, alerts = reader.parts("host"), reader.alerts(AlertFilter(limit=10_000))
    reader.close()
    delivered = {moment(entry) for entry in DaemonProcess(directory).delivered()}
    return {**parts, "alerts": alerts, "delivered": delivered}


def moment(entry: dict[str, Any]) -> tuple[object, ...]:
    return entry["id"], entry["status"], entry["updated_ns"], entry["windows"]


def uninterrupted(directory: Path, lines: Sequence[bytes]) -> dict[str, Any]:
    """The outcome of reading all lines in one go."""
    begin(directory).write_bytes(b"".join(lines))
    assert patient(directory).finish() == 0
    return outcome(directory)


def check(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raises AssertionError naming the part that differs."""
    assert set(found) == set(expected)
    for part, value in expected.items():
        assert found[part] == value, f"{part} differs"


class Grower:
    """Appends to a log in pieces cut anywhere; rotates it between two lines."""

    def __init__(self, path: Path, lines: Sequence[bytes], seed: int, rotate: Callable[[Path], None] | None) -> None:
        self._path = path
        self._left = memoryview(b"".join(lines))
        self._chance = random.Random(seed)
        self._rotate = rotate
        self._file = path.open("ab", buffering=0)

    def grow(self) -> bool:
        """Whether there is more."""
        self._write(self._chance.randrange(1, 5000))
        return bool(self._left)

    def rotate(self) -> None:
        """Ends the line first."""
        assert self._rotate is not None
        self._write(bytes(self._left[:MAX_LINE]).find(b"\n") + 1)
        self._file.close()
        self._rotate(self._path)
        self._file = self._path.open("ab", buffering=0)

    @property
    def left(self) -> int:
        """Bytes to come."""
        return len(self._left)

    def _write(self, size: int) -> None:
        self._file.write(self._left[:size])
        self._left = self._left[size:]


def committed(directory: Path) -> list[tuple[str, object]]:
    """Where reading would resume; changes when the daemon commits what it read."""
    try:
        reader = Reader.open(directory / "state")
    except StateUnusable:
        return []
    try:
        return [(row.source, row.position) for row in reader.sources("host") if row.position]
    except sqlite3.Error:  # it is being made
        return []
    finally:
        reader.close()


def live_killed(
    directory: Path,
    lines: Sequence[bytes],
    seed: int,
    rotate: Callable[[Path], None] | None = None,
    longest: int = 40,
    least: int = 1,
    **options: object,
) -> int:
    """The log grows, and is rotated, while the daemon is started and killed at random; returns how often it was killed.

    longest: hundredths of a second it lives at most, or lives on after a commit. least: lives that the lines last for.
    """
    grower = Grower(begin(directory), lines, seed, rotate)
    chance = random.Random(seed)
    share = grower.left // least
    kills, more = 0, True
    while more:
        daemon = patient(directory, options).start()
        last, looks = committed(directory), chance.randrange(1, longest)
        known = bool(last)  # before that, what is rotated away was there before alogd
        keep = grower.left - share
        wait_for_commit = chance.random() < 0.7
        while more and (looks or wait_for_commit):
            more = grower.grow() if grower.left > keep else bool(grower.left)
            pause(daemon)
            now = committed(directory)
            known = known or bool(now)
            if rotate is not None and known and more and chance.random() < 0.05:
                grower.rotate()
            wait_for_commit = wait_for_commit and now == last
            looks -= bool(looks and not wait_for_commit)
            last = now
        daemon.kill()
        kills += 1
        for _ in range(chance.choice([0, 0, 0, 1, 3]) if rotate is not None and known and more else 0):
            more = grower.grow()
            if more:
                grower.rotate()
    assert patient(directory, options).finish() == 0
    return kills


def pause(daemon: DaemonProcess) -> None:
    """A hundredth of a second in which the daemon must not end by itself."""
    assert daemon.process is not None
    try:
        daemon.process.wait(0.01)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError(daemon.said())
