"""`alogd retrain` as a person meets it, and what the daemon says of models it cannot have."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from alogd.cli.main import main
from alogd.models import bundle
from tests import deep_models
from tests.daemon_process import ROOT


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "web.log"
    path.write_bytes(b"".join(deep_models.workflow_log(300)))
    return path


def test_it_trains_judges_promotes_and_says_so(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no configuration lies
    models = tmp_path / "models"
    told = []
    for seed in (1, 2):
        flags = ["--epochs", "2", "--seq-len", "4", "--window", "20/10", "--seed", str(seed)]
        assert main(["retrain", "--from", str(log), "--out", str(models), *flags]) == 0
        told.append(capsys.readouterr().out)
    assert "5 templates" in told[0]
    assert "promoted: no usable model was in service" in told[0]
    assert "on the same sessions" in told[1]
    place = bundle.in_service(models)
    assert place is not None
    assert bundle.read(place).manifest.trained_on.paths == (str(log),)


def test_the_same_seed_gives_the_same_model(log: Path, tmp_path: Path) -> None:
    graphs = [deep_models.trained(tmp_path / name, log, epochs=2).bundle / "deeplog.onnx" for name in ("one", "two")]
    assert graphs[0].read_bytes() == graphs[1].read_bytes()


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (b"", 65, "nothing to train on"),
        (b"Jan  1 00:00:00 host a: one line\n", 65, "1 sessions are too few"),
        (b"\x00\x01\x02\x03" * 2000, 65, "cannot be read as a log"),
        (None, 1, "no such file"),
        (b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 50, 65, "is a damaged gzip file"),
        (gzip.compress(b"", mtime=0), 65, "empty; there is nothing"),
    ],
)
def test_what_cannot_be_trained_on(
    text: bytes | None, code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.log"
    if text is not None:
        path.write_bytes(text)
    assert main(["retrain", "--from", str(path), "--out", str(tmp_path / "models")]) == code
    assert says in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_place_that_is_none_is_said_before_anything_is_read(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").write_text("a file\n")
    assert main(["retrain", "--from", str(log), "--out", str(tmp_path / "models")]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'models'}: file exists" in said
    assert "reading" not in said


def test_a_directory_of_logs_is_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retrain", "--from", str(tmp_path), "--out", str(tmp_path / "models")]) == 65
    assert "is a directory; name the files in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags", [["--keep", "0"], ["--epochs", "0"], ["--seq-len", "0"], ["--k", "0"], ["--num-layers", "0"]]
)
def test_a_wrong_number_is_wrong_usage(
    log: Path, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["retrain", "--from", str(log), "--out", str(tmp_path / "models"), *flags]) == 2
    assert f"{flags[0]} 0: a number from 1" in capsys.readouterr().err


def test_without_pytorch_it_says_what_to_install(log: Path, tmp_path: Path) -> None:
    program = "import sys; sys.modules['torch'] = None; from alogd.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "retrain", "--from", str(log), "--out", str(tmp_path / "models")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install torch==2.13.0" in done.stderr


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_stream_without_the_model_it_names(command: str, tmp_path: Path) -> None:
    config = tmp_path / "alogd.yaml"
    stream = {
        "name": "web",
        "collect": [{"kind": "file", "include": [str(tmp_path / "*.log")]}],
        "detectors": ["ewma", {"name": "deeplog", "options": {"models": str(tmp_path / "models")}}],
    }
    config.write_text(json.dumps({"streams": [stream], "state": {"directory": str(tmp_path / "state")}}))
    words = [sys.executable, "-m", "alogd", command, "--config", str(config)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 78
    assert "no model is in service" in done.stderr + done.stdout
    assert f"alogd retrain --out {tmp_path / 'models'}" in done.stderr + done.stdout


def test_what_another_stream_may_rely_on_is_not_replaced() -> None:
    from alogd.models.bundle import Quality
    from alogd.offline.models.retrain import _decide

    good = Quality(total=90.0, parts={})
    assert _decide(good, good, set(), force=False)[0]
    promoted, why = _decide(good, good, {"other"}, force=False)
    assert not promoted
    assert "has other too" in why
    assert _decide(good, good, {"other"}, force=True)[0]


def test_an_unknown_model_is_wrong_usage(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retrain", "--from", str(log), "--out", str(tmp_path / "m"), "--models", "deeplog,psychic"]) == 2
    assert "no model is named 'psychic'; there are: deeplog" in capsys.readouterr().err


def test_both_models_go_into_one_bundle(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "models"
    flags = ["--epochs", "1", "--window", "20/10", "--hidden-size", "16", "--num-layers", "1", "--num-heads", "2"]
    words = ["retrain", "--from", str(log), "--out", str(models), "--models", "deeplog,logbert", *flags]
    assert main(words) == 0
    assert "logbert" in capsys.readouterr().out
    place = bundle.in_service(models)
    assert place is not None
    read = bundle.read(place)
    assert set(read.manifest.thresholds) == {"deeplog", "logbert"}
    assert {"logbert.onnx", "logbert.pth"} < set(read.files)
    assert {"deeplog.quiet", "logbert.quiet"} < set(read.manifest.quality.parts)


def test_heads_that_do_not_divide_the_width(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["retrain", "--from", str(log), "--out", str(tmp_path / "m"), "--models", "logbert", "--num-heads", "7"]
    assert main(words) == 2
    assert "7 heads do not divide it" in capsys.readouterr().err


def test_weights_in_int8_are_kept_where_they_rank_alike(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    flags = ["--epochs", "3", "--seq-len", "4", "--window", "20/10", "--int8"]
    assert main(["retrain", "--from", str(log), "--out", str(models), *flags]) == 0
    place = bundle.in_service(models)
    assert place is not None
    said = capsys.readouterr().err
    kept = b"alogd.int8" in bundle.read(place).files["deeplog.onnx"]
    assert "deeplog: int8" in said
    assert kept == ("int8 refused" not in said)
