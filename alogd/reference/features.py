"""The plain numpy twin of what detectors and calibration compute in C (engine_c/counts.h, groups.h, terms.h, digest.h).

Same arguments, same results to within rounding. Scores are the same in any batch: no matrix products.
"""

from __future__ import annotations

import numpy as np

from alogd.event import F64, I64, U32, U64, Bool

SINGLE = 0x7FFFFFFF  # stands for "the slot before" in a term of one template


def _check(start: I64, slot: U32, row: I64, groups: int) -> None:
    if start[0] != 0 or start[-1] != len(slot) or (np.diff(start) < 0).any() or (row >= groups).any():
        raise ValueError("features: the windows' rows and tables do not fit together")


def _pairs(start: I64, slot: U32) -> tuple[I64, I64, I64, I64]:
    """(window, slot, count) of every pair that occurs, in order; and the pair each record belongs to."""
    code = np.repeat(np.arange(len(start) - 1), np.diff(start)) << 32 | slot.astype(np.int64)
    pairs, which, count = np.unique(code, return_inverse=True, return_counts=True)
    return pairs >> 32, pairs & 0xFFFFFFFF, count, which


def _created(start: I64, is_new: Bool) -> I64:
    """Templates created in each window."""
    return np.diff(np.concatenate([[0], np.cumsum(is_new)])[start])


def count_power(
    start: I64,
    slot: U32,
    row: I64,
    groups: int,
    width: int,
    is_new: Bool,
    mean: F64,
    scale: F64,
    usual: F64,
    base: F64,
    blank: F64,
    novelty_mean: float,
    novelty_scale: float,
    out: F64,
) -> None:
    """out: sum over slots of ((root of count - mean) * scale)^4, absent slots and novelty included."""
    _check(start, slot, row, groups)
    window, slots, count, which = _pairs(start, slot)
    new = np.zeros(len(slots), bool)
    new[which[is_new]] = True
    group, within = row[window], np.minimum(slots, width - 1)
    known = slots < width
    root = np.sqrt(count)
    jump = np.where(known & ~new, (root - mean[group, within]) * scale[group, within], root * blank[group])
    absent = np.where(known, usual[group, within], 0.0)
    novelty = np.maximum((np.sqrt(_created(start, is_new)) - novelty_mean) * novelty_scale, 0.0)
    power = np.bincount(window, jump**4 - absent, len(row)) + base[row] + novelty**4
    out[:] = np.where(row >= 0, power, 0.0)


def count_learn(
    start: I64,
    slot: U32,
    row: I64,
    groups: int,
    width: int,
    is_new: Bool,
    gain: F64,
    sums: F64,
    squares: F64,
    created: F64,
) -> None:
    """Moves each row by its gain towards the means, over its windows, of the roots of counts, and of the counts."""
    _check(start, slot, row, groups)
    if (slot >= width).any():
        raise ValueError("features: the windows' rows and tables do not fit together")
    window, slots, count, _ = _pairs(start, slot)
    kept = row[window] >= 0
    cell = (row[window] * width + slots)[kept]
    roots = np.bincount(cell, np.sqrt(count[kept]), groups * width).reshape(groups, width)
    counts = np.bincount(cell, count[kept], groups * width).reshape(groups, width)
    windows = np.bincount(row[row >= 0], minlength=groups)[:, None]
    each = np.maximum(windows, 1)
    sums += np.where(windows > 0, gain[:, None] * (roots / each - sums), 0.0)
    squares += np.where(windows > 0, gain[:, None] * (counts / each - squares), 0.0)
    created[:] = _created(start, is_new)


def count_derive(
    row: I64,
    groups: int,
    width: int,
    sums: F64,
    squares: F64,
    weight: F64,
    windows: I64,
    floor: float,
    mean: F64,
    scale: F64,
    usual: F64,
    blank: F64,
) -> None:
    """What count_power reads, of some rows."""
    if ((row < 0) | (row >= groups)).any():
        raise ValueError("features: the windows' rows and tables do not fit together")
    least = np.maximum(weight[row], 1e-300)[:, None]
    mean[row] = sums[row] / least
    floors = 1 / (windows[row] + 10) + floor
    spread = np.maximum(squares[row] / least - mean[row] * mean[row], 0.0) + floors[:, None]
    scale[row], usual[row] = 1 / np.sqrt(spread), (mean[row] * mean[row] / spread) ** 2
    blank[row] = 1 / np.sqrt(floors)


def group_rows(keys: U64, order: I64, group: U64, out: I64) -> None:
    """out: order[k] + 1 where a group is keys[k], ascending; 0 where it is none of them."""
    if not len(keys):
        out[:] = 0
        return
    at = np.minimum(np.searchsorted(keys, group), len(keys) - 1)
    out[:] = np.where(keys[at] == group, order[at] + 1, 0)


def chunks_of(start: I64, lines: int) -> tuple[I64, I64, I64]:
    """Windows cut into chunks of `lines` records: the window of each, the record it begins at, the one it ends before.

    >>> chunks_of(np.array([0, 5, 5, 7]), 3)
    (array([0, 0, 2]), array([0, 3, 5]), array([3, 5, 7]))
    """
    per_window = -(-np.diff(start) // lines)
    window = np.repeat(np.arange(len(per_window)), per_window)
    within = np.arange(len(window)) - (np.cumsum(per_window) - per_window)[window]
    begin = start[window] + lines * within
    return window, begin, np.minimum(begin + lines, start[window + 1])


def terms_of(slot: I64, chunk: I64, chunks: int) -> tuple[I64, I64, F64]:
    """Chunk, term (slot before << 32 | slot) and value of all 1-grams and 2-grams; chunk numbers of records ascend."""
    value = 1.0 / np.bincount(chunk, minlength=chunks).astype(np.float64)
    pairs = np.flatnonzero(chunk[1:] == chunk[:-1]) + 1 if len(chunk) else np.empty(0, np.int64)
    term = np.concatenate([SINGLE << 32 | slot, slot[pairs - 1] << 32 | slot[pairs]])
    at = np.concatenate([chunk, chunk[pairs]])
    return at, term, value[at]


def features_of(term: I64, terms: I64) -> I64:
    """Feature number of every term; len(terms) for those outside the vocabulary."""
    used = np.flatnonzero(terms >= 0)
    if not len(used):
        return np.full(len(term), len(terms))
    order = np.argsort(terms[used], kind="stable")
    known, feature = terms[used][order], used[order]
    at = np.minimum(np.searchsorted(known, term), len(known) - 1)
    return np.asarray(np.where(known[at] == term, feature[at], len(terms)))


def vectors_of(start: I64, slot: U32, terms: I64, idf: F64, lines: int) -> tuple[I64, F64]:
    """The window of every chunk, and its mean TF-IDF over its records, shape (chunks, features + 1)."""
    window, begin, end = chunks_of(start, lines)
    chunk = np.repeat(np.arange(len(window)), end - begin)
    at, term, value = terms_of(slot.astype(np.int64), chunk, len(window))
    feature = features_of(term, terms)
    width = len(terms) + 1
    flat = np.bincount(at * width + feature, value * idf[feature], len(window) * width)
    return window, np.asarray(flat, np.float64).reshape(-1, width)


def term_scores(
    start: I64,
    slot: U32,
    row: I64,
    groups: int,
    width: int,
    terms: I64,
    idf: F64,
    lines: int,
    mean: F64,
    scale: F64,
    out: F64,
) -> None:
    """out: the largest |value - mean| * scale over features and chunks of each window."""
    _check(start, slot, row, groups)
    window, vectors = vectors_of(start, slot, terms, idf, lines)
    group = row[window]
    z = np.abs(vectors - mean[group]) * scale[group]
    out[:] = 0.0
    np.maximum.at(out, window, z.max(axis=1, initial=0.0))
    out[row < 0] = 0.0


def term_sums(
    start: I64,
    slot: U32,
    row: I64,
    groups: int,
    width: int,
    terms: I64,
    idf: F64,
    lines: int,
    sums: F64,
    squares: F64,
) -> None:
    """Adds value, and value squared, of every chunk of the windows whose row is not negative."""
    _check(start, slot, row, groups)
    window, vectors = vectors_of(start, slot, terms, idf, lines)
    for each in range(groups):
        members = vectors[row[window] == each]
        sums[each] += members.sum(axis=0)
        squares[each] += (members * members).sum(axis=0)


def term_sample(
    start: I64, slot: U32, row: I64, groups: int, lines: int, skip: int, count: int, first: int, slots: U32, rows: I64
) -> None:
    """Copies chunks skip to skip + count of the windows whose row is not negative into a ring from `first` on."""
    _check(start, slot, row, groups)
    window, begin, end = chunks_of(start, lines)
    chosen = np.flatnonzero(row[window] >= 0)[skip : skip + count]
    for number, chunk in enumerate(chosen.tolist()):
        place = (first + number) % len(rows)
        slots[place] = np.iinfo(np.uint32).max
        slots[place, : end[chunk] - begin[chunk]] = slot[begin[chunk] : end[chunk]]
        rows[place] = row[window[chunk]]


def digest_merge(
    mean: F64, weight: F64, kept: float, scores: F64, centroids: float, total: float, new_mean: F64, new_weight: F64
) -> int:
    """Ascending scores into ascending centroids; ties are always joined, neighbours up to a limit; gives how many."""
    values = np.concatenate([mean, scores])
    loads = np.concatenate([weight * kept, np.ones(len(scores))])
    order = np.argsort(values, kind="stable")
    made, before = -1, 0.0
    for value, load in zip(values[order].tolist(), loads[order].tolist(), strict=True):
        if made >= 0:
            both = float(new_weight[made]) + load
            quantile = (before + both / 2) / total
            if value == new_mean[made]:
                new_weight[made] = both
                continue
            if both <= 4 * total * (1 - quantile) / centroids:
                new_weight[made] = both
                new_mean[made] += (value - new_mean[made]) * load / both
                continue
            before += float(new_weight[made])
        made += 1
        new_mean[made], new_weight[made] = value, load
    return made + 1


def digest_tail(
    scores: F64,
    mean: F64,
    at_least: F64,
    midway: F64,
    total: float,
    threshold: float,
    tail_mass: float,
    shape: float,
    scale: float,
    tail_used: float,
    smallest: float,
    out: F64,
) -> None:
    """out: P(score >= s) of every score; by the fitted tail beyond threshold, where few were as large."""
    above = np.searchsorted(mean, scores, side="left")
    exact = at_least[above]
    tied = (above < len(mean)) & (mean[np.minimum(above, len(mean) - 1)] == scores)
    body = np.where(tied, exact, np.interp(scores, mean, midway, left=total, right=0.0)) + 0.5
    x = np.maximum(scores - threshold, 0.0) / scale
    fitted = tail_mass * (np.exp(-x) if abs(shape) < 1e-6 else (1 + shape * x) ** (-1 / shape))
    ties = np.where(tied & (exact >= 3), exact / total, 0.0)  # a value that recurs is no rarer than it is
    beyond = (scores > threshold) & (body < tail_used)
    out[:] = np.clip(np.where(beyond, np.maximum(fitted, ties), body / (total + 1.0)), smallest, 1.0)
