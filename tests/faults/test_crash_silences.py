"""C1: killed right after a silence or a judgement was taken: both are still there, and still hold alerts back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alogd.state.database import Reader
from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally


def alogd(daemon: DaemonProcess, *words: str) -> str:
    command = [sys.executable, "-m", "alogd", *words, "--config", str(daemon.config)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.slow
def test_c1_a_silence_outlives_a_kill(disk: Path, tally: Tally) -> None:
    (disk / "logs").mkdir()
    daemon = DaemonProcess(disk)
    try:
        daemon.write(log_lines(4000))
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines() == 4000, "the lines")
        silence = alogd(daemon, "silence", "add", "stream=host", "--for", "2h", "--why", "a test").strip()
        daemon.kill()
        before = len(daemon.delivered())
        daemon.start().wait_ready()
        (kept,) = json.loads(alogd(daemon, "silence", "list", "-o", "json"))
        assert kept["id"] == silence
        assert kept["why"] == "a test"
        daemon.write(log_lines(5000)[4000:])  # it ends with trouble
        wait_until(lambda: daemon.json("/api/v1/silences")["silences"][0]["held"], "an incident that is held back")
        assert len(daemon.delivered()) == before
        daemon.kill()
        daemon.start().wait_ready()
        alogd(daemon, "silence", "expire", silence)
        wait_until(lambda: len(daemon.delivered()) > before, "what still fires when the silence is over")
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=2, lines=5000)


@pytest.mark.slow
def test_c1_what_is_real_outlives_a_kill(disk: Path, tally: Tally) -> None:
    (disk / "logs").mkdir()
    daemon = DaemonProcess(disk)
    try:
        daemon.write(log_lines(5000))  # it ends with trouble
        daemon.start().wait_ready()
        trouble = wait_until(lambda: [one for one in daemon.delivered() if "never seen" in one["title"]], "an incident")
        real = alogd(daemon, "feedback", "real", trouble[0]["id"]).strip()
        daemon.kill()
        daemon.start().wait_ready()
        (kept,) = json.loads(alogd(daemon, "feedback", "list", "-o", "json"))
        assert (kept["id"], kept["kind"], kept["state"]) == (real, "real", "active")
        daemon.write(log_lines(5100)[5000:])

        def protects() -> bool:
            reader = Reader.open(daemon.state)
            try:
                return any("protected" in reader.parts(stream) for stream in reader.streams())
            finally:
                reader.close()

        wait_until(protects, "the pattern in what the stream saves")
        daemon.kill()
        daemon.start().wait_ready()
        alogd(daemon, "feedback", "undo", real)
        daemon.write(log_lines(5200)[5100:])
        wait_until(lambda: not protects(), "that it is undone")
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=2, lines=5200)
