"""One stream at work: numbers of sources, live ticks, saved moments; the core is real, the collector made up."""

import pytest

from alogd.collectors.base import Closed, Data, Idle, Opened, Status
from alogd.config.tree import Alerts, Risk, StreamOptions, WindowOptions
from alogd.daemon.runner import CLOSED_KEPT, TICK_LAG, Runner
from alogd.state.database import Snapshot
from alogd.stream import Stream
from tests.daemon_process import log_lines

OPTIONS = StreamOptions(
    name="host", collect=({"kind": "stdin"},), windows=WindowOptions(size=50, stride=25, max_age=30.0, key="none")
)


class Collected:
    """A collector that knows what it handed out."""

    def __init__(self):
        self.sources = {"a": b"", "b": b""}
        self.troubles = 0

    def position(self, source, consumed):
        return {"source": source, "offset": consumed} if source in self.sources else {}[source]

    def text(self, source, offset, length):
        if self.troubles:
            self.troubles -= 1
            raise RuntimeError("deque mutated during iteration")
        return self.sources[source][offset : offset + length]

    def status(self):
        return Status(True, "", ())


def make(text, names):
    return Stream(OPTIONS, alerts=Alerts(warmup_windows=5), risk=Risk(), budget_per_day=1000.0, text=text, names=names)


def runner(saved=None):
    made = Runner("host", make, saved)
    made.collectors["stdin#0"] = Collected()
    return made


def feed(one, source, block, now=0.0):
    one.collectors["stdin#0"].sources[source] += block
    one.handle("stdin#0", Data(source, block), now)


def opened(source, offset=0, resumed=False):
    return Opened(source, f"/var/log/{source}.log", offset, 2025, None, resumed)


def open_one(one, source="a", offset=0):
    one.handle("stdin#0", opened(source, offset), 0.0)


def test_a_saved_moment_goes_on_as_if_nothing_had_been():
    lines = log_lines(900)
    whole, first = runner(), runner()
    for one in (whole, first):
        open_one(one)
    for line in lines:
        feed(whole, "a", line)
    feed(first, "a", b"".join(lines[:400]) + lines[400][:20])
    saved = first.save()
    snapshot = first.snapshot(saved)
    offset = snapshot.sources[0].position["offset"]
    assert offset <= sum(map(len, lines[:400]))
    second = runner(snapshot)
    assert second.positions("stdin#0") == [{"source": "a", "offset": offset}]
    open_one(second, offset=offset)
    feed(second, "a", b"".join(lines)[offset:])
    assert second.core.templates() == whole.core.templates()
    assert [alert.id for alert in [*first.alerts, *second.alerts]] == [alert.id for alert in whole.alerts]


def test_what_was_taken_as_whole_is_not_read_again():
    one = runner()
    open_one(one)
    lines = b"".join(log_lines(100))[:-1]  # the last one without its newline
    feed(one, "a", lines)
    one.end(30.0)
    assert one.core.status()["window"]["records"] == 100
    snapshot = one.snapshot(one.save())
    assert [(row.open, row.position) for row in snapshot.sources] == [(True, {"source": "a", "offset": len(lines)})]
    again = runner(snapshot)
    open_one(again, offset=len(lines))
    feed(again, "a", b"\n" + b"".join(log_lines(101)[100:]))
    again.end(30.0)
    assert again.core.status()["window"]["records"] == 101


def test_lines_without_a_time_live_by_the_clock():
    one = runner()
    open_one(one)
    feed(one, "a", b"".join(b"job %d done in %d ms\n" % (n, n % 7) for n in range(2000)), now=100.0)
    one.handle("stdin#0", Idle("a"), 101.0)
    one.tick(120.0, 1_700_000_000.0)
    feed(one, "a", b"Kernel panic - not syncing: no way\n", now=130.0)
    one.handle("stdin#0", Idle("a"), 131.0)
    one.tick(150.0, 1_700_000_030.0)
    assert all(alert.severity < 100 for alert in one.alerts)
    one.tick(170.0, 1_700_000_050.0)
    alert = one.alerts[-1]
    assert alert.severity == 100
    assert 1_700_000_000 <= alert.opened_ns / 1e9 <= 1_700_000_100


def test_idle_windows_close_as_time_goes_on():
    one = runner()
    open_one(one)
    feed(one, "a", b"".join(log_lines(20)), now=100.0)
    one.handle("stdin#0", Idle("a"), 101.0)
    closed = lambda: sum(v for k, v in one.core.status()["window"].items() if k.startswith("closed_"))  # noqa: E731
    before, reached = closed(), one.core.watermark_ns
    one.tick(100.0 + TICK_LAG + 1, 0.0)
    assert closed() == before
    one.tick(100.0 + TICK_LAG + 40, 0.0)
    assert closed() == before + 1
    one.tick(100.0 + TICK_LAG + 60, 0.0)
    assert one.core.watermark_ns == reached + 60 * 10**9  # not added to what earlier ticks reached


def test_quiet_means_read_and_silent():
    one = runner()
    open_one(one)
    assert one.is_quiet(0.0, True)
    feed(one, "a", log_lines(1)[0], now=1.0)
    assert not one.is_quiet(2.0, True)
    one.handle("stdin#0", Idle("a"), 2.0)
    assert one.is_quiet(3.0, True)
    assert not one.is_quiet(3.0, False)
    assert one.is_quiet(1000.0, False)


def test_numbers_are_not_used_again_and_names_outlive_their_source():
    one = runner()
    open_one(one)
    feed(one, "a", log_lines(1)[0])
    one.handle("stdin#0", Closed("a", "rotated"), 0.0)
    open_one(one)
    snapshot = one.snapshot(one.save())
    assert [(row.id, row.open) for row in snapshot.sources] == [(1, False), (2, True)]
    again = runner(snapshot)
    assert again._name(1) == "/var/log/a.log"
    assert again.positions("stdin#0") == [{"source": "a", "offset": 0}]
    again.handle("stdin#0", Closed("never seen", "gone"), 0.0)


def test_closed_sources_are_remembered_within_a_bound():
    one = runner()
    for _ in range(CLOSED_KEPT + 50):
        open_one(one)
        one.handle("stdin#0", Closed("a", "rotated"), 0.0)
    assert len(one.rows) == CLOSED_KEPT
    assert one._name(1) == "source 1"


def test_a_source_the_collector_let_go_of_delays_the_moment():
    one = runner()
    open_one(one)
    feed(one, "a", log_lines(1)[0])
    del one.collectors["stdin#0"].sources["a"]
    assert one.snapshot(one.save()) is None


def test_sources_not_open_yet_keep_their_position():
    snapshot = runner_with_position()
    again = runner(snapshot)
    assert again.snapshot(again.save()).sources == snapshot.sources


def runner_with_position():
    one = runner()
    open_one(one)
    feed(one, "a", b"".join(log_lines(5)))
    one.handle("stdin#0", Idle("a"), 0.0)
    snapshot = one.snapshot(one.save())
    assert snapshot.sources[0].position["offset"] > 0
    return snapshot


def test_committed_alerts_leave_and_later_ones_stay():
    one = runner()
    open_one(one)
    feed(one, "a", b"".join(log_lines(3000)))
    saved = one.save()
    assert saved.alerts
    feed(one, "a", b"".join(log_lines(6000)[3000:]))
    later = list(one.alerts)[len(saved.alerts) :]
    one.committed(saved)
    assert list(one.alerts) == later
    one.committed(saved)
    assert list(one.alerts) == later


def test_evidence_survives_notes_that_change_meanwhile():
    one = runner()
    open_one(one)
    feed(one, "a", b"hello world\n")
    one.collectors["stdin#0"].troubles = 2
    assert one._text(1, 0, 5) == b"hello"
    one.collectors["stdin#0"].troubles = 9
    assert one._text(1, 0, 5) is None
    assert one._text(77, 0, 5) is None


def test_what_was_saved_for_something_else_is_refused():
    with pytest.raises(ValueError, match="damaged"):
        runner(Snapshot("host", 1, parts={"engine": b""}))
