"""Two streams on two cores against one stream on one: the only rows by the clock on the wall."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from alogd.engine import Engine, EngineConfig
from tests.bench.contestants import BLOCK
from tests.bench.corpus import ROOT, Corpus
from tests.bench.table import Maker, Row
from tests.bench.timing import Absent, Contestant

_CORES = os.sched_getaffinity(0)  # before the bench pins itself to one
WORTH = 1.8


def _unpinned(work: Callable[[], None]) -> float:
    """Seconds on the wall with all cores."""
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _CORES)
    try:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun
    finally:
        os.sched_setaffinity(0, pinned)


def _cores(corpus: Corpus, streams: int) -> Contestant:
    """Whole cores (engine to incidents), each in a process, as `alogd replay` does it on several files."""
    if len(_CORES) < 2:
        raise Absent("one core only")
    command = (sys.executable, "-m", "tests.bench.engine_child", str(corpus.path), "core")

    def work() -> None:
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) for _ in range(streams)]
        if any(process.wait() for process in running):
            raise RuntimeError(f"{' '.join(command)} failed")

    return Contestant(lambda: _unpinned(work), streams * corpus.lines)


def _engines(corpus: Corpus, streams: int) -> Contestant:
    """Engines in threads of one process: the GIL is released for the whole of a block."""
    if len(_CORES) < 2:
        raise Absent("one core only")

    def feed(_: int) -> None:
        miner = Engine(EngineConfig(seed=1))
        with corpus.path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                miner.feed(block)

    def work() -> None:
        with ThreadPoolExecutor(streams) as pool:
            list(pool.map(feed, range(streams)))

    return Contestant(lambda: _unpinned(work), streams * corpus.lines)


MAKERS: dict[str, Maker] = {
    "one core": lambda corpus: _cores(corpus, 1),
    "two cores": lambda corpus: _cores(corpus, 2),
    "one engine": lambda corpus: _engines(corpus, 1),
    "two engines": lambda corpus: _engines(corpus, 2),
}

ROWS = (
    Row("two streams in two processes / one (wall clock, with start)", "two cores", "one core", target=WORTH),
    Row("two engines in two threads / one (wall clock)", "two engines", "one engine", target=WORTH),
)
