"""DeepLog: what it is trained on, what it says, that ONNX says what PyTorch says, and that the daemon uses it."""

import json
import subprocess
import sys
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alogd.detectors._answers import Answers, hashes
from alogd.detectors._questions import AT_ONCE, BySequence
from alogd.detectors._sequences import ended, histories
from alogd.detectors.deeplog import UNSEEN, DeepLog, DeepLogOptions, NextTemplate
from alogd.event import IDLE
from alogd.models import bundle
from alogd.models.vocabulary import END, PAD, UNK
from alogd.offline.models import sessions as sessions_module
from alogd.offline.models.export import NotTheSame, check
from alogd.offline.models.nets.deeplog import DeepLogNet
from alogd.offline.models.sessions import EvenSample, Sessions, examples
from alogd.offline.models.train_deeplog import Training, train
from alogd.reference.batches import window_batch
from alogd.windows import rows
from tests import deep_models
from tests.daemon_process import ROOT, DaemonProcess, wait_until

ONE_TO_NINE = st.lists(st.lists(st.integers(4, 9), min_size=1, max_size=12), min_size=1, max_size=8)


def judged(sessions: Sessions, model: NextTemplate | None = None):
    model = model or NextTemplate(deep_models.graph())
    return model.judge(sessions.tokens, sessions.start, sessions.fresh, sessions.ends)


# Sequences


@given(ONE_TO_NINE, st.integers(1, 5))
def test_histories_are_those_of_a_plain_loop(sessions, window):
    made = Sessions.of(sessions)
    cut = histories(made.tokens, made.start, window)
    plain = [
        ([PAD] * max(0, window - at) + one[max(0, at - window) : at], event, number)
        for number, one in enumerate(sessions)
        for at, event in enumerate(one)
    ]
    assert list(zip(cut.before.tolist(), cut.event.tolist(), cut.session.tolist(), strict=True)) == plain


@given(ONE_TO_NINE, st.data())
def test_only_what_ended_gets_an_end(sessions, data):
    which = np.array(data.draw(st.lists(st.booleans(), min_size=len(sessions), max_size=len(sessions))))
    made = Sessions.of(sessions)
    tokens, start = ended(made.tokens, made.start, which)
    found = [tokens[a:b].tolist() for a, b in pairwise(start.tolist())]
    assert found == [one + [END] * bool(end) for one, end in zip(sessions, which, strict=True)]


@given(ONE_TO_NINE, st.integers(1, 4), st.data())
def test_examples_count_every_fresh_record_once(sessions, window, data):
    made = Sessions.of(sessions)
    fresh = np.array([data.draw(st.integers(0, len(one))) for one in sessions])
    known = examples(Sessions(made.tokens, made.start, fresh, made.ends), window, ends=True)
    assert known.count.sum() == fresh.sum() + len(sessions)
    assert len(np.unique(np.column_stack([known.before, known.event]), axis=0)) == len(known)


def test_examples_of_many_parts_are_those_of_one(monkeypatch):
    chance = np.random.default_rng(1)
    made = Sessions.of([chance.integers(4, 9, int(size)).tolist() for size in chance.integers(1, 40, 300)])
    whole = examples(made, 3, ends=True)
    monkeypatch.setattr(sessions_module, "CHUNK", 50)
    cut = examples(made, 3, ends=True)
    for name in ("before", "event", "count"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name))


@pytest.mark.parametrize("size", [2, 50])  # of a window: many small ones take no more memory than few large ones
def test_what_a_sample_holds_is_bounded_whatever_comes(size):
    sample, held = EvenSample(most=10_000), []
    batch = window_batch([[7] * size for _ in range(2000 // size)])
    tracemalloc.start()
    for _ in range(300):
        sample.add(batch)
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sample.seen == 300 * (2000 // size)
    assert sample.step >= 32
    assert max(held[150:]) < 1.3 * max(held[:150])
    assert len(sample.sessions(np.arange(8, dtype=np.int32)).tokens) <= 10_000


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_a_sample_of_too_many_windows_spans_all_the_time(cut):
    sample = EvenSample(most=600)
    windows = window_batch([[number % 50] * 10 for number in range(400)])
    for at in range(0, 400, cut):
        sample.add(rows.part(windows, at, min(400, at + cut)))
    kept = sample.sessions(np.arange(50, dtype=np.int32))
    assert sample.step == 8
    assert kept.tokens[kept.start[:-1]].tolist() == [number % 50 for number in range(0, 400, 8)]


# Answers


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), max_size=60), st.integers(1, 20))
def test_answers_are_what_would_have_been_asked(wanted, most):
    answers = Answers(lambda part: part.sum(axis=1, keepdims=True).astype(float), width=1, most=most)
    table = np.array(wanted, np.int32).reshape(-1, 3)
    for at in range(0, len(table), 9):
        part = table[at : at + 9]
        assert answers.of(part)[:, 0].tolist() == part.sum(axis=1).tolist()
    assert answers.hits + answers.misses == len(table)


def test_a_row_seen_before_is_not_asked_again_and_what_is_remembered_is_bounded():
    asked = []
    answers = Answers(lambda part: (asked.append(len(part)), part[:, :1].astype(float))[1], width=1, most=100)
    table = np.arange(1000, dtype=np.int32).reshape(-1, 2)
    answers.of(table[:50])
    answers.of(table[:50])
    assert asked == [50]
    for at in range(0, 500, 25):
        answers.of(table[at : at + 25])
    assert len(answers._young[0]) + len(answers._old[0]) <= 200


def test_hashes_of_rows_differ():
    table = np.array(np.meshgrid(*[range(40)] * 3), np.int32).reshape(3, -1).T
    assert len(np.unique(hashes(np.ascontiguousarray(table)))) == len(table)


# The model


def test_what_it_expects_and_what_surprises_it():
    usual, other, swapped, early, foreign = (
        judged(Sessions.of([one])).largest(1)[0]
        for one in ([4, 5, 6, 7, 8, 9], [4, 5, 6, 8, 7, 9], [4, 6, 5, 7, 8, 9], [4, 5, 6], [4, 5, UNK, 7, 8, 9])
    )
    assert usual < other < 2.0
    assert swapped > 3.0
    assert early > 3.0  # its end came too soon
    assert foreign == UNSEEN


def test_the_k_likeliest_and_misses():
    model = NextTemplate(deep_models.graph())
    after = np.array([PAD, 4, 5, 6], np.int32)
    (first, p), (second, _) = model.expected(after, 2)
    assert (first, second) == (7, 8)
    assert p > 0.5
    found = judged(Sessions.of([[4, 5, 6, 8, 7, 9], [4, 5, 9, 7, 8, 9]]), model)
    assert found.misses(2, 2).tolist()[0] == 0
    assert found.misses(2, 2).tolist()[1] > 0


def test_what_came_before_is_not_judged_again():
    whole = Sessions.of([[4, 5, 9, 6, 7, 8]])
    second_half = Sessions(whole.tokens, whole.start, np.array([3]), np.array([False]))
    found = judged(second_half)
    assert (found.surprise[:3] == 0).all()
    assert found.surprise[3:].tolist() == judged(whole).surprise[3:6].tolist()


def test_a_row_has_the_same_surprise_whatever_stands_beside_it():
    one = Sessions.of([[4, 5, 6, 7, 8, 9]])
    alone = judged(one).surprise
    chance = np.random.default_rng(1)
    for _ in range(20):
        others = [chance.integers(4, 10, chance.integers(1, 30)).tolist() for _ in range(int(chance.integers(1, 40)))]
        place = int(chance.integers(len(others) + 1))
        mixed = judged(Sessions.of([*others[:place], [4, 5, 6, 7, 8, 9], *others[place:]]))
        assert mixed.surprise[mixed.session == place].tolist() == alone.tolist()


def test_a_number_beyond_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="the model knows 0-9"):
        judged(Sessions.of([[4, 10]]))


def test_no_sessions():
    assert len(judged(Sessions.of([]))) == 0


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"no graph"])
def test_what_is_no_graph(data):
    with pytest.raises(ValueError, match="no ONNX graph"):
        NextTemplate(data)


# Training


def test_the_same_seed_trains_the_same_network():
    sessions = Sessions.of([[4, 5, 6, 7]] * 30)
    chosen = Training(window=3, epochs=3, embedding=4, hidden=4)
    one, two = (train(sessions, 8, chosen).net.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_too_few_sessions():
    with pytest.raises(ValueError, match="3 sessions are too few"):
        train(Sessions.of([[4, 5]] * 3), 6, Training())


def test_an_export_that_says_something_else_is_refused():
    torch.manual_seed(1)
    with pytest.raises(NotTheSame, match="differs from PyTorch"):
        check(
            DeepLogNet(10, embedding=8, hidden=8),
            deep_models.graph(),
            torch.zeros((4, 4), dtype=torch.int64),
            name="sequence",
            kind="deeplog",
        )


# The detector


@pytest.fixture
def detector():
    return deep_models.attached(DeepLog(DeepLogOptions(models=str(deep_models.models()))))


def test_it_says_what_it_expected(detector):
    usual = [1, 2, 3, 4, 5] * 4
    windows = window_batch([usual, [*usual[:12], 1, *usual[13:]]])
    calm, odd = detector.score(windows)
    assert odd > calm + 2
    told = detector.explain(windows, 1)
    assert "stored as row" in told[0].instead[0]
    assert sum(one.share for one in told) == pytest.approx(1, abs=0.2)


def test_a_slot_that_another_template_took_is_looked_up_again(detector):
    assert detector.numbers.of(window_batch([[9, 1]])).tolist() == [UNK, 4]
    detector.numbers._first_text = lambda slot: detector.bundle.vocabulary.templates[1].text
    assert detector.numbers.of(window_batch([[9, 1]])).tolist() == [UNK, 4]
    assert detector.numbers.of(window_batch([[9, 1]], new=[[True, False]])).tolist() == [5, 4]


def test_other_settings_are_refused_by_name(detector):
    with pytest.raises(bundle.BadBundle, match=r"engine.depth 4, the stream has 5"):
        detector.attach(lambda slot: "", deep_models.settings() | {"depth": 5})


def test_the_end_of_a_session_is_judged(detector):
    windows = window_batch([[1, 2]], group=0)
    open_still = detector.score(windows)[0]
    windows.reason[:] = IDLE
    assert detector.score(windows)[0] > open_still


# The daemon


def test_the_daemon_takes_a_new_model_without_losing_a_line(tmp_path):
    models, log = tmp_path / "models", tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    lines = deep_models.workflow_log(1200)
    log.write_bytes(b"".join(lines[:2000]))
    deep_models.trained(models, log, epochs=4)
    daemon = DaemonProcess(tmp_path)
    detectors = [{"name": "ewma"}, {"name": "deeplog", "options": {"models": str(models)}}]
    collect = [{"kind": "file", "include": [f"{log.parent}/*.log"]}]
    daemon.configure(streams=[{"name": "host", "collect": collect, "detectors": detectors}])
    try:
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines() == 2000, "the first lines")
        deep_models.trained(models, log, epochs=4, seed=2, force=True)
        wait_until(lambda: "another model is in service" in daemon.said(), "the swap")
        with log.open("ab") as file:
            file.write(b"".join(lines[2000:]))
        wait_until(lambda: daemon.lines() == len(lines), "all lines")
        assert set(daemon.stream()["core"]["detector_failures"].values()) == {0}
        (models / "current").unlink()
        (models / "current").symlink_to("nothing")
        wait_until(lambda: "the one before stays in service" in daemon.said(), "the refusal")
        assert daemon.get("/-/ready")[0] == 200
        assert daemon.stop() == 0
    finally:
        daemon.kill()


def test_a_replay_with_a_model_is_the_same_however_it_is_cut(tmp_path):
    """The daemon reads blocks as they come, the replay a megabyte at a time."""
    log = tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    lines = deep_models.workflow_log(900, seed=3)
    for at in (2500, 3100, 3700, 4100):
        lines[at : at + 30] = reversed(lines[at : at + 30])
    log.write_bytes(b"".join(lines))
    daemon = DaemonProcess(tmp_path)
    detectors = [{"name": "deeplog", "options": {"models": str(deep_models.models())}}]
    collect = [{"kind": "file", "include": [f"{log.parent}/*.log"]}]
    daemon.configure(streams=[{"name": "host", "collect": collect, "detectors": detectors}])
    try:
        assert daemon.finish() == 0
    finally:
        daemon.kill()
    told = daemon.delivered()
    assert told
    command = [sys.executable, "-m", "alogd", "replay", "--config", str(daemon.config), "-o", "jsonl", str(log)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert [json.loads(line) for line in done.stdout.splitlines()] == told
    assert any("expected" in reason for alert in told for reason in alert["reasons"])


# Asked beside the stream


@given(ONE_TO_NINE, st.integers(0, 3))
def test_a_question_answered_in_part_says_so_and_is_right_in_the_rest(sessions, rounds):
    made, model = Sessions.of(sessions * 5), NextTemplate(deep_models.graph())
    expected = model.scores(made.tokens, made.start, made.fresh, made.ends)
    question, turns = BySequence(model.scores, made.tokens, made.start, made.fresh, made.ends), iter(range(rounds))
    question.run(lambda: next(turns, None) is None)
    found = question.scores()
    known = np.isfinite(found)
    assert known.sum() == min(len(found), AT_ONCE * rounds) == len(found) - question.left
    np.testing.assert_array_equal(found[known], expected[known])
    question.run(lambda: False)
    np.testing.assert_array_equal(question.scores(), expected)


def test_what_deeplog_was_not_answered_in_time_has_no_score(detector):
    windows = window_batch([[1, 2, 3, 4, 5] * 4, [1, 2, 2, 4, 5] * 4])
    question = detector.ask(windows)
    assert question.left > 0
    question.run(lambda: True)
    assert np.isnan(question.scores()).all()
    np.testing.assert_array_equal(detector.score(windows), detector.score(windows))
    again = detector.ask(windows)
    assert again.left == 0  # all is remembered
    np.testing.assert_array_equal(again.scores(), detector.score(windows))


def test_evidence_of_a_window_that_was_scored_asks_no_network(detector, monkeypatch):
    windows = window_batch([[1, 2, 3, 4, 5] * 4, [1, 2, 3, 5, 4] * 4])
    detector.score(windows)
    first = detector.explain(windows, 1)
    assert first
    assert first[0].instead
    monkeypatch.setattr(detector.model, "_network", None)
    assert detector.explain(windows, 1) == first


def test_wide_rows_are_told_apart_by_every_column_and_do_not_sway_each_other():
    rows = np.random.default_rng(1).integers(0, 3, (500, 481)).astype(np.int32)
    changed = np.repeat(rows[:1], 481, axis=0)
    changed[np.arange(481), np.arange(481)] += 1
    every = np.concatenate([rows, changed, np.flip(rows[:1], axis=1)])
    assert len(np.unique(hashes(every))) == len(every)
    assert hashes(every[7:8])[0] == hashes(every)[7]
