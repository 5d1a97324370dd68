"""`alogd models`: lists, shows, proves, compares, promotes and rolls back, and says what it cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alogd.cli.main import main
from alogd.models import bundle
from tests import deep_models


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "web.log"
    path.write_bytes(b"".join(deep_models.workflow_log(200)))
    return path


@pytest.fixture
def models(tmp_path: Path, log: Path) -> Path:
    """Two models, the second worse and not in service."""
    for epochs in (6, 1):
        deep_models.trained(tmp_path / "models", log, epochs=epochs)
    return tmp_path / "models"


def names(models: Path) -> list[str]:
    return sorted(path.name for path in models.iterdir() if path.is_dir() and not path.is_symlink())


def test_the_one_in_service_is_marked(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", str(models), "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows if row["in_service"]} == {bundle.in_service(models).name}  # type: ignore[union-attr]
    assert main(["models", "list", str(models)]) == 0
    assert "2 models, one in service" in capsys.readouterr().out


def test_what_it_is_and_that_it_is_sound(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", str(models), "current"]) == 0
    shown = capsys.readouterr().out
    assert "found_swapped" in shown
    assert "(in service)" in shown
    assert main(["models", "validate", str(models), "current"]) == 0
    assert "4 files sound" in capsys.readouterr().out
    graph = bundle.in_service(models) / "deeplog.onnx"  # type: ignore[operator]
    graph.write_bytes(graph.read_bytes()[:-1])
    assert main(["models", "validate", str(models), "current"]) == 65
    assert "sha256 differs" in capsys.readouterr().err


def test_both_on_the_same_lines(models: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "compare", str(models), *names(models), "--from", str(log), "-o", "json"]) == 0
    better, worse = json.loads(capsys.readouterr().out)
    assert better["quality"] > worse["quality"]


def test_forth_and_back(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (bundle.read(models / name).manifest.created for name in names(models))
    assert old <= new
    first, second = names(models)
    assert main(["models", "promote", str(models), second]) == 0
    assert bundle.in_service(models) == models / second
    assert main(["models", "rollback", str(models)]) == 0
    assert bundle.in_service(models) == models / first
    capsys.readouterr()
    assert main(["models", "rollback", str(models)]) == 1
    assert f"no sound model is older than {first}" in capsys.readouterr().err


def test_a_damaged_model_is_not_promoted(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = bundle.in_service(models)
    other = next(name for name in names(models) if models / name != before)
    (models / other / "vocab.json").write_bytes(b"{}")
    assert main(["models", "promote", str(models), other]) == 65
    assert "vocab.json is not the file" in capsys.readouterr().err
    assert bundle.in_service(models) == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["show"], 2, "1 name wanted, 0 given"),
        (["show", "x"], 1, "names 0 models"),
        (["show", "20"], 1, "names 2 models"),
        (["compare", "current", "current"], 2, "name logs to judge both on"),
    ],
)
def test_what_cannot_be_done(
    words: list[str], code: int, says: str, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    action, *rest = words
    assert main(["models", action, str(models), *rest]) == code
    assert says in capsys.readouterr().err


def test_no_models_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", str(tmp_path / "none")]) == 1
    assert "alogd retrain --out" in capsys.readouterr().err
