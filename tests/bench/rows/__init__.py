"""Rows of the bench's table, by subject: each module has MAKERS (contestants by name) and ROWS."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bench.rows import core, cores, formats, hostile, masks, paths, peers
from tests.bench.table import Maker, Row

_PARTS = (core, paths, masks, formats, hostile, cores, peers)
ROWS: tuple[Row, ...] = tuple(row for part in _PARTS for row in part.ROWS)
MAKERS: Mapping[str, Maker] = {name: maker for part in _PARTS for name, maker in part.MAKERS.items()}
