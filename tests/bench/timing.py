"""Timing for the bench: contestants do their work in turn, round after round, and are compared round by round.

All figures are nanoseconds of CPU a line, so that ratios hold between contestants that are given different amounts.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Timed = Mapping[str, Sequence[float]]  # nanoseconds a line, by contestant; as many as there were rounds


class Absent(Exception):
    """A contestant cannot be had here; the text says why and what to do about it."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A call does the whole work once, from new, and returns the CPU seconds it took."""

    run: Callable[[], float]
    lines: int
    slow: bool = False  # so slow that a round to warm up would change nothing
    note: str = ""  # what a reader has to know to judge its figure


def in_turn(contestants: Mapping[str, Contestant], rounds: int, say: Callable[[str], None]) -> Timed:
    """Time every contestant once in each round. A first round, which does not count, warms the caches."""
    timed: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            if number == 0 and contestant.slow:
                continue
            say(f"round {number} of {rounds}: {name}" if number else f"warming up: {name}")
            seconds = contestant.run()
            timed[name] += [1e9 * seconds / contestant.lines] if number else []
    return timed


def times(fast: Sequence[float], slow: Sequence[float]) -> float:
    """How many times as fast, as the median over the rounds: each round ran both within seconds of each other."""
    return median(b / a for a, b in zip(fast, slow, strict=True))


def undisturbed() -> float:
    """Seconds on the wall that this thread ran or waited by its own doing: not those in which others had its core."""
    try:
        waited = int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        waited = 0  # a kernel that does not count it
    return time.perf_counter() - waited / 1e9


def child(*command: str, stdin: int | None = None, env: Mapping[str, str] | None = None) -> float:
    """CPU seconds of a program, its start included. Raises CalledProcessError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def beyond_start(run: Callable[[], float], start: Callable[[], float], times: int = 10) -> Callable[[], float]:
    """The same without what the program needs to start: its fastest run on nothing."""
    least = min(start() for _ in range(times))
    return lambda: max(run() - least, 1e-6)


def progress(text: str, *, step: bool = False) -> None:
    """A line on the terminal that the next one takes the place of; elsewhere steps only, each on a line."""
    if step and not sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
        print(f"\r\033[K{text[:width]}", end="", file=sys.stderr, flush=True)
