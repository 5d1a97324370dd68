"""MSCRED: its matrices, the windows it remembers, what it is trained on, what it says, and how it is restarted."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alogd.cli.inputs import open_all
from alogd.config.tree import Alerts, Risk
from alogd.detectors import _series
from alogd.detectors._matrices import LARGEST, Plan, counts_of, matrices, place_of
from alogd.detectors._series import Series
from alogd.detectors.base import OtherModel
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.detectors.mscred import Mscred, MscredOptions, Signatures
from alogd.judging.judge import Judge
from alogd.models.vocabulary import UNK
from alogd.offline.models import quality_counts
from alogd.offline.models.corpus import pack, unpack
from alogd.offline.models.export import NotTheSame, check
from alogd.offline.models.kinds import Start
from alogd.offline.models.nets.mscred import MscredNet
from alogd.offline.models.quality import of_bundle
from alogd.offline.models.retrain import retrain
from alogd.offline.models.series import STRETCH, Counts, CountSample, choose, rows
from alogd.offline.models.sessions import Sessions, series_of
from alogd.offline.models.thresholds import threshold
from alogd.offline.models.train_mscred import train
from alogd.reference.batches import window_batch
from alogd.windows import rows as windows_of
from tests import deep_models, mscred_models
from tests.stopped_training import gone_on

PLAN = Plan((4, 5, 7), (1.0, 2.0, 1.5, 1.0, 1.0), segments=(1, 3), steps=2)


# Matrices


def plain(series: list[list[int]], plan: Plan) -> list[list[list[list[float]]]]:
    """By the book: the last of a series of windows."""
    roots = [[min(LARGEST, (c**0.5) / s) for c, s in zip(one, plan.scale, strict=True)] for one in series]
    made = []
    for step in range(plan.steps):
        upto = roots[: len(roots) - (plan.steps - 1 - step)]
        parts = [upto[-segment:] for segment in plan.segments]
        made.append(
            [
                [[sum(one[i] * one[j] for one in part) / max(1, len(part)) for j in range(5)] for i in range(5)]
                for part in parts
            ]
        )
    return made


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2000), min_size=5, max_size=5), min_size=1, max_size=9))
def test_matrices_are_those_of_a_plain_loop(series):
    memory = Series(PLAN.history, PLAN.side)
    counts = np.zeros((len(series), PLAN.side), np.int32)
    counts[:, :5] = series
    found = memory.before(np.ones(len(series), np.uint64), counts)
    made = matrices(found.counts, found.age, PLAN)
    assert made.dtype == np.float32
    for at in range(len(series)):
        np.testing.assert_allclose(made[at, :, :, :5, :5], plain(series[: at + 1], PLAN), rtol=1e-6)
    assert not made[..., 5:].any()


def test_every_number_has_a_place_and_unknown_ones_their_own():
    assert place_of(PLAN, 9).tolist() == [4, 4, 4, 4, 0, 1, 3, 2, 3]
    places = place_of(PLAN, 9)[[4, 4, 8, UNK, 5]]
    assert counts_of(places, np.array([0, 3, 3, 5]), 8)[:, :5].tolist() == [[2, 0, 0, 1, 0], [0] * 5, [0, 1, 0, 0, 1]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"segments": ()},
        {"segments": (3, 1)},
        {"segments": (1, 300)},
        {"steps": 0},
        {"templates": (4, 4, 5)},
        {"templates": (1, 2, 3)},
        {"scale": (1.0,)},
        {"scale": (0.0, 1.0, 1.0, 1.0, 1.0)},
        {"scale": (float("nan"), 1.0, 1.0, 1.0, 1.0)},
    ],
)
def test_plans_that_cannot_be(wrong):
    right = {"templates": (4, 5, 7), "scale": PLAN.scale, "segments": (1, 3), "steps": 2}
    assert Plan(**right) == PLAN
    with pytest.raises(ValueError, match=r"segments|templates|scale|special"):
        Plan(**(right | wrong))


def test_a_plan_comes_back_from_the_metadata():
    facts = {f"alogd.{name}": str(value) for name, value in PLAN.facts().items()}
    assert Plan.of(facts) == PLAN
    for name in facts:
        with pytest.raises(ValueError, match="does not say its"):
            Plan.of({other: value for other, value in facts.items() if other != name})


# Windows before


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=40), st.data())
def test_what_is_remembered_does_not_depend_on_the_cuts(groups, data):
    counts = np.arange(len(groups) * 8, dtype=np.int32).reshape(-1, 8)
    group = np.array(groups, np.uint64)
    whole, cut = Series(4, 8), Series(4, 8)
    together = whole.before(group, counts)
    whole.follow(group, counts)
    at, found = 0, []
    while at < len(groups):
        end = data.draw(st.integers(at + 1, len(groups)))
        found.append(cut.before(group[at:end], counts[at:end]))
        cut.follow(group[at:end], counts[at:end])
        restored = Series(4, 8)
        restored.restore(cut.state())
        at, cut = end, restored
    for name in ("counts", "age"):
        parts = [getattr(one, name) for one in found] or [getattr(together, name)]
        np.testing.assert_array_equal(np.concatenate(parts), getattr(together, name))
    for name, value in whole.state().items():
        np.testing.assert_array_equal(cut.state()[name], value)


def test_the_series_silent_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(_series, "MOST_SERIES", 3)
    memory = Series(3, 8)
    for one in (1, 2, 3, 1, 4):
        memory.follow(np.array([one], np.uint64), np.ones((1, 8), np.int32))
    assert memory.state()["series"].tolist() == [3, 1, 4]
    ages = memory.before(np.array([1, 2, 3], np.uint64), np.ones((3, 8), np.int32)).age
    assert ages.tolist() == [3, 1, 1]  # 3 was forgotten when 2 came


def test_damaged_series_are_refused():
    memory = Series(3, 8)
    memory.follow(np.array([1, 2], np.uint64), np.ones((2, 8), np.int32))
    good = memory.state()
    wrong = {
        "series": np.array([1, 1], np.uint64),
        "age": np.array([1, 9]),
        "counts": -good["counts"],
    }
    for name, value in wrong.items():
        with pytest.raises(ValueError, match="saved state"):
            Series(3, 8).restore(good | {name: value})
    with pytest.raises(ValueError, match="saved state"):
        Series(4, 8).restore(good)


# What it is trained on


def sampled(most: int, groups: int, size: int):
    sample, n = CountSample(most=most), groups * size
    log = window_batch([[at % 3, 3 + at % 2] for at in range(n)], group=[1 + at % groups for at in range(n)])
    for at in range(0, n, 100):
        sample.add(windows_of.part(log, at, min(n, at + 100)))
    return sample.counts(np.arange(8, dtype=np.int32)), sample.step


def test_a_sample_of_too_many_windows_keeps_whole_stretches():
    kept, step = sampled(most=20 * STRETCH, groups=2, size=10 * STRETCH)
    assert step == 2
    assert len(kept.number) <= 20 * STRETCH + 200
    for one in (1, 2):
        places = kept.place[kept.group == one]
        assert len(places) == 5 * STRETCH
        assert (np.unique(places // STRETCH, return_counts=True)[1] == STRETCH).all()
    plan = choose(kept, 8, most=3, segments=(1, 4), steps=2)
    known = rows(kept, plan, 8)
    begins = sum(bool((kept.place[kept.group == one] == 0).any()) for one in (1, 2))
    assert len(known) == len(kept) - (10 - begins) * (plan.history - 1)  # the first of the others only came before
    assert sum(place[0] < 0 for place in known.place) == begins * (plan.history - 1)


def test_a_sample_of_many_short_series_is_bounded_too():
    kept, step = sampled(most=2000, groups=500, size=8)
    assert step > 1
    assert 500 <= len(kept.number) <= 2200
    assert (np.unique(kept.group, return_counts=True)[1] == 8).all()


def test_histories_for_training_are_those_of_the_daemon():
    chance = np.random.default_rng(1)
    counts = Counts.of(
        [{4 + int(n): int(chance.integers(1, 9)) for n in chance.integers(0, 6, 3)} for _ in range(90)],
        chance.integers(1, 4, 90).tolist(),
    )
    plan = choose(counts, 12, most=4, segments=(1, 3), steps=2)
    known = rows(counts, plan, 12)
    theirs, age = known.history(slice(None))
    ours = Series(plan.history, plan.side).before(counts.group, counts.dense(plan, 12))
    np.testing.assert_array_equal(theirs, ours.counts)
    np.testing.assert_array_equal(age, ours.age)


FEW = replace(mscred_models.SMALL, epochs=4, draws=64, batch=8)


def small(n: int = 60, *, alone: bool = False) -> Sessions:
    return Sessions.counted(Counts.of(mscred_models.windows(n), alone=alone))


@pytest.fixture(scope="module")
def whole() -> MscredNet:
    """A training that nobody disturbed."""
    torch.set_num_threads(1)
    return train(small(), 14, FEW).net


def test_the_same_seed_trains_the_same_network_and_so_does_a_training_that_was_killed(whole):
    for after in (1, 3, 4):
        again, epochs = gone_on(lambda tell, keep: train(small(), 14, FEW, tell, keep), after)
        assert epochs == [*range(after + 1, 5)]
        assert again.net.plan == whole.plan
        again, once = again.net.state_dict(), whole.state_dict()
        assert all(torch.equal(again[name], once[name]) for name in once)


def start_of(net: MscredNet) -> Start:
    return Start(net.state_dict(), {f"alogd.{name}": str(value) for name, value in net.plan.facts().items()})


def test_it_goes_on_from_an_old_model_with_fewer_templates(whole):
    known = len(whole.plan.templates)
    wider = replace(FEW, templates=9)  # a matrix of 16 places then, where there were 8
    begun = train(small(), 16, replace(wider, rate=1e-12), start=start_of(whole)).net
    for name, value in whole.named_parameters():
        assert torch.allclose(begun.get_parameter(name), value, atol=1e-9)
    assert begun.plan.templates[:known] == whole.plan.templates
    assert (begun.plan.side, begun.spread.shape[-1], whole.plan.side) == (16, 16, 8)
    counts = series_of(small())
    new, old = choose(counts, 16, most=9, segments=(1, 2, 4), steps=2), whole.plan
    assert begun.plan.scale[:known] == tuple(new.scale[new.templates.index(one)] for one in old.templates)


def test_what_an_old_model_of_other_matrices_is_told(whole):
    with pytest.raises(ValueError, match=r"are 2 steps of segments \(1, 2, 4\), not 1 steps .*: train anew"):
        train(small(alone=True), 14, FEW, start=start_of(whole))
    with pytest.raises(ValueError, match=r"encoder.0.weight is 2x3x3x3, not 3x3x3x3: train anew"):
        train(small(), 14, replace(FEW, channels=3), start=start_of(whole))


def test_templates_keep_their_places_and_new_ones_take_those_of_what_is_gone():
    counts = Counts.of([{4: 9, 6: 4, 7: 1, 8: 16}, {4: 9, 6: 4, 7: 1}] * 10)
    old = Plan((5, 6, 4), (7.0, 1.0, 1.0, 5.0, 6.0), segments=(1,), steps=1)
    kept = choose(counts, 12, most=3, segments=(1,), steps=1, old=old)
    assert kept.templates == (7, 6, 4)
    assert kept.scale == (1.0, 2.0, 3.0, 4.0, 6.0)
    more = choose(counts, 12, most=5, segments=(1,), steps=1, old=old)
    assert more.templates == (5, 6, 4, 7, 8)
    assert more.scale == (7.0, 2.0, 3.0, 1.0, 4.0, 5.0, 6.0)  # what did not come keeps what was usual of it


def test_too_few_windows():
    with pytest.raises(ValueError, match="3 windows are too few"):
        train(Sessions.counted(Counts.of([{4: 1}] * 3)), 5, mscred_models.SMALL)


def test_an_export_that_says_something_else_is_refused():
    torch.manual_seed(1)
    with pytest.raises(NotTheSame, match="differs from PyTorch"):
        check(
            MscredNet(3, 8, channels=2),
            mscred_models.made(),
            torch.ones((2, 2, 3, 8, 8)),
            name="matrices",
            kind="mscred",
        )


@pytest.mark.parametrize("alone", [False, True])
def test_it_finds_counts_that_do_not_fit_together(alone):
    model, counts = Signatures(mscred_models.made(alone)), Counts.of(mscred_models.windows(400), alone=alone)
    limit = threshold(quality_counts.scores(model, counts))
    parts = quality_counts.judge(model, counts, limit, seed=1)
    assert parts["quiet"] > 95
    assert parts["found_burst"] > 80
    assert parts["found_silence"] > 50 or not alone  # of a series so small a network takes it for a quiet moment


# The detector


def usual(n: int, begin: int = 0):
    """Windows of `mscred_models.windows`, as slots."""
    made = mscred_models.windows(begin + n)[begin:]
    return window_batch([[number - 3 for number, many in one.items() for _ in range(many)] for one in made])


def test_a_broken_relation_is_told_with_what_would_have_been_usual():
    detector = mscred_models.detector()
    detector.follow(usual(30))
    calm = detector.score(usual(20, 30)).max()
    broken = window_batch([[1] * 8 + [3] * 6 + [5] * 2])  # eight of the first without the eight of the second
    assert detector.score(broken)[0] > 1.5 * calm
    told = {one.slot: one for one in detector.explain(broken, 0)}
    assert told[2].seen == 0
    assert told[2].expected > 1
    assert sum(one.share for one in told.values()) <= 1 + 1e-9


def test_evidence_of_a_window_that_was_scored_asks_no_network(monkeypatch):
    detector = mscred_models.detector()
    detector.follow(usual(30))
    broken = window_batch([[1] * 8 + [3] * 6 + [5] * 2])
    detector.score(broken)
    own, expected = detector.model.blame(detector._histories(broken))
    monkeypatch.setattr(detector.model, "_network", None)
    told = detector.model.most_blamed(detector._histories(broken))
    assert told[:, 0].tolist() == np.argsort(-own, kind="stable")[:5].tolist()
    np.testing.assert_allclose(told[:, 1], np.sort(own)[::-1][:5] / own.sum())
    assert told[:, 2].tolist() == expected[told[:, 0].astype(int)].tolist()
    assert detector.explain(broken, 0)


def test_what_came_before_counts():
    detector = mscred_models.detector()
    young = detector.score(usual(1, 50))
    detector.follow(window_batch([[1] * 20] * 6))
    assert detector.score(usual(1, 50))[0] != young[0]


def test_sessions_are_judged_by_themselves_and_answered_from_memory():
    detector = mscred_models.detector(alone=True)
    before = detector.score(usual(20))
    detector.follow(usual(20))
    np.testing.assert_array_equal(detector.score(usual(20)), before)
    assert len(detector.series) == 0
    assert detector.model.answers.hits >= 20


def test_another_model_begins_anew():
    state = mscred_models.detector().state()
    other = Mscred(MscredOptions(models=str(mscred_models.models(alone=True))))
    with pytest.raises(OtherModel):
        other.restore(state)


def judge() -> Judge:
    detectors = {"ewma": Ewma(EwmaOptions()), "mscred": mscred_models.detector()}
    return Judge(detectors, alerts=Alerts(warmup_windows=20), weights=Risk(), budget_per_day=5)


def run(log, cuts: list[int], restart: bool) -> list[float]:
    """All scores, the log judged in blocks that end at `cuts`, restarted between them or not."""
    ours, scores = judge(), []
    for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        at = begin
        while at < end:
            part = windows_of.part(log, at, min(end, at + ours.room))
            verdict = ours.judge(part)
            scores += verdict.scores["mscred"].tolist()
            ours.add(verdict, ~verdict.odd, ~verdict.odd)
            at += len(part)
        if restart:
            again = judge()
            again.restore(ours.state())
            ours = again
    return scores


def test_scores_are_the_same_however_the_log_is_cut_and_across_restarts():
    chance = np.random.default_rng(4)
    made = [chance.integers(1, 12, int(chance.integers(3, 20))).tolist() for _ in range(120)]
    log = window_batch(made, group=chance.integers(1, 4, 120).tolist())
    whole = run(log, [], restart=False)
    np.testing.assert_array_equal(run(log, [1, 17, 18, 64, 65, 100], restart=True), whole)
    np.testing.assert_array_equal(run(log, [*range(7, 120, 7)], restart=False), whole)
    asked = np.isfinite(whole)
    assert 60 < asked.sum() < 120  # it is heavy: of some windows nobody asked, which came before others all the same
    detector = mscred_models.detector()
    np.testing.assert_array_equal(detector.score(log)[asked], np.array(whole)[asked])


# Training from logs


def test_retrain_makes_a_bundle_that_the_detector_uses(tmp_path):
    log = tmp_path / "web.log"
    log.write_bytes(b"".join(deep_models.workflow_log(300)))
    torch.set_num_threads(1)
    inputs = open_all([str(log)])
    chosen = {"mscred": replace(mscred_models.SMALL, epochs=4)}
    try:
        done = retrain(inputs, deep_models.stream(), Alerts(), tmp_path / "models", chosen, deep_models.SILENT)
    finally:
        for one in inputs:
            one.close()
    assert done.promoted
    assert {"mscred.quiet", "mscred.found_burst", "mscred.found_ratio"} <= {*done.quality.parts}
    detector = Mscred(MscredOptions(models=str(tmp_path / "models")))
    assert len(detector.model.plan.templates) == 5
    assert series_of(unpack(pack(done.corpus)).sessions).count.sum() == series_of(done.corpus.sessions).count.sum()
    same = of_bundle(detector.bundle, done.corpus.vocabulary, done.corpus.sessions, 1)
    assert same.total == done.quality.total
