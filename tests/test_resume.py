"""A training that is killed goes on where it was and gives what one never killed gives."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from alogd.cli.main import main
from alogd.models import bundle
from alogd.offline.models import work
from alogd.state.crashpoint import TRAINING_POINTS
from tests import deep_models
from tests.daemon_process import ROOT

FLAGS = ("--epochs", "6", "--seq-len", "4", "--window", "20/10")
EPOCHS = "epoch_kept:3"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "web.log"
    path.write_bytes(b"".join(deep_models.workflow_log(200)))
    return path


@pytest.fixture(scope="module")
def unkilled(log: Path) -> dict[str, bytes]:
    """What a training gives that nobody disturbs."""
    models = log.parent / "models"
    assert retrain(log, models).returncode == 0
    return content(models)


def retrain(log: Path, models: Path, *more: str, crash: str = "") -> subprocess.CompletedProcess[str]:
    """In a process of its own where that is to be killed; else in this one, which has PyTorch loaded."""
    words = ["retrain", "--from", str(log), "--out", str(models), *FLAGS, *more]
    if not crash:
        with redirect_stderr(StringIO()) as said, redirect_stdout(StringIO()) as shown:
            code = main(words)
        return subprocess.CompletedProcess(words, code, shown.getvalue(), said.getvalue())
    command, environment = [sys.executable, "-m", "alogd", *words], {**os.environ, "ALOGD_CRASH": crash}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def content(models: Path, *more: str) -> dict[str, bytes]:
    """Of the bundle in service: its model, its vocabulary, its quality. (The engine's state has a seed of its own.)"""
    place = bundle.in_service(models)
    assert place is not None
    read = bundle.read(place)
    parts = repr((read.manifest.quality, read.manifest.thresholds, read.manifest.trained_on)).encode()
    return {"quality": parts, **{name: (place / name).read_bytes() for name in ("deeplog.onnx", "vocab.json", *more)}}


def bundles_in(models: Path) -> list[str]:
    return [path.name for path in models.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "."]


@pytest.mark.parametrize(
    "point",
    [EPOCHS if point == "epoch_kept" else pytest.param(point, marks=pytest.mark.slow) for point in TRAINING_POINTS],
)
def test_killed_at_any_step_it_gives_the_same(
    point: str, log: Path, unkilled: dict[str, bytes], tmp_path: Path
) -> None:
    models = tmp_path / "models"
    assert retrain(log, models, crash=point).returncode == -signal.SIGKILL
    if point != "promotion_moved":
        assert bundle.in_service(models) is None
    done = retrain(log, models)
    assert done.returncode == 0, done.stderr
    assert "goes on with what an earlier run" in done.stderr
    assert "reading" not in done.stderr
    assert ("epoch 1," not in done.stderr) == (point != "corpus_kept")
    assert content(models) == unkilled
    assert len(bundles_in(models)) == 1
    assert not (models / work.FOLDER).exists()


@pytest.mark.slow
def test_killed_in_a_later_kind_it_trains_none_of_those_before_again(log: Path, tmp_path: Path) -> None:
    flags = ("--models", "deeplog,mscred", "--channels", "1")
    models, whole = tmp_path / "models", tmp_path / "whole"
    assert retrain(log, models, *flags, crash="epoch_kept:8").returncode == -signal.SIGKILL
    done = retrain(log, models, *flags)
    assert done.returncode == 0, done.stderr
    assert "deeplog: training" not in done.stderr
    assert "mscred: training 50%, epoch 3" in done.stderr
    assert retrain(log, whole, *flags).returncode == 0
    assert content(models, "mscred.onnx") == content(whole, "mscred.onnx")


@pytest.mark.slow
def test_killed_again_and_again_at_any_instant(log: Path, unkilled: dict[str, bytes], tmp_path: Path) -> None:
    models, chance = tmp_path / "models", np.random.default_rng(3)
    command = [sys.executable, "-m", "alogd", "retrain", "--from", str(log), "--out", str(models), *FLAGS]
    for _ in range(4):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        with_work = time.monotonic() + 60
        while not (models / work.FOLDER).exists() and process.poll() is None and time.monotonic() < with_work:
            time.sleep(0.02)
        time.sleep(float(chance.uniform(0, 1)))
        process.kill()
        process.wait()
        if (place := bundle.in_service(models)) is not None:
            bundle.read(place)
            break  # it was through
    assert retrain(log, models).returncode == 0
    assert content(models) == unkilled


def test_told_to_stop_it_says_how_to_go_on(log: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    command = [sys.executable, "-m", "alogd", "retrain", "--from", str(log), "--out", str(models), "--epochs", "9999"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    while "training" not in said and (line := process.stderr.readline()):
        said += line
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in rest
    assert "Traceback" not in said + rest
    assert bundle.in_service(models) is None


@pytest.mark.slow
def test_fresh_forgets(log: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    retrain(log, models, crash=EPOCHS)
    done = retrain(log, models, "--fresh")
    assert (done.returncode, "goes on" in done.stderr) == (0, False)
    assert "reading" in done.stderr


@pytest.mark.slow
def test_a_log_that_grew_is_the_same_log_and_another_is_not(log: Path, tmp_path: Path) -> None:
    models, live = tmp_path / "models", tmp_path / "live.log"
    shutil.copy(log, live)
    retrain(live, models, crash=EPOCHS)
    with live.open("ab") as file:
        file.write(b"Jan  1 00:00:00 host web[7]: a line of later\n" * 100)
    done = retrain(live, models, crash="bundle_written")
    assert "goes on" in done.stderr
    assert "written since then are left for the next training" in done.stderr
    live.write_bytes(b"".join(deep_models.workflow_log(150, seed=9, start=1_770_000_000)))
    done = retrain(live, models)
    assert (done.returncode, "goes on" in done.stderr) == (0, False)
    assert not (models / work.FOLDER).exists()


@pytest.mark.slow
def test_damaged_work_is_done_anew(log: Path, unkilled: dict[str, bytes], tmp_path: Path) -> None:
    models = tmp_path / "models"
    retrain(log, models, crash=EPOCHS)
    (epoch,) = models.glob(".training/*/deeplog.epoch")
    data = bytearray(epoch.read_bytes())
    data[len(data) // 2] ^= 1
    epoch.write_bytes(data)
    assert retrain(log, models).returncode == 0
    assert content(models) == unkilled


def test_one_training_at_a_time(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "models"
    (models / work.FOLDER).mkdir(parents=True)
    with (models / work.FOLDER / work.LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main(["retrain", "--from", str(log), "--out", str(models), *FLAGS]) == 1
    assert "another training works there" in capsys.readouterr().err


def test_too_full_a_disk_is_said_before_anything_is_read(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ROOM", 1 << 60)
    assert main(["retrain", "--from", str(log), "--out", str(tmp_path / "models"), *FLAGS]) == 1
    assert "MiB are free there" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_disk_that_fills_up_leaves_the_model_in_service_and_what_was_done(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    words = ["retrain", "--from", str(log), "--out", str(models), *FLAGS]
    assert main(words) == 0
    before, real, calls = bundle.in_service(models), os.fsync, [0]
    for nth in (1, 4, 9, 12):
        calls[0] = 0

        def full(fd: int, nth: int = nth) -> None:
            calls[0] += 1
            if calls[0] >= nth:
                raise OSError(28, "No space left on device")
            real(fd)

        monkeypatch.setattr(os, "fsync", full)
        assert main([*words, "--seed", "2"]) == 1
        assert "no space left" in capsys.readouterr().err
        assert bundle.in_service(models) == before
        assert before is not None
        bundle.read(before)
    monkeypatch.setattr(os, "fsync", real)
    assert main([*words, "--seed", "2"]) == 0


def test_what_was_given_up_is_removed(log: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    for name in (".training/0123456789abcdef", ".20260101T000000.000000Z-0000"):
        (models / name).mkdir(parents=True)
        os.utime(models / name, (1.0, 1.0))
    (models / ".current-abc").symlink_to("nowhere")
    os.utime(models / ".current-abc", (1.0, 1.0), follow_symlinks=False)
    (models / "mine").mkdir()
    assert main(["retrain", "--from", str(log), "--out", str(models), *FLAGS]) == 0
    assert sorted(path.name for path in models.iterdir() if path.name[0] == ".") == []
    assert (models / "mine").exists()
