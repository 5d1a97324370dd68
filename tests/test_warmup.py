"""When a stream may alert: after so many windows and so much log time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alogd.config.tree import Alerts, Risk
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.event import WindowBatch
from alogd.judging.cascade import chosen
from alogd.judging.coverage import Coverage
from alogd.judging.judge import Judge
from alogd.judging.warmup import Warmup
from alogd.reference.batches import window_batch

MINUTE = 60 * 10**9


def batch(windows: int, second: float, day: int = 1) -> WindowBatch:
    made = window_batch([[1]] * windows, second=second)
    first = day * 86_400 * 10**9
    return replace(made, timestamp_ns=made.timestamp_ns + first, closed_ns=made.closed_ns + first)


def covered(windows: int, second: float) -> Coverage:
    coverage = Coverage()
    coverage.add(batch(windows, second))
    return coverage


@pytest.mark.parametrize(
    ("windows", "second", "ratio"),
    [
        (100, 10.0, 0.5),  # enough time, half of the windows
        (601, 0.05, 0.5),  # enough windows, half of the time
        (300, 1.0, 1.0),
        (9_999, 0.0, 0.0),  # all at once, as a second's stamps are on a busy stream
        (10_000, 0.0, 1.0),  # a log whose stamps are all the same: what it says of time means nothing
    ],
)
def test_it_takes_windows_and_log_time(windows: int, second: float, ratio: float) -> None:
    assert Warmup(200, MINUTE).ratio(windows, covered(windows, second)) == pytest.approx(ratio, abs=0.01)


def test_a_log_without_times_and_no_span_are_counted_in_windows_alone() -> None:
    assert Warmup(200, MINUTE).ratio(200, Coverage()) == 1.0
    assert Warmup(200, 0).ratio(200, covered(200, 0.0)) == 1.0


def test_a_silence_of_more_than_a_day_is_no_time_to_learn_in() -> None:
    coverage = covered(200, 0.01)
    before = coverage.covered_ns
    coverage.add(batch(2, 1.0, day=10))
    assert coverage.covered_ns < before + MINUTE


def test_what_is_warm_stays_warm_whatever_the_rate_forgets() -> None:
    judge = Judge({"ewma": Ewma(EwmaOptions())}, alerts=Alerts(), weights=Risk(), budget_per_day=5)
    windows = batch(400, 1.0)
    while judge.seen < 400:
        verdict = judge.judge(chosen(windows, np.arange(judge.seen, min(400, judge.seen + judge.room))))
        judge.add(verdict, np.ones(len(verdict.windows), bool), np.ones(len(verdict.windows), bool))
    assert judge.warmup_ratio == 1.0
    again = Judge({"ewma": Ewma(EwmaOptions())}, alerts=Alerts(), weights=Risk(), budget_per_day=5)
    again.restore(judge.state())
    again.coverage.days = 0.0
    assert again.warmup_ratio == 1.0  # the days fade, what was covered does not
