"""C3: the power goes. What was committed is there, and going on from it ends as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
from hashlib import blake2b
from pathlib import Path

import pytest

from alogd.state.database import State
from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.faults import power
from tests.faults.conftest import Tally
from tests.faults.crash_runs import Grower, begin, check, outcome, patient, pause, uninterrupted

LINES = 12_000


def written(place: Path) -> list[Path]:
    """All that is to outlive a loss of power."""
    return [place / "state", place / "alerts.jsonl"]


def careful(place: Path) -> DaemonProcess:
    return patient(place, sinks=[{"kind": "jsonl", "path": str(place / "alerts.jsonl"), "fsync": True}])


def traced(place: Path, lines: list[bytes], trace: Path) -> list[power.Call]:
    """A live run with several commits; what it did to its state and to the sink's file."""
    grower = Grower(begin(place), lines, 1, None)
    daemon = careful(place).start(prefix=(*power.TRACER, "-o", str(trace)))
    wait_until(lambda: (place / "state" / "state.db-wal").exists(), "the state")
    while grower.grow():
        pause(daemon)
    wait_until(lambda: daemon.lines() == len(lines), "the last line")
    assert daemon.process is not None
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    assert daemon.wait() == 0
    return power.read_trace(trace, written(place))


@pytest.mark.parametrize(
    "cuts", [5, pytest.param(200, marks=pytest.mark.slow), pytest.param(None, marks=pytest.mark.soak)]
)
def test_c3_the_power_goes(tmp_path: Path, cuts: int | None, tally: Tally) -> None:
    """After any call there is the last commit that was synced, or the one that was being written: never less, and
    nothing in between."""
    if why := power.available():
        pytest.skip(f"POWER LOSS WAS NOT TRIED: {why}")
    place, lines = tmp_path / "host", log_lines(LINES)
    undisturbed = uninterrupted(place, lines)
    calls = traced(place, lines, tmp_path / "trace")
    assert sum(call.name == "fsync" for call in calls) > 10
    chance = random.Random(cuts or 200)
    disk, taken, known = power.Disk(), 0, dict[bytes, int]()
    log = place / "state" / "state.db-wal"
    assert sum(call.path == str(log) and power.ends_commit(call) for call in calls) >= 3  # each as fast as the disk
    for moment in power.moments(calls, chance, cuts):
        for call in calls[taken : moment + 1]:
            disk.take(call)
            assert disk.unsynced_commits(log) <= 1, "a commit is begun before the last one is safe"
        taken = moment + 1
        synced, begun = (resumes_at(place, image, known) for image in (disk.safe(), disk.whole()))
        now = resumes_at(place, disk.cut(chance), {})
        assert now in (synced, begun), f"{synced} was synced, {begun} begun"
        tally.add()
        if chance.random() < 10 / (cuts or len(calls)):
            assert careful(place).finish() == 0
            check(outcome(place), undisturbed)
            tally.add(rounds=0, lines=LINES)
    assert now > 0, "no commit was ever there"


def resumes_at(place: Path, image: dict[str, bytes], known: dict[bytes, int]) -> int:
    """The offset in the position that a disk has saved; damage is not to be found. `known`: of those looked at."""
    mark = digest(image)
    if mark not in known:
        power.lay_out(image, written(place))
        known[mark] = opened(place)
    return known[mark]


def digest(image: dict[str, bytes]) -> bytes:
    whole = blake2b()
    for name, content in sorted(image.items()):
        whole.update(f"{name} {len(content)} ".encode())
        whole.update(content)
    return whole.digest()


def opened(place: Path) -> int:
    (place / "state").mkdir(exist_ok=True)
    state = State(place / "state")
    try:
        snapshot = state.load("host")
        assert not state.recovered, state.notes
        offsets = [row.position.get("offset", 0) for row in snapshot.sources if row.position] if snapshot else []
        return int(max(offsets, default=0))
    finally:
        state.close()
