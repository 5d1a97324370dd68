"""Calibration: tail probabilities are right for any distribution, and do not depend on how scores came in."""

import numpy as np
import pytest

from alogd.judging.calibration import CENTROIDS, Calibrator

SHAPES = {
    "normal far from zero": lambda r, n: r.normal(100, 1, n),
    "exponential": lambda r, n: r.exponential(size=n),
    "lognormal": lambda r, n: r.lognormal(0, 2, n),
    "pareto": lambda r, n: r.pareto(1.5, n),
    "uniform": lambda r, n: r.uniform(size=n),
    "mostly zero": lambda r, n: np.where(r.uniform(size=n) < 0.9, 0.0, r.exponential(size=n)),
    "rare spikes": lambda r, n: np.where(r.uniform(size=n) < 0.001, r.exponential(50, n), r.exponential(size=n)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_scores_called_this_rare_come_this_often(shape: str, rate: float) -> None:
    hits, judged = 0, 0
    for seed in range(4):
        scores = SHAPES[shape](np.random.default_rng(seed), 30_000)
        calibrator = Calibrator()
        for at in range(0, len(scores), 64):
            if at > 2000:
                hits += int((calibrator.tail(scores[at : at + 64]) <= rate).sum())
                judged += len(scores[at : at + 64])
            calibrator.add(scores[at : at + 64])
    assert rate / 2 <= hits / judged <= rate * 2


def test_constant_scores_are_never_rare() -> None:
    calibrator = Calibrator()
    calibrator.add(np.full(5000, 3.0))
    assert calibrator.tail(np.array([3.0]))[0] == pytest.approx(1.0, abs=1e-3)
    assert calibrator.tail(np.array([2.0]))[0] == pytest.approx(1.0, abs=1e-3)
    assert calibrator.tail(np.array([9.0]))[0] < 1e-3


def test_empty_calibrator_calls_nothing_rare() -> None:
    assert Calibrator().tail(np.array([0.0, 1e9])).tolist() == [1.0, 1.0]


def test_larger_scores_are_never_more_likely() -> None:
    calibrator = Calibrator()
    calibrator.add(np.random.default_rng(3).lognormal(0, 1, 20_000))
    tails = calibrator.tail(np.linspace(0, 60, 4000))
    assert (np.diff(tails) <= 1e-4).all()


def test_cutting_the_scores_changes_nothing() -> None:
    scores = np.random.default_rng(5).gamma(2, size=7001)
    whole, cut = Calibrator(), Calibrator()
    whole.add(scores)
    for piece in np.split(scores, np.sort(np.random.default_rng(6).integers(0, len(scores), 90))):
        cut.add(piece)
    for name, value in whole.state().items():
        np.testing.assert_array_equal(value, cut.state()[name])


def test_state_survives_a_round_trip() -> None:
    calibrator, restored = Calibrator(), Calibrator()
    scores = np.random.default_rng(7).exponential(size=3333)
    calibrator.add(scores)
    restored.restore(calibrator.state())
    more = np.random.default_rng(8).exponential(size=3333)
    calibrator.add(more)
    restored.add(more)
    np.testing.assert_array_equal(calibrator.tail(scores), restored.tail(scores))


def test_memory_is_bounded() -> None:
    calibrator = Calibrator()
    calibrator.add(np.random.default_rng(9).lognormal(0, 3, 300_000))
    assert len(calibrator.mean) < 4 * CENTROIDS


def test_old_scores_are_forgotten() -> None:
    calibrator = Calibrator()
    calibrator.add(np.full(100_000, 100.0))
    calibrator.add(np.random.default_rng(1).exponential(size=400_000))
    assert calibrator.tail(np.array([99.0]))[0] < 0.01


@pytest.mark.parametrize("damage", ["missing", "order", "nan", "weight"])
def test_damaged_state_is_refused(damage: str) -> None:
    calibrator = Calibrator()
    calibrator.add(np.random.default_rng(2).exponential(size=1000))
    state = {name: value.copy() for name, value in calibrator.state().items()}
    if damage == "missing":
        del state["weight"]
    elif damage == "order":
        state["mean"] = state["mean"][::-1]
    elif damage == "nan":
        state["mean"][0] = np.nan
    else:
        state["weight"][0] = -1
    with pytest.raises(ValueError, match="saved state"):
        Calibrator().restore(state)
