"""`alogd replay --against`: which alerts another configuration adds, takes away and lifts or lowers."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import msgspec
import pytest

from alogd.cli import whatif
from alogd.cli.failures import Usage
from alogd.cli.main import main
from alogd.cli.moment import Since
from alogd.event import Alert
from tests.app_log import START, app_log

HOUR = 3_600_000_000_000


def alert(name: str, opened: int, updated: int, level: str = "HIGH", stream: str = "app") -> Alert:
    scores = {"risk": 80.0, "anomaly": 90.0, "severity": 60.0}
    moments = {"opened_ns": opened, "updated_ns": updated, "resolved_ns": None}
    return Alert(
        id=name,
        status="firing",
        stream=stream,
        key="",
        title=name,
        level=level,
        windows=1,
        lines_seen=9,
        **moments,
        **scores,
    )


def kinds(old: list[Alert], new: list[Alert]) -> list[tuple[str, str, str]]:
    changes = whatif.compare(whatif.last_moments(old), whatif.last_moments(new))
    return [(c.kind, c.old.id if c.old else "", c.new.id if c.new else "") for c in changes]


def test_an_alert_is_the_one_it_shares_the_most_time_with():
    old = [alert("a", 0, 10), alert("b", 20, 60), alert("c", 100, 110)]
    new = [alert("x", 8, 22), alert("y", 21, 59, "LOW"), alert("z", 200, 210)]
    assert kinds(old, new) == [("same", "a", "x"), ("level", "b", "y"), ("vanishes", "c", ""), ("appears", "", "z")]


def test_an_id_counts_more_than_time_and_streams_are_apart():
    assert kinds([alert("a", 0, 10), alert("b", 5, 50)], [alert("b", 0, 10)]) == [
        ("vanishes", "a", ""),
        ("same", "b", "b"),
    ]
    assert kinds([alert("a", 0, 10)], [alert("b", 0, 10, stream="other")]) == [
        ("vanishes", "a", ""),
        ("appears", "", "b"),
    ]


def test_a_long_alert_does_not_hide_the_short_ones_behind_it():
    old = [alert("long", 0, 1000), *(alert(f"s{i}", 10 * i, 10 * i + 1) for i in range(1, 90))]
    new = [alert("new", 985, 986), *(alert(f"t{i}", 10 * i, 10 * i + 1) for i in range(1, 90))]
    found = kinds(old, new)
    assert ("same", "long", "new") in found
    assert sum(kind == "same" for kind, _, _ in found) == 90


@pytest.mark.parametrize(
    ("text", "expected"), [("2h", 98 * HOUR), ("1970-01-02", 24 * HOUR), ("1970-01-01T02:00+01:00", HOUR)]
)
def test_since_is_an_age_or_a_moment(text: str, expected: int):
    since = Since.of(text)
    assert since is not None
    assert since.moment_ns(100 * HOUR) == expected


def test_since_what_is_neither_is_refused():
    with pytest.raises(Usage, match='write an age as "2h"'):
        Since.of("yesterday")


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A log in two parts, the older one packed, and two configurations that read it: a small and a large budget."""
    tmp_path = tmp_path_factory.mktemp("whatif")
    text = app_log(3, incident_at=2).splitlines(keepends=True)
    half = len(text) // 2
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress("".join(text[:half]).encode()))
    (tmp_path / "app.log").write_text("".join(text[half:]))
    (tmp_path / "app.log.2.xz").write_bytes(b"\xfd7zXZ\x00")
    for age, name in enumerate(("app.log", "app.log.1.gz")):
        os.utime(tmp_path / name, (START + 86_400 - age, START + 86_400 - age))
    for name, budget in (("old", "1/week"), ("new", "4/hour")):
        stream = f"streams: [{{name: app, collect: [{{kind: file, include: ['{tmp_path}/*.log']}}]}}]\n"
        (tmp_path / f"{name}.yaml").write_text(stream + f"alerts: {{budget: {budget}}}\n")
    return str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")


def test_a_larger_budget_brings_alerts(configs: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    old, new = configs
    alone = [replayed(capsys, "-c", config) for config in (old, new)]
    assert len(alone[0]) < len(alone[1])
    assert main(["replay", "-c", new, "--against", old, "-o", "json"]) == 0
    said = capsys.readouterr()
    changes = json.loads(said.out)
    assert {one["new"]["id"] for one in changes if one["new"]} == alone[1]
    assert {one["old"]["id"] for one in changes if one["old"]} == alone[0]
    assert "appear" in said.err
    assert main(["replay", "-c", old, "--against", new]) == 0
    shown = capsys.readouterr()
    assert "- vanishes" in shown.out
    assert " vanish" in shown.err


def test_the_same_configuration_changes_nothing(configs: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    assert main(["replay", "-c", configs[1], "--against", configs[1]]) == 0
    assert capsys.readouterr().out == "no alert appears, vanishes or changes its level\n"


def test_since_shows_the_end_and_learns_from_all(configs: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    every = replayed(capsys, "-c", configs[1])
    late = replayed(capsys, "-c", configs[1], "--since", "1h")
    assert late < every


def test_files_are_needed_where_no_stream_has_any(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "alogd.yaml"
    config.write_text(f"streams: [{{name: app, collect: [{{kind: file, include: ['{tmp_path}/*.log']}}]}}]\n")
    assert main(["replay", "-c", str(config)]) == 1
    said = capsys.readouterr().err
    assert "app: no files to read" in said
    assert "name the files" in said


def replayed(capsys: pytest.CaptureFixture[str], *words: str) -> set[str]:
    """Ids of the alerts of a replay."""
    assert main(["replay", *words, "-o", "jsonl"]) == 0
    return {msgspec.json.decode(line)["id"] for line in capsys.readouterr().out.splitlines()}
