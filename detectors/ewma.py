"""EWMA baseline: new templates, and template counts far from what windows of this group usually hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta

from alogd.config.tree import Strict
from alogd.detectors._counts import counts
from alogd.detectors._groups import Groups
from alogd.detectors.base import NEW, Contribution, State, take
from alogd.event import F64, I64, U32, Bool, WindowBatch
from alogd.registry import register
from alogd.windows import features, rows

# Variance of the root of a count that never varied: with less, one stray line in a steady log outranks a real burst.
FLOOR = 1e-3
POWER = 4  # between the sum (2) and the largest (infinity) of the jumps


class EwmaOptions(Strict, frozen=True, kw_only=True):
    """alpha weighs the newest `step` windows of a group, and the newest `novelty_step` of the stream."""

    alpha: Annotated[float, Meta(gt=0, lt=1)] = 0.3
    step: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    novelty_step: Annotated[int, Meta(ge=1, le=1_000_000)] = 20


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
        power = np.empty(len(windows))
        features.count_power(
            windows.start,
            windows.slot,
            self.groups.rows(windows.group),
            *self.sums.shape,
            windows.is_new,
            self._mean,
            self._scale,
            self._usual,
            self._base,
            self._blank,
            *self._novelty,
            power,
        )
        return np.asarray(np.sqrt(np.sqrt(np.maximum(power, 0.0))))

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """Templates with the largest jumps, absent ones included, and the novelty of the window."""
        window = rows.part(windows, index, index + 1)
        row = int(self.groups.rows(window.group)[0])
        slots, seen, new = counts(window)
        expected, jump = self._jumps(row, slots, seen, new)
        parts = list(zip(jump.tolist(), slots.tolist(), seen.tolist(), (expected**2).tolist(), strict=True))
        absent = self._usual[row].copy()
        absent[slots[slots < len(absent)]] = 0.0
        parts += [
            (float(absent[slot]) ** (1 / POWER), int(slot), 0.0, float(self._mean[row, slot]) ** 2)
            for slot in np.argsort(-absent, kind="stable")[:5]
            if absent[slot] > 0
        ]
        created, (mean, scale) = float(window.is_new.sum()), self._novelty
        parts.append((max(0.0, (created**0.5 - mean) * scale), NEW, created, 0.0))
        total = sum(z**POWER for z, *_ in parts) or 1.0
        parts.sort(key=lambda part: -part[0])
        return [Contribution(slot, seen, expected, float(z**POWER / total)) for z, slot, seen, expected in parts[:10]]

    def _jumps(self, row: int, slots: I64, seen: F64, new: Bool) -> tuple[F64, F64]:
        """Root of the count expected of each slot, and how far it jumped from there."""
        known = (slots < self._mean.shape[1]) & ~new
        at = np.where(known, slots, 0)
        mean = np.where(known, self._mean[row, at], 0.0)
        scale = np.where(known, self._scale[row, at], self._blank[row])
        return mean, np.abs(np.sqrt(seen) - mean) * scale

    # -- learning

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        """Move the baselines of the kept windows' groups towards their counts."""
        if not keep.any():
            return
        row = self.groups.adopt(windows.group, keep)
        self._grow(len(self.groups), int(windows.slot.max(initial=0)) + 1)
        reborn = self._forget(windows.slot[windows.is_new])
        created = np.empty(len(windows))
        touched = self._learn_counts(windows, row, created)
        self._learn_novelty(created[keep])
        self._derive(np.arange(len(self.groups)) if reborn else touched)

    def _forget(self, slots: U32) -> bool:
        """Slots that new templates took: whether any was another template's before, whose counts are gone now."""
        if not len(slots) or not self.sums[:, slots].any():
            return False
        self.sums[:, slots] = 0.0
        self.squares[:, slots] = 0.0
        return True

    def _learn_counts(self, windows: WindowBatch, row: I64, created: F64) -> I64:
        """Move groups by as many windows as each has (row: of each, -1 where not kept); gives those moved.

        created, shape (n,), takes the number of templates created in each window.
        """
        n = np.bincount(row[row >= 0], minlength=len(self.groups))
        gain = 1 - (1 - self.options.alpha) ** (n / self.options.step)
        tables = (gain, self.sums, self.squares, created)
        features.count_learn(windows.start, windows.slot, row, *self.sums.shape, windows.is_new, *tables)
        self.weight += gain * (1 - self.weight)
        self.windows += n
        return np.flatnonzero(n)

    def _learn_novelty(self, created: F64) -> None:
        n = len(created)
        gain = 1 - (1 - self.options.alpha) ** (n / self.options.novelty_step)
        seen, weight, total, square = self.novelty.tolist()
        weight += gain * (1.0 - weight)
        total += gain * (float(np.sqrt(created).sum()) / n - total)
        square += gain * (float(created.sum()) / n - square)
        self.novelty[:] = seen + n, weight, total, square

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
            self._mean, self._scale, self._usual = np.zeros(shape), np.zeros(shape), np.zeros(shape)
            self._blank, self._base = np.zeros(shape[0]), np.zeros(shape[0])
            rows = np.arange(shape[0])
        learned = (self.sums, self.squares, self.weight, self.windows)
        tables = (self._mean, self._scale, self._usual, self._blank)
        features.count_derive(rows, *self.sums.shape, *learned, FLOOR, *tables)
        self._base[rows] = self._usual[rows].sum(axis=1)
        self._novelty = self._usual_novelty()

    def _usual_novelty(self) -> tuple[float, float]:
        """Mean, and one over the deviation, of the root of the number of templates created in a window."""
        seen, weight, total, square = self.novelty.tolist()
        mean = total / weight if weight else 0.0
        variance = max(0.0, square / weight - mean * mean) if weight else 0.0
        return mean, float((variance + 1 / (seen + 10) + FLOOR) ** -0.5)

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
