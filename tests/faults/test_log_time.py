"""C11, C12: clocks that are wrong, stamps that are forged, hosts that slept. Log time must neither leap nor stick."""

from __future__ import annotations

import pytest

from alogd.config import WindowOptions
from alogd.event import AGE, IDLE
from alogd.reference.windows import Windows as Reference
from tests.window_records import DAY, FAR, HOUR, NOON, S, batch, both, seconds, shown


@both
def test_c12_a_lone_stamp_far_ahead_closes_nothing(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=100, stride=50, max_age=30))
    closed = w.push(batch([*seconds(1, 0, 1), (2, FAR), *seconds(1, 2, 3), (1, 0), *seconds(1, 4)]))
    assert shown(closed) == []
    assert w.watermark == NOON + 4 * S
    counted = w.counters()
    assert (counted["outliers"], counted["late"], counted["records"]) == (1, 1, 7)


@both
def test_c12_a_far_jump_counts_when_its_source_says_it_again(windows: type[Reference]) -> None:
    w = windows(WindowOptions())
    w.push(batch([*seconds(1, 0), (1, FAR)]))
    w.push(batch(seconds(1, 1), source=1))
    assert w.watermark == NOON + S
    w.push(batch([(1, FAR + 3 * S)]))
    assert w.watermark == FAR + 3 * S


@both
@pytest.mark.parametrize("days", [1, 6.9])
def test_c12_a_quiet_log_gets_on_with_each_line(windows: type[Reference], days: float) -> None:
    w = windows(WindowOptions(max_age=30))
    closed = w.push(batch((1, NOON + round(n * days * DAY)) for n in range(5)))
    assert shown(closed) == [(1, AGE, [n]) for n in range(4)]


@both
def test_c12_a_line_a_month_is_one_line_behind_at_most(windows: type[Reference]) -> None:
    w = windows(WindowOptions(max_age=30))
    w.push(batch((1, NOON + n * 30 * DAY) for n in range(5)))
    assert w.watermark == NOON + 3 * 30 * DAY


@both
def test_c12_a_first_stamp_far_ahead_is_undone(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=1000, stride=1000, max_age=30))
    closed = w.push(batch([(1, FAR), *seconds(2, *range(60))]))
    assert w.watermark == NOON + 59 * S
    assert w.counters()["undone"] == 1
    # From record 17 on (second 15) time is right again, and every age began anew there.
    assert shown(closed) == [(1, AGE, [0]), (2, AGE, list(range(1, 46)))]


@both
def test_c12_two_forged_lines_do_not_stop_time_for_good(windows: type[Reference]) -> None:
    w = windows(WindowOptions(max_age=30))
    w.push(batch(seconds(1, *range(2000))))
    w.push(batch([(1, FAR), (1, FAR)], source=1))
    assert w.watermark == FAR
    w.push(batch(seconds(1, *range(2000, 2100))))
    assert w.watermark == NOON + 2099 * S


@both
@pytest.mark.parametrize(("late", "goes_back"), [(39, False), (40, True)])
def test_c12_going_back_takes_four_late_stamps_for_each_near_one(
    windows: type[Reference], late: int, goes_back: bool
) -> None:
    w = windows(WindowOptions())
    w.push(batch(seconds(1, *range(10))))
    w.push(batch([(1, NOON - DAY + n) for n in range(late)], source=1))
    assert (w.watermark < NOON) == goes_back
    assert w.counters()["late"] == late


@both
def test_c11_a_host_that_slept_closes_its_sessions_once(windows: type[Reference]) -> None:
    w = windows(WindowOptions(kind="session", idle=20, max_age=300))
    closed = w.push(batch([*seconds(1, 0, 1), *seconds(2, 2), (1, NOON + 8 * HOUR), (1, NOON + 8 * HOUR + S)]))
    assert shown(closed) == [(1, IDLE, [0, 1]), (2, IDLE, [2])]
    timed = windows(WindowOptions(kind="time", width=60))
    assert len(timed.push(batch([*seconds(1, 0), (1, NOON + 8 * HOUR)]))) == 1  # not one for each minute


@both
def test_c12_stamps_out_of_order_by_less_than_an_hour_stay_together(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=4, stride=4, max_age=7200))
    closed = w.push(batch(seconds(1, 3000, 0, 3500, 100)))
    assert [rows for _, _, rows in shown(closed)] == [[0, 1, 2, 3]]
    assert w.counters()["late"] == 0
