"""From `write()` to scored, in the real daemon: the writer puts its clock into every line, the core reads it back.

A line counts as scored when the core has returned from it: its record is in its window, the windows that closed
with it are judged, and their alerts are raised. A record whose continuation lines may still come (`multiline: auto`)
waits for the next line, or for `settle`; so the rows with a window a line are measured without that.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.measured import Measured, undisturbed
from tests.daemon_process import ROOT

STAMP = re.compile(rb" at=(\d+)\n")
QUIET = [{"engine": {"multiline": {"mode": "off"}}, "windows": {"kind": "count", "size": 2, "stride": 1}}, {}]
ROWS = (
    ("idle, a window a line, 10 lines/s", QUIET[0], 10, 1),
    ("idle, default windows, 10 lines/s", QUIET[1], 10, 1),
    ("default windows, 300 lines/s over 10 sources", QUIET[1], 300, 10),
)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def write_lines(directory: Path, seconds: float, rate: float, sources: int) -> None:
    """Lines at moments that have nothing to do with the daemon's (Poisson), each with its moment in it."""
    chance = random.Random(3)
    files = [(directory / f"app{n}.log").open("ab", buffering=0) for n in range(sources)]
    end = time.monotonic() + seconds
    number = 0
    while (now := time.monotonic()) < end:
        number += 1
        head = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        text = f"{head} INFO request {number} took {chance.randrange(900)} ms"
        chance.choice(files).write(f"{text} at={time.monotonic_ns()}\n".encode())
        time.sleep(max(0.0, now + chance.expovariate(rate) - time.monotonic()))


def measure(settings: dict[str, Any], rate: float, sources: int, seconds: float) -> list[float]:
    """Milliseconds of every line."""
    with tempfile.TemporaryDirectory(prefix="alogd-bench-") as name:
        directory = Path(name)
        (directory / "logs").mkdir()
        collect = [{"kind": "file", "include": [f"{directory}/logs/*.log"]}]
        stream = {"name": "app", "collect": collect, **settings}
        for n in range(sources):
            (directory / f"logs/app{n}.log").write_text("2026-05-01 00:00:00 INFO started\n")
        module = [sys.executable, "-m", "tests.bench.daemon_latency", "daemon", str(directory / "delays")]
        with Measured(directory, [stream], command=module) as daemon:
            daemon.wait_for(lambda: daemon.lines() >= sources, "the first lines")
            time.sleep(2.0)
            writer = [sys.executable, "-m", "tests.bench.daemon_latency", "write", str(directory / "logs")]
            subprocess.run([*writer, str(seconds), str(rate), str(sources)], cwd=ROOT, check=True)
            time.sleep(0.5)
        return [float(line) for line in (directory / "delays").read_text().split()]


def run_daemon(delays: Path, arguments: list[str]) -> int:
    """`alogd` with a core that notes when it is done with a line."""
    from alogd.cli.main import main
    from alogd.stream import Stream

    feed = Stream.feed
    noted: list[float] = []

    def noting(self: Stream, source: int, block: bytes) -> Any:
        alerts = feed(self, source, block)
        now = time.monotonic_ns()
        noted.extend((now - int(at)) / 1e6 for at in STAMP.findall(block))
        return alerts

    Stream.feed = noting  # type: ignore[method-assign]
    code = main(arguments)
    delays.write_text("\n".join(map(str, noted)))
    return code


def rows(seconds: float = 15.0) -> list[tuple[str, str]]:
    """What was measured, for the table."""
    made = []
    for title, settings, rate, sources in ROWS:
        with undisturbed() as first:
            found = measure(settings, rate, sources, seconds)
        p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
        how = ", at real-time priority" * first
        made.append((f"write to scored, {title}{how}", f"p50 {p50:.1f} ms  p99 {p99:.1f} ms  max {max(found):.1f} ms"))
    return made


if __name__ == "__main__":
    if sys.argv[1:2] == ["daemon"]:
        sys.exit(run_daemon(Path(sys.argv[2]), sys.argv[3:]))
    if sys.argv[1:2] == ["write"]:
        write_lines(Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
        sys.exit(0)
    for row in rows():
        print("  ".join(row))
