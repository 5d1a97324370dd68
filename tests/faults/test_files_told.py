"""F3, F12, F13, F21, F25: what the daemon tells of what befalls files: its counters, and its log once for each."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.collectors.following import NOBODY
from tests.daemon_process import ROOT, DaemonProcess, wait_until
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter

TRUNCATED = 3
EMPTY = 10_000


def watching(place: Path) -> DaemonProcess:
    """A daemon that looks often."""
    (place / "logs").mkdir()
    files = {"kind": "file", "include": [f"{place}/logs/*.log"], "poll": "100ms"}
    return DaemonProcess(place, streams=[{"name": "host", "collect": [files]}])


@dataclass
class Told:
    """What a daemon said of a day on which much befell its files."""

    metrics: dict[str, float]
    log: list[dict[str, str]]

    def count(self, name: str, reason: str) -> float:
        return self.metrics[f'{name}{{reason="{reason}",stream="host"}}']

    def levels(self, kind: str) -> list[str]:
        return [one["level"] for one in self.log if one.get("kind") == kind]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """One day: two links to one file, one to a secret, empty lines, three truncations."""
    (ROOT / "build").mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="fault-", dir=ROOT / "build"))
    daemon = watching(place)
    try:
        yield live(daemon, place / "logs")
    finally:
        daemon.kill()
        shutil.rmtree(place, ignore_errors=True)


def live(daemon: DaemonProcess, logs: Path) -> Told:
    writer, lines = LogWriter(logs / "a.log"), 0
    os.link(logs / "a.log", logs / "b.log")
    os.link(logs / "a.log", logs / "c.log")
    (logs / "shadow.log").symlink_to("/etc/shadow")
    (logs / "empty.log").write_bytes(b"\n" * EMPTY)
    daemon.start().wait_ready()
    for turn in range(TRUNCATED + 1):
        lines += len(writer.write(20 - turn))
        wait_until(lambda lines=lines: daemon.lines() == EMPTY + lines, "all lines so far")
        if turn < TRUNCATED:
            writer.truncate()
    samples = [line.rsplit(" ", 1) for line in daemon.get("/metrics")[1].decode().splitlines() if line[:1] != "#"]
    assert daemon.stop() == 0
    log = [json.loads(line) for line in daemon.said().splitlines()]
    return Told({name: float(value) for name, value in samples}, log)


def test_f3_truncations_are_counted(told: Told, tally: Tally) -> None:
    assert told.count("alogd_collector_events_total", "truncated") == TRUNCATED
    assert told.levels("truncated") == ["warning"] * TRUNCATED
    tally.add(rounds=TRUNCATED, lines=74)


def test_f12_a_link_out_of_the_roots_is_counted(told: Told) -> None:
    assert told.count("alogd_collector_events_total", "outside") == 1
    assert told.levels("outside") == ["warning"]


def test_f13_a_second_name_is_warned_of(told: Told) -> None:
    """Once a stream: where a directory is full of links each of them would be a warning. All of them are counted."""
    assert told.count("alogd_collector_events_total", "duplicate") == 2
    assert sorted(told.levels("duplicate")) == ["debug", "warning"]
    assert told.metrics['alogd_lines_read_total{stream="host"}'] == EMPTY + 74


def test_f21_empty_lines_are_a_counter_and_nothing_else(told: Told, tally: Tally) -> None:
    """Cheap: what comes after the engine's look for newlines never hears of them."""
    assert told.count("alogd_lines_dropped_total", "empty") == EMPTY
    assert told.metrics['alogd_records_total{stream="host"}'] in (73, 74)  # the last may still go on
    assert told.metrics['alogd_templates_created_total{stream="host"}'] <= 2
    tally.add(lines=EMPTY)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may read anything")
@pytest.mark.parametrize("start", ["beginning", "end"])
def test_f25_the_daemon_says_it_once_and_reads_on_when_it_may(disk: Path, tally: Tally, start: str) -> None:
    """Under an ordinary user, or root without its capabilities. Tried again and again, it is said in one line."""
    daemon = watching(disk)
    collect = [{"kind": "file", "include": [f"{disk}/logs/*.log"], "poll": "100ms", "start": start}]
    daemon.configure(streams=[{"name": "host", "collect": collect}])
    LogWriter(disk / "logs" / "free.log").write(1)
    writer = LogWriter(disk / "logs" / "a.log")
    writer.write(10)
    os.chmod(disk / "logs" / "a.log", 0)
    if os.geteuid() == 0:
        os.chown(disk / "logs" / "a.log", NOBODY, NOBODY)
    bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    before = 10 if start == "beginning" else 0
    try:
        daemon.start(prefix=bare).wait_ready()
        wait_until(lambda: daemon.stream()["notes"].get("permission_denied"), "the denial")
        LogWriter(disk / "logs" / "free.log", first=1).write(2)
        wait_until(lambda: daemon.lines() >= 2, "the log that may be read")
        free = daemon.lines()
        os.chmod(disk / "logs" / "a.log", 0o644)
        wait_until(lambda: daemon.stream()["notes"].get("recovered"), "the log to be opened")
        writer.write(5)
        wait_until(lambda: daemon.lines() == free + before + 5, "what the policy has of the log that could not be read")
        assert daemon.metric('alogd_collector_events_total{reason="permission_denied",stream="host"}') == 1
        assert daemon.stop() == 0
        said = [json.loads(line) for line in daemon.said().splitlines()]
        assert [one["level"] for one in said if one.get("kind") == "permission_denied"] == ["warning"]
    finally:
        daemon.kill()
    tally.add(lines=before + 5)
