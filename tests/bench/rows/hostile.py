"""Lines made to be slow, against ordinary ones: see tests/bench/hostile.py."""

from __future__ import annotations

from tests.bench.table import Maker, Row

MAKERS: dict[str, Maker] = {}
ROWS: tuple[Row, ...] = ()
