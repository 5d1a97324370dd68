"""Features of windows: what C computes is what its plain numpy twin does, for any windows; damaged input is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alogd.reference import features as plain

_engine = pytest.importorskip("alogd._engine", reason="the C extension is not built")

Array = npt.NDArray[Any]
LINES = 4

windows_of = st.lists(st.lists(st.integers(0, 12), max_size=70), max_size=12)
seeds = st.integers(0, 2**32 - 1)


def columns(windows: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    start = np.concatenate([[0], np.cumsum([len(window) for window in windows], dtype=np.int64)]).astype(np.int64)
    return start, np.array([slot for window in windows for slot in window], np.uint32)


def rows_for(random: np.random.Generator, n: int, groups: int) -> Array:
    return random.integers(-1, groups, n)


def vocabulary(random: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Distinct terms over few slots, some places free, and their idf."""
    before = random.choice([plain.SINGLE, *range(13)], size)
    terms = np.unique(before.astype(np.int64) << 32 | random.integers(0, 13, size))
    terms = random.permutation(np.where(random.random(len(terms)) < 0.2, -1, terms))
    return terms, 1 + random.random(len(terms) + 1)


def both(name: str, out: Callable[[], Sequence[Array]], *arguments: Any, ulps: float = 64) -> None:
    """Run C and twin on arrays made anew by `out`, which has to be the last of the arguments."""
    mine, theirs = out(), out()
    assert getattr(_engine, name)(*arguments, *mine) == getattr(plain, name)(*arguments, *theirs)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=ulps * 2.3e-16, atol=1e-13)


@given(windows_of, seeds, st.integers(1, 4), st.integers(1, 16))
@settings(max_examples=150, deadline=None)
def test_power_of_counts(windows: list[list[int]], seed: int, groups: int, width: int) -> None:
    random = np.random.default_rng(seed)
    start, slot = columns(windows)
    row, new = rows_for(random, len(windows), groups), random.random(len(slot)) < 0.1
    mean, scale, usual = random.random((3, groups, width)) * 3
    base, blank = random.random((2, groups))
    table = (start, slot, row, groups, width, new, mean, scale, usual, base, blank, 0.3, 1.7)
    both("count_power", lambda: [np.full(len(windows), 7.0)], *table, ulps=4096)


@given(windows_of, seeds, st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_counts_learned(windows: list[list[int]], seed: int, groups: int) -> None:
    random = np.random.default_rng(seed)
    start, slot = columns(windows)
    of = (start, slot, rows_for(random, len(windows), groups), groups, 13, random.random(len(slot)) < 0.1)
    tables = random.random((2, groups, 13)) * 3
    gain = random.random(groups)
    both("count_learn", lambda: [*tables.copy(), np.ones(len(windows))], *of, gain)


@given(seeds, st.integers(1, 5), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_counts_derived(seed: int, groups: int, width: int) -> None:
    random = np.random.default_rng(seed)
    sums, squares = random.random((2, groups, width)) * (random.random((2, groups, width)) < 0.7)
    weight, seen = random.integers(0, 3, groups) / 2.0, random.integers(0, 99, groups)
    sums[weight == 0], squares[weight == 0] = 0.0, 0.0
    rows = random.permutation(groups)[: random.integers(0, groups + 1)]
    tables = random.random((3, groups, width))
    out = lambda: [*tables.copy(), np.full(groups, 7.0)]  # noqa: E731
    both("count_derive", out, rows, groups, width, sums, squares, weight, seen, 1e-3)


@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30)))
def test_rows_of_groups(known: list[int], asked: list[int]) -> None:
    keys = np.array(known, np.uint64)
    order = np.argsort(keys, kind="stable")
    group, out = np.array(asked, np.uint64), np.full(len(asked), -7)
    both("group_rows", lambda: [out.copy()], keys[order], order, group)
    _engine.group_rows(keys[order], order, group, out)
    assert out.tolist() == [known.index(one) + 1 if one in known else 0 for one in asked]


@given(windows_of, seeds, st.integers(1, 3), st.integers(0, 40), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_scores_and_sums_of_terms(windows: list[list[int]], seed: int, groups: int, size: int, lines: int) -> None:
    random = np.random.default_rng(seed)
    start, slot = columns(windows)
    row = rows_for(random, len(windows), groups)
    terms, idf = vocabulary(random, size)
    shape = (groups, len(terms) + 1)
    mean, scale = random.random((2, *shape))
    given_ = (start, slot, row, *shape, terms, idf, lines)
    both("term_scores", lambda: [np.full(len(windows), 7.0)], *given_, mean, scale)
    both("term_sums", lambda: [np.ones(shape), np.ones(shape)], *given_)


@given(windows_of, seeds, st.integers(0, 5), st.integers(0, 9), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_sample_of_chunks(windows: list[list[int]], seed: int, skip: int, count: int, first: int) -> None:
    start, slot = columns(windows)
    row = rows_for(np.random.default_rng(seed), len(windows), 3)
    places = (start, slot, row, 3, LINES, skip, count, first)
    both("term_sample", lambda: [np.zeros((7, LINES), np.uint32), np.zeros(7, np.int64)], *places)


scores_of = st.lists(st.floats(0, 50) | st.integers(0, 5).map(float), min_size=1, max_size=300)


@given(scores_of, scores_of, st.floats(0.1, 1.0), st.integers(2, 60))
@settings(max_examples=150, deadline=None)
def test_digest_merged_and_read(first: list[float], second: list[float], kept: float, centroids: int) -> None:
    nothing = np.empty(0)
    n, total = len(first), float(len(first))
    mean, weight = np.zeros(n), np.zeros(n)
    made = plain.digest_merge(nothing, nothing, 1.0, np.sort(first), centroids, total, mean, weight)
    total = total * kept + len(second)
    arguments = (mean[:made], weight[:made], kept, np.sort(second), float(centroids), total)
    both("digest_merge", lambda: [np.zeros(made + len(second)), np.zeros(made + len(second))], *arguments)
    at_least = np.append(np.cumsum(weight[:made][::-1])[::-1], 0.0)
    threshold = float(mean[made // 2])
    digest = (mean[:made], at_least, at_least[:-1] - weight[:made] / 2, float(n))
    asked = np.array(first + second)
    for shape in (0.0, 0.3):
        tail = (threshold, 0.4, shape, 2.0, 10.0, 1e-12)
        both("digest_tail", lambda: [np.empty(len(asked))], asked, *digest, *tail, ulps=4096)


@pytest.mark.parametrize("twin", [_engine, plain], ids=["C", "plain"])
@pytest.mark.parametrize(
    ("start", "row"),
    [([0, 2, 1, 4], [0, 0, 0]), ([1, 2, 3, 4], [0, 0, 0]), ([0, 2, 3, 5], [0, 0, 0]), ([0, 1, 2, 4], [0, 2, 0])],
    ids=["falls", "begins late", "ends late", "no such row"],
)
def test_rows_that_do_not_fit_are_refused(twin: Any, start: list[int], row: list[int]) -> None:
    slot, tables = np.ones(4, np.uint32), [np.zeros((2, 3)), np.zeros((2, 3))]
    of = (np.array(start), slot, np.array(row), 2, 3)
    with pytest.raises(ValueError, match="do not fit"):
        twin.count_learn(*of, slot > 1, np.ones(2), *tables, np.zeros(3))
    with pytest.raises(ValueError, match="do not fit"):
        twin.term_sums(*of, np.array([-1, -1]), np.ones(3), LINES, *tables)
    with pytest.raises(ValueError, match="do not fit"):
        twin.term_sample(*of[:4], LINES, 0, 4, 0, np.zeros((7, LINES), np.uint32), np.zeros(7, np.int64))
    assert not any(table.any() for table in tables)


def test_tables_of_another_size_are_refused() -> None:
    start, slot, row, new = np.array([0, 4]), np.arange(4, dtype=np.uint32), np.array([0]), np.zeros(4, bool)
    with pytest.raises(ValueError, match="bytes"):
        _engine.count_learn(start, slot, row, 2, 4, new, np.ones(2), np.zeros((2, 3)), np.zeros((2, 4)), np.zeros(1))
    with pytest.raises(ValueError, match="out of range"):
        _engine.count_learn(start, slot, row, 2**61, 4, new, np.ones(2), *np.zeros((2, 2, 4)), np.zeros(1))
    with pytest.raises(ValueError, match="do not fit"):
        _engine.count_learn(start, slot, row, 2, 3, new, np.ones(2), *np.zeros((2, 2, 3)), np.zeros(1))  # no slot 3
    with pytest.raises(ValueError, match="do not fit"):
        _engine.count_derive(
            np.array([2]),
            2,
            3,
            *np.zeros((2, 2, 3)),
            np.ones(2),
            np.ones(2, int),
            1.0,
            *np.zeros((3, 2, 3)),
            np.ones(2),
        )
    with pytest.raises(ValueError, match="bytes"):
        _engine.digest_merge(np.zeros(2), np.zeros(1), 1.0, np.zeros(3), 256.0, 5.0, np.zeros(5), np.zeros(5))
