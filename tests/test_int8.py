"""Weights in 8 bits: kept only where they rank as before, and no row sways another."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime.quantization")

from alogd.detectors.deeplog import NextTemplate  # noqa: E402
from alogd.models.vocabulary import Vocabulary  # noqa: E402
from alogd.offline.models import int8, quality  # noqa: E402
from alogd.offline.models.kinds import trainer  # noqa: E402
from alogd.offline.models.sessions import Sessions  # noqa: E402


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    chance = np.random.default_rng(3)
    return Sessions.of(
        [[4 + (at % 7 if chance.random() > 0.1 else 9) for at in range(n)] for n in chance.integers(5, 30, 200)]
    )


@pytest.fixture(scope="module")
def graph(sessions: Sessions) -> bytes:
    known = Vocabulary.of(((f"{at:04x}", f"template {at}") for at in range(10)), {})
    fit = trainer("deeplog")
    chosen = fit.options(epochs=3, embedding=16, hidden=16)
    return fit.graph(fit.train(sessions, len(known), chosen, lambda *_: None).net, sessions, known, chosen)


def test_it_is_smaller_keeps_its_facts_and_its_ranking(graph: bytes, sessions: Sessions) -> None:
    small, why = int8.choose(graph, lambda one: quality.scores_of(NextTemplate(one), sessions))
    assert len(small) < len(graph)
    assert "rank correlation 0.99" in why or "rank correlation 1.0" in why
    ours, theirs = NextTemplate(small), NextTemplate(graph)
    assert (ours.window, ours.k, ours.ends, ours.size) == (theirs.window, theirs.k, theirs.ends, theirs.size)
    assert ours.vocabulary == theirs.vocabulary


def test_a_session_scores_the_same_whatever_stands_beside_it(graph: bytes, sessions: Sessions) -> None:
    small = int8.quantised(graph)
    whole = quality.scores_of(NextTemplate(small), sessions)
    alone = [quality.scores_of(NextTemplate(small), sessions.take(np.array([at])))[0] for at in range(20)]
    assert alone == whole[:20].tolist()


def test_one_that_ranks_otherwise_is_refused_with_the_figure(graph: bytes) -> None:
    told = {True: np.arange(100.0), False: np.random.default_rng(4).permutation(100).astype(float)}
    kept, why = int8.choose(graph, lambda one: told[one == graph])
    assert kept == graph
    assert why.startswith("int8 refused: rank correlation ")
    assert "0.99" in why


def test_rank_correlation() -> None:
    some = np.array([3.0, 1.0, 2.0, 2.0])
    assert int8.rank_correlation(some, np.exp(some)) == pytest.approx(1.0)
    assert int8.rank_correlation(some, -some) == pytest.approx(-1.0)
    assert int8.rank_correlation(some, np.ones(4)) == 0.0
    stats = pytest.importorskip("scipy.stats")
    chance = np.random.default_rng(5)
    ours, theirs = chance.integers(0, 9, 50).astype(float), chance.normal(size=50)
    assert int8.rank_correlation(ours, theirs) == pytest.approx(stats.spearmanr(ours, theirs).statistic)


def test_a_graph_without_weights_is_refused() -> None:
    onnx = pytest.importorskip("onnx")
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    made = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "g", value[:1], value[1:])
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)])
    with pytest.raises(ValueError, match="no weights"):
        int8.quantised(model.SerializeToString())
