"""The bench: one table of ratios, each of two things that were timed in turn in this very run.

CPU seconds on one pinned core, medians over the rounds, after a round to warm up; corpora by tests/bench/corpus.py.
A ratio says how many times as fast the first is as the second, on lines of the same corpus.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from subprocess import CalledProcessError

from tests.bench import rows as every
from tests.bench.code_path import chosen, machine
from tests.bench.corpus import HEAD, SHARED, Corpus, corpora
from tests.bench.table import Measured, Row, as_text, notes, table
from tests.bench.timing import Absent, Contestant, in_turn, progress


def contestants(corpus: Corpus, names: Iterable[str], measured: Measured) -> dict[str, Contestant]:
    """Those that can be had on a corpus; why the others cannot is kept."""
    found: dict[str, Contestant] = {}
    for name in names:
        progress(f"{corpus.name}: preparing {name}")
        try:
            found[name] = every.MAKERS[name](corpus)
        except (Absent, OSError, CalledProcessError) as error:
            measured.absent[name, corpus.name] = str(error)
            continue
        if found[name].note:
            measured.notes[name, corpus.name] = found[name].note
    return found


def measure(
    chosen_corpora: Iterable[Corpus], chosen_rows: Sequence[Row], rounds: int, minutes: float = math.inf
) -> Measured:
    """Time all that the rows need, corpus by corpus; none is begun once the minutes are over."""
    ends = time.monotonic() + 60 * minutes
    names = dict.fromkeys(name for row in chosen_rows for name in row.needs)
    measured = Measured()
    for corpus in chosen_corpora:
        if time.monotonic() > ends:
            progress(f"{corpus.name}: left out, the time is over", step=True)
            continue
        progress(f"{corpus.name}: {len(names)} contestants, {rounds} rounds", step=True)
        ready = contestants(corpus, names, measured)
        measured.timed[corpus.name] = in_turn(ready, rounds, partial(_say, corpus.name))
    progress("")
    return measured


def _say(corpus: str, text: str) -> None:
    progress(f"{corpus}: {text}")


def chosen_rows(pattern: str) -> list[Row]:
    """Rows whose title has the pattern in it, in whatever case."""
    return [row for row in every.ROWS if pattern.lower() in row.title.lower()]


def circumstances(measured: Measured, made: Sequence[Corpus], rounds: int) -> list[str]:
    """What a reader has to know about a run."""
    origin = "made from real logs" if SHARED.exists() else "generated"
    left = [corpus.name for corpus in made if corpus.name not in measured.timed]
    sizes = ", ".join(f"{corpus.name} {corpus.lines:,}" for corpus in made if corpus.name in measured.timed)
    return [
        f"Lines of each corpus ({origin}): {sizes}. Medians of {rounds} rounds, CPU time, one core;"
        f" load beside it {os.getloadavg()[0]:.1f}.",
        f"{machine()}; code path: {chosen()}.",
        f"Drain3 is given the first {HEAD:,} messages, headers cut off (it gets slower with more); the engine, where"
        " nothing else is said, whole lines and the whole corpus.",
        *([f"Left out, as the time allowed was over: {', '.join(left)}."] if left else []),
        *notes(measured),
    ]


def parser(prog: str, text: str | None) -> argparse.ArgumentParser:
    """Flags that all programs of the bench share."""
    made = argparse.ArgumentParser(prog=prog, description=text)
    made.add_argument("--full", action="store_true", help="five corpora of a million lines, not three of 200,000")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--minutes", type=float, default=math.inf, help="begin no further corpus after so many")
    made.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to be pinned to")
    return made


def chosen_corpora(full: bool) -> list[Corpus]:
    lines, count = (1_000_000, 5) if full else (200_000, 3)
    return corpora(count=count, lines=lines, say=lambda text: print(text, file=sys.stderr))


def main() -> int:
    flags = parser("make bench", __doc__)
    flags.add_argument("--only", default="", metavar="PATTERN", help="rows with this in their title")
    args = flags.parse_args()
    wanted = chosen_rows(args.only)
    if not wanted:
        print(f"no row has {args.only!r} in its title", file=sys.stderr)
        return 2
    made = chosen_corpora(args.full)
    os.sched_setaffinity(0, {args.core})
    measured = measure(made, wanted, args.rounds, args.minutes)
    print("\n".join(as_text(table(measured, wanted))))
    print("\n" + "\n".join(circumstances(measured, made, args.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
