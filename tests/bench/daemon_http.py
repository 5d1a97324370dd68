"""The daemon whose HTTP face is misused: what a scrape takes, what is read while others hold and flood connections."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.measured import Measured, undisturbed, write_logs
from tests.daemon_process import ROOT

STREAMS = 64
SCRAPES = 50
HELD = 300
LINES = 60_000  # distinct templates times rounds, of the log that is read meanwhile
ROUNDS = 3
FLOOD_SECONDS = 8.0
CONNECTIONS = 40
WITHIN = 1.0  # seconds from reading a block until it is scored
HALF = b"GET / HTTP/1.1\r\nX-Slow: "
WHOLE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def rows() -> list[tuple[str, str]]:
    """What was measured, for the table."""
    return [scrape(), held_connections(), flood()]


def files(directory: Path, pattern: str = "*.log") -> list[dict[str, Any]]:
    return [{"kind": "file", "include": [f"{directory}/logs/{pattern}"]}]


def scrape() -> tuple[str, str]:
    """Of many streams that have learned something each."""
    with tempfile.TemporaryDirectory(prefix="alogd-bench-") as name:
        directory = Path(name)
        write_logs(directory / "logs", STREAMS, STREAMS * 20)
        plan = [{"name": f"s{n:02d}", "collect": files(directory, f"app{n:02d}.log")} for n in range(STREAMS)]
        with Measured(directory, plan) as daemon:
            daemon.wait_for(lambda: daemon.lines() >= STREAMS * 60, "all lines")
            taken = []
            with undisturbed():
                for _ in range(SCRAPES):
                    began = time.perf_counter()
                    size = len(daemon.get("/metrics"))
                    taken.append(1000 * (time.perf_counter() - began))
    what = f"scrape of {STREAMS} streams, {size / 1000:.0f} kB"
    return what, f"{statistics.median(taken):.1f} ms (most: {max(taken):.1f})"


def held_connections() -> tuple[str, str]:
    """CPU time of reading the same log, with half-open connections and without, turn by turn."""
    ratios = []
    for _ in range(ROUNDS):
        alone, beside = cpu_of_reading(0), cpu_of_reading(HELD)
        ratios.append(beside / alone)
    return f"CPU time of reading {3 * LINES:,} lines beside {HELD} half-open connections, to without", (
        f"{statistics.median(ratios):.2f}"
    )


def cpu_of_reading(connections: int) -> float:
    with tempfile.TemporaryDirectory(prefix="alogd-bench-") as name:
        directory = Path(name)
        (directory / "logs").mkdir()
        with (
            Measured(directory, [{"name": "app", "collect": files(directory)}]) as daemon,
            holding(daemon, connections),
        ):
            before = daemon.task_nanoseconds()
            write_logs(directory / "logs", 1, LINES)
            daemon.wait_for(lambda: daemon.lines() >= 3 * LINES, "all lines")
            return (daemon.task_nanoseconds() - before) / 1e9


@contextmanager
def holding(daemon: Measured, connections: int) -> Iterator[None]:
    """So many whose header never ends; those that are closed are opened again."""
    daemon.wait_for(lambda: daemon.get("/-/healthy"), "the web")
    over = threading.Event()
    keeper = threading.Thread(target=keep, args=(daemon.url, connections, over))
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def keep(url: str, connections: int, over: threading.Event) -> None:
    place = ("127.0.0.1", int(url.rpartition(":")[2]))
    while not over.is_set():
        opened = []
        for _ in range(connections):
            with contextlib.suppress(OSError):
                opened.append(one := socket.create_connection(place, timeout=5))
                one.sendall(HALF)
        over.wait(4.9)
        for one in opened:
            one.close()


def flood() -> tuple[str, str]:
    """Lines written while all ask at once, as fast as they are answered: how many were scored within a second."""
    with tempfile.TemporaryDirectory(prefix="alogd-bench-") as name:
        directory = Path(name)
        write_logs(directory / "logs", 1, 1000)
        with Measured(directory, [{"name": "app", "collect": files(directory)}]) as daemon:
            daemon.wait_for(lambda: daemon.lines() >= 3000, "the first lines")
            before = delays(daemon)
            asking = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.daemon_http", daemon.url, str(FLOOD_SECONDS)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            with (directory / "logs" / "app00.log").open("ab", buffering=0) as log:
                while asking.poll() is None:
                    log.write(time.strftime("%Y-%m-%d %H:%M:%S INFO asked in a flood\n").encode())
                    time.sleep(0.01)
            answered = int(asking.communicate()[0])
            daemon.wait_for(lambda: delays(daemon)[1] > before[1], "a block of the flood")
            after = delays(daemon)
    share = (after[0] - before[0]) / max(1.0, after[1] - before[1])
    return (
        f"blocks scored within {WITHIN:g} s, in a flood of {answered / FLOOD_SECONDS:,.0f} requests/s",
        f"{share:.1%}",
    )


def delays(daemon: Measured) -> tuple[float, float]:
    """How many were read in time, and how many were."""
    found = daemon.metrics()
    within = next(
        value for name, value in found.items() if "delay_seconds_bucket" in name and f'le="{WITHIN:g}"' in name
    )
    return within, next(value for name, value in found.items() if "delay_seconds_count" in name)


def ask(place: tuple[str, int], end: float, counts: list[int]) -> None:
    with socket.create_connection(place, timeout=10) as one:
        while time.monotonic() < end:
            one.sendall(WHOLE)
            head = b""
            while b"\r\n\r\n" not in head:
                head += one.recv(65536)
            first, _, body = head.partition(b"\r\n\r\n")
            wanted = int(first.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            while len(body) < wanted:
                body += one.recv(65536)
            counts.append(1)


def main(url: str, seconds: str) -> None:
    """The flood, in a process of its own; prints how many answers came."""
    place, end = ("127.0.0.1", int(url.rpartition(":")[2])), time.monotonic() + float(seconds)
    counts: list[int] = []
    askers = [threading.Thread(target=ask, args=(place, end, counts)) for _ in range(CONNECTIONS)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    print(len(counts))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(*sys.argv[1:])
    else:
        for row in rows():
            print("  ".join(row))
