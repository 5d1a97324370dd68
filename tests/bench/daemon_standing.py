"""The daemon as it stands: start, memory, idle CPU with ten sources and 10,000 templates, in one stream and in ten."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.bench.measured import Measured, undisturbed, write_logs

SOURCES, TEMPLATES = 10, 10_000
QUIET = 75.0  # seconds until no file counts as active any more
IDLE = 30.0  # seconds the idle CPU is measured for


def rows() -> list[tuple[str, str]]:
    """What was measured, for the table."""
    return [*standing(1), *standing(SOURCES)]


def standing(streams: int) -> list[tuple[str, str]]:
    """Start, memory and idle CPU of a daemon that has read all there is."""
    with tempfile.TemporaryDirectory(prefix="alogd-bench-") as name:
        directory = Path(name)
        paths = write_logs(directory / "logs", SOURCES, TEMPLATES)
        each = SOURCES // streams
        plan = []
        for n in range(streams):
            include = [str(path) for path in paths[n * each : (n + 1) * each]]
            plan.append({"name": f"s{n}", "collect": [{"kind": "file", "include": include}]})
        with undisturbed() as first:
            started = Measured(directory, plan)
        with started as daemon:
            daemon.wait_for(lambda: daemon.lines() >= 3 * TEMPLATES, "all lines")
            began = daemon.logged("reading has begun") or float("nan")
            known = sum(stream["core"]["templates"] for stream in daemon.streams())
            time.sleep(QUIET)
            before, since = daemon.task_nanoseconds(), time.monotonic()
            time.sleep(IDLE)
            idle = (daemon.task_nanoseconds() - before) / 1e9 / (time.monotonic() - since)
            memory, most = daemon.memory(), daemon.memory("VmHWM")
    what = f"{SOURCES} sources in {streams} stream{'s' * (streams > 1)}, {known:,} templates"
    return [
        (f"start to first lines read{', at real-time priority' * first}, {what}", f"{began:.2f} s"),
        (f"RSS, {what}", f"{memory:.1f} MB (most: {most:.1f})"),
        (f"idle CPU, {what}", f"{idle:.2%} of a core"),
    ]


if __name__ == "__main__":
    for row in rows():
        print("  ".join(row))
