"""What the fault tests share: a place on a real file system, and the table `make faults` prints."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import DaemonProcess
from tests.faults.matrix import ROWS, row_of

ROOT = Path(__file__).parents[2]


class Tally:
    """What a test did: rounds run and lines checked."""

    def __init__(self) -> None:
        self.rounds = 0
        self.lines = 0

    def add(self, *, rounds: int = 1, lines: int = 0) -> None:
        self.rounds += rounds
        self.lines += lines


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts for the table."""
    counts = Tally()
    yield counts
    request.node.user_properties += [("rounds", counts.rounds), ("lines", counts.lines)]


@pytest.fixture
def disk() -> Iterator[Path]:
    """A directory on the checkout's file system: inodes are used again there, on tmpfs they are not."""
    (ROOT / "build").mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="fault-", dir=ROOT / "build"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """The real daemon over an empty folder of logs, killed at the end."""
    (tmp_path / "logs").mkdir()
    running = DaemonProcess(tmp_path)
    yield running
    running.kill()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", action="store_true", help="print the matrix, id by id, at the end")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--fault-table", default=False):
        for line in table(terminalreporter.stats):
            terminalreporter.write_line(line)


def file_system(place: Path) -> str:
    """The kind of file system a place lies on; rows that speak of inodes mean ext4."""
    mounts = [one.split()[1:3] for one in Path("/proc/self/mounts").read_text().splitlines()]
    around = [(path, kind) for path, kind in mounts if place.is_relative_to(path)]
    return max(around, key=lambda one: len(one[0]), default=("", "?"))[1]


def table(stats: dict[str, list[pytest.TestReport]]) -> Iterator[str]:
    """The matrix: for each row the tests that ran, how they ended, rounds and lines."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in stats.get(outcome, []):
            row = row_of(report.nodeid.rsplit("::", 1)[-1])
            outcomes[row][outcome] += 1
    for report in stats.get("", []):  # of set-up and teardown; the tally counts at teardown
        if getattr(report, "when", "") == "teardown":
            row = row_of(report.nodeid.rsplit("::", 1)[-1])
            sums[row].update({name: value for name, value in report.user_properties if isinstance(value, int)})
    yield f"files on {file_system(ROOT)}"
    yield f"{'id':<4} {'outcome':<18} {'rounds':>8} {'lines':>12}  what"
    for row, what in ROWS.items():
        told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes[row].items()) or "NO TEST RAN"
        rounds, lines = (f"{sums[row][name]:,}" if sums[row][name] else "" for name in ("rounds", "lines"))
        yield f"{row:<4} {told:<18} {rounds:>8} {lines:>12}  {what}"
