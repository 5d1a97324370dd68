"""When templates were seen: as a plain reading of the records says, however cut and whatever slots are reused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alogd.engine import trends
from alogd.engine.sightings import Sightings
from alogd.engine.trends import HOUR, HOURS, Trends
from alogd.event import NO_TIME, Batch, Template

Row = tuple[int, int, bool]  # slot, stamp, whether it made the template
TIMES = st.one_of(st.just(NO_TIME), st.integers(0, 9), st.integers(-30, 30).map(lambda hour: hour * HOUR + 7))
SELDOM = st.integers(0, 9).map(lambda n: n == 5)  # most templates live long enough to have a trend
ROWS = st.lists(st.tuples(st.integers(1, 3), TIMES, SELDOM), min_size=1, max_size=30)


def batch(rows: list[Row]) -> Batch:
    slot, when, new = zip(*rows, strict=True)
    count = len(rows)
    return Batch(
        source=0, offset=np.arange(count, dtype=np.uint64), length=np.ones(count, np.uint32),
        timestamp_ns=np.array(when, np.int64), severity=np.zeros(count, np.uint8),
        template_id=np.array(slot, np.uint32), slot=np.array(slot, np.uint32), is_new=np.array(new, np.bool_),
        key=np.zeros(count, np.uint64),
    )  # fmt: skip


def plainly(rows: list[Row]) -> dict[int, tuple[int, int]]:
    """First in the log and largest time of each slot, of the template that has it now."""
    seen: dict[int, list[int]] = {}
    for slot, when, new in rows:
        if new:
            seen[slot] = []
        if when != NO_TIME:
            seen.setdefault(slot, []).append(when)
    return {slot: (times[0], max(times)) for slot, times in seen.items() if times}


def of(sightings: Sightings) -> dict[int, tuple[int, int]]:
    state = sightings.state()
    pairs = enumerate(zip(state["first"].tolist(), state["last"].tolist(), strict=True))
    return {slot: pair for slot, pair in pairs if pair[0] != NO_TIME}


def trends_plainly(rows: list[Row], now: int) -> dict[int, list[int]]:
    """Of each slot the lines in each of the 24 hours up to `now` that are in the day before its newest line."""
    times: dict[int, list[int]] = {}
    for slot, when, new in rows:
        if new:
            times[slot] = []
        if when != NO_TIME:
            times.setdefault(slot, []).append(when // HOUR)
    within = {slot: [hour for hour in hours if hour > max(hours) - HOURS] for slot, hours in times.items()}
    shown = {slot: [hours.count(hour) for hour in range(now - HOURS + 1, now + 1)] for slot, hours in within.items()}
    return {slot: counts for slot, counts in shown.items() if any(counts)}


def trends_of(sightings: Sightings, now: int) -> dict[int, list[int]]:
    slots = range(7)
    templates = [Template(slot, "", "", 1) for slot in slots]
    dated = sightings.dated(templates, slots, now * HOUR + 5)
    return {slot: list(one.trend) for slot, one in zip(slots, dated, strict=True) if one.trend}


@pytest.mark.parametrize("crowded", [0, trends.CROWDED, 1000])  # slots a record with which each way is taken
@settings(max_examples=200)
@given(ROWS, st.sets(st.integers(1, 29)), st.booleans())
def test_any_records_cut_anywhere(crowded: int, rows: list[Row], cuts: set[int], restarts: bool) -> None:
    with pytest.MonkeyPatch.context() as here:
        here.setattr(trends, "CROWDED", crowded)
        check(rows, cuts, restarts)


def check(rows: list[Row], cuts: set[int], restarts: bool) -> None:
    """Against a plain reading."""
    sightings, begin = Sightings(), 0
    for end in [*sorted(cut for cut in cuts if cut < len(rows)), len(rows)]:
        sightings.add(batch(rows[begin:end]))
        begin = end
        if restarts:
            saved = sightings.state()
            sightings = Sightings()
            sightings.restore(saved)
    assert of(sightings) == plainly(rows)
    for now in (-31, -5, 0, 7, 30, 50, 60):
        assert trends_of(sightings, now) == trends_plainly(rows, now)


@pytest.mark.parametrize("stamps", [[10, 5], [5, 10]])
def test_a_stamp_out_of_order_is_not_the_last(stamps: list[int]) -> None:
    together, apart = Sightings(), Sightings()
    rows = [(1, stamp, number == 0) for number, stamp in enumerate(stamps)]
    together.add(batch(rows))
    for row in rows:
        apart.add(batch([row]))
    assert of(together) == of(apart) == {1: (stamps[0], 10)}


@pytest.mark.parametrize("crowded", [0, 1000])
def test_an_hour_gives_way_a_day_later(crowded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trends, "CROWDED", crowded)
    sightings = Sightings()
    for hour, lines in ((0, 5), (3, 2), (24, 1), (26, 1)):  # 24 and 0 have one place
        sightings.add(batch([(1, hour * HOUR, False)] * lines))
    (one,) = sightings.dated([Template(1, "", "", 9)], [1])
    assert list(one.trend) == [2, *[0] * 20, 1, 0, 1]


def test_trends_end_with_the_newest_hour_where_the_stream_has_no_time_of_its_own() -> None:
    sightings = Sightings()
    sightings.add(batch([(1, 0, True), (2, 3 * HOUR, True), (1, 2 * HOUR, False)]))
    first, second = sightings.dated([Template(1, "", "", 2), Template(2, "", "", 1)], [1, 2])
    assert list(first.trend) == [0] * 20 + [1, 0, 1, 0]
    assert list(second.trend) == [0] * 23 + [1]


@pytest.mark.parametrize(
    "damage",
    [
        {"trend_hour": np.zeros(1, np.int64)},
        {"trend_at": np.array([10_000], np.uint32)},
        {"trend_at": np.zeros(2, np.uint32)},
        {"trend_count": np.ones(1, np.float64)},
    ],
)
def test_damaged_trends_are_refused(damage: dict[str, np.ndarray]) -> None:
    sightings = Sightings()
    sightings.add(batch([(1, 5, True)]))
    with pytest.raises(ValueError, match="trends"):
        Sightings().restore({**sightings.state(), **damage})


def test_a_state_of_before_there_were_trends_is_taken() -> None:
    sightings, again = Sightings(), Sightings()
    sightings.add(batch([(1, 5, True)]))
    again.restore({name: array for name, array in sightings.state().items() if name in ("first", "last")})
    again.add(batch([(1, 6, False)]))
    assert of(again) == {1: (5, 6)}
    assert trends_of(again, 0) == {1: [0] * 23 + [1]}
    assert Trends().until(NO_TIME, []) == []
