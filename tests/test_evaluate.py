"""`alog-detect evaluate`: a trained model finds what was put into sessions, and is quiet on the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("torch")
from alogd.offline.main import main
from alogd.offline.models.sessions import Sessions
from alogd.offline.verdicts.evaluation import with_fakes
from tests.deep_models import trained, workflow_log


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained bundle in models/, and later requests of the same log as sessions in out/."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "a.log").write_bytes(b"".join(workflow_log(400)))
    (folder / "b.log").write_bytes(b"".join(workflow_log(200, seed=5, start=1_770_000_000)))
    trained(folder / "models", folder / "a.log", force=True)
    (folder / "odd.onnx").write_bytes(b"no graph at all")
    out = str(folder / "out")
    assert main(["parse", "--input", str(folder / "b.log"), "--out-dir", out]) == 0
    assert main(["build-deeplog", "--parsed", out, "--out-dir", out, "--window-size", "20", "--stride", "10"]) == 0
    return folder


def run(place: Path, *words: str) -> int:
    words = ("evaluate", "--seq", str(place / "out"), "--out-dir", str(place / "told"), *words)
    return main(list(words))


def test_a_trained_model_finds_what_was_put_in(place: Path) -> None:
    assert run(place, "--checkpoint", str(place / "models"), "--generate-fake-anomaly", "--anomaly-ratio", "0.3") == 0
    (row,) = json.loads((place / "told/evaluation.json").read_text())["models"]
    assert row["model"] == "deeplog"
    assert float(row["auroc"]) > 0.8
    assert {path.name for path in (place / "told/pictures").iterdir()} == {"models_confusion.svg", "scores_deeplog.svg"}


def test_a_row_for_every_checkpoint_and_labels_instead_of_fakes(place: Path, tmp_path: Path) -> None:
    (bundle,) = [
        path for path in (place / "models").iterdir() if (path / "manifest.json").exists() and not path.is_symlink()
    ]
    twice = ["--checkpoint", str(bundle), str(bundle / "deeplog.pth")]
    assert run(place, *twice, "--generate-fake-anomaly") == 0
    first, second = json.loads((place / "told/evaluation.json").read_text())["models"]
    assert first == second
    from alogd.offline import tables

    keys = set(tables.read(place / "out", tables.SEQUENCES)["session"].to_pylist())
    (tmp_path / "l.csv").write_text("session,label\n" + "".join(f"{key},0\n" for key in keys))
    assert run(place, "--checkpoint", str(bundle), "--labels", str(tmp_path / "l.csv")) == 0
    (tmp_path / "l.csv").write_text("session,label\nnobody,1\n")
    assert run(place, "--checkpoint", str(bundle), "--labels", str(tmp_path / "l.csv")) == 65


def test_fakes_are_as_many_as_asked_for_and_seeded() -> None:
    sessions = Sessions.of([[4, 5, 6, 7, 8, 9] for _ in range(200)])
    made, odd = with_fakes(sessions, 0.25, 12, 3)
    again, _ = with_fakes(sessions, 0.25, 12, 3)
    assert 40 <= odd.sum() <= 50
    assert made.tokens.tolist() == again.tokens.tolist()
    for i in np.flatnonzero(~odd):
        assert made.tokens[made.start[i] : made.start[i + 1]].tolist() == [4, 5, 6, 7, 8, 9]
    for i in np.flatnonzero(odd):
        assert made.tokens[made.start[i] : made.start[i + 1]].tolist() != [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--checkpoint", "models"), 2),
        (("--checkpoint", "models", "--generate-fake-anomaly", "--anomaly-ratio", "2"), 2),
        (("--checkpoint", "nowhere", "--generate-fake-anomaly"), 65),
        (("--checkpoint", "out", "--generate-fake-anomaly"), 65),
        (("--checkpoint", "a.log", "--generate-fake-anomaly"), 65),
        (("--checkpoint", "odd.onnx", "--generate-fake-anomaly"), 65),
    ],
)
def test_what_cannot_be_is_refused(place: Path, words: tuple[str, ...], code: int) -> None:
    named = [str(place / word) if word in ("models", "nowhere", "out", "a.log", "odd.onnx") else word for word in words]
    assert run(place, *named) == code
