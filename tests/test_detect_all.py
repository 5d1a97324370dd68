"""`alog-detect pipeline`, `batch`, `train`, `infer`, `validate`, `compare`: whole analyses, and what they refuse."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from alogd.offline.main import main

pytest.importorskip("pyarrow")
pytest.importorskip("torch")
from alogd.models import bundle
from alogd.offline import tables
from alogd.offline.rows import found_logs
from alogd.offline.verdicts.processed import Processed

STEPS = ("open", "read", "write", "close")


def log(count: int = 4000, seed: int = 5, odd: bool = False) -> bytes:
    choose, text, stage = random.Random(seed), [], 0
    for i in range(count):
        stage = 0 if choose.random() < 0.01 else stage + 1
        stamp = f"2026-01-02 {3 + i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}"
        what = "disk failed at sector" if odd and 3000 < i < 3012 else f"{STEPS[stage % 4]} file number"
        text.append(f"{stamp} INFO [main] svc.a: {what} {i}\n".encode())
    return b"".join(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """logs/: a log, an older part of it, and what is no log; models/: trained on the two."""
    place = tmp_path_factory.mktemp("all")
    logs = place / "logs"
    (logs / "old" / "older" / "oldest").mkdir(parents=True)
    for name, content, age in (
        ("app.log", log(), 0),
        ("old/app.log.1", log(2000, 6), 100),
        ("old/older/oldest/deep.log", b"too deep\n", 200),
        ("empty.log", b"", 0),
        ("program", b"\x7fELF" + bytes(500), 0),
    ):
        (logs / name).write_bytes(content)
        os.utime(logs / name, (1_770_000_000 - age,) * 2)
    words = ["--epochs", "4", "--kinds", "deeplog"]
    assert main(["train", str(logs), str(place / "models"), *words]) == 0
    return place


def test_logs_are_found_oldest_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = place / "logs"
    found = [str(Path(path).relative_to(logs)) for path in found_logs.find(logs, 3, 50)]
    assert found == ["old/app.log.1", "app.log"]
    err = capsys.readouterr().err
    assert "empty.log is empty" in err
    assert "program" in err
    assert [Path(path).name for path in found_logs.find(logs, 3, 1)] == ["app.log"]
    assert "older, and 1 are taken" in capsys.readouterr().err
    assert "old/older/oldest/deep.log" in " ".join(found_logs.find(logs, 4, 50))


def test_all_logs_of_a_directory_were_trained_on(place: Path) -> None:
    manifest = bundle.read_manifest(bundle.in_service(place / "models"))  # type: ignore[arg-type]
    assert [Path(path).name for path in manifest.trained_on.paths] == ["app.log.1", "app.log"]
    assert manifest.trained_on.lines == 6000


def test_a_training_goes_on_from_an_old_model(place: Path, tmp_path: Path) -> None:
    words = ["--epochs", "1", "--kinds", "deeplog", "--from", str(place / "models")]
    assert main(["train", str(place / "logs"), str(tmp_path / "new"), *words]) == 0
    old, new = (bundle.read(bundle.in_service(one)) for one in (place / "models", tmp_path / "new"))  # type: ignore[arg-type]
    assert new.vocabulary.templates[: len(old.vocabulary.templates)] == old.vocabulary.templates


def test_a_log_is_judged_by_models(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "today.log", tmp_path / "out"
    path.write_bytes(log(seed=9, odd=True))
    assert main(["infer", str(place / "models"), str(path), str(out)]) == 0
    assert "1 template the models had not seen" in capsys.readouterr().out
    (judged,) = Processed(out).detectors
    assert judged.name == "deeplog"
    found = judged.first[judged.odd], judged.last[judged.odd]
    assert any(first <= 3000 + 12 and last >= 3000 for first, last in zip(*found, strict=True))
    assert judged.odd.mean() < 0.2
    rows = tables.read(out, tables.DEEPLOG_INFER)
    known = bundle.read(bundle.in_service(place / "models")).vocabulary  # type: ignore[arg-type]
    assert int(np.max(rows.column("target").to_numpy())) < len(known)
    surprise, limit = rows.column("surprise").to_numpy(), rows.column("threshold").to_numpy()
    assert rows.column("is_anomaly").to_pylist() == (surprise > limit).tolist()


def test_models_are_validated_and_compared(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = str(place / "models")
    assert main(["validate", models]) == 0
    said = capsys.readouterr().out
    assert "sound, ONNX Runtime runs deeplog" in said
    assert "of 100" in said
    assert main(["compare", models, models, "-o", "json"]) == 0
    old, new = json.loads(capsys.readouterr().out)
    assert old == new
    assert main(["compare", models, models, str(place / "logs" / "app.log"), "-o", "json"]) == 0
    old, new = json.loads(capsys.readouterr().out)
    assert old["quality"] == new["quality"] > 0


def test_pipeline_without_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "today.log", tmp_path / "out"
    path.write_bytes(log(odd=True))
    assert main(["pipeline", "--input", str(path), "--out-dir", str(out), "--no-train"]) == 0
    assert "$ alog-detect detect" in capsys.readouterr().out
    made = {one.name for one in out.iterdir()}
    wanted = {"parsed.parquet", "preview.json", "vocab.json", "sequences.parquet", "window_counts.parquet"}
    assert wanted | {"baseline_scores.parquet", "report.md"} <= made
    assert "disk failed" in (out / "report.md").read_text()


def test_pipeline_with_models(place: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "today.log", tmp_path / "out"
    path.write_bytes(log(odd=True))
    words = ["--models", str(place / "models")]
    assert main(["pipeline", "--input", str(path), "--out-dir", str(out), *words]) == 0
    assert {one.name for one in Processed(out).detectors} == {"baseline", "deeplog"}


def test_one_report_over_many_logs(place: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    (logs / "a").mkdir(parents=True)
    (logs / "a" / "odd|one.log").write_bytes(log(odd=True))
    (logs / "plain.log").write_bytes(log(seed=7))
    (logs / "blank.log").write_bytes(b"\n\n")
    assert main(["batch", str(logs), str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "COMPREHENSIVE_ANALYSIS_REPORT.md").read_text()
    assert "2 of 3 logs analysed, 8,000 lines" in page
    assert "disk failed" in page
    assert "blank.log, `parse` failed" in page
    assert (tmp_path / "out" / "a%2Fodd|one.log" / "report.md").exists()
    assert page.index("odd\\|one.log") < page.index("plain.log")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["pipeline", "--input", "{here}/no.log", "--out-dir", "{here}/o", "--no-train"], 65, "no such file"),
        (["pipeline", "--input", "-", "--out-dir", "{here}/o"], 2, "name a file"),
        (["batch", "{here}/none"], 65, "no such file or directory"),
        (["batch", "{here}/hollow"], 65, "no log in it"),
        (["train", "{here}/hollow"], 65, "no log in it"),
        (["train", "{here}/hollow", "m", "--max-files", "0"], 2, "1 or more"),
        (["infer", "{here}/hollow", "{here}/x.log"], 65, "no model is in service; alog-detect train"),
        (["infer", "{here}/none", "{here}/x.log"], 65, "no such directory; alog-detect train"),
        (["validate", "{here}/hollow"], 65, "no model is in service"),
        (["compare", "{here}/none", "{here}/none"], 65, "no such directory"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hollow").mkdir()
    (tmp_path / "x.log").write_bytes(b"one line\n")
    assert main([word.format(here=tmp_path) for word in words]) == code
    assert says in capsys.readouterr().err


def test_a_damaged_bundle_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = bundle.in_service(place / "models")
    broken = tmp_path / "broken"
    broken.mkdir()
    for one in sound.iterdir():  # type: ignore[union-attr]
        (broken / one.name).write_bytes(one.read_bytes())
    (broken / "deeplog.onnx").write_bytes(b"x")
    for words in (["validate", str(broken)], ["infer", str(broken), str(place / "logs"), str(tmp_path / "o")]):
        assert main(words) == 65
        assert "deeplog.onnx" in capsys.readouterr().err


@pytest.mark.slow
def test_labelled_logs_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """gen-synth -> parse -> build-* -> train -> infer -> detect -> report -> eval, in small, with a model of counts."""
    made, out = tmp_path / "synth", tmp_path / "out"
    assert main(["gen-synth", "--out", str(made), "--lines", "8000", "--anomaly-rate", "0.03", "--seed", "3"]) == 0
    words = ["--input", str(made / "synth.log"), "--out-dir", str(out), "--labels", str(made / "labels.csv")]
    assert main(["pipeline", *words, "--epochs", "1", "--kinds", "deeplog,mscred"]) == 0
    assert main(["build-logbert", "--parsed", str(out), "--out-dir", str(tmp_path / "cut"), "--max-seq-len", "32"]) == 0
    assert {"baseline", "deeplog", "mscred"} == {one.name for one in Processed(out).detectors}
    assert tables.read(out, tables.PARSED, ["is_new"]).column("is_new").to_numpy().sum() > 20
    told = json.loads((out / "eval.json").read_text())
    assert "baseline" in json.dumps(told)
    assert main(["files", *map(str, out.glob("*.parquet"))]) == 0
    assert capsys.readouterr().out.count("sound, ") >= 5


def test_what_was_parsed_otherwise_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "x.log", str(tmp_path / "out")
    path.write_bytes(log(500))
    assert main(["parse", "--input", str(path), "--out-dir", out, "--no-mask-num"]) == 0
    assert main(["infer", str(place / "models"), out, out]) == 65
    assert "was parsed with another masks" in capsys.readouterr().err


def test_labelled_logs_step_by_step(tmp_path: Path) -> None:
    """gen-synth -> parse -> build-* -> detect -> *-train -> *-infer -> analyze -> report -> eval, in small."""
    made, out = tmp_path / "synth", str(tmp_path / "out")
    small = ["--epochs", "1", "--hidden-size", "16", "--num-layers", "1", "--num-heads", "2"]
    for words in (
        ["gen-synth", "--out", str(made), "--lines", "3000", "--anomaly-rate", "0.05", "--seed", "3"],
        ["parse", "--input", str(made / "synth.log"), "--out-dir", out],
        ["build-logbert", "--parsed", out, "--out-dir", out, "--max-seq-len", "64"],
        ["build-mscred", "--parsed", out, "--out-dir", out],
        ["detect", "--parsed", out, "--out-dir", out],
        ["deeplog-train", "--seq", out, "--epochs", "1"],
        ["deeplog-infer", "--seq", out],
        ["logbert-train", "--seq", out, *small],
        ["logbert-infer", "--seq", out],
        ["mscred-train", "--window-counts", out, "--epochs", "1", "--channels", "2"],
        ["mscred-infer", "--window-counts", out],
        ["analyze-mscred", "--processed-dir", out, "--top", "2"],
        ["report", "--processed-dir", out],
        ["eval", "--processed-dir", out, "--labels", str(made / "labels.csv")],
    ):
        assert main(words) == 0, words
    assert [one.name for one in Processed(Path(out)).detectors] == ["baseline", "deeplog", "logbert", "mscred"]
    told = (Path(out) / "eval.json").read_text()
    assert all(name in told for name in ("baseline", "deeplog", "logbert", "mscred", "ensemble"))
