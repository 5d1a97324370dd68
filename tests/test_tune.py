"""`alogd tune`: windows by what most of them agree on, the smallest budget that keeps back nothing severe."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest
import yaml

from alogd.cli.agreement import agreements
from alogd.cli.main import main
from alogd.config.tree import Config
from tests.app_log import START, app_log
from tests.test_whatif import alert


def test_what_most_find_at_the_same_time_is_taken_for_real():
    found = [
        [alert("a", 0, 10), alert("b", 100, 110)],
        [alert("c", 5, 15)],
        [alert("d", 8, 9), alert("e", 300, 310)],
    ]
    first, second, third = agreements(found)
    assert first == (1, 1, 0)
    assert second == (1, 0, 0)
    assert third == (1, 1, 0)
    assert second.score == 1
    assert first.score == pytest.approx(2 / 3)


def test_one_that_lacks_what_most_find_misses_it():
    assert agreements([[alert("a", 0, 10)], [alert("b", 0, 10)], []])[2] == (0, 0, 1)


def test_a_long_alert_is_found_behind_later_short_ones():
    found = [[alert("long", 0, 1000), alert("short", 10, 11)], [alert("late", 900, 910)]]
    assert agreements(found)[1] == (1, 0, 0)


def test_a_single_replay_agrees_with_itself():
    assert agreements([[alert("a", 0, 10)]])[0].score == 1


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tune") / "app.log"
    path.write_text(app_log(3, incident_at=2))
    os.utime(path, (START + 86_400, START + 86_400))
    return path


def test_it_proposes_windows_and_a_budget(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(log.parent)
    assert main(["tune", "app.log", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    windows, budgets = ([row for row in rows if row["kind"] == kind] for kind in ("windows", "budget"))
    assert windows[0]["setting"] == "50/25"
    assert [sum(row["proposed"] for row in some) for some in (windows, budgets)] == [1, 1]
    proposed = next(row for row in windows if row["proposed"])
    assert proposed is windows[0] or proposed["agreement"] > windows[0]["agreement"] + 0.05
    smaller = [row for row in budgets if not row["lost"]]
    assert smaller[0]["proposed"]
    assert main(["tune", "app.log"]) == 0
    part = yaml.safe_load("alerts:" + capsys.readouterr().out.rpartition("alerts:")[2])
    part["streams"][0]["collect"] = [{"kind": "file", "include": ["/x"]}]
    config = msgspec.convert({"streams": part["streams"]}, Config, strict=False)
    assert config.streams[0].name == "files"


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("no time here\n" * 500, [], "carry no times"),
        ("", ["-"], "standard input can be read once"),
        ("", ["--jobs", "0"], "at least 1"),
    ],
)
def test_what_cannot_be_tuned_is_said(
    tmp_path: Path,
    text: str,
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.log").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["tune", str(tmp_path / "a.log"), *words]) != 0
    assert said in capsys.readouterr().err
