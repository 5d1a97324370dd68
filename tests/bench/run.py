"""The bench: one table of ratios, each of two things that were timed in turn in this very run.

CPU seconds on one pinned core, medians over the rounds; corpora by tests/bench/corpus.py. A ratio says how many
times as fast the first is as the second.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, median

from tests.bench import contestants
from tests.bench.contestants import Contestant
from tests.bench.corpus import SHARED, corpora

HEAD = 20_000  # lines Drain3 is given: it gets slower with more

Timed = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `value` makes a corpus's figure from the CPU seconds of every contestant."""

    title: str
    needs: tuple[str, ...]
    value: Callable[[Timed, int], float]
    form: str = "{:.1f}"


Figure = tuple[tuple[str, ...], Callable[[Timed, int], float]]


def faster(fast: str, slow: str) -> Figure:
    """How many times as fast, round by round."""
    return (fast, slow), lambda timed, _: median(b / a for a, b in zip(timed[fast], timed[slow], strict=True))


def thousands(name: str) -> Figure:
    return (name,), lambda timed, lines: lines / median(timed[name]) / 1000


ROWS = (
    Row("engine / Drain3 with its example masks", *faster("engine, head", "drain3 masked"), form="{:.0f}"),
    Row("engine / Drain3 without masks", *faster("engine, head", "drain3")),
    Row("engine / wc -l", *faster("engine", "wc"), form="{:.3f}"),
    Row("engine in Python / the same in a C program", *faster("engine", "c program"), form="{:.2f}"),
    Row("replay (whole core) / engine alone", *faster("replay", "engine"), form="{:.2f}"),
    Row("engine, 1000 lines/s", *thousands("engine"), form="{:.0f}"),
    Row("replay, 1000 lines/s", *thousands("replay"), form="{:.0f}"),
)


def field(path: Path, failed: dict[str, str]) -> dict[str, Contestant]:
    """Everything that can be timed on a corpus; why the others cannot goes to `failed`."""
    lines = contestants.head(path, HEAD)
    makers: dict[str, Callable[[], Contestant]] = {
        "engine, head": lambda: contestants.engine_on(lines),
        "drain3 masked": lambda: contestants.drain3(contestants.messages(lines), masked=True),
        "drain3": lambda: contestants.drain3(contestants.messages(lines), masked=False),
        "engine": lambda: contestants.engine(path),
        "wc": lambda: contestants.wc(path),
        "c program": lambda: contestants.c_program(path),
        "replay": lambda: contestants.replay(path),
    }
    found: dict[str, Contestant] = {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except OSError as error:
            failed[name] = str(error)
    return found


def measure(path: Path, rounds: int, failed: dict[str, str]) -> Timed:
    """CPU seconds of every contestant, one after the other in each round; the first round only warms up."""
    chosen = field(path, failed)
    timed: Timed = {name: [] for name in chosen}
    for number in range(rounds + 1):
        for name, contestant in chosen.items():
            if number > 0 or name not in ("drain3", "drain3 masked"):
                seconds = contestant()
                timed[name] += [seconds] if number > 0 else []
        progress(f"{path.name}: round {number} of {rounds}")
    progress("")
    return timed


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<60}\r", end="", file=sys.stderr, flush=True)


def count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def table(results: dict[str, tuple[Timed, int]], failed: dict[str, str]) -> list[list[str]]:
    """The rows as text: title, each corpus, geometric mean, worst."""
    out = [["", *results, "geo-mean", "worst"]]
    for row in ROWS:
        if absent := [name for name in row.needs if name in failed]:
            out.append([f"{row.title}: not measured; {failed[absent[0]]}"])
            continue
        values = [row.value(timed, lines) for timed, lines in results.values()]
        out.append([row.title, *map(row.form.format, [*values, geometric_mean(values), min(values)])])
    return out


def show(rows: Sequence[Sequence[str]]) -> None:
    columns = list(zip(*(row for row in rows if len(row) > 1), strict=True))
    widths = [max(map(len, column)) for column in columns]
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=False)),
        ]
        print("  ".join(cells).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="five corpora of a million lines, not three of 200,000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to be pinned to")
    args = parser.parse_args()
    chosen = corpora(count=5, lines=1_000_000) if args.full else corpora(count=3, lines=200_000)
    os.sched_setaffinity(0, {args.core})
    failed: dict[str, str] = {}
    results = {name: (measure(path, args.rounds, failed), count_lines(path)) for name, path in chosen.items()}
    show(table(results, failed))
    origin = "made from real logs" if SHARED.exists() else "generated"
    sizes = ", ".join(f"{name} {lines:,} lines" for name, (_, lines) in results.items())
    print(f"\n{sizes}, {origin}; {args.rounds} rounds, CPU time, one core.")
    print(f"Drain3 is given the first {HEAD:,} lines, their headers cut off; the engine those lines whole.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
