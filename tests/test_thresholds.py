"""The threshold of every model: what it lets through of scores it did not see, whatever their distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alogd.event import F64
from alogd.offline.models.thresholds import FALSE_ALARMS, borne_out, threshold

DRAWS = {
    "even": lambda chance, n: chance.uniform(size=n),
    "exponential": lambda chance, n: chance.exponential(size=n),
    "heavy": lambda chance, n: chance.pareto(2.0, size=n),
    "lumps": lambda chance, n: np.where(chance.random(n) < 0.02, 150.0 + chance.integers(0, 2, n), chance.random(n)),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_about_one_in_500_of_fresh_scores_exceeds_it(kind: str) -> None:
    chance = np.random.default_rng(5)
    shares = []
    for _ in range(30):
        scores, fresh = DRAWS[kind](chance, 3000), DRAWS[kind](chance, 20_000)
        shares.append(float((fresh > threshold(scores)).mean()))
    assert np.mean(shares) <= 2 / FALSE_ALARMS, "twice as many as asked for at most"
    if kind != "lumps":  # between two lumps lies no score that one in 500 exceeds
        # fewer where scores end somewhere: no tail is taken to end, lest what lies far beyond it look no worse
        assert np.mean(shares) >= 0.4 / FALSE_ALARMS


def test_a_tail_that_fits_badly_does_not_put_it_beyond_every_score() -> None:
    scores = np.concatenate([np.linspace(0, 1, 2940), np.full(60, 150.0)])
    assert threshold(scores) == 150.0


def test_the_bounds_hold_the_true_value_nine_times_of_ten() -> None:
    chance, true = np.random.default_rng(6), math.log(FALSE_ALARMS)
    held = 0
    for _ in range(400):
        low, high = borne_out(np.sort(chance.exponential(size=3000)))
        held += low <= true <= high
    assert 0.87 <= held / 400 <= 0.99


def test_few_scores_have_no_upper_bound_and_fewer_give_their_largest() -> None:
    scores = np.sort(np.random.default_rng(7).exponential(size=300))
    assert borne_out(scores)[1] == math.inf
    few: F64 = scores[:40]
    assert threshold(few) == few[-1]


def test_what_is_odd_in_any_case_does_not_move_it() -> None:
    scores = np.random.default_rng(8).exponential(size=2000)
    with_new = np.concatenate([scores, np.full(300, 30.0)])
    assert threshold(with_new, most=30.0) == threshold(scores, most=30.0) < 30.0
    assert threshold(np.full(5, 30.0), most=30.0) == 15.0
