"""What the judge found of a batch of windows; what only odd windows are asked for is computed when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from alogd.config.tree import Risk
from alogd.event import F64, Bool, WindowBatch
from alogd.judging.risk import anomaly, risk, risk_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of n windows; every array has shape (n,) and names map to such arrays."""

    windows: WindowBatch
    scores: Mapping[str, F64]  # raw, by detector; NaN where one failed, or was not asked
    decades: Mapping[str, F64]  # rarity, by detector, not capped
    fused: F64  # all detectors' decades as one number: the root of the sum of their squares
    severe: F64  # rarity of windows as severe as this
    rare: F64  # decades of the rarer of `fused` and `severe`
    ranking: F64  # by which windows become alerts: as risk, not capped, severity as far as it is unusual
    severity: F64  # 0-100
    alarm: Bool  # calls itself critical where that is rare, or in new words: to be told whatever the budget
    odd: Bool  # an alarm, judged real, or rarer than the alert budget allows
    bearable: float  # decades at which the alert budget begins
    weights: Risk
    quick: F64  # the decades of those detectors that need no network, as one number
    sample: Bool  # its scores calibrate detectors that are not asked about every window
    real: Bool  # holds what a person judged to be real

    @property
    def anomalies(self) -> Mapping[str, F64]:
        """0-100, by detector."""
        return {name: anomaly(value, self.bearable) for name, value in self.decades.items()}

    def told(self, index: int) -> list[str]:
        """The detectors that gave one window a score."""
        return [name for name, score in self.scores.items() if isfinite(score[index])]

    @property
    def anomaly(self) -> F64:
        """0-100, of the rarer of `fused` and `severe`."""
        return anomaly(self.rare, self.bearable)

    @property
    def risk(self) -> F64:
        """0-100."""
        return risk(self.anomaly, self.severity, self.weights)

    @property
    def last_risk(self) -> float:
        """Risk of the last window; there must be one."""
        return risk_of(float(self.rare[-1]), self.bearable, float(self.severity[-1]), self.weights)
