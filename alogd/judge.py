"""Between detectors and alerts: scores windows, calibrates the scores, and says which windows are odd.

Works in epochs: windows are scored against what was learned up to the epoch's beginning, and learned when it ends.
Epochs are counted in windows (1, 1, 2, 4 ... and then a minute's worth, 64 to 512), so a verdict depends on the
windows before it, never on how the log was cut into blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd import rows
from alogd.calibration import Calibrator
from alogd.config import Alerts, Risk
from alogd.detectors.base import Detector
from alogd.event import F64, Bool, WindowBatch
from alogd.risk import POINTS_PER_DECADE, anomaly, rarity, risk, window_severity

FEWEST_WINDOWS, MOST_WINDOWS = 64, 512  # in an epoch, once as many were seen
UNTIMED_PER_DAY = 10_000.0  # windows a day of a log that carries no time
MEMORY = 50_000.0  # windows after which the measured rate forgets
LONGEST_GAP_NS = 86_400 * 10**9  # a longer silence counts as a day: the source was off
GAIN_STEP = 0.1  # an alert too many makes the next rarer by a tenth
LARGEST_GAIN = 2.3  # a factor of ten
SEVERITY_DECADES = 1.5  # a severity that one window in thirty reaches counts in full
ALWAYS_DECADES = 3.0  # what calls itself critical, once in a thousand windows or less, is odd whatever the budget
EARLIEST = 8  # windows before anything is odd
EARLY_SEVERITY = 80.0  # before the warm-up ends, a new template in a window this severe is odd,
EARLY_UNUSUAL = 60.0  # if what of its severity is unusual is this much
DAY_NS = 86_400 * 10**9


# What is believed of a stream before its windows are counted, worth 20 windows: one window in five thousand
# holds something critical, one in a hundred an error, one in twenty a warning.
PRIOR = np.zeros(101)
PRIOR[[0, 60, 80, 100]] = 20 * np.array([0.95, 0.04, 0.0098, 0.0002])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of n windows; every array has shape (n,) and names map to such arrays."""

    windows: WindowBatch
    scores: Mapping[str, F64]  # raw, by detector
    anomalies: Mapping[str, F64]  # 0-100, by detector
    decades: Mapping[str, F64]  # rarity, by detector, not capped
    fused: F64  # all detectors' decades as one number: the root of the sum of their squares
    severe: F64  # rarity of windows as severe as this
    anomaly: F64  # 0-100, of the rarer of `fused` and `severe`
    severity: F64  # 0-100
    risk: F64  # 0-100
    alarm: Bool  # calls itself critical, where that is rare: to be told whatever the budget
    odd: Bool  # an alarm, or rarer than the alert budget allows


class Judge:
    """The detectors of one stream with their calibrations and the alert budget."""

    def __init__(
        self, detectors: Mapping[str, Detector], *, alerts: Alerts, weights: Risk, budget_per_day: float
    ) -> None:
        self.detectors = detectors
        self.weights = weights
        self.warmup = alerts.warmup_windows
        self.budget_per_day = budget_per_day
        self.max_share = alerts.max_share
        self.calibrators = {name: Calibrator() for name in detectors}
        self.fusion = Calibrator()  # of `fused`: detectors that agree are rarer than either alone
        self.decision = Calibrator()  # of the ranking by which windows become alerts
        self.levels = np.zeros(101)  # windows by severity
        self.failures = dict.fromkeys(detectors, 0)  # windows for which a detector gave no number
        self.errors: dict[str, str] = {}  # the last error of each detector that failed
        self.seen = 0
        self.gain = 0.0  # natural log of the factor on the budget that holds the number of alerts to it
        self.rate = np.zeros(3)  # windows, log time they took in days, last closed_ns (0 = none)
        self._epoch: list[Verdict] = []
        self._learnable: list[Bool] = []
        self._countable: list[Bool] = []
        self._in_epoch = 0

    # -- judging

    @property
    def room(self) -> int:
        """Windows that may be judged before the next learn()."""
        return min(max(1, self.seen), self._longest_epoch) - self._in_epoch

    @property
    def _longest_epoch(self) -> int:
        """Windows: a minute's worth, within bounds."""
        return int(min(MOST_WINDOWS, max(FEWEST_WINDOWS, self.windows_per_day / 1440)))

    @property
    def windows_per_day(self) -> float:
        """Measured in log time."""
        windows, days, _ = self.rate.tolist()
        return float(windows / days) if days > 1e-6 else UNTIMED_PER_DAY

    @property
    def largest_share(self) -> float:
        """Windows rarer than this are odd: the budget over the rate, and never so many that a slow log drowns."""
        return min(self.max_share, self.budget_per_day * exp(self.gain) / self.windows_per_day)

    @property
    def warmup_ratio(self) -> float:
        """0-1; at 1 the stream may alert on anything odd."""
        return min(1.0, self.seen / self.warmup) if self.warmup else 1.0

    def judge(self, windows: WindowBatch) -> Verdict:
        """Score at most `room` windows against what is known; learns nothing."""
        scores = {name: self._score(name, windows) for name in self.detectors}
        decades = {name: self._decades(name, score) for name, score in scores.items()}
        fused = np.sqrt(np.sum([value * value for value in decades.values()], axis=0))
        severity = window_severity(windows.severity, windows.start)
        severe = self._severe(severity)
        rare = np.maximum(rarity(self.fusion.tail(fused)), severe)
        unusual = severity * np.minimum(1.0, severe / SEVERITY_DECADES)
        bearable = max(1.0, -log10(self.largest_share))
        share = self.decision.tail(self._ranking(rare, unusual))
        odd = (share <= self.largest_share) if self.seen >= self.warmup else self._early(windows, severity, unusual)
        alarm = (severity >= 100) & (severe >= ALWAYS_DECADES) & (self.seen >= EARLIEST)
        return Verdict(
            windows=windows,
            scores=scores,
            anomalies={name: anomaly(value, bearable) for name, value in decades.items()},
            decades=decades,
            fused=fused,
            severe=severe,
            anomaly=anomaly(rare, bearable),
            severity=severity,
            risk=risk(anomaly(rare, bearable), severity, self.weights),
            alarm=np.asarray(alarm),
            odd=np.asarray(odd | alarm),
        )

    def _early(self, windows: WindowBatch, severity: F64, unusual: F64) -> Bool:
        """Too little is known to call anything rare: only what is new and says itself that it is bad."""
        if not len(windows) or self.seen < EARLIEST:
            return np.zeros(len(windows), bool)
        new = np.logical_or.reduceat(windows.is_new, windows.start[:-1])
        return np.asarray(new & (severity >= EARLY_SEVERITY) & (unusual >= EARLY_UNUSUAL))

    def _score(self, name: str, windows: WindowBatch) -> F64:
        score = np.full(len(windows), np.nan)
        try:
            score[:] = self.detectors[name].score(windows)
        except Exception as error:  # whatever one detector does, the others go on; counted, and told in the status
            self.errors[name] = repr(error)
        score[~np.isfinite(score)] = np.nan
        self.failures[name] += int(np.isnan(score).sum())
        return score

    def _teach(self, name: str, windows: WindowBatch, keep: Bool) -> None:
        try:
            self.detectors[name].learn(windows, keep)
        except Exception as error:
            self.errors[name] = repr(error)
            self.failures[name] += len(windows)

    def _decades(self, name: str, score: F64) -> F64:
        known = np.isfinite(score)
        result = np.zeros(len(score))
        result[known] = rarity(self.calibrators[name].tail(score[known]))
        return result

    def _severe(self, severity: F64) -> F64:
        """Decades of rarity of windows as severe as this, by count on this stream and, before it counts, a prior."""
        levels = self.levels + PRIOR
        at_least = np.cumsum(levels[::-1])[::-1]
        return rarity(at_least[severity.astype(np.int64)] / at_least[0])

    def _ranking(self, decades: F64, unusual: F64) -> F64:
        """Like risk, but not capped, and severity counts only as far as it is unusual."""
        return np.asarray(risk(POINTS_PER_DECADE * decades, unusual, self.weights))

    # -- learning

    def add(self, verdict: Verdict, learnable: Bool, countable: Bool) -> None:
        """Put judged windows into the epoch; learns when it is full.

        learnable, shape (n,): windows the detectors may learn from. countable: windows whose scores are part of what
        this stream is like (the first odd window of an incident is, those that follow are the same incident).
        """
        self._epoch.append(verdict)
        self._learnable.append(learnable)
        self._countable.append(countable)
        self._in_epoch += len(verdict.windows)
        if self.room == 0:
            self._learn()

    def _learn(self) -> None:
        windows = rows.join([verdict.windows for verdict in self._epoch])
        keep, count = np.concatenate(self._learnable), np.concatenate(self._countable)
        for name in self.detectors:
            score = np.concatenate([verdict.scores[name] for verdict in self._epoch])
            self.calibrators[name].add(score[count & np.isfinite(score)])
            self._teach(name, windows, keep)
        fused = np.concatenate([verdict.fused for verdict in self._epoch])
        severity = np.concatenate([verdict.severity for verdict in self._epoch])
        severe = np.concatenate([verdict.severe for verdict in self._epoch])
        unusual = severity * np.minimum(1.0, severe / SEVERITY_DECADES)
        rare = np.maximum(rarity(self.fusion.tail(fused)), severe)
        self.decision.add(self._ranking(rare, unusual)[count])
        self.fusion.add(fused[count])
        fade = min(1.0, MEMORY / (self.levels.sum() + len(severity)))
        self.levels = (self.levels + np.bincount(severity.astype(np.int64), minlength=101)) * fade
        days = self._measure(windows)
        if self.seen >= self.warmup:
            opened = sum(int((v.odd & c).sum()) for v, c in zip(self._epoch, self._countable, strict=True))
            self._steer(self.budget_per_day * days - opened)
        self.seen += len(windows)
        self._epoch, self._learnable, self._countable, self._in_epoch = [], [], [], 0

    def _measure(self, windows: WindowBatch) -> float:
        """Update the measured rate; gives the days of log time the windows took."""
        count, days, last = self.rate
        stamps = np.maximum.accumulate(windows.closed_ns[windows.closed_ns > 0])
        if not len(stamps):
            return 0.0
        gaps = np.diff(stamps, prepend=int(last) or stamps[0])
        observed = float(np.clip(gaps, 0, LONGEST_GAP_NS).sum()) / DAY_NS
        fade = min(1.0, MEMORY / (count + len(stamps)))
        self.rate = np.array([(count + len(stamps)) * fade, (days + observed) * fade, float(stamps[-1])])
        return observed

    def _steer(self, missing: float) -> None:
        """Move the gain by the alerts missing (or, negative, too many) against the budget.

        Neighbouring windows are odd together, so alerts are fewer than odd windows; how much fewer only the log
        itself tells. As adaptive conformal inference (Gibbs & Candes 2021) does; bounded, for a log in which
        nothing ever happens must not make alogd ever more nervous.
        """
        self.gain = min(LARGEST_GAIN, max(-LARGEST_GAIN, self.gain + GAIN_STEP * missing))

    # -- state

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays, names prefixed by the part they belong to."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "judge.seen": np.array([self.seen]),
            "judge.gain": np.array([self.gain]),
            "judge.rate": self.rate,
            "judge.levels": self.levels,
            "judge.failures": np.array([self.failures[name] for name in self.detectors], np.int64),
        }
        for name, detector in self.detectors.items():
            arrays |= {f"{name}.{key}": value for key, value in detector.state().items()}
            arrays |= {f"{name}.calibrator.{key}": value for key, value in self.calibrators[name].state().items()}
        arrays |= {f"fusion.{key}": value for key, value in self.fusion.state().items()}
        arrays |= {f"decision.{key}": value for key, value in self.decision.state().items()}
        if self._epoch:
            arrays |= self._epoch_arrays()
        return arrays

    def _epoch_arrays(self) -> dict[str, npt.NDArray[Any]]:
        windows = rows.join([verdict.windows for verdict in self._epoch])
        arrays = {f"epoch.windows.{key}": value for key, value in rows.to_arrays(windows).items()}
        arrays["epoch.learnable"] = np.concatenate(self._learnable)
        arrays["epoch.countable"] = np.concatenate(self._countable)
        arrays["epoch.odd"] = np.concatenate([verdict.odd for verdict in self._epoch])
        for name in self.detectors:
            arrays[f"epoch.score.{name}"] = np.concatenate([v.scores[name] for v in self._epoch])
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Raises ValueError when the arrays are damaged or of other detectors; this judge is then not to be used."""
        for name, detector in self.detectors.items():
            detector.restore(_under(arrays, f"{name}."))
            self.calibrators[name].restore(_under(arrays, f"{name}.calibrator."))
        self.fusion.restore(_under(arrays, "fusion."))
        self.decision.restore(_under(arrays, "decision."))
        try:
            self.seen, self.gain = int(arrays["judge.seen"][0]), float(arrays["judge.gain"][0])
            rate, failures, levels = arrays["judge.rate"], arrays["judge.failures"], arrays["judge.levels"]
        except (KeyError, IndexError):
            raise ValueError("saved state: the judge's counts are missing") from None
        if rate.shape != (3,) or not np.isfinite(rate).all() or failures.shape != (len(self.detectors),):
            raise ValueError("saved state: the judge's counts are damaged")
        if levels.shape != (101,) or not (levels >= 0).all():
            raise ValueError("saved state: the judge's severities are damaged")
        self.rate, self.levels = rate.copy(), levels.copy()
        self.failures = dict(zip(self.detectors, failures.tolist(), strict=True))
        self._restore_epoch(arrays)

    def _restore_epoch(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        if "epoch.learnable" not in arrays:
            return
        windows = rows.from_arrays(_under(arrays, "epoch.windows."))
        scores = {name: arrays.get(f"epoch.score.{name}", np.empty(0)) for name in self.detectors}
        learnable, countable, odd = (
            arrays.get(f"epoch.{name}", np.empty(0, bool)) for name in ("learnable", "countable", "odd")
        )
        if any(len(column) != len(windows) for column in (learnable, countable, odd, *scores.values())):
            raise ValueError("saved state: the open epoch's columns differ in length")
        if len(windows) >= min(max(1, self.seen), self._longest_epoch):
            raise ValueError("saved state: the open epoch is longer than an epoch")
        decades = {name: self._decades(name, score) for name, score in scores.items()}
        fused = np.sqrt(np.sum([value * value for value in decades.values()], axis=0))
        zero = np.zeros(len(windows))  # what was told of these windows is told; learning needs scores and severity
        severity = window_severity(windows.severity, windows.start)
        severe = self._severe(severity)
        verdict = Verdict(windows, scores, {}, decades, fused, severe, zero, severity, zero, odd, odd)
        self._epoch, self._learnable, self._countable = [verdict], [learnable], [countable]
        self._in_epoch = len(windows)


def _under(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {key[len(prefix) :]: value for key, value in arrays.items() if key.startswith(prefix)}


def detector_names(detectors: Sequence[str]) -> list[str]:
    """Names made unique, for a stream that runs one detector twice with different options."""
    return [name if name not in detectors[:i] else f"{name}-{i}" for i, name in enumerate(detectors)]
