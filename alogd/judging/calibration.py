"""Turns any detector's raw score into how rare a score like it is on this stream: tail probabilities.

The body of the distribution is a t-digest (Dunning & Ertl 2019), fine towards large scores only, with forgetting;
beyond what it has seen often, a generalised Pareto tail fitted to its largest values (peaks over threshold, as in
SPOT: Siffer et al., KDD 2017).
Deterministic: the digest changes only when a full buffer is merged, never because of when it was read or saved.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from alogd.event import F64
from alogd.windows.features import digest_merge, digest_tail

CENTROIDS = 256  # about how many the digest keeps
BUFFER = 2048  # most scores between two merges; earlier, a quarter of those seen, and 16 at first
FEWEST = 128.0  # scores that always count in full
MEMORY = 50_000.0  # scores after which old ones count less
YOUTH = 0.5  # until then: of all scores seen, so that a stream's first windows, all new, soon count for little
TAIL_COUNT = 50.0  # largest scores that the Pareto tail is fitted to: few, for only the very tail is asked of it
TAIL_USED = 10.0  # scores so large that fewer than this were as large are judged by the fitted tail
SMALLEST = 1e-12


class Calibrator:
    """Tail probability of a score given the scores seen before.

    >>> import numpy as np
    >>> calibrator = Calibrator()
    >>> calibrator.add(np.random.default_rng(1).exponential(size=20_000))
    >>> [round(float(p), 2) for p in calibrator.tail(np.array([0.0, 0.69, 2.3]))]
    [1.0, 0.5, 0.1]
    >>> bool(3e-6 < calibrator.tail(np.array([11.5]))[0] < 3e-5)
    True
    """

    def __init__(self) -> None:
        self.mean: F64 = np.empty(0)  # of each centroid, ascending
        self.weight: F64 = np.empty(0)
        self.buffer: F64 = np.empty(0)
        self.seen = 0
        self._fit()

    def add(self, scores: F64) -> None:
        """Take in scores, shape (n,), finite; the order matters, the cutting into calls does not."""
        pending = np.concatenate([self.buffer, scores])
        while len(pending) >= (room := self._room()):
            self._merge(pending[:room])
            self.seen += room
            pending = pending[room:]
        self.buffer = pending

    def _room(self) -> int:
        return int(min(max(16, self.seen // 4), BUFFER))

    def _merge(self, scores: F64) -> None:
        total = self._total
        memory = min(MEMORY, max(FEWEST, YOUTH * self.seen))
        kept = min(1.0, memory / total) if total else 1.0
        mean, weight = np.empty(len(self.mean) + len(scores)), np.empty(len(self.mean) + len(scores))
        total = total * kept + len(scores)
        n = digest_merge(self.mean, self.weight, kept, np.sort(scores), CENTROIDS, total, mean, weight)
        self.mean, self.weight = mean[:n].copy(), weight[:n].copy()
        self._fit()

    # -- reading

    def tail(self, scores: F64) -> F64:
        """P(score >= s) for every s, shape (n,); 1 before anything was merged."""
        if not len(self.mean):
            return np.ones(len(scores))
        tail = np.empty(len(scores))
        digest_tail(np.ascontiguousarray(scores), *self._digest, TAIL_USED, SMALLEST, tail)
        return tail

    def decades(self, scores: F64) -> F64:
        """Rarity: -log10 of the tail probability of every score, shape (n,)."""
        tail = self.tail(scores)
        np.log10(tail, out=tail)
        return np.abs(tail, out=tail)

    def _fit(self) -> None:
        """Derive what `tail` reads: the digest as engine_c/digest.h has it."""
        self._total = float(self.weight.sum())
        at_least = np.zeros(len(self.weight) + 1)
        np.add.accumulate(self.weight[::-1], out=at_least[-2::-1])
        tail = self._fit_tail(at_least) if self._total >= TAIL_COUNT else (np.inf, 0.0, 0.0, 1.0)
        self._digest = (self.mean, at_least, at_least[:-1] - self.weight / 2, self._total, *tail)

    def _fit_tail(self, at_least: F64) -> tuple[float, float, float, float]:
        """Threshold, probability beyond it, shape and scale of the Pareto tail."""
        cut = min(int(np.count_nonzero(at_least[:-1] >= TAIL_COUNT)), len(self.mean) - 1)
        threshold = float(self.mean[cut])
        excess, weight = self.mean[cut + 1 :] - threshold, self.weight[cut + 1 :]
        mass = float(weight.sum())
        if mass <= 0:  # the largest value recurs: whatever lies beyond it has not been seen once
            return threshold, 1.0 / (self._total + 1.0), 0.0, max(abs(threshold) * 0.1, 1e-9)
        tail_mass = (mass + 0.5) / (self._total + 1.0)
        average = float((excess * weight).sum()) / mass
        spread = float((excess * excess * weight).sum()) / mass - average * average
        if spread <= 1e-12 * average * average:
            return threshold, tail_mass, 0.0, max(average, 1e-9)
        ratio = average * average / spread
        # never a shape below 0, whose tail ends: a score beyond that end could not be told from one far beyond
        shape = min(0.5, max(0.0, 0.5 * (1 - ratio)))
        return threshold, tail_mass, shape, average * (1 - shape)

    # -- state

    def state(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Arrays mean, weight, buffer and seen (one number)."""
        return {
            "mean": self.mean,
            "weight": self.weight,
            "buffer": self.buffer,
            "seen": np.array([float(self.seen)]),
        }

    def restore(self, state: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Raises ValueError when the arrays are not a calibrator's."""
        try:
            mean, weight, buffer, seen = (state[name] for name in ("mean", "weight", "buffer", "seen"))
        except KeyError as missing:
            raise ValueError(f"saved state: calibrator lacks {missing}") from None
        arrays = (mean, weight, buffer, seen)
        if any(a.dtype != np.float64 or a.ndim != 1 or not np.isfinite(a).all() for a in arrays):
            raise ValueError("saved state: calibrator holds something that is not finite numbers")
        if len(mean) != len(weight) or len(seen) != 1 or (np.diff(mean) < 0).any() or (weight <= 0).any():
            raise ValueError("saved state: calibrator's centroids are not in order")
        self.mean, self.weight, self.buffer, self.seen = mean.copy(), weight.copy(), buffer.copy(), int(seen[0])
        self._fit()
