"""When templates were seen: as a plain reading of the records says, however cut and whatever slots are reused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alogd.engine.sightings import Sightings
from alogd.event import NO_TIME, Batch

Row = tuple[int, int, bool]  # slot, stamp, whether it made the template
TIMES = st.one_of(st.just(NO_TIME), st.integers(0, 9))
ROWS = st.lists(st.tuples(st.integers(1, 5), TIMES, st.booleans()), min_size=1, max_size=30)


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


@given(ROWS, st.sets(st.integers(1, 29)), st.booleans())
def test_any_records_cut_anywhere(rows: list[Row], cuts: set[int], restarts: bool) -> None:
    sightings, begin = Sightings(), 0
    for end in [*sorted(cut for cut in cuts if cut < len(rows)), len(rows)]:
        sightings.add(batch(rows[begin:end]))
        begin = end
        if restarts:
            saved = sightings.state()
            sightings = Sightings()
            sightings.restore(saved)
    assert of(sightings) == plainly(rows)


@pytest.mark.parametrize("stamps", [[10, 5], [5, 10]])
def test_a_stamp_out_of_order_is_not_the_last(stamps: list[int]) -> None:
    together, apart = Sightings(), Sightings()
    rows = [(1, stamp, number == 0) for number, stamp in enumerate(stamps)]
    together.add(batch(rows))
    for row in rows:
        apart.add(batch([row]))
    assert of(together) == of(apart) == {1: (stamps[0], 10)}
