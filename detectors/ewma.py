"""EWMA baseline: new templates, and template counts far from what windows of this group usually hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alogd.config import Strict
from alogd.detectors._counts import Counts, counts
from alogd.detectors._groups import Groups
from alogd.detectors.base import NEW, Contribution, State, take
from alogd.event import F64, I64, Bool, WindowBatch
from alogd.registry import register

# Variance of the root of a count that never varied: with less, one stray line in a steady log outranks a real burst.
FLOOR = 1e-3
POWER = 4  # between the sum (2) and the largest (infinity) of the jumps


class EwmaOptions(Strict, frozen=True, kw_only=True):
    """alpha weighs the newest `step` windows of a group, and the newest `novelty_step` of the stream."""

    alpha: float = 0.3
    step: int = 1000
    novelty_step: int = 20


@register("detectors", "ewma")
class Ewma:
    """Jumps of template counts against an exponentially weighted baseline, one baseline a group.

    For template j of a window in group g, with x the square root of its count (which makes the spread of counts alike,
    Anscombe 1948), m and v the mean and variance of x under the baseline and i windows learned, the jump is
    z = |x - m| / sqrt(v + 1 / (i + 10) + 0.001); a template that is usual here and absent counts too. The root of the
    number of templates created in the window makes one more z against the whole stream's baseline. The score is
    (sum of z^4)^(1/4). Counts rather than shares: a window closed by age may hold a single line, and a share of
    1/1 would outrank 30/50; and counts see a change of rate.

    alpha weighs a step of 1000 windows, not one window: a memory of three windows forgets a template between two of
    its usual occurrences. The first windows are averaged with equal weight (pandas: ewm(adjust=True)). Novelty has a
    short memory (20 windows): a log's first hour is all new, and must not hide what is new in its second.

    >>> import numpy as np
    >>> from alogd.detectors.ewma import Ewma, EwmaOptions
    >>> from alogd.reference.batches import window_batch
    >>> detector = Ewma(EwmaOptions())
    >>> quiet = window_batch([[1, 1, 2]] * 64)
    >>> detector.learn(quiet, np.ones(64, bool))
    >>> usual, odd = detector.score(window_batch([[1, 1, 2], [1, 3, 3, 3]]))
    >>> bool(odd > 10 * usual)
    True
    """

    Options = EwmaOptions

    def __init__(self, options: EwmaOptions) -> None:
        self.options = options
        self.groups = Groups()
        self.windows = np.zeros(1, np.int64)  # learned, per group
        self.weight = np.zeros(1)  # of the sums below, per group
        self.sums = np.zeros((1, 64))  # weighted roots of counts per group and slot
        self.squares = np.zeros((1, 64))
        self.novelty = np.zeros(4)  # windows, weight, sum, sum of squares of roots of templates created
        self._derive(np.arange(1))

    # -- scoring

    def score(self, windows: WindowBatch) -> F64:
        """(sum of z^4)^(1/4) of each window, shape (n,)."""
        pairs = counts(windows)
        group = self.groups.rows(windows.group)
        jump = self._jumps(pairs, group)
        absent = np.where(pairs.slot < self._usual.shape[1], self._lookup(self._usual, pairs, group), 0.0)
        power = np.bincount(pairs.row, jump**POWER - absent, len(windows)) + self._base[group]
        power += self._novelty(pairs.created) ** POWER
        return np.asarray(np.maximum(power, 0.0) ** (1 / POWER))

    def _lookup(self, table: F64, pairs: Counts, group: I64) -> F64:
        """table[group of the window, slot] of every pair; 0 for slots beyond the table."""
        known = pairs.slot < table.shape[1]
        return np.where(known, table[group[pairs.row], np.where(known, pairs.slot, 0)], 0.0)

    def _jumps(self, pairs: Counts, group: I64) -> F64:
        mean = np.where(pairs.new, 0.0, self._lookup(self._mean, pairs, group))
        variance = np.where(pairs.new, 0.0, self._lookup(self._variance, pairs, group))
        floor = self._floor[group[pairs.row]]
        return np.asarray(np.abs(np.sqrt(pairs.count) - mean) / np.sqrt(variance + floor))

    def _novelty(self, created: F64) -> F64:
        seen, weight, total, square = self.novelty
        mean = total / weight if weight else 0.0
        variance = max(0.0, square / weight - mean * mean) if weight else 0.0
        z = (np.sqrt(created) - mean) / np.sqrt(variance + 1 / (seen + 10) + FLOOR)
        return np.asarray(np.maximum(z, 0.0))

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """Templates with the largest jumps, absent ones included, and the novelty of the window."""
        pairs = counts(windows)
        group = self.groups.rows(windows.group)
        row = int(group[index])
        here = pairs.row == index
        jump, mean = self._jumps(pairs, group)[here], self._lookup(self._mean, pairs, group)[here]
        parts = [
            (z, int(slot), float(count), 0.0 if new else float(expected) ** 2)
            for z, slot, count, new, expected in zip(
                jump, pairs.slot[here], pairs.count[here], pairs.new[here], mean, strict=True
            )
        ]
        absent = self._usual[row].copy()
        absent[pairs.slot[here][pairs.slot[here] < len(absent)]] = 0.0
        parts += [
            (absent[slot] ** (1 / POWER), int(slot), 0.0, float(self._mean[row, slot]) ** 2)
            for slot in np.argsort(-absent, kind="stable")[:5]
            if absent[slot] > 0
        ]
        novelty = float(self._novelty(pairs.created)[index])
        parts.append((novelty, NEW, float(pairs.created[index]), 0.0))
        total = sum(z**POWER for z, *_ in parts) or 1.0
        parts.sort(key=lambda part: -part[0])
        return [Contribution(slot, seen, expected, float(z**POWER / total)) for z, slot, seen, expected in parts[:10]]

    # -- learning

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        """Move the baselines of the kept windows' groups towards their counts."""
        if not keep.any():
            return
        pairs = counts(windows)
        self.groups.add(windows.group[keep])
        self._grow(len(self.groups), int(windows.slot.max(initial=0)) + 1)
        born = windows.slot[windows.is_new].astype(np.int64)
        self.sums[:, born] = 0.0  # a slot may have been another template's before
        self.squares[:, born] = 0.0
        group = self.groups.rows(windows.group)
        touched = np.unique(group[keep])
        for row in touched:
            self._learn_group(int(row), pairs, keep & (group == row))
        self._learn_novelty(pairs.created[keep])
        self._derive(touched if not len(born) else np.arange(len(self.groups)))

    def _gain(self, windows: int, step: int) -> float:
        return float(1 - (1 - self.options.alpha) ** (windows / step))

    def _learn_group(self, row: int, pairs: Counts, members: Bool) -> None:
        n = int(members.sum())
        mine = members[pairs.row]
        slot, count = pairs.slot[mine], pairs.count[mine]
        width = self.sums.shape[1]
        gain = self._gain(n, self.options.step)
        self.sums[row] += gain * (np.bincount(slot, np.sqrt(count), width) / n - self.sums[row])
        self.squares[row] += gain * (np.bincount(slot, count, width) / n - self.squares[row])
        self.weight[row] += gain * (1 - self.weight[row])
        self.windows[row] += n

    def _learn_novelty(self, created: F64) -> None:
        gain = self._gain(len(created), self.options.novelty_step)
        moments = np.array([1.0, np.sqrt(created).mean(), created.mean()])
        self.novelty[1:] += gain * (moments - self.novelty[1:])
        self.novelty[0] += len(created)

    def _grow(self, rows: int, slots: int) -> None:
        height, width = self.sums.shape
        if rows > height:
            more = rows - height
            self.windows = np.concatenate([self.windows, np.zeros(more, np.int64)])
            self.weight = np.concatenate([self.weight, np.zeros(more)])
        if slots > width:
            width = max(slots, 2 * width)
        if (rows, width) > self.sums.shape or width > self.sums.shape[1]:
            shape = (max(rows, height), width)
            self.sums, self.squares = _enlarged(self.sums, shape), _enlarged(self.squares, shape)

    def _derive(self, rows: I64) -> None:
        """Recompute what scoring looks up, for the rows that changed."""
        if getattr(self, "_mean", np.empty(0)).shape != self.sums.shape:
            shape = self.sums.shape
            self._mean, self._variance, self._usual = np.zeros(shape), np.zeros(shape), np.zeros(shape)
            self._floor, self._base = np.zeros(shape[0]), np.zeros(shape[0])
            rows = np.arange(shape[0])
        weight = np.maximum(self.weight[rows], 1e-300)[:, None]
        mean = self.sums[rows] / weight
        variance = np.maximum(self.squares[rows] / weight - mean * mean, 0.0)
        floor = 1 / (self.windows[rows] + 10) + FLOOR
        usual = (mean * mean / (variance + floor[:, None])) ** (POWER // 2)
        self._mean[rows], self._variance[rows], self._usual[rows] = mean, variance, usual
        self._floor[rows], self._base[rows] = floor, usual.sum(axis=1)

    # -- state

    def state(self) -> State:
        """Arrays: group keys, windows and weights per group, sums per group and slot, novelty moments."""
        return {
            "groups": self.groups.keys,
            "windows": self.windows,
            "weight": self.weight,
            "sums": self.sums,
            "squares": self.squares,
            "novelty": self.novelty,
        }

    def restore(self, state: State) -> None:
        """Raises ValueError when the arrays do not belong together."""
        groups = Groups(take(state, "groups", np.uint64, 1))
        windows, weight = take(state, "windows", np.int64, 1), take(state, "weight", np.float64, 1)
        sums, squares = take(state, "sums", np.float64, 2), take(state, "squares", np.float64, 2)
        novelty = take(state, "novelty", np.float64, 1)
        if not len(groups) == len(windows) == len(weight) == len(sums) or sums.shape != squares.shape:
            raise ValueError("saved state: ewma tables have different numbers of groups")
        if len(novelty) != 4 or not all(np.isfinite(a).all() for a in (weight, sums, squares, novelty)):
            raise ValueError("saved state: ewma holds numbers that are not finite")
        self.groups, self.windows, self.weight = groups, windows, weight
        self.sums, self.squares, self.novelty = sums, squares, novelty
        self._derive(np.arange(len(groups)))


def _enlarged(table: F64, shape: tuple[int, int]) -> F64:
    larger = np.zeros(shape)
    larger[: table.shape[0], : table.shape[1]] = table
    return larger
