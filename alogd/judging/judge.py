"""Between detectors and alerts: scores windows, calibrates the scores, and says which windows are odd.

Works in epochs: windows are scored against what was learned up to the epoch's beginning, and learned when it ends.
Epochs are counted in windows (1, 1, 2, 4 ... and then a minute's worth, 64 to 512), so a verdict depends on the
windows before it, never on how the log was cut into blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import exp, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.config.tree import Alerts, Cascade, Risk
from alogd.detectors.base import Asks, Detector, Follows, OtherModel, Question, never
from alogd.event import F64, I64, Bool, WindowBatch
from alogd.feedback.protected import Protected
from alogd.judging.calibration import Calibrator
from alogd.judging.cascade import (
    Asked,
    Looked,
    Scored,
    Tally,
    answered,
    asks,
    chosen,
    is_heavy,
    sampled,
    share_to_sample,
)
from alogd.judging.coverage import Coverage
from alogd.judging.epoch import Epoch, saved_epoch, under
from alogd.judging.risk import POINTS_PER_DECADE, rarity, risk, window_severity
from alogd.judging.verdict import Verdict
from alogd.judging.warmup import EARLIEST, Warmup, early

FEWEST_WINDOWS, MOST_WINDOWS = 64, 512  # in an epoch, once as many were seen
MEMORY = 50_000.0  # windows after which the count of severities forgets
GAIN_STEP = 0.1  # an alert too many makes the next rarer by a tenth
LARGEST_GAIN = 2.3  # a factor of ten
SEVERITY_DECADES = 1.5  # a severity that one window in thirty reaches counts in full
ALWAYS_DECADES = 3.0  # what calls itself critical, once in a thousand windows or less, is odd whatever the budget;
NEW_DECADES = 1.0  # so is what was never seen before, where not every tenth window calls itself critical
CRITICAL = 100


# What is believed of a stream before its windows are counted, worth 20 windows: one window in five thousand
# holds something critical, one in a hundred an error, one in twenty a warning.
SEVERITIES = np.arange(101.0)
PRIOR = np.zeros(101)
PRIOR[[0, 60, 80, 100]] = 20 * np.array([0.95, 0.04, 0.0098, 0.0002])


class Judge:
    """The detectors of one stream with their calibrations and the alert budget."""

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        *,
        alerts: Alerts,
        weights: Risk,
        budget_per_day: float,
        cascade: Cascade = Cascade(),  # noqa: B008 - frozen
        protected: Protected | None = None,
    ) -> None:
        self.detectors = detectors
        self.weights = weights
        self.warmup = Warmup(alerts.warmup_windows, round(alerts.warmup * 1e9))
        self.budget_per_day = budget_per_day
        self.max_share = alerts.max_share
        self.calibrators = {name: Calibrator() for name in detectors}
        self.fusion = Calibrator()  # of `fused`: detectors that agree are rarer than either alone
        self.decision = Calibrator()  # of the ranking by which windows become alerts
        self.levels = np.zeros(101)  # windows by severity
        self.cascade = cascade
        self.followers = {name: detector for name, detector in detectors.items() if isinstance(detector, Follows)}
        self.heavy = frozenset(name for name, detector in detectors.items() if is_heavy(detector))
        self.asked = {name: Tally() for name, detector in detectors.items() if name in self.heavy or asks(detector)}
        self.quick = Calibrator()  # of the quick detectors together: by it the windows for the heavy ones are chosen
        self.failures = dict.fromkeys(detectors, 0)  # windows for which a detector gave no number
        self.errors: dict[str, str] = {}  # the last error of each detector that failed
        self.seen = 0
        self.gain = 0.0  # natural log of the factor on the budget that holds the number of alerts to it
        self.coverage = Coverage()
        self.protected = protected or Protected()
        self._epoch = Epoch(detectors, MOST_WINDOWS)
        self._derive()

    # -- judging

    @property
    def room(self) -> int:
        """Windows that may be judged before the next learn()."""
        return self._epoch_windows - len(self._epoch)

    @property
    def windows_per_day(self) -> float:
        """Measured in log time."""
        return self.coverage.windows_per_day

    @property
    def largest_share(self) -> float:
        """Windows rarer than this are odd: the budget over the rate, and never so many that a slow log drowns."""
        return min(self.max_share, self.budget_per_day * exp(self.gain) / self.windows_per_day)

    @property
    def warmup_ratio(self) -> float:
        """0-1; at 1 the stream may alert on anything odd."""
        return self.warmup.ratio(self.seen, self.coverage)

    def judge(self, windows: WindowBatch) -> Verdict:
        """Score at most `room` windows against what is known; learns nothing."""
        looked = self.look(windows)
        for asked in looked.asked:
            asked.run(never)
        return self.decide(looked)

    def look(self, windows: WindowBatch) -> Looked:
        """Score at most `room` windows with the quick detectors, and ask the others, which answer when they are run."""
        scores = {name: self._score(name, windows) for name in self.detectors if name not in self.asked}
        decades = {name: self._decades(name, score) for name, score in scores.items()}
        quick, sample = np.zeros(len(windows)), np.zeros(len(windows), np.bool_)
        if self.heavy:
            quick = _fused(decades, len(windows))
            sample = sampled(windows, share_to_sample(self.cascade.sample, self.seen))
            odd = self.quick.tail(quick) <= self.cascade.odd
        everything = np.arange(len(windows))
        asked = []
        for name, tally in self.asked.items():
            if name in self.heavy:
                tally.chose(sample, odd)
                asked.append(self._ask(name, windows, np.flatnonzero(sample | odd)))
            else:
                tally.asked["all"] += len(windows)
                asked.append(self._ask(name, windows, everything))
        return Looked(windows, scores, decades, quick, asked, sample)

    def _ask(self, name: str, windows: WindowBatch, index: I64) -> Asked:
        detector = self.detectors[name]
        if not len(index):
            return Asked(name, index, Scored(np.empty(0)))
        question: Question
        try:
            if name in self.followers:  # which has to know all windows of the batch
                question = self.followers[name].ask_among(windows, index)
            elif isinstance(detector, Asks):
                question = detector.ask(chosen(windows, index))
            else:
                question = Scored(detector.score(chosen(windows, index)))
        except Exception as error:  # as in _score
            return Asked(name, index, Scored(np.empty(0)), error)
        return Asked(name, index, question)

    def decide(self, looked: Looked) -> Verdict:
        """What becomes of windows that were looked at; what networks have not answered by now is skipped."""
        windows = looked.windows
        given = {asked.detector: self._answer(asked, len(windows)) for asked in looked.asked}
        found = {name: self._decades(name, score) for name, score in given.items()}
        both: list[dict[str, F64]] = [{**given, **looked.scores}, {**found, **looked.decades}]
        scores, decades = ({name: of[name] for name in self.detectors} for of in both)
        fused = _fused(decades, len(windows))
        severity = window_severity(windows.severity, windows.start)
        level = severity.astype(np.intp)
        severe, rare, ranking = self._ranked(fused, level)
        if self._is_warm:
            odd = self.decision.tail(ranking) <= self._largest_share
        else:
            odd = early(windows, severity, self._unusual[level], self.seen)
        alarm, real = self._alarm(windows, level), self.protected.match(windows)
        return Verdict(
            windows=windows,
            scores=scores,
            decades=decades,
            fused=fused,
            severe=severe,
            rare=rare,
            ranking=ranking,
            severity=severity,
            alarm=alarm,
            odd=np.asarray(odd | alarm | real),
            bearable=self._bearable,
            weights=self.weights,
            quick=looked.quick,
            sample=looked.sample,
            real=real,
        )

    def _alarm(self, windows: WindowBatch, level: npt.NDArray[np.intp]) -> Bool:
        """Windows that call themselves critical where that is rare, or in words never seen before."""
        if self.seen < EARLIEST or not (critical := level >= CRITICAL).any():
            return np.zeros(len(windows), bool)
        new = np.logical_or.reduceat(windows.is_new & (windows.severity >= CRITICAL), windows.start[:-1])
        least = np.where(new, NEW_DECADES, ALWAYS_DECADES)
        return np.asarray(critical & (self._severe[level] >= least))

    def _score(self, name: str, windows: WindowBatch) -> F64:
        score = np.empty(len(windows))
        try:
            score[:] = self.detectors[name].score(windows)
        except Exception as error:  # whatever one detector does, the others go on; counted, and told in the status
            self.errors[name] = repr(error)
            score[:] = np.nan
        return self._counted(name, score, len(windows))

    def _answer(self, asked: Asked, windows: int) -> F64:
        scores, skipped, error = answered(asked, windows)
        if error:
            self.errors[asked.detector] = error
        self.asked[asked.detector].skipped["outrun"] += skipped
        return self._counted(asked.detector, scores, len(asked.index) - skipped)

    def _counted(self, name: str, score: F64, expected: int) -> F64:
        """The scores, NaN where there is none; of as many as are expected, those that are missing are failures."""
        finite = np.isfinite(score)
        if not finite.all():
            score[~finite] = np.nan
            self.failures[name] += expected - int(finite.sum())
        return score

    def _teach(self, name: str, windows: WindowBatch, keep: Bool) -> None:
        try:
            self.detectors[name].learn(windows, keep)
        except Exception as error:
            self.errors[name] = repr(error)
            self.failures[name] += len(windows)

    def _decades(self, name: str, score: F64) -> F64:
        known = np.isfinite(score)
        if known.all():
            return self.calibrators[name].decades(score)
        result = np.zeros(len(score))
        result[known] = self.calibrators[name].decades(score[known])
        return result

    def _derive(self) -> None:
        """What stays as it is during an epoch, so that it is computed once."""
        longest = min(MOST_WINDOWS, max(FEWEST_WINDOWS, self.windows_per_day / 1440))  # a minute's worth
        self._epoch_windows = int(min(max(1, self.seen), longest))
        self._is_warm = self.warmup_ratio >= 1
        self._largest_share = self.largest_share
        self._bearable = max(1.0, -log10(self._largest_share))
        at_least = np.cumsum((self.levels + PRIOR)[::-1])[::-1]
        # By severity: decades of rarity of windows as severe, by count on this stream and, before it counts, a prior;
        # and what of the severity is unusual.
        self._severe = rarity(at_least / at_least[0])
        self._unusual = SEVERITIES * np.minimum(1.0, self._severe / SEVERITY_DECADES)

    def _ranked(self, fused: F64, level: npt.NDArray[np.intp]) -> tuple[F64, F64, F64]:
        """(severe, rare, ranking) as in Verdict; the ranking is like risk, but severity counts as far as unusual."""
        severe = self._severe[level]
        rare = np.maximum(self.fusion.decades(fused), severe)
        return severe, rare, np.asarray(risk(POINTS_PER_DECADE * rare, self._unusual[level], self.weights))

    # -- learning

    def add(self, verdict: Verdict, learnable: Bool, countable: Bool) -> None:
        """Put judged windows into the epoch; learns when it is full.

        learnable, shape (n,): windows the detectors may learn from. countable: windows whose scores are part of what
        this stream is like (the first odd window of an incident is, those that follow are the same incident).
        """
        for name, detector in self.followers.items():
            self._follow(name, detector, verdict.windows)
        self._epoch.add(verdict, learnable, countable)
        if self.room == 0:
            self._learn()

    def _follow(self, name: str, detector: Follows, windows: WindowBatch) -> None:
        try:
            detector.follow(windows)
        except Exception as error:
            self.errors[name] = repr(error)
            self.failures[name] += len(windows)

    def _learn(self) -> None:
        epoch = self._epoch
        windows = epoch.windows
        usual = ~self.protected.match(windows)
        keep, count = epoch.flag("learnable") & usual, epoch.flag("countable") & usual
        for name in self.detectors:
            score = epoch.score(name)
            tells = count & np.isfinite(score)
            self.calibrators[name].add(score[tells & epoch.flag("sample") if name in self.heavy else tells])
            self._teach(name, windows, keep)
        severity = epoch.number("severity")
        self.decision.add(epoch.number("ranking")[count])
        self.fusion.add(epoch.number("fused")[count])
        if self.heavy:
            self.quick.add(epoch.number("quick")[usual])  # odd ones too: in a flood of them its share stays
        fade = min(1.0, MEMORY / (self.levels.sum() + len(severity)))
        self.levels = (self.levels + np.bincount(severity[usual].astype(np.int64), minlength=101)) * fade
        days = self.coverage.add(windows)
        if self._is_warm:
            opened = int((epoch.flag("odd") & count).sum())
            self._steer(self.budget_per_day * days - opened)
        self.seen += len(windows)
        epoch.clear()
        self._derive()

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
            "judge.levels": self.levels,
            "judge.failures": np.array([self.failures[name] for name in self.detectors], np.int64),
        }
        for name, detector in self.detectors.items():
            arrays |= {f"{name}.{key}": value for key, value in detector.state().items()}
            arrays |= {f"{name}.calibrator.{key}": value for key, value in self.calibrators[name].state().items()}
        arrays |= {f"fusion.{key}": value for key, value in self.fusion.state().items()}
        arrays |= {f"decision.{key}": value for key, value in self.decision.state().items()}
        if self.heavy:
            arrays |= {f"quick.{key}": value for key, value in self.quick.state().items()}
        arrays |= {f"coverage.{key}": value for key, value in self.coverage.state().items()}
        return arrays | self._epoch.state()

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Raises ValueError when the arrays are damaged or of other detectors; this judge is then not to be used."""
        if self.heavy:
            self.quick.restore(under(arrays, "quick."))
        anew = [name for name in self.detectors if not self._restore_detector(name, arrays)]
        if anew:  # old scores say nothing of a new model's, nor of fused ones; the open epoch was judged and told
            self._restore_counts(arrays, np.zeros(len(self.detectors), np.int64))
            return
        self.fusion.restore(under(arrays, "fusion."))
        self.decision.restore(under(arrays, "decision."))
        self._restore_counts(arrays, arrays.get("judge.failures"))
        self._restore_epoch(arrays)

    def _restore_detector(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
        """False where it begins anew, because it has another model than when it was saved."""
        try:
            self.detectors[name].restore(under(arrays, f"{name}."))
        except OtherModel:
            return False
        self.calibrators[name].restore(under(arrays, f"{name}.calibrator."))
        return True

    def _restore_counts(self, arrays: Mapping[str, npt.NDArray[Any]], failures: npt.NDArray[Any] | None) -> None:
        self.coverage.restore(under(arrays, "coverage."))
        try:
            self.seen, self.gain = int(arrays["judge.seen"][0]), float(arrays["judge.gain"][0])
            levels = arrays["judge.levels"]
        except (KeyError, IndexError):
            raise ValueError("saved state: the judge's counts are missing") from None
        if failures is None:
            raise ValueError("saved state: the judge's counts are missing")
        if failures.shape != (len(self.detectors),):
            raise ValueError("saved state: the judge's counts are damaged")
        if levels.shape != (101,) or not (levels >= 0).all():
            raise ValueError("saved state: the judge's severities are damaged")
        self.levels = levels.copy()
        self.failures = dict(zip(self.detectors, failures.tolist(), strict=True))
        self._derive()

    def _restore_epoch(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        saved = saved_epoch(arrays, self.detectors)
        if saved is None:
            return
        windows, scores = saved.windows, saved.scores
        if len(windows) >= self._epoch_windows:
            raise ValueError("saved state: the open epoch is longer than an epoch")
        decades = {name: self._decades(name, score) for name, score in scores.items()}
        fused, severity = _fused(decades, len(windows)), window_severity(windows.severity, windows.start)
        quick = _fused({name: decades[name] for name in decades if name not in self.asked}, len(windows))
        sample = sampled(windows, share_to_sample(self.cascade.sample, self.seen))
        severe, rare, ranking = self._ranked(fused, severity.astype(np.intp))
        told = (severity, saved.odd, saved.odd, self._bearable, self.weights)  # what is told at once has been
        verdict = Verdict(windows, scores, decades, fused, severe, rare, ranking, *told, quick, sample, saved.odd)
        self._epoch.add(verdict, saved.learnable, saved.countable)


def _fused(decades: Mapping[str, F64], windows: int = 0) -> F64:
    """Root of the sum of squares, shape (n,); windows: how many there are where no detector has a say."""
    if not decades:
        return np.zeros(windows)
    return np.asarray(np.sqrt(reduce(np.add, [value * value for value in decades.values()])))
