"""The alert budget is held on stationary input whatever the detector; verdicts do not depend on how windows come in."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alogd.alerts.incidents import Finding, Incidents
from alogd.config.tree import Alerts, Risk
from alogd.detectors.base import Contribution
from alogd.event import F64, Bool, WindowBatch
from alogd.judging.chosen_detectors import detector_names
from alogd.judging.judge import Judge
from alogd.judging.risk import anomaly, risk, risk_of
from alogd.reference.batches import window_batch
from alogd.windows import rows
from tests.test_incidents import alert


class Scripted:
    """A detector that gives the scores it was told to: the budget must hold for any."""

    def __init__(self, scores: F64) -> None:
        self.scores = scores

    def score(self, windows: WindowBatch) -> F64:
        return self.scores[(windows.offset[windows.start[:-1]] // 100).astype(int)]

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        pass

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        return []

    def state(self) -> Mapping[str, npt.NDArray[np.float64]]:
        return {}

    def restore(self, state: Mapping[str, npt.NDArray[np.float64]]) -> None:
        pass


def opened_per_day(scores: F64, seconds: float, budget: float) -> float:
    """Incidents opened a day, after the first quarter, when the detector gives these scores."""
    alerts = Alerts()
    judge = Judge({"it": Scripted(scores)}, alerts=alerts, weights=Risk(), budget_per_day=budget)
    incidents = Incidents(alerts, budget)
    windows = window_batch([[1]] * len(scores), second=seconds)
    opened: list[int] = []
    at = 0
    while at < len(windows):
        end = min(len(windows), at + judge.room)
        verdict = judge.judge(rows.part(windows, at, end))
        learnable, countable = ~verdict.odd, ~verdict.odd
        for index in np.flatnonzero(verdict.odd):
            now = int(verdict.windows.closed_ns[index])
            incidents.expire(now)
            # What has the same cause again and again becomes one incident (test_incidents); here each has its own.
            finding = Finding(alert(now, risk=float(verdict.risk[index])), 1, [f"cause {now}"])
            incident = incidents.match(finding, now)
            if incident:
                incidents.extend(incident, finding)
                continue
            countable[index] = True
            opened += [each.opened_ns for each in incidents.begin(finding)]
        judge.add(verdict, learnable, countable)
        at = end
    quarter = int(windows.closed_ns[len(windows) // 4])
    days = (int(windows.closed_ns[-1]) - quarter) / 86400e9
    return sum(moment > quarter for moment in opened) / days


SCORES: dict[str, Callable[[np.random.Generator, int], F64]] = {
    "normal": lambda r, n: r.normal(10, 1, n),
    "exponential": lambda r, n: r.exponential(size=n),
    "lognormal": lambda r, n: r.lognormal(0, 2, n),
    "uniform": lambda r, n: r.uniform(size=n),
    "counts": lambda r, n: r.poisson(2, n).astype(float),
    "slow": lambda r, n: np.convolve(r.normal(size=n + 19), np.ones(20) / 4, "valid"),
}


@pytest.mark.parametrize("shape", SCORES)
@pytest.mark.parametrize(("seconds", "days"), [(30.0, 15), (300.0, 120)])
def test_alerts_a_day_stay_within_a_factor_of_two_of_the_budget(shape: str, seconds: float, days: int) -> None:
    scores = SCORES[shape](np.random.default_rng(11), int(days * 86400 / seconds))
    assert 2.5 <= opened_per_day(scores, seconds, budget=5.0) <= 10.0


def test_a_constant_log_never_alerts() -> None:
    assert opened_per_day(np.full(20_000, 7.0), 30.0, budget=5.0) == 0


def test_a_score_far_beyond_all_others_is_odd() -> None:
    scores = np.random.default_rng(3).exponential(size=3000)
    scores[2990] = 60.0
    judge = Judge({"it": Scripted(scores)}, alerts=Alerts(), weights=Risk(), budget_per_day=1.0)
    odd = run(judge, window_batch([[1]] * 3000, second=30.0), 64)[0]
    assert odd[2990]
    assert odd.sum() <= 3


def run(judge: Judge, windows: WindowBatch, most: int) -> tuple[Bool, F64]:
    odd, risk = [], []
    at = 0
    while at < len(windows):
        end = min(len(windows), at + judge.room, at + most)
        verdict = judge.judge(rows.part(windows, at, end))
        judge.add(verdict, ~verdict.odd, np.ones(end - at, bool))
        odd.append(verdict.odd)
        risk.append(verdict.risk)
        at = end
    return np.concatenate(odd), np.concatenate(risk)


def scripted(n: int = 3000) -> Judge:
    scores = np.random.default_rng(5).gamma(2, size=n)
    return Judge({"it": Scripted(scores)}, alerts=Alerts(), weights=Risk(), budget_per_day=20.0)


@pytest.mark.parametrize("most", [1, 7, 50])
def test_cutting_the_windows_changes_nothing(most: int) -> None:
    windows = window_batch([[1, 2]] * 3000, second=30.0)
    whole, cut = scripted(6000), scripted(6000)
    for expected, got in zip(run(whole, windows, 64), run(cut, windows, most), strict=True):
        np.testing.assert_array_equal(expected, got)
    for name, value in whole.state().items():
        np.testing.assert_array_equal(value, cut.state()[name], err_msg=name)


@pytest.mark.parametrize("pause", [1, 100, 1037, 2999])
def test_saved_and_restored_in_mid_epoch(pause: int) -> None:
    windows = window_batch([[1]] * 3000, second=30.0)
    through, before, after = scripted(), scripted(), scripted()
    expected = run(through, windows, 64)
    first = run(before, rows.part(windows, 0, pause), 64)
    after.restore(before.state())
    second = run(after, rows.part(windows, pause, 3000), 64)
    for want, one, two in zip(expected, first, second, strict=True):
        np.testing.assert_array_equal(want, np.concatenate([one, two]))


def test_a_detector_without_a_number_is_a_failure_not_normal() -> None:
    scores = np.random.default_rng(1).exponential(size=1000)
    scores[500:510] = np.nan
    scores[510] = np.inf
    judge = Judge({"it": Scripted(scores)}, alerts=Alerts(), weights=Risk(), budget_per_day=5.0)
    _, risk = run(judge, window_batch([[1]] * 1000, second=30.0), 64)
    assert judge.failures == {"it": 11}
    assert np.isfinite(risk).all()


class Broken(Scripted):
    """A detector of somebody else's."""

    def score(self, windows: WindowBatch) -> F64:
        if windows.offset[0] > 50_000:
            raise RuntimeError("out of ideas")
        return super().score(windows)

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        if windows.offset[0] > 50_000:
            raise KeyError("lost")


def test_a_detector_that_raises_does_not_stop_its_neighbour() -> None:
    scores = np.random.default_rng(1).exponential(size=1000)
    scores[950] = 90.0
    detectors = {"broken": Broken(scores[::-1].copy()), "it": Scripted(scores)}
    judge = Judge(detectors, alerts=Alerts(), weights=Risk(), budget_per_day=5.0)
    odd, _ = run(judge, window_batch([[1]] * 1000, second=30.0), 64)
    assert odd[950]
    assert judge.failures["broken"] > 300
    assert "ideas" in judge.errors["broken"]
    assert judge.failures["it"] == 0


def test_severity_counts_as_far_as_it_is_unusual() -> None:
    judge = scripted()
    run(judge, window_batch([[1]] * 1000, severity=60, second=30.0), 64)
    routine, rare = judge._severe[[60, 100]]
    assert routine < 0.01
    assert rare > 4


def test_severity_is_rare_before_it_was_counted() -> None:
    error, critical = scripted()._severe[[80, 100]]
    assert (round(float(error), 2), round(float(critical), 2)) == (2.0, 3.7)


def test_critical_lines_alert_however_busy_the_stream() -> None:
    scores = np.random.default_rng(5).gamma(2, size=5000)
    judge = Judge({"it": Scripted(scores)}, alerts=Alerts(), weights=Risk(), budget_per_day=0.01)
    windows = window_batch([[1]] * 4000, second=0.1)  # 864,000 windows a day: the budget bears nothing
    windows.severity[[1000, 2000, 3000]] = 100  # and a crash is nothing new
    windows.severity[[1500, 2500, 3500]] = 80
    run(judge, windows, 64)
    crash, error = (
        judge.judge(rows.part(window_batch([[1]] * 4001, severity=severity, second=0.1), 4000, 4001))
        for severity in (100, 80)
    )
    assert crash.odd.all()
    assert not error.odd.any()


@pytest.mark.parametrize(("every", "alarms"), [(50, True), (5, False)])
def test_new_critical_words_alert_where_others_crash_too(every: int, alarms: bool) -> None:
    """A panic is news on a host whose programs crash now and then, not where every fifth window says so."""
    scores = np.random.default_rng(5).gamma(2, size=5000)
    judge = Judge({"it": Scripted(scores)}, alerts=Alerts(), weights=Risk(), budget_per_day=0.01)
    windows = window_batch([[1]] * 4000, second=0.1)
    windows.severity[::every] = 100
    run(judge, windows, 64)
    known, panic = (
        judge.judge(rows.part(window_batch([[1]] * 4001, new=[[new]] * 4001, severity=100, second=0.1), 4000, 4001))
        for new in (False, True)
    )
    assert not known.odd.any()
    assert panic.odd.all() == alarms


def test_names_of_detectors_that_run_twice() -> None:
    assert detector_names(["ewma", "deeplog", "ewma"]) == ["ewma", "deeplog", "ewma-2"]


def test_state_of_an_older_alogd_is_refused_by_what_it_lacks() -> None:
    judge = scripted()
    run(judge, window_batch([[1]] * 1000, second=30.0), 64)
    old = {name: value for name, value in judge.state().items() if not name.startswith("coverage.")}
    with pytest.raises(ValueError, match="log time covered is missing; it was saved by another version"):
        scripted().restore(old | {"judge.rate": np.array([1000.0, 0.35, 3e13])})


@given(st.floats(0, 12), st.floats(1, 8), st.integers(0, 100), st.floats(0.1, 3), st.floats(0.1, 3))
def test_risk_of_one_window_is_that_of_many(
    decades: float, bearable: float, severity: int, anomaly_weight: float, severity_weight: float
) -> None:
    weights = Risk(anomaly_weight=anomaly_weight, severity_weight=severity_weight)
    of_many = risk(anomaly(np.array([decades]), bearable), np.array([float(severity)]), weights)
    assert risk_of(decades, bearable, float(severity), weights) == of_many[0]
