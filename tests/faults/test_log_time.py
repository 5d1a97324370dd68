"""C11, C12: clocks that are wrong, stamps that are forged, hosts that slept. Log time must neither leap nor stick."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alogd.config.tree import WindowOptions
from alogd.event import AGE, FLUSH, IDLE
from alogd.reference.windows import Windows as Reference
from alogd.stream import Stream
from tests.daemon_process import DaemonProcess, wait_until
from tests.faults.conftest import Tally
from tests.test_silence import DAY_S, HOUR_S, Logs, beats, log, steady
from tests.test_stream import finish, play, shop, stream
from tests.window_records import DAY, FAR, HOUR, NOON, S, batch, both, seconds, shown


@both
def test_c12_a_lone_stamp_far_ahead_closes_nothing(windows: type[Reference]) -> None:
    w = windows(WindowOptions(size=100, stride=50, max_age=30))
    closed = w.push(batch([*seconds(1, 0, 1), (2, FAR), *seconds(1, 2, 3), (1, 0), *seconds(1, 4)]))
    assert shown(closed) == []
    assert w.watermark == NOON + 4 * S
    counted = w.counters()
    assert (counted["outliers"], counted["late"], counted["records"]) == (1, 1, 7)
    assert shown(w.flush()) == [(1, FLUSH, [0, 1, 3, 4, 5, 6]), (2, FLUSH, [2])], (
        "they are scored with those that came at the same moment"
    )


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


def local_stamps(data: bytes, hours: int, at: int) -> bytes:
    """As a host writes them that knows no zones: from line `at` on its clock shows other hours."""
    lines = []
    for number, line in enumerate(data.splitlines(keepends=True)):
        moment = datetime.fromisoformat(line[:26].decode()) + timedelta(hours=hours * (number >= at))
        lines.append(f"{moment:%b} {moment.day:2} {moment:%H:%M:%S} ".encode() + line[33:])
    return b"".join(lines)


@pytest.mark.parametrize("hours", [1, -1], ids=["spring", "autumn"])
def test_c10_daylight_saving(hours: int, tally: Tally) -> None:
    """Stamps of local time leap over an hour, or tell one twice: every line counts, no window is negative, and
    nobody is flooded: one incident at most, where windows were cut short at the leap."""
    data = local_stamps(shop(16_000), hours, 10_000)
    core = stream(data)
    core.open(0, year=2026)
    alerts = play(core, data, cut=50_000) + finish(core)
    assert core.engine.counters()["records"] == core.windows.counters()["records"] == 16_000
    assert len({alert.id for alert in alerts}) <= 1, [alert.title for alert in alerts]
    assert all(alert.opened_ns <= alert.updated_ns for alert in alerts)
    steady = stream(shop(16_000))
    steady.open(0)
    play(steady, shop(16_000), cut=50_000)
    assert sum(windows_closed(core)) <= sum(windows_closed(steady)) + 10, "windows of the hour that never was"
    tally.add(lines=16_000)


def windows_closed(core: Stream) -> list[int]:
    return [count for name, count in core.windows.counters().items() if name.startswith("closed_")]


def test_c11_a_host_that_slept_is_told_of_once() -> None:
    """Eight hours without a line, in which the daemon slept too: one silence, and no windows of it."""
    fell, woke = 4.5 * DAY_S, 4.5 * DAY_S + 8 * HOUR_S
    before = log(steady(0, fell), beats(0, fell, 60))
    after = log(steady(woke, woke + HOUR_S, seed=2), beats(woke, woke + HOUR_S, 60))
    logs = Logs({1: before + after})
    logs.told += logs.stream.feed(1, before)
    assert not logs.silences
    closed = sum(windows_closed(logs.stream))
    logs.told += logs.stream.feed(1, after[: after.index(b"\n", 500) + 1])
    assert sum(windows_closed(logs.stream)) - closed < 10, "not one for each minute of the night"
    logs.told += logs.stream.feed(1, after[after.index(b"\n", 500) + 1 :])
    logs.tick(woke + HOUR_S)
    assert len({alert.id for alert in logs.silences}) == 1
    assert len(logs.silences) <= 3
    assert logs.silences[-1].status == "resolved"


def test_c12_counted_by_the_daemon_and_still_scored(daemon: DaemonProcess, tally: Tally) -> None:
    """Stamps of 1970, of 2100 and of an hour ago amid a log: each line is in a window, and what is wrong is counted."""
    lines = shop(6000).splitlines(keepends=True)
    for number, stamp in ((3000, b"1970-01-01"), (3500, b"2100-01-01"), (4000, b"1970-01-02")):
        lines[number] = stamp + lines[number][10:]
    daemon.write(lines)
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 6000, "every line")
    wait_until(lambda: daemon.stream()["core"]["window"]["records"] >= 5999, "every record in a window")
    name = 'alogd_records_out_of_order_total{{reason="{}",stream="host"}}'
    assert daemon.metric(name.format("late")) == 2
    assert daemon.metric(name.format("outlier")) == 1
    assert daemon.metric('alogd_lines_dropped_total{reason="empty",stream="host"}') == 0
    assert daemon.stop() == 0
    tally.add(lines=6000)
