"""Lines made to be slow, against the corpus's own: see tests/bench/hostile.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial

from tests.bench import hostile
from tests.bench.contestants import engine_on
from tests.bench.corpus import Corpus
from tests.bench.table import Maker, Row
from tests.bench.timing import Contestant

LINES, BYTES = 100_000, 8 << 20  # of a case, whichever is reached first
BY_BYTE = ("rising token counts",)  # lines twenty times as long as others: compared as so many of usual length


@lru_cache(maxsize=16)
def _text(name: str) -> bytes:
    def bounded() -> Iterator[bytes]:
        size = 0
        for block in hostile.CASES[name](LINES, hostile.SEED):
            yield block
            size += len(block)
            if size >= BYTES:
                return

    return b"".join(bounded())


def _hostile(name: str, corpus: Corpus) -> Contestant:
    made = engine_on(_text(name))
    if name not in BY_BYTE:
        return made
    usual = corpus.path.stat().st_size / corpus.lines
    return replace(made, lines=round(len(_text(name)) / usual))


MAKERS: dict[str, Maker] = {f"hostile: {name}": partial(_hostile, name) for name in hostile.CASES}

ROWS = tuple(
    Row(
        f"hostile: {name} / the corpus's lines{', by byte' if name in BY_BYTE else ''}",
        f"hostile: {name}",
        "engine",
        target=0.5,
    )
    for name in hostile.CASES
)
