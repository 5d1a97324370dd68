"""What a line costs with more and more templates, and with more and more sources: `make bench-scaling`.

Nanoseconds of CPU a line, medians over the rounds; what is learned before the clock starts is not counted.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from alogd.engine.native import Engine, EngineConfig
from tests.bench import hostile
from tests.bench.contestants import BLOCK, stream
from tests.bench.corpus import Corpus
from tests.bench.run import chosen_corpora, parser
from tests.bench.table import as_markdown, as_text
from tests.bench.timing import Contestant, in_turn, progress

TEMPLATES = (10, 100, 1_000, 10_000, 100_000)
SOURCES = (1, 10, 100, 1_000, 10_000)
LINES = 100_000  # timed, after every template was seen once
TURN = 20  # lines a source gives before it is another's turn, however many there are
STEP = 7919  # from a source to the next: a prime, so that every one has its turn


@dataclass(frozen=True, slots=True)
class Curve:
    """Nanoseconds a line by the number of something."""

    title: str
    of: str
    costs: Mapping[int, float]

    @property
    def grows(self) -> float:
        """Its growth from ten to the largest number, over the growth of log n; 1 is as fast."""
        least, most = min(n for n in self.costs if n >= 10), max(self.costs)
        return (self.costs[most] / self.costs[least]) / (math.log10(most) / math.log10(least))


def by_templates(kind: str, templates: int) -> Contestant:
    """Lines of so many templates, a few of them coming most of the time."""
    lines = b"".join(hostile.TEMPLATES[kind](templates, templates + LINES)).splitlines(keepends=True)
    learned, timed = _blocks(lines[:templates]), _blocks(lines[templates:])

    def run() -> float:
        miner = Engine(EngineConfig(seed=1, header=None, multiline=False))
        for block in learned:
            miner.feed(block)
        begun = time.process_time()
        for block in timed:
            miner.feed(block)
        return time.process_time() - begun

    return Contestant(run, len(lines) - templates)


def _blocks(lines: Sequence[bytes]) -> list[bytes]:
    text = b"".join(lines)
    return [text[at : at + BLOCK] for at in range(0, len(text), BLOCK)]


def _turns(corpus: Corpus, sources: int, turns: int) -> list[tuple[int, bytes]]:
    """(source, lines) of so many turns; the lines go round and round."""
    lines = corpus.head
    pieces = [b"".join(line + b"\n" for line in lines[at : at + TURN]) for at in range(0, len(lines), TURN)]
    return [(turn * STEP % sources, pieces[turn % len(pieces)]) for turn in range(turns)]


def engine_by_sources(corpus: Corpus, sources: int) -> Contestant:
    """The engine, fed by every source in turn."""
    turns = _turns(corpus, sources, 10_000)

    def run() -> float:
        miner = Engine(EngineConfig(seed=1, max_sources=max(SOURCES)))
        for source in range(sources):
            miner.feed(turns[0][1], source)
        begun = time.process_time()
        for source, block in turns:
            miner.feed(block, source)
        return time.process_time() - begun

    return Contestant(run, len(turns) * TURN)


def core_by_sources(corpus: Corpus, sources: int) -> Contestant:
    """The whole core in the same way. Windows are the stream's, whatever the number of its sources."""
    turns = _turns(corpus, sources, 2_000)

    def run() -> float:
        core = stream(corpus.name, b"")
        for source in range(sources):
            core.open(source)
            core.feed(source, turns[0][1])
        begun = time.process_time()
        for source, block in turns:
            core.feed(source, block)
        return time.process_time() - begun

    return Contestant(run, len(turns) * TURN)


def measure(corpus: Corpus, rounds: int) -> list[Curve]:
    """All curves, timed in turn."""
    makers: dict[tuple[str, str], tuple[Sequence[int], Callable[[int], Contestant]]] = {
        ("templates", "spread over many leaves"): (TEMPLATES, partial(by_templates, "spread")),
        ("templates", "crowded in four leaves"): (TEMPLATES, partial(by_templates, "crowded")),
        ("sources", "engine"): (SOURCES, partial(engine_by_sources, corpus)),
        ("sources", "whole core"): (SOURCES, partial(core_by_sources, corpus)),
    }
    curves = []
    for (of, title), (numbers, make) in makers.items():
        progress(f"{title}: preparing")
        timed = in_turn({str(n): make(n) for n in numbers}, rounds, partial(_say, title))
        curves.append(Curve(title, of, {n: median(timed[str(n)]) for n in numbers}))
    progress("")
    return curves


def _say(title: str, text: str) -> None:
    progress(f"{title}: {text}")


def tables(curves: Sequence[Curve]) -> Iterator[list[list[str]]]:
    """One table for templates, one for sources."""
    for of in dict.fromkeys(curve.of for curve in curves):
        chosen = [curve for curve in curves if curve.of == of]
        numbers = [f"{n:,}" for n in chosen[0].costs]
        rows = [
            [curve.title, *(f"{cost:.0f}" for cost in curve.costs.values()), f"{curve.grows:.2f}"] for curve in chosen
        ]
        yield [[f"ns a line by {of}", *numbers, "growth / that of log n"], *rows]


def markdown(curves: Sequence[Curve]) -> str:
    return "\n\n".join("\n".join(as_markdown(table)) for table in tables(curves))


def main() -> int:
    args = parser("make bench-scaling", __doc__).parse_args()
    corpus = chosen_corpora(args.full)[0]
    os.sched_setaffinity(0, {args.core})
    curves = measure(corpus, args.rounds)
    print("\n\n".join("\n".join(as_text(table)) for table in tables(curves)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
