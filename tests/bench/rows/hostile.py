"""Lines made to be slow, against the corpus's own: see tests/bench/hostile.py."""

from __future__ import annotations

from functools import partial

from tests.bench import hostile
from tests.bench.contestants import engine_on
from tests.bench.corpus import Corpus
from tests.bench.table import Maker, Row
from tests.bench.timing import Contestant

LINES = 100_000


def _hostile(case: hostile.Case, _: Corpus) -> Contestant:
    return engine_on(b"".join(case(LINES, hostile.SEED)))


MAKERS: dict[str, Maker] = {f"hostile: {name}": partial(_hostile, case) for name, case in hostile.CASES.items()}

ROWS = tuple(Row(f"{name} / the corpus's lines", name, "engine", target=0.5) for name in MAKERS)
