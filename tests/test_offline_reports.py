"""The reports: they name what was injected, show its lines, and nothing a log says can pass for anything else."""

from __future__ import annotations

import csv
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("pyarrow")
from alogd.offline import tables
from alogd.offline.main import main
from alogd.offline.reports import pictures
from alogd.offline.reports.anomalies import anomalies, groups
from alogd.offline.reports.markdown import code
from alogd.offline.reports.telling import clause
from alogd.offline.synth.world import Chosen
from alogd.offline.synth.write import write
from alogd.offline.verdicts.measures import Confusion
from alogd.offline.verdicts.processed import Processed
from tests.processed_dir import processed


@pytest.fixture(scope="module")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    write(Chosen(lines=16_000, anomaly_rate=0.04, seed=2, start=1_777_874_400), folder / "synth.log")
    return processed(folder / "synth.log", folder)


def add_sessions(folder: Path, odd: str) -> None:
    """DeepLog's verdicts on sessions by request id: only `odd` has an event that was not expected."""
    logs = Processed(folder)
    raw = logs.texts(range(len(logs)))
    mine: dict[str, list[int]] = {}
    for at, text in raw.items():
        if found := re.search(r"request_id=(\w+)", text):
            mine.setdefault(found[1], []).append(at)
    keys = list(mine)
    tables.write(
        folder / tables.SEQUENCES.file,
        tables.table(
            tables.SEQUENCES, session=keys, sequence=[logs.template[mine[k]].tolist() for k in keys],
            fresh=[len(mine[k]) for k in keys], ends=[True] * len(keys),
            first_line=[logs.line_no[mine[k][0]] for k in keys], last_line=[logs.line_no[mine[k][-1]] for k in keys],
        ),
    )  # fmt: skip
    targets = [int(logs.template[mine[k][-1]]) for k in keys]
    tables.write(
        folder / tables.DEEPLOG_INFER.file,
        tables.table(tables.DEEPLOG_INFER, idx=np.arange(len(keys)), target=targets, in_topk=[k != odd for k in keys]),
    )


def test_each_incident_is_an_anomaly_whose_reason_names_it(synth: Path) -> None:
    logs = Processed(synth)
    found = anomalies(logs)
    for row in csv.DictReader((synth / "incidents.csv").open()):
        if row["kind"] not in ("new_template", "crash", "burst"):
            continue
        first, last = (int(logs.record(np.array(int(row[name])))) for name in ("first_line", "last_line"))
        near = [one for one in found if one.first <= last and one.last >= first]
        assert near, row
        assert any(one.reasons for one in near)
    crash = max(found, key=lambda one: one.risk)
    assert (crash.level, crash.severity) == ("CRITICAL", 100)
    said = " ".join(clause(logs, reason) for reason in crash.reasons)
    assert "never seen before" in said


def test_odd_windows_side_by_side_are_one_anomaly(synth: Path) -> None:
    logs = Processed(synth)
    found = anomalies(logs)
    assert 0 < len(found) < int(logs.detectors[0].odd.sum()) / 1.5
    assert all(one.last < other.first for one, other in pairwise(found))
    assert sum(len(group) for group in groups(found).values()) == len(found)


def test_windows_of_a_program_that_says_little_stay_alone(synth: Path, tmp_path: Path) -> None:
    for file in (tables.PARSED, tables.WINDOW_COUNTS):
        (tmp_path / file.file).write_bytes((synth / file.file).read_bytes())
    whole = Processed(synth)
    codes, number = whole.codes("app")
    cron, web, api = (np.flatnonzero(codes == number[name]) for name in ("CRON", "web", "api"))
    api = api[api > web[1000]]
    spans = np.array([[cron[0], cron[-1]], [web[1000], web[1010]], [api[0], api[10]], [web[1011], web[1020]]])
    first, last = whole.line_no[spans].T
    tables.write(
        tmp_path / tables.BASELINE_SCORES.file,
        tables.table(
            tables.BASELINE_SCORES, window_start_line=first, score=np.ones(4), is_anomaly=np.ones(4, bool),
            window_end_line=last, session=["CRON", "web", "api", "web"],
        ),
    )  # fmt: skip
    logs = Processed(tmp_path)
    wide, narrow = sorted(anomalies(logs), key=lambda one: one.first)
    assert set(codes[wide.records]) == {number["CRON"]}
    assert set(codes[narrow.records]) <= {number["web"], number["api"]}
    assert (narrow.first, narrow.last) == (spans[1:].min(), spans[1:].max())


def test_what_falls_silent_is_told_as_missing(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    quiet = range(1200, 1290)
    lines = [
        f"2026-05-04T06:{i // 60 % 60:02d}:{i % 60:02d}.000Z INFO  [h] a - "
        + ("beat of the heart" if i % 2 and i not in quiet else f"job {i} of the queue was done")
        for i in range(2000)
    ]
    log.write_text("\n".join(lines) + "\n")
    logs = Processed(processed(log, tmp_path, quantile=0.95))
    silent = [one for one in anomalies(logs) if one.first < 1290 and one.last >= 1200]
    assert any("missing" in clause(logs, reason) or "fewer" in clause(logs, reason) for reason in silent[0].reasons)


def test_a_session_is_shown_with_its_own_lines_only(synth: Path, tmp_path: Path) -> None:
    logs = Processed(synth)
    text = next(text for text in logs.texts(range(2000, 2200)).values() if "request_id=" in text)
    odd = re.search(r"request_id=(\w+)", text)[1]  # type: ignore[index]
    for file in (tables.PARSED, tables.BASELINE_SCORES):
        (tmp_path / file.file).write_bytes((synth / file.file).read_bytes())
    add_sessions(tmp_path, odd)
    logs = Processed(tmp_path)
    (mine,) = [one for one in anomalies(logs) if one.session]
    assert mine.session == odd
    assert all(odd in text for text in logs.texts(mine.records).values())
    assert not mine.reasons[0].in_order


def test_the_report_tells_and_draws(synth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--processed-dir", str(synth), "--with-samples"]) == 0
    assert capsys.readouterr().out.strip().endswith("report.md")
    text = (synth / "report.md").read_text()
    for heading in ("## When it was odd, and why", "### 1. ", "## Templates", "## Where the lines come from"):
        assert heading in text
    for name in re.findall(r"\]\((.*?\.svg)\)", text):
        assert "prefers-color-scheme: dark" in (synth / name).read_text()
        ElementTree.parse(synth / name)
    assert main(["report", "--processed-dir", str(synth)]) == 0
    assert "### 1. " not in (synth / "report.md").read_text()


def test_samples_are_grouped_and_marked(synth: Path) -> None:
    assert main(["analyze-samples", "--processed-dir", str(synth)]) == 0
    text = (synth / "anomaly_analysis_report.md").read_text()
    assert re.search(r"^ {4} +\d+ > .*ERROR", text, re.MULTILINE)
    assert "## 1. " in text


def test_risk_lists_every_anomaly_once_by_level(synth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["risk", "--processed-dir", str(synth)]) == 0
    every = list(csv.DictReader((synth / "anomalies_with_risk.csv").open()))
    risks = [float(row["risk"]) for row in every]
    assert risks == sorted(risks, reverse=True)
    assert len(every) == len(anomalies(Processed(synth)))
    by_level = 0
    for level in ("critical", "high", "medium", "low", "info"):
        rows = list(csv.DictReader((synth / f"risk_{level}.csv").open()))
        assert {row["level"] for row in rows} <= {level.upper()}
        by_level += len(rows)
    assert by_level == len(every)
    assert capsys.readouterr().out == (synth / "risk_summary.txt").read_text()
    assert main(["risk", "--processed-dir", str(synth), "--budget", "0.01/day"]) == 0
    stricter = [float(row["risk"]) for row in csv.DictReader((synth / "anomalies_with_risk.csv").open())]
    assert sum(stricter) < sum(risks)


def test_nothing_a_log_says_ends_a_table_a_sample_or_a_picture(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    evil = ["</svg><script>x</script>", "| a | `b` | ```", "# heading", "=cmd()", "\x1b[31mred", "![x](http://y)"]
    log.write_text("".join(f"2026-05-04T06:00:{i % 60:02d}.000Z INFO  [h] a - {evil[i % 6]}\n" for i in range(400)))
    processed(log, tmp_path, quantile=0.5)
    assert main(["report", "--processed-dir", str(tmp_path), "--with-samples"]) == 0
    assert main(["analyze-samples", "--processed-dir", str(tmp_path)]) == 0
    assert main(["risk", "--processed-dir", str(tmp_path)]) == 0
    for picture in (tmp_path / "pictures").iterdir():
        assert "<script" not in picture.read_text()
        ElementTree.parse(picture)
    for name in ("report.md", "anomaly_analysis_report.md"):
        text = (tmp_path / name).read_text()
        assert "\x1b" not in text
        assert not re.search(r"^(# heading|```)", text, re.MULTILINE)
    assert "|" not in code("a | b").replace("\\|", "")
    assert "`" not in code("a ` b").strip("`")


def test_a_log_with_nothing_odd_says_so(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("hello again\n" * 400)
    processed(log, tmp_path, quantile=1.0)
    for command in ("report", "analyze-samples", "risk"):
        assert main([command, "--processed-dir", str(tmp_path)]) == 0
    assert "No detector calls anything odd" in (tmp_path / "report.md").read_text()


def test_pictures_keep_every_peak_and_are_bounded() -> None:
    values = np.zeros(200_000)
    values[123_457] = 9.0
    drawn = pictures.over_time("t", values, values > 1, ("a", "b"))
    assert len(drawn) < 60_000
    assert 'class="odd"' in drawn
    assert f",{pictures.TOP}.0" in drawn
    for other in (
        pictures.week("t", np.arange(168.0).reshape(7, 24)),
        pictures.distribution("t", np.zeros(0), np.zeros(0), None),
        pictures.distribution("t", np.random.default_rng(1).random(500), np.ones(3), 0.9),
        pictures.confusion("t", {"a": Confusion(1, 2, 3, 4), "b": Confusion(0, 0, 0, 0)}),
        pictures.roc_curves("t", {"a": (np.array([0.0, 1]), np.array([0.0, 1]))}),
        pictures.bars("t", []),
    ):
        ElementTree.fromstring(other)


@pytest.mark.parametrize("command", ["report", "analyze-samples", "risk"])
def test_a_directory_that_is_none_ends_with_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--processed-dir", str(tmp_path / "no")]) == 65
    assert "name the one that alog-detect parse" in capsys.readouterr().err
    (tmp_path / "parsed.parquet").write_bytes(b"\x7fELF binary")
    assert main([command, "--processed-dir", str(tmp_path)]) == 65
    assert "is no Parquet file" in capsys.readouterr().err
    assert main([command, "--processed-dir", str(tmp_path), "--budget", "lots"]) in (2, 65)
