"""How good verdicts are, by their labels. Plain functions of arrays, so that each figure is defined in one place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alogd.event import F64, Bool

WEIGHTS = {"f1": 0.4, "accuracy": 0.3, "recall": 0.2, "precision": 0.1}  # of the composite


@dataclass(frozen=True, slots=True)
class Confusion:
    """Verdicts by truth."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, truth: Bool, odd: Bool) -> Confusion:
        """Both (n,)."""
        return cls(*(int((a & b).sum()) for a, b in ((truth, odd), (~truth, odd), (truth, ~odd), (~truth, ~odd))))

    @property
    def precision(self) -> float:
        """Of what was called odd, the share that is; 0 where nothing was."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Of what is odd, the share that was called so; 0 where nothing is."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        """Share of right verdicts; says little where few things are odd."""
        return _share(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    @property
    def composite(self) -> float:
        """0.4 F1 + 0.3 accuracy + 0.2 recall + 0.1 precision."""
        return float(sum(weight * getattr(self, name) for name, weight in WEIGHTS.items()))


def roc(truth: Bool, score: F64) -> tuple[F64, F64]:
    """(false alarm rate, recall) at every threshold, from none to all; equal scores fall together."""
    order = np.argsort(-score, kind="stable")
    hits, ranked = truth[order], score[order]
    edges = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else np.empty(0, np.int64)
    found, false = np.cumsum(hits)[edges], np.cumsum(~hits)[edges]
    return np.append(0.0, false / max(1, int((~truth).sum()))), np.append(0.0, found / max(1, int(truth.sum())))


def auroc(truth: Bool, score: F64) -> float | None:
    """Chance that something odd scores higher than something normal; None where one of the two is absent."""
    if truth.all() or not truth.any():
        return None
    false, found = roc(truth, score)
    return float(np.sum(np.diff(false) * (found[1:] + found[:-1]) / 2))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
