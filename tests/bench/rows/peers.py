"""Other log parsers, with a rule set for each corpus: see tests/bench/peers."""

from __future__ import annotations

from tests.bench.peers import programs, pythons
from tests.bench.table import Maker, Row

MAKERS: dict[str, Maker] = {
    "lognormalizer": programs.lognormalizer,
    "mtail": programs.mtail,
    "AMiner": pythons.aminer,
    "logparser3": pythons.logparser3,
}

ROWS = (
    Row("engine / lognormalizer (rules, no learning)", "engine", "lognormalizer", form="{:.1f}"),
    Row("engine / mtail (patterns, counters)", "engine", "mtail", form="{:.1f}"),
    Row("engine / AMiner (its parser alone, in process)", "engine", "AMiner", form="{:.0f}"),
    Row("engine / logparser3 (its Drain)", "engine", "logparser3", form="{:.0f}"),
    *(Row(f"{name}, 1000 lines/s", name, form="{:.1f}") for name in MAKERS),
)
