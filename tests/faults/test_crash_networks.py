"""C1, C2 with a slow network: killed while windows wait for its answers, the daemon ends up as if it had never been."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from alogd.state.database import Reader, StateUnusable
from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.faults.crash_runs import KILLED, SEED, begin, check, outcome

LINES = 9_000
SECONDS = 0.02  # the network takes for a window


def plugin(directory: Path) -> Path:
    """What an installed distribution with tests/ponder.py leaves behind; returns what goes on the path."""
    info = directory / "installed" / "ponder-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ponder\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[alogd.detectors]\nponder = tests.ponder:Ponder\n")
    return info.parent


def slow(directory: Path, seconds: float = SECONDS) -> DaemonProcess:
    """A daemon with a detector whose network is always behind, and that skips nothing."""
    stream = {
        "name": "host",
        "collect": [{"kind": "file", "include": [f"{directory}/logs/*.log"], "settle": "1h"}],
        "detectors": [{"name": "ewma"}, {"name": "ponder", "options": {"seconds": seconds}}],
        "cascade": {"sample": 0.05, "waiting": 100_000},
    }
    daemon = DaemonProcess(directory, streams=[stream])
    daemon.environment |= {"ALOGD_HASH_SEED": SEED, "PYTHONPATH": f"{ROOT}:{plugin(directory)}"}
    return daemon


def waiting(directory: Path) -> bool:
    """Whether windows that wait for the network are part of what is saved."""
    try:
        reader = Reader.open(directory / "state")
    except StateUnusable:
        return False
    try:
        return "waiting" in reader.parts("host")
    finally:
        reader.close()


def test_c2_killed_while_windows_wait_for_a_network(tmp_path: Path, tally: Tally) -> None:
    place, lines, chance = tmp_path / "host", log_lines(LINES), random.Random(1)
    begin(place).write_bytes(b"".join(lines))
    assert slow(place, seconds=0.0).finish() == 0
    undisturbed = outcome(place)
    assert len(undisturbed["alerts"]) >= 2
    assert any("ponder" in alert.scores for alert in undisturbed["alerts"])
    log, kills, at = begin(place), 0, 0
    log.write_bytes(b"")
    while at < len(lines):
        daemon = slow(place).start()
        upto = min(len(lines), at + chance.randrange(1500, 3000))
        with log.open("ab") as file:
            file.write(b"".join(lines[at:upto]))
        at = upto
        wait_until(lambda: waiting(place), "a commit while windows wait")
        daemon.kill()
        kills += 1
    assert kills >= 3
    assert slow(place).finish() == 0
    check(outcome(place), undisturbed)
    tally.add(rounds=kills, lines=LINES)


@pytest.mark.slow
def test_c1_killed_at_commits_while_windows_wait_for_a_network(tmp_path: Path, tally: Tally) -> None:
    place, lines = tmp_path / "host", log_lines(LINES, seed=2)
    begin(place).write_bytes(b"".join(lines))
    assert slow(place, seconds=0.0).finish() == 0
    undisturbed = outcome(place)
    begin(place).write_bytes(b"".join(lines))
    for point in ("moment_taken", "commit_alerts", "commit_ended:2", "alerts_let_go"):
        daemon = slow(place)
        daemon.environment["ALOGD_CRASH"] = point
        assert daemon.start().wait() == KILLED, daemon.said()
        tally.add()
    assert slow(place).finish() == 0
    check(outcome(place), undisturbed)
    tally.add(rounds=0, lines=LINES)
