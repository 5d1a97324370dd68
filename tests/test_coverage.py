"""Windows a day of log time: the same in whatever order a log is read, and what comes late covers time of its own."""

import itertools

import numpy as np
import pytest

from alogd.event import NO_TIME, WindowBatch
from alogd.judging.coverage import DAY_NS, MAX_SPANS, UNTIMED_PER_DAY, Coverage
from alogd.reference.batches import window_batch

HOUR_NS = DAY_NS // 24
TODAY = 20_000 * DAY_NS


def read(begins: list[int], watermark: int = 0) -> WindowBatch:
    """Windows of one record each; log time stands where the latest record seen so far is, or at `watermark`."""
    windows = window_batch([[1]] * len(begins))
    windows.timestamp_ns[:] = begins
    windows.closed_ns[:] = np.maximum(np.maximum.accumulate(np.array(begins)), watermark)
    return windows


def day(number: int, step_ns: int = HOUR_NS) -> list[int]:
    """A window an hour, through a day that is `number` days before today."""
    return list(range(TODAY - number * DAY_NS, TODAY - (number - 1) * DAY_NS, step_ns))


def covered(*files: list[int]) -> Coverage:
    coverage, watermark = Coverage(), 0
    for begins in files:
        for at in range(0, len(begins), 16):
            coverage.add(read(begins[at : at + 16], watermark))
            watermark = max(watermark, *begins[at : at + 16])
    return coverage


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2, 3])))
def test_days_read_in_any_order_are_as_many_days(order: tuple[int, ...]) -> None:
    coverage = covered(*(day(number) for number in order))
    assert coverage.days == pytest.approx(4, abs=0.1)
    assert coverage.windows_per_day == pytest.approx(24, rel=0.05)


def test_a_month_of_history_beside_a_live_log_does_not_raise_the_rate() -> None:
    month = [stamp for number in range(30, 0, -1) for stamp in day(number)]
    coverage = covered(day(0), month)
    assert coverage.days == pytest.approx(31, abs=0.1)
    assert coverage.windows_per_day == pytest.approx(24, rel=0.05)


def test_history_read_twice_covers_nothing_more() -> None:
    once, twice = covered(day(0), day(2)), covered(day(0), day(2), day(2))
    assert once.days == twice.days
    assert twice.windows == once.windows + 24


def test_a_longer_silence_counts_as_a_day_forwards_and_backwards() -> None:
    forwards, backwards = covered(day(40), day(0)), covered(day(0), day(40))
    assert forwards.days == pytest.approx(3, abs=0.1)
    assert backwards.days == pytest.approx(3, abs=0.1)


def test_a_silence_filled_later_counts_in_full() -> None:
    assert covered(day(9), day(0), day(5)).days == pytest.approx(5, abs=0.15)
    assert covered(*(day(number) for number in (4, 0, 2, 3, 1))).days == pytest.approx(5, abs=0.1)


def test_the_present_alone_is_measured_from_close_to_close() -> None:
    begins = np.sort(np.random.default_rng(1).integers(TODAY, TODAY + 3 * DAY_NS, 1000))
    coverage = covered(begins.tolist())
    assert coverage.days == pytest.approx((begins[-1] - begins[0]) / DAY_NS, rel=1e-12)


def test_a_leap_that_was_taken_back_leaves_no_stretch_ahead() -> None:
    coverage = covered([TODAY + 9000 * DAY_NS], [])
    coverage.add(read(day(0)))
    assert coverage.days == pytest.approx(23 / 24, abs=1e-9)
    assert coverage.begins == [TODAY]


def test_records_without_time_cover_none() -> None:
    coverage = Coverage()
    assert coverage.add(read([NO_TIME] * 5)) == 0
    assert coverage.windows_per_day == UNTIMED_PER_DAY
    coverage.add(read(day(0)))
    assert coverage.add(read([NO_TIME] * 5, TODAY + DAY_NS)) == pytest.approx(1 / 24)


def test_stretches_are_bounded_whatever_the_stamps() -> None:
    random = np.random.default_rng(2)
    coverage = covered(day(0), random.integers(0, TODAY, 2000).tolist())
    assert len(coverage.begins) == len(coverage.ends) == MAX_SPANS
    spans = np.array([coverage.begins, coverage.ends]).T.ravel()
    assert (np.diff(spans) >= 0).all()


def test_state_survives_a_round_trip() -> None:
    files = [day(number) for number in (3, 0, 9, 5)]
    through, restored = covered(*files[:2]), Coverage()
    restored.restore(through.state())
    for coverage in (through, restored):
        for begins in files[2:]:
            coverage.add(read(begins, TODAY + DAY_NS))
    for name, value in through.state().items():
        np.testing.assert_array_equal(value, restored.state()[name], err_msg=name)
    Coverage().restore(Coverage().state())


@pytest.mark.parametrize("damage", ["rate", "last_ns", "spans", "order", "nan", "shape"])
def test_damaged_state_is_refused(damage: str) -> None:
    state = covered(day(0), day(5)).state()
    if damage in state:
        del state[damage]
    elif damage == "order":
        state["spans"] = state["spans"][::-1].copy()
    elif damage == "nan":
        state["rate"][0] = np.nan
    else:
        state["spans"] = state["spans"].ravel()
    with pytest.raises(ValueError, match="saved state"):
        Coverage().restore(state)
