"""`alog-detect eval`: figures that agree with scikit-learn's, labels of both forms, incidents found and how late."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score, roc_auc_score

pytest.importorskip("pyarrow")
from alogd.cli.failures import BadData
from alogd.offline import tables
from alogd.offline.main import main
from alogd.offline.synth.world import Chosen
from alogd.offline.synth.write import write
from alogd.offline.verdicts import labels
from alogd.offline.verdicts.appraisal import appraise, by_kind
from alogd.offline.verdicts.measures import Confusion, auroc
from alogd.offline.verdicts.processed import Judged, Processed, decades, on_windows
from tests.processed_dir import processed


@pytest.fixture(scope="module")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("eval")
    write(Chosen(lines=12_000, anomaly_rate=0.04, seed=2, start=1_777_874_400), folder / "synth.log")
    return processed(folder / "synth.log", folder)


@pytest.fixture
def logs(tmp_path: Path) -> Processed:
    """Ten records, one a minute; record 4 has two lines."""
    log = tmp_path / "a.log"
    log.write_text("".join(f"2026-05-04T06:{i:02d}:00.000Z INFO  [h] app - id=k{i % 5} w{i}\n" for i in range(10)))
    return Processed(processed(log, tmp_path / "out", size=2))


def judged(odd: list[int], session: tuple[str, ...] = ()) -> Judged:
    """Five windows of two records."""
    at = np.arange(5, dtype=np.int64)
    is_odd = np.isin(at, odd)
    return Judged("d", 2 * at, 2 * at + 1, is_odd.astype(float), is_odd, at, session)


def test_figures_agree_with_scikit_learn() -> None:
    chance = np.random.default_rng(5)
    truth, score = chance.random(500) < 0.2, np.round(chance.random(500), 1)  # rounded: many scores are equal
    odd = score > 0.7
    told = Confusion.of(truth, odd)
    assert [told.tn, told.fp, told.fn, told.tp] == confusion_matrix(truth, odd).ravel().tolist()
    assert told.precision == pytest.approx(precision_score(truth, odd))
    assert told.recall == pytest.approx(recall_score(truth, odd))
    assert told.f1 == pytest.approx(f1_score(truth, odd))
    assert auroc(truth, score) == pytest.approx(roc_auc_score(truth, score))
    assert auroc(np.zeros(3, bool), np.ones(3)) is None
    assert Confusion(0, 0, 0, 0).composite == 0


def test_an_incident_is_found_by_a_window_that_holds_some_of_it(tmp_path: Path, logs: Processed) -> None:
    (tmp_path / "l.csv").write_text("line,label,incident\n3,burst,1\n4,burst,1\n9,crash,2\n")
    told = appraise(judged([1, 3]), labels.read(tmp_path / "l.csv", logs), logs)
    assert told is not None
    assert told.confusion == Confusion(tp=1, fp=1, fn=1, tn=2)
    burst, crash = told.findings
    assert (burst.found, burst.late_records, burst.late_seconds, crash.found) == (True, 1, 60.0, False)
    assert by_kind([told])["crash"]["d"] == {
        "incidents": 1, "found": 0, "median_late_records": None, "median_late_seconds": None
    }  # fmt: skip


def test_neighbouring_false_windows_are_one_alarm_and_what_is_skipped_does_not_count(
    tmp_path: Path, logs: Processed
) -> None:
    (tmp_path / "l.csv").write_text("line,label\n10,1\n")
    truth = labels.read(tmp_path / "l.csv", logs)
    told = appraise(judged([0, 1, 3]), truth, logs)
    assert told is not None
    assert told.false_alarms == 2
    assert told.false_alarms_per_day == pytest.approx(2 / (9 / 1440))
    later = appraise(judged([0, 1, 3]), truth, logs, skip=0.4)
    assert later is not None
    assert (later.false_alarms, later.windows) == (1, 3)


def test_labels_that_name_no_incident_are_grouped_by_nearness(tmp_path: Path, logs: Processed) -> None:
    (tmp_path / "l.csv").write_text("line,label\n1,1\n2,1\n4,-\n5,normal\n6,odd\n")
    read = labels.read(tmp_path / "l.csv", logs)
    assert [(one.kind, one.records.tolist()) for one in read.incidents] == [("anomaly", [0, 1]), ("odd", [5])]


def test_sessions_are_judged_by_their_key(tmp_path: Path, logs: Processed) -> None:
    keys = ("k0", "k1", "k2", "k3", "k4")
    (tmp_path / "s.csv").write_text("session,label\nk0,1\nk1,0\nk2,Normal\nk3,Anomaly\n")  # k4 is not known
    told = appraise(judged([0, 2, 4], keys), labels.read(tmp_path / "s.csv", logs), logs)
    assert told is not None
    assert (told.confusion, told.windows) == (Confusion(tp=1, fp=1, fn=1, tn=1), 4)
    assert appraise(judged([0]), labels.read(tmp_path / "s.csv", logs), logs) is None
    (tmp_path / "l.csv").write_text("line,label\n4,1\n")  # names k3, though it lies within other sessions' spans
    interleaved = replace(judged([3], keys), first=np.zeros(5, np.int64), last=np.full(5, 9))
    told = appraise(interleaved, labels.read(tmp_path / "l.csv", logs), logs)
    assert told is not None
    assert told.confusion == Confusion(tp=1, fp=0, fn=0, tn=4)


def test_windows_of_one_program_hold_its_records_alone(tmp_path: Path, logs: Processed) -> None:
    (tmp_path / "l.csv").write_text("line,label\n3,1\n4,1\n")
    truth = labels.read(tmp_path / "l.csv", logs)
    at = np.zeros(2, np.int64)
    both = Judged("d", at, at + 9, at + 0.5, at == 0, np.arange(2), within=("other", "app"), column="app")
    told = appraise(both, truth, logs)
    assert told is not None
    assert told.truth.tolist() == [False, True]


def test_the_ensemble_sets_windows_of_different_sizes_beside_each_other() -> None:
    base = judged([])
    other = Judged("o", np.array([0, 6]), np.array([5, 9]), np.array([1.0, 2.0]), np.zeros(2, bool), np.arange(2))
    assert on_windows(base, other, other.score).tolist() == [1, 1, 1, 2, 2]
    one = Judged("s", np.array([0]), np.array([7]), np.array([4.0]), np.zeros(1, bool), np.arange(1), ("k",))
    assert on_windows(base, one, one.score).tolist() == [0, 0, 0, 4, 0]


def test_rarity_is_that_of_the_daemon_where_there_is_enough_to_say_it() -> None:
    few, many = np.array([5.0, *[1.0] * 9]), np.random.default_rng(1).exponential(size=5000)
    at = np.arange(5000)
    assert decades(Judged("d", at[:10], at[:10], few, few > 9, at[:10])).tolist() == [1.0, *[0.0] * 9]
    many[7] = 11.5  # once in a hundred thousand
    told = decades(Judged("d", at, at, many, many > 11, at))
    assert 4 < told[7] < 6
    assert np.median(told) == pytest.approx(0.3, abs=0.05)


def add_deeplog(folder: Path) -> None:
    windows = tables.read(folder, tables.WINDOW_COUNTS)
    count = len(windows)
    tables.write(
        folder / tables.SEQUENCES.file,
        tables.table(
            tables.SEQUENCES, session=[f"w{i}" for i in range(count)], sequence=[[5, 6]] * count,
            fresh=[2] * count, ends=[True] * count, first_line=windows["start_line"], last_line=windows["end_line"],
        ),
    )  # fmt: skip
    tables.write(
        folder / tables.DEEPLOG_INFER.file,
        tables.table(
            tables.DEEPLOG_INFER, idx=np.repeat(np.arange(count), 2), target=[5, 6] * count,
            in_topk=np.tile([True, False, True, True], count)[: 2 * count],
        ),
    )  # fmt: skip


def test_the_command_judges_synthetic_logs(synth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_deeplog(synth)
    assert main(["eval", "--processed-dir", str(synth), "--labels", str(synth / "labels.csv")]) == 0
    shown, told = capsys.readouterr().out, json.loads((synth / "eval.json").read_text())
    assert set(told["detectors"]) == {"baseline", "deeplog", "ensemble"}
    assert told["detectors"]["baseline"]["auroc"] > 0.6
    assert told["detectors"]["deeplog"]["auroc"] == pytest.approx(0.5, abs=0.1)  # it was given no sense
    assert told["kinds"]["crash"]["baseline"]["found"] == told["kinds"]["crash"]["baseline"]["incidents"]
    assert all(kind in shown for kind in told["kinds"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "line,label or session,label is wanted"),
        ("line,label\nx,1\n", r":2: line 'x'"),
        ("line,label\n0,1\n", "counted from 1"),
        ("line,label\n3\n", ":2: 1 columns"),
        ("line,label\n99999999,1\n", "labels line 99,999,999"),
        ("session,label\n", "labels nothing"),
        ("session,label\nk1,1\n", "windows only"),
        ("\x00\xff", "is no CSV text"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(
    text: str, said: str, tmp_path: Path, synth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tables.SEQUENCES, tables.DEEPLOG_INFER):
        (synth / file.file).unlink(missing_ok=True)
    (tmp_path / "l.csv").write_bytes(text.encode("latin-1"))
    assert main(["eval", "--processed-dir", str(synth), "--labels", str(tmp_path / "l.csv")]) == 65

    assert re.search(said, capsys.readouterr().err)


def test_a_directory_without_results_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="does not exist; name the one"):
        Processed(tmp_path / "nowhere")
    with pytest.raises(BadData, match=r"parsed\.parquet: no such file; alog-detect parse writes one"):
        Processed(tmp_path)
    log = tmp_path / "a.log"
    log.write_text("2026-05-04T06:00:00.000Z h app: hello\n" * 40)
    folder = processed(log, tmp_path)
    (folder / tables.BASELINE_SCORES.file).unlink()
    with pytest.raises(BadData, match="alog-detect detect makes the first"):
        _ = Processed(folder).detectors


def test_results_of_another_log_are_refused(tmp_path: Path, logs: Processed) -> None:
    tables.write(
        logs.folder / tables.MSCRED_INFER.file,
        tables.table(
            tables.MSCRED_INFER, window_idx=[700], reconstruction_error=[1.0], is_anomaly=[True], threshold=[0.5]
        ),
    )
    with pytest.raises(BadData, match="make it anew"):
        _ = logs.detectors


def test_select_names_the_best_and_says_why(synth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_deeplog(synth)
    assert main(["select", "--processed-dir", str(synth), "--labels", str(synth / "labels.csv")]) == 0
    told = json.loads((synth / "selection.json").read_text())
    composites = [one["composite"] for one in told]
    assert composites == sorted(composites, reverse=True)
    for one in told:
        wanted = 0.4 * one["f1"] + 0.3 * one["accuracy"] + 0.2 * one["recall"] + 0.1 * one["precision"]
        assert one["composite"] == pytest.approx(wanted, abs=1e-3)
    assert f"best: {told[0]['detector']}" in capsys.readouterr().out
    assert {"confusion.svg", "roc.svg"} <= {path.name for path in (synth / "pictures").iterdir()}
