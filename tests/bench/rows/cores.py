"""Two streams on two cores against one stream on one, by the clock on the wall: CPU time cannot show it.

Where it can be told, time in which other processes had the core is taken off: see timing.undisturbed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alogd.engine.native import Engine, EngineConfig
from tests.bench.contestants import BLOCK
from tests.bench.corpus import ROOT, Corpus
from tests.bench.table import Maker, Row
from tests.bench.timing import Absent, Contestant, undisturbed

_CORES = os.sched_getaffinity(0)  # before the bench pins itself to one
WORTH = 1.8
LINES = 200_000  # of each stream


def _unpinned(work: Callable[[], float]) -> Callable[[], float]:
    """The same with all cores."""

    def run() -> float:
        pinned = os.sched_getaffinity(0)
        os.sched_setaffinity(0, _CORES)
        try:
            return work()
        finally:
            os.sched_setaffinity(0, pinned)

    if len(_CORES) < 2:
        raise Absent("one core only")
    return run


def _cores(corpus: Corpus, streams: int) -> Contestant:
    """Whole cores (engine to incidents), each in a process; the slower one counts."""
    command = (sys.executable, "-m", "tests.bench.engine_child", str(corpus.path), "core")

    def work() -> float:
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(streams)]
        return max(float(process.communicate()[0]) for process in running)

    return Contestant(_unpinned(work), streams * corpus.lines)


def _engines(corpus: Corpus, streams: int) -> Contestant:
    """Engines in threads of one process: the GIL is released for the whole of a block."""

    def feed(_: int) -> float:
        miner = Engine(EngineConfig(seed=1))
        begun = undisturbed()
        with corpus.path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                miner.feed(block)
        return undisturbed() - begun

    def work() -> float:
        with ThreadPoolExecutor(streams) as pool:
            return max(pool.map(feed, range(streams)))

    return Contestant(_unpinned(work), streams * corpus.lines)


def _replays(corpus: Corpus, streams: int) -> Contestant:
    """`alogd replay` on so many files, each a stream of its own."""
    alogd = (sys.executable, "-m", "alogd", "replay")
    if "--each" not in subprocess.check_output((*alogd, "--help"), text=True, cwd=ROOT):
        raise Absent("this `alogd replay` has no --each")
    paths = [str(corpus.path), str(_second(corpus.path))][:streams]

    def work() -> float:
        begun = time.perf_counter()
        subprocess.run((*alogd, "--each", *paths), check=True, capture_output=True, cwd=ROOT)
        return time.perf_counter() - begun

    return Contestant(_unpinned(work), streams * corpus.lines)


def _second(path: Path) -> Path:
    """Another file with the same lines."""
    other = path.with_suffix(".second.log")
    other.unlink(missing_ok=True)
    other.hardlink_to(path)
    return other


MAKERS: dict[str, Maker] = {
    "one core": lambda corpus: _cores(corpus.first(LINES), 1),
    "two cores": lambda corpus: _cores(corpus.first(LINES), 2),
    "one engine": lambda corpus: _engines(corpus.first(LINES), 1),
    "two engines": lambda corpus: _engines(corpus.first(LINES), 2),
    "replay of one": lambda corpus: _replays(corpus.first(LINES), 1),
    "replay of two": lambda corpus: _replays(corpus.first(LINES), 2),
}

ROWS = (
    Row("two streams in two processes / one (wall clock)", "two cores", "one core", target=WORTH),
    Row(
        "`alogd replay` of two files / of one (wall clock, start included)",
        "replay of two",
        "replay of one",
        target=WORTH,
    ),
    Row("two engines in two threads / one (wall clock)", "two engines", "one engine", target=WORTH),
)
