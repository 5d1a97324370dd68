"""A model is put into service whole or not at all, whenever the process is killed, and the history tells of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alogd.cli.main import main
from alogd.models import bundle
from alogd.offline.models import bundle as bundles
from alogd.offline.models import history
from tests import deep_models
from tests.daemon_process import ROOT


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Three copies of a model, a, b and c; none in service."""
    place = tmp_path / "models"
    trained = bundle.in_service(deep_models.models())
    assert trained is not None
    for name in "abc":
        shutil.copytree(trained, place / name)
    return place


def in_service(models: Path) -> str:
    place = bundle.in_service(models)
    return place.name if place else ""


@pytest.mark.parametrize("point", ["promotion_noted", "promotion_linked", "promotion_moved"])
def test_killed_between_any_two_steps(point: str, models: Path) -> None:
    assert main(["models", "promote", str(models), "a"]) == 0
    command = [sys.executable, "-m", "alogd", "models", "promote", str(models), "b"]
    environment = {**os.environ, "ALOGD_CRASH": point}
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == -signal.SIGKILL
    assert in_service(models) == ("b" if point == "promotion_moved" else "a")
    bundle.read(models / in_service(models))
    assert main(["models", "promote", str(models), "c"]) == 0  # whatever was left behind is in nobody's way
    assert main(["models", "rollback", str(models)]) == 0
    assert in_service(models) == ("b" if point == "promotion_moved" else "a")


def test_a_full_disk_leaves_the_one_in_service(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundles.promote(models / "a", "promote", "first")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        bundles.promote(models / "b", "promote", "second")
    assert in_service(models) == "a"
    assert {path.name for path in models.iterdir()} == {"a", "b", "c", "current", "history.jsonl"}
    assert [one.bundle for one in history.read(models)] == ["a"]


def test_rollback_goes_the_way_it_came_whatever_the_names(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "cab":
        assert main(["models", "promote", str(models), name]) == 0
    way = []
    for _ in range(2):
        assert main(["models", "rollback", str(models)]) == 0
        way.append(in_service(models))
    assert way == ["a", "c"]
    assert [one.by for one in history.read(models)] == ["promote"] * 3 + ["rollback"] * 2


def test_a_model_that_is_gone_or_damaged_is_passed_over(models: Path) -> None:
    for name in "cab":
        bundles.promote(models / name, "promote", "by hand")
    (models / "a" / "vocab.json").write_bytes(b"{}")
    assert main(["models", "rollback", str(models)]) == 0
    assert in_service(models) == "c"


def test_list_and_show_tell_of_it(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        bundles.promote(models / name, "retrain", "quality 90, the one before 80")
    assert main(["models", "list", str(models), "-o", "json"]) == 0
    rows = {row["name"]: row["promoted"] for row in json.loads(capsys.readouterr().out)}
    assert rows["a"].startswith("20")
    assert rows["c"] is None
    assert main(["models", "show", str(models), "b"]) == 0
    assert "by retrain, instead of a: quality 90" in capsys.readouterr().out


def test_the_history_is_bounded_and_bears_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST", 5)
    for number in range(7):
        history.note(tmp_path, f"m{number}", None, "retrain", "it was good", 90.0)
    assert [one.bundle for one in history.read(tmp_path)] == ["m2", "m3", "m4", "m5", "m6"]
    with (tmp_path / history.FILE).open("ab") as file:
        file.write(b'\xff\xfe not json\n{"at": 1}\n{"at": "2026')
    history.note(tmp_path, "m7", "m6", "promote", "by hand", None)
    assert [one.bundle for one in history.read(tmp_path)][-2:] == ["m6", "m7"]


def test_older_bundles_are_removed_but_none_that_is_needed(models: Path) -> None:
    (models / "0mine").mkdir()  # no bundle
    for name in "acb":
        bundles.promote(models / name, "promote", "by hand")
    bundles.promote(models / "a", "promote", "by hand")
    bundles.promote(models / "a", "promote", "once more, which is no promotion")
    assert len(history.read(models)) == 4
    assert bundles.prune(models, 1) == []  # c is the newest, a in service, b was before it
    bundles.promote(models / "c", "promote", "by hand")
    assert bundles.prune(models, 1) == ["b"]
    assert {path.name for path in models.iterdir()} == {"0mine", "a", "c", "current", "history.jsonl"}
    assert in_service(models) == "c"
