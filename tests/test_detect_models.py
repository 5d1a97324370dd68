"""`alog-detect deeplog-train`, `-infer` and their like: models one by one, over the toolbox's files."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from alogd.offline.main import main
from tests.test_detect_all import log

pytest.importorskip("pyarrow")
pytest.importorskip("torch")
import torch

from alogd.detectors.mscred import Signatures
from alogd.offline import tables
from alogd.offline.models import model_files, quality_counts
from alogd.offline.verdicts.evaluation import read_sessions
from alogd.offline.verdicts.processed import Processed
from alogd.offline.windows.counting import read_counts

FEW = ["--epochs", "1"]
SMALL = ["--hidden-size", "16", "--num-layers", "1", "--num-heads", "2"]


def prepare(place: Path, text: bytes, *windows: str) -> Path:
    place.mkdir(exist_ok=True)
    (place / "x.log").write_bytes(text)
    out = str(place)
    assert main(["parse", "--input", str(place / "x.log"), "--out-dir", out]) == 0
    assert main(["build-deeplog", "--parsed", out, "--out-dir", out, *windows]) == 0
    assert main(["build-mscred", "--parsed", out, "--out-dir", out, *windows]) == 0
    return place


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parsed log with its sequences and counts, and one small model of each kind beside them."""
    place = prepare(tmp_path_factory.mktemp("models") / "train", log(3000))
    assert main(["deeplog-train", "--seq", str(place), "--epochs", "3"]) == 0
    assert main(["logbert-train", "--seq", str(place), *FEW, *SMALL]) == 0
    assert main(["mscred-train", "--window-counts", str(place), *FEW, "--channels", "2"]) == 0
    return place


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another log, whose templates have other numbers, with something odd in it."""
    first = b"2026-01-02 03:00:00 INFO [main] svc.a: not seen in training at all\n"
    return prepare(tmp_path_factory.mktemp("models") / "today", first + log(4000, 9, odd=True))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("deeplog", ["--seq"]),
        ("logbert", ["--seq", *SMALL]),
        ("mscred", ["--window-counts", "--channels", "2"]),
    ],
)
def test_every_epoch_is_kept_and_evaluated(
    kind: str, words: list[str], trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    epochs = tmp_path / "epochs"
    epochs.mkdir()
    (epochs / f"{kind}-epoch-099.onnx").write_bytes(b"of an earlier training")
    train = [f"{kind}-train", words[0], str(trained), *words[1:], "--epochs", "2", "--out"]
    assert main([*train, str(tmp_path / "alone.pth")]) == 0
    assert main([*train, str(tmp_path / f"{kind}.pth"), "--each-epoch", str(epochs)]) == 0
    kept = sorted(epochs.glob("*.onnx"))
    assert [path.stem for path in kept] == [f"{kind}-epoch-{number:03d}" for number in range(1, len(kept) + 1)]
    assert len(kept) == 2
    final = (tmp_path / f"{kind}.onnx").read_bytes()
    assert final == (tmp_path / "alone.onnx").read_bytes()  # looking changes nothing
    assert final in [path.read_bytes() for path in kept]  # the best of them
    told = tmp_path / "told"
    checkpoints = [*map(str, kept), str(tmp_path / f"{kind}.onnx")]
    tried = ["--seq", str(trained), "--generate-fake-anomaly", "--out-dir", str(told)]
    capsys.readouterr()
    assert main(["evaluate", "--checkpoint", *checkpoints, *tried]) == 0
    assert f"{kind}-epoch-002" in capsys.readouterr().out
    rows = json.loads((told / "evaluation.json").read_text())["models"]
    assert [row.pop("checkpoint") for row in rows] == [Path(name).stem for name in checkpoints]
    assert {row["model"] for row in rows} == {kind}
    assert rows[-1] in rows[:-1]


@pytest.mark.parametrize(
    ("command", "flag", "model"),
    [
        ("deeplog-infer", "--seq", "deeplog"),
        ("logbert-infer", "--seq", "logbert"),
        ("mscred-infer", "--window-counts", "mscred"),
    ],
)
def test_another_log_is_judged(command: str, flag: str, model: str, trained: Path, today: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(today, out)
    words = [flag, str(today), "--model", str(trained / f"{model}.onnx"), "--out-dir", str(out)]
    assert main([command, *words]) == 0
    (judged,) = Processed(out).detectors
    assert judged.name == model
    odd = judged.last >= 3000, judged.first <= 3013
    assert judged.score[odd[0] & odd[1]].max() > np.quantile(judged.score, 0.9)


def test_what_is_not_among_the_k_likeliest_is_odd_by_k(trained: Path, tmp_path: Path) -> None:
    words = ["deeplog-infer", "--seq", str(trained), "--model", str(trained), "--out-dir", str(tmp_path)]
    missed = []
    for k in ("1", "2"):
        assert main([*words, "--k", k]) == 0
        found = tables.read(tmp_path, tables.DEEPLOG_INFER)
        assert found["is_anomaly"].to_pylist() == [not one for one in found["in_topk"].to_pylist()]
        missed.append(sum(found["is_anomaly"].to_pylist()))
    assert missed[0] > missed[1]


def test_thresholds_can_be_chosen(trained: Path, tmp_path: Path) -> None:
    where = ["--model", str(trained), "--out-dir", str(tmp_path)]
    assert main(["logbert-infer", "--seq", str(trained), *where, "--threshold-percentile", "80"]) == 0
    found = tables.read(tmp_path, tables.LOGBERT_INFER)
    assert found["threshold"][0].as_py() == np.percentile(found["avg_loss"].to_numpy(), 80)
    assert 0 < np.mean(found["is_anomaly"].to_numpy()) <= 0.2
    assert main(["mscred-infer", "--window-counts", str(trained), *where, "--threshold", "0.01"]) == 0
    assert all(tables.read(tmp_path, tables.MSCRED_INFER)["is_anomaly"].to_pylist())


def test_mscred_judges_by_the_same_scores_as_its_training(trained: Path, tmp_path: Path) -> None:
    assert main(["mscred-infer", "--window-counts", str(trained), "--out-dir", str(tmp_path)]) == 0
    found = tables.read(tmp_path, tables.MSCRED_INFER)
    single = model_files.read(trained, "mscred")
    assert isinstance(single.model, Signatures)
    counts = read_counts(trained, len(single.vocabulary))
    assert found["reconstruction_error"].to_pylist() == quality_counts.scores(single.model, counts).tolist()
    assert found["threshold"][0].as_py() == single.threshold


def test_sparse_counts_are_the_dense_ones(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = len(model_files.read_vocabulary(trained / "vocab.json"))
    monkeypatch.setattr("alogd.offline.windows.building.DENSE", 1)
    assert main(["build-mscred", "--parsed", str(trained), "--out-dir", str(tmp_path)]) == 0
    dense, sparse = read_counts(trained, known), read_counts(tmp_path, known)
    for name in ("start", "number", "count", "group", "place"):
        assert getattr(dense, name).tolist() == getattr(sparse, name).tolist()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["deeplog-train", "--seq", "{here}/none"], 65, "no such file"),
        (["deeplog-train", "--seq", "{trained}", "--out", "{here}/x.bin"], 2, "ends with .pth"),
        (["deeplog-train", "--seq", "{trained}", "--epochs", "0"], 2, "--epochs 0"),
        (["deeplog-infer", "--seq", "{trained}", "--model", "{here}/x.onnx"], 65, "deeplog-train writes one"),
        (["deeplog-infer", "--seq", "{trained}", "--model", "{trained}/mscred.onnx"], 65, "not 'deeplog'"),
        (["logbert-train", "--seq", "{trained}", "--num-heads", "3"], 2, "3 heads do not divide it"),
        (["logbert-infer", "--seq", "{trained}", "--threshold-percentile", "100"], 2, "between 0 and 100"),
        (["mscred-infer", "--window-counts", "{trained}", "--vocab", "{here}/other.json"], 65, "no such file"),
        (["mscred-infer", "--window-counts", "{trained}", "--threshold", "0"], 2, "above 0"),
        (["deeplog-train", "--seq", "{trained}", "--out", "{today}/deeplog.pth"], 65, "is another vocabulary"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str],
    code: int,
    says: str,
    trained: Path,
    today: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([word.format(here=tmp_path, trained=trained, today=today) for word in words]) == code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["deeplog", "logbert", "mscred"])
def test_weights_become_the_graph_they_came_with(kind: str, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, place := tmp_path / "copy")
    (place / f"{kind}.onnx").unlink()
    assert main(["convert", str(place / f"{kind}.pth")]) == 0
    before, after = (model_files.read(one, kind) for one in (trained, place))
    assert after.threshold == before.threshold
    sessions, _, _ = read_sessions(trained)
    asked = sessions.tokens, sessions.start, sessions.fresh, sessions.ends
    assert np.allclose(before.model.scores(*asked), after.model.scores(*asked), atol=1e-3)


def test_what_is_no_model_is_not_converted(
    trained: Path, today: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bad := tmp_path / "bad.pth").write_bytes(b"PK no weights")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save(model_files.read_weights(trained / "deeplog.pth").tensors, alone := tmp_path / "alone.pth")
    vocab = ["--vocab", str(trained / "vocab.json")]
    for words, says in (
        ([str(bad), *vocab], "no weights that can be read"),
        ([str(tmp_path / "other.pth"), *vocab], "no model that is known here"),
        ([str(alone), *vocab], "tensors alone"),
        ([str(trained / "deeplog.pth"), "--vocab", str(today / "vocab.json")], "another vocabulary"),
    ):
        assert main(["convert", *words]) == 65
        assert says in capsys.readouterr().err
    assert not list(tmp_path.glob("*.onnx"))


def test_a_directory_is_watched(trained: Path, tmp_path: Path) -> None:
    shutil.copy(trained / "vocab.json", tmp_path)
    (tmp_path / "bad.pth").write_bytes(b"x")
    program = "import sys; from alogd.offline.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "convert", "--watch", str(tmp_path), "--every", "0.1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "bad.pth holds no weights" in process.stderr.readline()
        shutil.copy(trained / "deeplog.pth", tmp_path / "new.tmp")
        (tmp_path / "new.tmp").rename(tmp_path / "deeplog.pth")
        assert "deeplog.onnx" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(60) == 130
        finally:
            process.kill()
    assert model_files.read(tmp_path, "deeplog").kind == "deeplog"


def test_the_oddest_windows_are_told(trained: Path, today: Path, tmp_path: Path) -> None:
    shutil.copytree(today, out := tmp_path / "out")
    model = ["--model", str(trained / "mscred.onnx")]
    assert main(["mscred-infer", "--window-counts", str(out), *model]) == 0
    assert main(["analyze-mscred", "--processed-dir", str(out), *model, "--top", "3"]) == 0
    told = (out / "mscred_analysis.md").read_text()
    assert told.count("\n## ") == 3
    assert "templates the model does not know" in told
    assert len(list((out / "pictures").glob("mscred_*.svg"))) == 3
    ElementTree.parse(out / "pictures" / "mscred_1.svg")
