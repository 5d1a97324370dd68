"""Heavy detectors: whom they are asked about, what calibrates them, and that when they answer changes nothing."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alogd.cli.check import never_told_what_is_odd
from alogd.config.tree import Alerts, Cascade, DetectorOptions, Risk, StreamOptions
from alogd.daemon.networks import Answerer
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.event import F64, WindowBatch
from alogd.judging.cascade import EARLY, chosen, sampled, share_to_sample
from alogd.judging.judge import Judge
from alogd.judging.waiting import Waiting
from alogd.reference.batches import window_batch
from alogd.stream import Stream
from alogd.windows import rows
from tests.ponder import Ponder, PonderOptions
from tests.test_stream import shop, told

RARE = Cascade(sample=0.02, odd=0.01)
HOUR_NS = 3600 * 10**9


def steady(n: int, seed: int = 1) -> WindowBatch:
    """Windows of a log like every other, one in a hundred of them with a template in a burst."""
    chance = np.random.default_rng(seed)
    slots = chance.integers(1, 8, (n, 20))
    slots[np.arange(n) % 100 == 99, 8:] = 9
    return window_batch(slots.tolist(), group=1, second=5)


def judge_of(cascade: Cascade = RARE, **options: object) -> Judge:
    detectors = {"ewma": Ewma(EwmaOptions()), "ponder": Ponder(PonderOptions(**options))}  # type: ignore[arg-type]
    return Judge(detectors, alerts=Alerts(), weights=Risk(), budget_per_day=20.0, cascade=cascade)


def judged(judge: Judge, windows: WindowBatch, most: int = 1000) -> F64:
    """What ponder said of each window."""
    at, found = 0, []
    while at < len(windows):
        end = min(len(windows), at + judge.room, at + most)
        verdict = judge.judge(rows.part(windows, at, end))
        found.append(verdict.scores["ponder"])
        judge.add(verdict, ~verdict.odd, np.ones(end - at, bool))
        at = end
    return np.concatenate(found)


# Whom they are asked about


def test_the_sample_has_its_share_and_does_not_depend_on_how_windows_come_in():
    windows = steady(20_000)
    whole = sampled(windows, 0.05)
    assert 0.045 < whole.mean() < 0.055
    cut = [sampled(rows.part(windows, at, at + 7), 0.05) for at in range(0, 700, 7)]
    assert np.concatenate(cut).tolist() == whole[:700].tolist()
    assert not sampled(windows, 0.0).any()
    assert sampled(windows, 1.0).all()


def test_windows_alike_are_not_all_in_the_sample_or_all_out_of_it():
    assert 0.2 < sampled(window_batch([[1, 2, 3]] * 1000), 0.25).mean() < 0.3


def test_a_young_stream_samples_more():
    assert share_to_sample(0.01, 0) == 1.0
    assert share_to_sample(0.01, EARLY - 1) == 1.0
    assert share_to_sample(0.01, 4 * EARLY - 1) == 0.25
    assert share_to_sample(0.01, 10**6) == 0.01


@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_chosen_windows_are_those_windows(which):
    windows = steady(12)
    index = np.flatnonzero(which)
    found = chosen(windows, index)
    assert len(found) == len(index)
    for place, number in enumerate(index.tolist()):
        one, other = rows.part(found, place, place + 1), rows.part(windows, number, number + 1)
        for name, column in rows.to_arrays(one).items():
            np.testing.assert_array_equal(column, rows.to_arrays(other)[name], err_msg=name)


def test_it_is_asked_about_odd_windows_and_a_sample_and_no_others():
    judge, windows = judge_of(), steady(8000)
    scores = judged(judge, windows)
    late = np.arange(8000) >= 4000
    burst = np.arange(8000) % 100 == 99
    asked = np.isfinite(scores)
    assert asked[late & burst].mean() > 0.6
    assert asked[late & ~burst].mean() < 0.05
    tally = judge.asked["ponder"].asked
    assert tally["odd"] > 50
    assert tally["sample"] + tally["odd"] == asked.sum() == sum(judge.detectors["ponder"].told)
    assert judge.failures == {"ewma": 0, "ponder": 0}


@pytest.mark.parametrize("most", [1, 17])
def test_it_is_asked_about_the_same_windows_however_they_come_in(most):
    windows = steady(1500)
    np.testing.assert_array_equal(judged(judge_of(), windows), judged(judge_of(), windows, most))


def test_only_the_sample_calibrates_it():
    """Windows with a burst have few templates: had they a say, low scores would be a fifth of what is known."""
    judge, windows = judge_of(Cascade(sample=0.05, odd=0.05)), steady(12_000)
    scores = judged(judge, windows)
    asked = scores[np.isfinite(scores)]
    calibrator = judge.calibrators["ponder"]
    known = np.concatenate([calibrator.mean, calibrator.buffer])
    weight = np.concatenate([calibrator.weight, np.ones(len(calibrator.buffer))])
    assert (asked < 6).mean() > 0.1
    assert weight[known < 6].sum() / weight.sum() < 0.05
    assert calibrator.seen + len(calibrator.buffer) <= judge.asked["ponder"].asked["sample"]


def test_a_window_it_was_not_asked_about_is_as_if_it_were_not_there():
    windows = steady(3000)
    alone = Judge({"ewma": Ewma(EwmaOptions())}, alerts=Alerts(), weights=Risk(), budget_per_day=20.0)
    judge = judge_of(Cascade(sample=1e-9, odd=0))
    for each in (alone, judge):
        assert each.judge(rows.part(windows, 0, 1)).told(0) == list(each.detectors)  # the first are all in the sample
    judged(judge, windows)
    verdict = judge.judge(rows.part(windows, 0, 40))
    asked = np.isfinite(verdict.scores["ponder"])
    assert 0 < asked.sum() < 10
    assert (verdict.decades["ponder"][~asked] == 0).all()
    assert (verdict.fused[~asked] == verdict.decades["ewma"][~asked]).all()
    assert verdict.told(int(np.flatnonzero(~asked)[0])) == ["ewma"]


def test_what_fails_is_counted_for_the_windows_it_was_asked_about():
    judge = judge_of(fails=True)
    scores = judged(judge, steady(1000))
    assert np.isnan(scores).all()
    assert judge.failures["ponder"] == sum(judge.asked["ponder"].asked.values()) > 0
    assert "broken" in judge.errors["ponder"]
    assert judge.asked["ponder"].skipped["outrun"] == 0


@pytest.mark.parametrize("at", [3, 700, 777])
def test_a_judge_with_heavy_detectors_comes_back_as_it_was(at):
    windows = steady(1500)
    before = judge_of()
    judged(before, rows.part(windows, 0, at))
    after = judge_of()
    after.restore(before.state())
    rest = rows.part(windows, at, 1500)
    np.testing.assert_array_equal(judged(before, rest), judged(after, rest))
    for name, array in before.state().items():
        np.testing.assert_array_equal(array, after.state()[name], err_msg=name)


def test_check_doubts_a_slow_detector_that_nobody_tells_what_is_odd():
    def told(*names: str) -> str:
        detectors = tuple(DetectorOptions(name=name) for name in names)
        return never_told_what_is_odd(StreamOptions(name="a", collect=({"kind": "stdin"},), detectors=detectors))

    assert told("ponder") == told("ponder", "deeplog") == "ponder"
    assert told("ponder", "ewma") == told("deeplog") == told("ewma") == ""


# Asked while the stream goes on


def stream(data: bytes, *, waiting: int = 4096, **options: object) -> Stream:
    detectors = (DetectorOptions(name="ewma"), DetectorOptions(name="ponder", options=options))
    return Stream(
        StreamOptions(
            name="shop",
            collect=({"kind": "file", "include": ["x"]},),
            detectors=detectors,
            cascade=Cascade(sample=0.05, odd=0.05, waiting=waiting),
        ),
        alerts=Alerts(),
        risk=Risk(),
        budget_per_day=50.0,
        text=lambda source, offset, length: data[offset : offset + length],
        names=lambda source: "/var/log/shop.log",
    )


@pytest.fixture(autouse=True, scope="module")
def _one_seed_of_hashes():
    """So that what is learned is alike to the byte."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALOGD_HASH_SEED", "1234")
        yield


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture(scope="module")
def log() -> bytes:
    return shop(9_000, crash_at=8_000)


def played(core: Stream, data: bytes, seed: int, begin: int = 0, end: int | None = None) -> list:
    chance, at, alerts = random.Random(seed), begin, []
    end = len(data) if end is None else end
    while at < end:
        step = min(end - at, chance.randint(1, 40_000))
        alerts += core.feed(0, data[at : at + step])
        at += step
        if core.watermark_ns and chance.random() < 0.2:
            alerts += core.tick(core.watermark_ns)
    return alerts


def finished(core: Stream) -> list:
    alerts = core.settle(0) + core.tick((core.watermark_ns or 0) + HOUR_NS)
    return alerts + core.advance(wait=True)


@pytest.fixture(scope="module")
def expected(log: bytes) -> tuple[list, dict[str, bytes]]:
    core = stream(log)
    core.open(0)
    alerts = played(core, log, 0) + finished(core)
    assert len(alerts) >= 2
    assert any("ponder" in alert.scores for alert in alerts)
    return alerts, core.save()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_when_a_network_answers_changes_nothing(log, expected, thread, seed):
    core = stream(log, seconds=0.002)
    core.answering = Answerer(thread, lambda: None, may_skip=False)
    core.open(0)
    alerts = played(core, log, seed)
    assert core.is_waiting  # else this proves nothing
    alerts += finished(core)
    assert not core.is_waiting
    assert told(alerts) == told(expected[0])
    assert core.save() == expected[1]


@pytest.mark.parametrize("seed", range(4))
def test_stopped_while_windows_wait_it_goes_on_as_if_nothing_had_been(log, expected, thread, seed):
    chance, alerts, saved, at, waited = random.Random(seed), [], None, 0, 0
    while at < len(log):
        core = stream(log, seconds=0.01)
        if saved:
            core.load(saved)
        core.answering = answering = Answerer(thread, lambda: None, may_skip=False)
        at = core.consumed(0) if saved else 0
        core.open(0, offset=at)
        end = min(len(log), at + chance.randint(1, len(log) // 4))
        alerts += played(core, log, seed, at, end)
        saved = core.save()
        waited += core.is_waiting
        answering.close()
        at = end
    assert waited
    last = stream(log)  # no network is waited for any longer
    last.load(saved)
    last.open(0, offset=last.consumed(0))
    alerts += played(last, log, seed, last.consumed(0)) + finished(last)
    assert told(alerts) == told(expected[0])
    found = last.save()
    assert set(found) == set(expected[1])
    for part in ("judge", "windows", "incidents"):  # the engine's counts unfinished lines once more
        assert found[part] == expected[1][part], part


class Silent:
    """Networks that never answer."""

    may_skip = True
    is_done = False

    def ask(self, looked):
        return self

    def wait(self):
        raise AssertionError("a stream that may skip does not wait")

    def give_up(self):
        pass


def test_a_stream_whose_networks_never_answer_goes_on_and_counts_what_it_skipped(log, expected):
    core = stream(log, waiting=32)
    core.answering = Silent()
    core.open(0)
    alerts = []
    for at in range(0, len(log), 10_000):
        alerts += core.feed(0, log[at : at + 10_000])
        assert core.waiting.windows <= 32 or not core.waiting.is_over(32)
    status = core.status()
    tally = status["models"]["ponder"]
    assert 0 <= sum(tally["asked"].values()) - tally["skipped"]["outrun"] <= core._front[0].asked[0].index.size
    assert tally["skipped"]["outrun"] > 50
    assert 0 < status["waiting_windows"] <= 32 + 512
    assert status["detector_failures"] == {"ewma": 0, "ponder": 0}
    assert any("Out of memory" in line.text for alert in alerts for line in alert.lines)
    assert all("ponder" not in alert.scores and "ponder" not in alert.detectors for alert in alerts)


def test_windows_that_wait_come_back_in_their_order():
    windows, waiting = steady(40), Waiting()
    waiting.add(5)
    waiting.add(rows.part(windows, 3, 10))
    waiting.add(7)
    waiting.add(8)
    waiting.add(rows.part(windows, 10, 40))
    again = Waiting()
    again.restore(waiting.state(rows.part(windows, 0, 3)))
    found = [again.take(16) for _ in range(len(again) + 1)]
    assert [item if isinstance(item, int) else len(item) for item in found] == [3, 5, 7, 7, 8, 16, 14]
    starts = np.concatenate([item.offset for item in found if not isinstance(item, int)])
    np.testing.assert_array_equal(starts, windows.offset)
    assert (again.windows, again.records) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"ticks": np.array([[9, 1]])},
        {"ticks": np.array([1, 2])},
        {"ticks": np.array([[1, 1], [0, 2]])},
        {"offset": np.zeros(3, np.uint64)},
        {"start": np.array([0, 0])},
    ],
)
def test_damaged_windows_that_wait_are_refused(change):
    waiting = Waiting()
    waiting.add(steady(2))
    waiting.add(1)
    with pytest.raises(ValueError, match="saved windows"):
        Waiting().restore({**waiting.state(None), **change})


# The thread


class Slow:
    """Something looked at, whose network ends when it is told to."""

    def __init__(self) -> None:
        self.go, self.began, self.stops = Event(), Event(), 0
        self.detector, self.left, self.asked = "slow", 3, [self]

    def run(self, stop):
        self.began.set()
        self.go.wait(10)
        self.stops = stop()
        self.left = 0


def test_what_was_given_up_is_not_begun_and_nothing_piles_up():
    with ThreadPoolExecutor(1) as thread:
        answers = Event()
        answerer = Answerer(thread, answers.set, may_skip=True)
        first, never, last = Slow(), Slow(), Slow()
        one = answerer.ask(first)
        assert first.began.wait(10)
        two = answerer.ask(never)
        three = answerer.ask(last)
        assert not any(batch.is_done for batch in (one, two, three))
        assert thread._work_queue.qsize() == 0
        last.go.set()
        first.go.set()
        three.wait()
        assert one.is_done
        assert first.stops  # as the next was asked for, it was no longer wanted
        assert not never.began.is_set()
        assert answers.wait(10)
        assert answerer.spent["slow"].rows == 6


def test_what_needs_no_network_is_done_at_once():
    with ThreadPoolExecutor(1) as thread:
        looked = Slow()
        looked.left = 0
        assert Answerer(thread, lambda: None, may_skip=True).ask(looked).is_done
