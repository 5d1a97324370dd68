"""LogBERT: how sequences are cut and hidden, what it is trained on, what it says, and what it says it expected."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alogd.detectors._sequences import beyond_chance
from alogd.detectors.deeplog import UNSEEN
from alogd.detectors.logbert import LogBert, LogBertOptions, MaskedTemplates, hidden_in, masked, pieces
from alogd.event import IDLE
from alogd.models.vocabulary import DIST, MASK, PAD, UNK
from alogd.offline.models.kinds import Start
from alogd.offline.models.nets.logbert import LogBertNet
from alogd.offline.models.sessions import Sessions
from alogd.offline.models.train_logbert import _recenter, sequences, train
from alogd.reference.batches import window_batch
from tests import deep_models, logbert_models
from tests.logbert_models import SMALL
from tests.stopped_training import gone_on

SOME = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=30), min_size=1, max_size=8)


def judged(*sessions: list[int]):
    made = Sessions.of([*sessions])
    return MaskedTemplates(logbert_models.graph()).judge(made.tokens, made.start, made.fresh, made.ends)


# Sequences


@given(SOME, st.integers(1, 12), st.data())
def test_pieces_hold_every_fresh_key_once_and_nothing_long(sessions, most, data):
    made = Sessions.of(sessions)
    fresh = np.array([data.draw(st.integers(0, len(one))) for one in sessions])
    cut = pieces(made.tokens, made.start, fresh, most)
    assert cut.tokens.shape[1] == most
    due: list[list[int]] = [[] for _ in sessions]
    for row, many, session in zip(cut.tokens, cut.fresh.tolist(), cut.session.tolist(), strict=True):
        due[session] += row[row != PAD].tolist()[-many:]
    assert due == [one[len(one) - many :] for one, many in zip(sessions, fresh.tolist(), strict=True)]


@given(SOME, st.integers(1, 4))
def test_every_key_is_hidden_once_and_the_passes_hide_alike_many(sessions, passes):
    made = Sessions.of(sessions)
    table = pieces(made.tokens, made.start, made.fresh, 30).tokens
    hiding = hidden_in(table, passes)
    assert ((hiding == -1) == (table == PAD)).all()
    many = np.array([(hiding == turn).sum(axis=1) for turn in range(passes)])
    assert (many.sum(axis=0) == (table != PAD).sum(axis=1)).all()
    assert (many.max(axis=0) - many.min(axis=0) <= 1).all()


def test_what_is_hidden_depends_on_the_sequence_alone():
    one = np.array([[4, 5, 6, 7, 8, 9, 4, 5]], np.int32)
    others = np.arange(4, 84, dtype=np.int32).reshape(10, 8)
    assert (hidden_in(np.concatenate([others, one]), 2)[-1] == hidden_in(one, 2)[0]).all()
    assert (hidden_in(np.pad(one, ((0, 0), (0, 5))), 2)[0, :8] == hidden_in(one, 2)[0]).all()
    assert len(np.unique(hidden_in(others, 2), axis=0)) > 5


def test_the_network_sees_dist_first_and_no_unknown():
    seen = masked(np.array([[4, UNK, 6, PAD]], np.int32), np.array([[True, False, False, False]]))
    assert seen.tolist() == [[DIST, MASK, MASK, 6, PAD]]


@given(SOME)
def test_distinct_sequences_are_counted(sessions):
    known = sequences(Sessions.of(sessions), 8, ends=True)
    assert len(np.unique(known.tokens, axis=0)) == len(known)
    keys = (known.tokens != PAD).sum(axis=1)
    assert int((keys * known.count).sum()) == sum(len(one) + 1 for one in sessions)


# The model


def test_what_it_expects_and_what_surprises_it():
    usual, other, swapped, early, foreign = judged(
        [4, 5, 6, 7, 8, 9], [4, 5, 6, 8, 7, 9], [5, 4, 6, 7, 8, 9], [4, 5, 6], [4, 5, UNK, 7, 8, 9]
    ).surprise()
    assert max(usual, other) < 2.5
    assert swapped > 2.5
    assert early > 2.5  # its end came too soon
    assert foreign == UNSEEN


def test_misses_are_the_keys_not_among_the_likeliest():
    calm, odd, unknown = judged([4, 5, 6, 7, 8, 9], [9, 9, 4, 4, 9, 5], [UNK] * 3).misses().tolist()
    assert calm == 0
    assert odd >= 3
    assert unknown >= 3


def test_what_came_before_is_not_judged_again():
    model = MaskedTemplates(logbert_models.graph())
    made = Sessions.of([[9, 9, 9, 6, 7, 8]])
    late = model.judge(made.tokens, made.start, np.array([1]), np.array([False]))
    assert late.misses()[0] <= 1
    assert model.judge(made.tokens, made.start, np.array([6]), np.array([False])).misses()[0] > 1
    none = model.judge(made.tokens, made.start, np.array([0]), np.array([False]))
    assert (none.surprise()[0], none.scores()[0]) == (0, 0)


def test_a_session_has_the_same_score_whatever_stands_beside_it():
    alone = judged([4, 5, 6, 9, 8, 7]).scores()[0]
    chance = np.random.default_rng(1)
    for _ in range(20):
        others = [chance.integers(4, 10, chance.integers(1, 60)).tolist() for _ in range(int(chance.integers(1, 30)))]
        place = int(chance.integers(len(others) + 1))
        assert judged(*others[:place], [4, 5, 6, 9, 8, 7], *others[place:]).scores()[place] == alone


def test_a_session_longer_than_the_network_sees_is_judged_in_parts():
    long = [4, 5, 6, 7, 8, 9] * 30
    assert judged([*long[:100], UNK, *long[100:]]).scores()[0] == UNSEEN
    assert judged(long).scores()[0] < UNSEEN


def test_a_number_beyond_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="the model knows 0-9"):
        judged([4, 10])


def test_no_sessions():
    assert len(judged().scores()) == 0


def test_another_models_graph_is_refused():
    with pytest.raises(ValueError, match="'deeplog', not 'logbert'"):
        MaskedTemplates(deep_models.graph())


def test_the_largest_of_many_is_large_by_chance():
    found = beyond_chance(np.array([5.0, 5.0, 30.0, 0.5]), np.array([1, 100, 100, 100]), 30.0)
    assert found.tolist() == pytest.approx([5.0, 5.0 - np.log(100), 30.0, 0.0])


# Training


def test_the_same_seed_trains_the_same_network():
    one, two = (train(logbert_models.usual(), 10, SMALL).net.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_training_that_was_killed_gives_what_one_never_killed_does():
    again, epochs = gone_on(lambda tell, keep: train(logbert_models.usual(), 10, SMALL, tell, keep), 2)
    assert epochs[0] == 3
    again, whole = (done.net.state_dict() for done in (again, train(logbert_models.usual(), 10, SMALL)))
    assert all(torch.equal(again[name], whole[name]) for name in whole)


def test_it_goes_on_from_an_old_model_with_fewer_templates():
    old = train(logbert_models.usual(), 10, SMALL).net.state_dict()
    grown = train(logbert_models.usual(), 12, SMALL, start=Start(old)).net.state_dict()
    assert grown["key.weight"].shape[0] == 12
    with pytest.raises(ValueError, match="train anew"):
        train(logbert_models.usual(), 9, SMALL, start=Start(old))


def test_too_few_sessions():
    with pytest.raises(ValueError, match="3 sessions are too few"):
        train(Sessions.of([[4, 5]] * 3), 6, SMALL)


def test_heads_must_share_the_hidden_size():
    with pytest.raises(ValueError, match="cannot be divided among 3 heads"):
        LogBertNet(10, hidden=16, heads=3)


def test_the_center_is_the_mean_of_what_the_network_makes_of_sequences():
    torch.manual_seed(1)
    net = LogBertNet(10, hidden=16, layers=1, heads=2, length=24)
    table = sequences(logbert_models.usual(), 23, ends=True).tokens
    _recenter(net, table, SMALL)
    seen = torch.from_numpy(masked(table, hidden_in(table, 2) == 0))
    with torch.no_grad():
        assert torch.allclose(net.center, net.states(seen)[:, 0].mean(0), atol=1e-5)


# The detector


@pytest.fixture
def detector():
    return deep_models.attached(LogBert(LogBertOptions(models=str(logbert_models.models()))))


def test_it_says_what_it_expected(detector):
    usual = [1, 2, 3, 4, 5] * 4
    windows = window_batch([usual, [*usual[:12], 1, *usual[13:]]])
    calm, odd = detector.score(windows)
    assert odd > calm + 1
    told = detector.explain(windows, 1)
    assert told[0].slot == 1
    assert "stored as row" in told[0].instead[0]
    assert told[0].share == max(one.share for one in told)


def test_the_end_of_a_session_is_judged(detector):
    windows = window_batch([[1, 2]], group=0)
    before = detector.model.judge(np.array([4, 5], np.int32), np.array([0, 2]), np.array([2]), np.array([False]))
    windows.reason[:] = IDLE
    assert detector.score(windows)[0] > before.scores()[0]
    assert detector.explain(windows, 0)
