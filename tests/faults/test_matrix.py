"""Whether the matrix is whole: a row without a test would stand in the table and say nothing."""

from __future__ import annotations

from pathlib import Path

from tests.faults.matrix import ROWS, row_of


def test_each_row_has_a_test_of_its_name_and_each_name_a_row() -> None:
    words = (line.split() for path in Path(__file__).parent.glob("test_*.py") for line in path.read_text().splitlines())
    names = [word.partition("(")[0] for line in words if "def" in line[:2] for word in line if word.startswith("test_")]
    assert len(names) > 200
    assert {row_of(name) for name in names} - {""} == set(ROWS)
