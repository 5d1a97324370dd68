"""Windows: what closes when, by hand; C against its plain Python twin; state that comes back or is refused."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alogd.config.tree import WindowOptions
from alogd.event import AGE, EVICTED, FLUSH, FULL, IDLE, NO_TIME, WindowBatch
from alogd.reference.window_types import Limits
from alogd.reference.windows import Windows as Reference
from alogd.windows import gather as face
from tests.window_records import DAY, FAR, HOUR, LAST, NOON, S, batch, both, needs_c, seconds, shown


@both
def test_count_windows_overlap_and_slow_keys_close_by_age(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=4, stride=2, max_age=30))
    closed = w.push(batch(seconds(1, 0, 1, 2, 3, 4, 5, 6) + seconds(2, 7) + seconds(1, 36, 37)))
    assert shown(closed) == [
        (1, FULL, [0, 1, 2, 3]),
        (1, FULL, [2, 3, 4, 5]),
        (1, AGE, [3, 4, 5, 6]),  # at 36: its fresh record is of second 6
        (2, AGE, [7]),  # at 37
    ]
    assert closed.fresh.tolist() == [4, 2, 1, 1]
    assert closed.closed_ns.tolist() == [NOON + s * S for s in (3, 5, 36, 37)]
    assert closed.group.tolist() == [1, 1, 1, 2]
    assert w.open_windows == 1
    assert shown(w.flush()) == [(1, FLUSH, [8, 9])]
    assert w.open_windows == 0


@both
def test_every_column_of_a_record_comes_out(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=3, stride=3))
    given_ = batch(seconds(9, 5, 6, 7), source=3, first=14)
    closed = w.push(given_)
    for name in ("slot", "severity", "is_new", "offset", "length", "timestamp_ns"):
        assert getattr(closed, name).tolist() == getattr(given_, name).tolist(), name
        assert getattr(closed, name).dtype == getattr(given_, name).dtype, name
    assert closed.source.tolist() == [3, 3, 3]


@both
def test_time_windows_end_on_multiples_of_the_width(windows: type[Reference]) -> None:
    w = windows(WindowOptions(kind="time", width=60))
    closed = w.push(batch(seconds(1, 10, 59.9) + seconds(2, 30) + seconds(1, 60, 61)))
    assert shown(closed) == [(1, AGE, [0, 1]), (2, AGE, [2])]
    assert shown(w.tick(NOON + 120 * S)) == [(1, AGE, [3, 4])]
    before_1970 = windows(WindowOptions(kind="time", width=60))
    assert shown(before_1970.push(batch([(1, -61 * S), (1, -60 * S), (1, -1)]))) == [(1, AGE, [0])]


@both
def test_sessions_end_idle_old_or_full(windows: type[Reference]) -> None:
    w = windows(WindowOptions(kind="session", size=3, idle=20, max_age=30))
    rows = seconds(1, 0) + seconds(2, 0, 10, 19) + seconds(3, 1) + seconds(4, 15) + seconds(3, 20)
    closed = w.push(batch(rows + seconds(4, 25, 31)))
    assert shown(closed) == [(2, FULL, [1, 2, 3]), (1, IDLE, [0]), (4, FULL, [5, 7, 8])]
    assert closed.group.tolist() == [0, 0, 0]
    assert w.open_windows == 1
    assert shown(w.push(batch(seconds(5, 39, 54, 69), first=9))) == [(3, IDLE, [4, 6]), (5, AGE, [9, 10])]


@both
def test_without_stamps_only_size_closes(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=2, stride=2, max_age=30))
    closed = w.push(batch([(1, NO_TIME), (2, NO_TIME), (1, NO_TIME)]))
    assert shown(closed) == [(1, FULL, [0, 2])]
    assert closed.closed_ns.tolist() == [NO_TIME]
    assert shown(w.push(batch(seconds(3, 0, 29)))) == [(3, FULL, [0, 1])]
    assert shown(w.tick(NOON + 30 * S)) == [(2, AGE, [1])]  # its age began when time did


@both
def test_a_record_without_time_takes_the_watermark(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=2, stride=2))
    assert w.push(batch([*seconds(1, 5), (1, NO_TIME)])).timestamp_ns.tolist() == [NOON + 5 * S] * 2


@both
def test_the_longest_idle_key_gives_way(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=2, stride=1, max_keys=2))
    closed = w.push(batch(seconds(1, 0) + seconds(2, 1) + seconds(1, 2) + seconds(3, 3) + seconds(4, 4)))
    assert shown(closed) == [(1, FULL, [0, 2]), (2, EVICTED, [1])]
    assert w.counters()["forgotten"] == 1  # key 1 had nothing fresh to show


@both
def test_records_held_are_bounded(windows: type[Reference]) -> None:
    w = windows(Limits(1, 10, 10, HOUR, HOUR, HOUR, 100, 10))
    closed = w.push(batch(seconds(1, *range(4)) + seconds(2, *range(4, 8)) + seconds(1, *range(8, 25))))
    assert shown(closed)[:2] == [(2, EVICTED, [4, 5, 6, 7]), (1, EVICTED, [0, 1, 2, 3, *range(8, 14)])]
    assert [len(rows) for _, _, rows in shown(closed)] == [4, 10, 10]


@both
def test_time_does_not_go_back_by_a_tick(windows: type[Reference]) -> None:
    w = windows(WindowOptions())
    w.push(batch(seconds(1, 10)))
    w.tick(NOON)
    assert w.watermark == NOON + 10 * S


@both
@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 2_000_000},
        {"stride": 0},
        {"stride": 51},
        {"max_keys": 0},
        {"max_age": 0.0},
        {"idle": -1.0},
    ],
)
def test_options_out_of_range_are_refused(windows: type[Reference], wrong: dict[str, float]) -> None:
    limits = Limits(0, 50, 25, S, S, S, 10, 1_000_000)
    units = {"max_age": "max_age_ns", "idle": "idle_ns"}
    with pytest.raises(ValueError, match="windows"):
        windows(limits._replace(**{units.get(name, name): int(value) for name, value in wrong.items()}))


# ---- C and its twin ----

STEPS = [0, 1, S, 7 * S, 20 * S, 40 * S, 2 * HOUR, DAY, 10 * DAY, -30 * 60 * S, -2 * HOUR, -30 * DAY, FAR - NOON]
records = st.tuples(
    st.integers(0, 2),  # source
    st.integers(0, 5),  # key
    st.one_of(st.sampled_from([0, 1, S, 7 * S]), st.sampled_from([None, *STEPS])),  # step in time; None: no stamp
    st.booleans(),  # whether the step stays, or was a lone one
)
limits = st.builds(
    lambda kind, size, stride, keys, held: Limits(
        kind, size, 1 + stride % size, 15 * S, 30 * S, 20 * S, keys, max(held, size)
    ),
    st.integers(0, 2), st.integers(1, 9), st.integers(0, 8), st.integers(1, 6), st.integers(1, 40),
)  # fmt: skip


def stamped(rows: list[tuple[int, int, int | None, bool]]) -> list[tuple[int, int, int]]:
    now, out = NOON, []
    for source, key, step, stays in rows:
        then = now if step is None else min(now + step, LAST)
        out.append((source, key, NO_TIME if step is None else then))
        now = then if stays else now
    return out


def same(a: WindowBatch, b: WindowBatch) -> None:
    for field in dataclasses.fields(WindowBatch):
        left, right = getattr(a, field.name), getattr(b, field.name)
        assert left.dtype == right.dtype, field.name
        assert left.tolist() == right.tolist(), field.name


def run_both(rows: list[tuple[int, int, int]], bounds: Limits, seed: int) -> None:
    """Feed C in random cuts, with ticks, flushes and restarts; the twin record by record."""
    chance = random.Random(seed)
    c, twin = face.Windows(bounds), Reference(bounds)
    at = 0
    while at < len(rows):
        source = rows[at][0]
        end = at + 1
        while end < len(rows) and rows[end][0] == source and chance.random() < 0.8:
            end += 1
        same(
            c.push(batch([row[1:] for row in rows[at:end]], source, at)),
            twin.push(batch([row[1:] for row in rows[at:end]], source, at)),
        )
        at = end
        dice = chance.random()
        if dice < 0.02:
            same(c.flush(), twin.flush())
        elif dice < 0.06:
            now = min(max(c.watermark, 0) + chance.choice(STEPS), LAST)
            same(c.tick(now), twin.tick(now))
        elif dice < 0.2:
            c, twin = face.Windows.load(twin.save(), bounds), Reference.load(c.save(), bounds)
        assert c.counters() == twin.counters()
        assert (c.watermark, c.open_windows) == (twin.watermark, twin.open_windows)
    assert c.save() == twin.save()
    same(c.flush(), twin.flush())


@needs_c
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records, max_size=120), limits, st.integers(0, 2**32))
def test_c_equals_its_twin(rows: list[tuple[int, int, int | None, bool]], bounds: Limits, seed: int) -> None:
    run_both(stamped(rows), bounds, seed)


@needs_c
@pytest.mark.parametrize("seed", range(12))
def test_c_equals_its_twin_in_long_runs(seed: int) -> None:
    """Phases in which one source's clock is wrong, so that jumps are settled, contradicted and undone."""
    chance = random.Random(seed)
    rows: list[tuple[int, int, int]] = []
    now = NOON
    for _ in range(30):
        off = {source: chance.choice([0, 0, 0, 5 * HOUR, -5 * HOUR, 400 * DAY]) for source in range(3)}
        dense = chance.random() < 0.7
        for _ in range(chance.choice([5, 40, 150])):
            now += chance.randrange(2 * S) if dense else chance.randrange(3 * HOUR)
            source = chance.randrange(3)
            rows.append((source, chance.randrange(30), now + off[source]))
    bounds = Limits(seed % 3, chance.randint(1, 60), 1, 60 * S, 30 * S, 20 * S, chance.randint(1, 40), 400)
    run_both(rows, bounds._replace(stride=chance.randint(1, bounds.size)), seed)


@needs_c
@settings(max_examples=60, deadline=None)
@given(st.lists(records, max_size=60), limits, st.data())
def test_cuts_change_nothing(
    rows: list[tuple[int, int, int | None, bool]], bounds: Limits, data: st.DataObject
) -> None:
    times = [row[1:] for row in stamped(rows)]
    cut = data.draw(st.integers(0, len(times)))
    whole, cut_up = face.Windows(bounds), face.Windows(bounds)
    at_once = shown(whole.push(batch(times)))
    parts = shown(cut_up.push(batch(times[:cut]))) + shown(cut_up.push(batch(times[cut:], first=cut)))
    assert at_once == parts
    assert whole.save() == cut_up.save()


# ---- state ----


def saved(windows: type[Reference], options: WindowOptions) -> bytes:
    w = windows(options)
    w.push(batch([*seconds(1, 0, 1), *seconds(2, 2), (3, FAR), *seconds(1, 3, 4), *seconds(4, 5)]))
    return w.save()


@both
@pytest.mark.parametrize("kind", ["count", "time", "session"])
def test_damaged_state_is_refused(windows: type[Reference], kind: str) -> None:
    options = WindowOptions(kind=kind, size=4, stride=2)  # type: ignore[arg-type]
    data = saved(windows, options)
    assert windows.load(data, options).save() == data
    for cut in range(len(data)):
        with pytest.raises(ValueError, match="windows"):
            windows.load(data[:cut], options)
    for bit in range(8 * len(data)):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="windows"):
            windows.load(bytes(bad), options)
    with pytest.raises(ValueError, match="damaged"):
        windows.load(data + b"\0", options)


@both
def test_state_of_other_options_is_refused(windows: type[Reference]) -> None:
    data = saved(windows, WindowOptions(size=4, stride=2))
    with pytest.raises(ValueError, match="other options"):
        windows.load(data, WindowOptions(size=4, stride=3))


@needs_c
def test_columns_of_unequal_length_are_refused() -> None:
    good = batch(seconds(1, 0, 1))
    with pytest.raises(ValueError, match="column"):
        face.Windows(WindowOptions()).push(dataclasses.replace(good, slot=good.slot[:1]))
    with pytest.raises(ValueError, match="column"):
        face.Windows(WindowOptions()).push(dataclasses.replace(good, key=good.key.astype(np.uint32)))
