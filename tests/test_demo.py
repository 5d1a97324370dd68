"""The demo tells the truth: its lines are what it says, and alerts are set beside what really happened."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from alogd.demo.incidents import INCIDENTS
from alogd.demo.score import STREAMS, Score, about
from alogd.demo.shop import FILES, Shop
from alogd.demo.show import tally
from alogd.demo.stage import SPEED, Stage, Struck, plan
from alogd.event import Alert

ROOT = Path(__file__).parent.parent
NOON = 1_790_000_000  # seconds since 1970
SECOND = 10**9

ALERT = Alert(
    id="a1",
    status="firing",
    stream="app",
    key="",
    title="never seen before",
    risk=80.0,
    level="CRITICAL",
    anomaly=90.0,
    severity=80.0,
    opened_ns=(NOON + 20) * SECOND,
    updated_ns=(NOON + 50) * SECOND,
    resolved_ns=None,
    windows=1,
    lines_seen=50,
)


def test_the_same_seed_writes_the_same_lines() -> None:
    def lines(seed: int) -> list[str]:
        shop = Shop(seed)
        return [line.text for second in range(300) for line, _ in shop.at(NOON + second)]

    assert lines(3) == lines(3) != lines(4)


def test_every_log_is_written_and_its_stamps_never_go_back() -> None:
    shop = Shop(1)
    lines = [line for second in range(1200) for line, _ in shop.at(NOON + second)]
    assert set(Counter(line.file for line in lines)) == set(FILES) == set(STREAMS)
    stamps = [line.text[:23] for line in lines if line.file == "app.log"]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.what)
def test_an_incident_adds_its_lines_and_only_those_are_marked(incident: object) -> None:
    shop, plain = Shop(5), Shop(5)
    marked = 0
    for second in range(incident.seconds):  # type: ignore[attr-defined]
        lines = shop.at(NOON + second, incident.lines(shop, second))  # type: ignore[attr-defined]
        marked += sum(odd for _, odd in lines)
    assert marked
    assert not any(odd for second in range(60) for _, odd in plain.at(NOON + second))


def test_incidents_are_spread_over_the_show_and_end_before_it() -> None:
    for seconds in (20.0, 75.0, 3600.0):
        times = [at for at, _ in plan(seconds)]
        assert times
        assert times == sorted(times)
        assert all(at + incident.seconds / SPEED < seconds for at, incident in plan(seconds))
    assert len(plan(75.0)) == len(INCIDENTS)


def struck(*, file: str = "app.log", seconds: int = 120) -> Struck:
    return Struck(replace(INCIDENTS[0], seconds=seconds), NOON, 100.0, {file})


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (ALERT, True),
        (replace(ALERT, stream="web"), False),  # another log
        (replace(ALERT, opened_ns=(NOON - 600) * SECOND, updated_ns=(NOON - 1) * SECOND), False),  # before it
        (replace(ALERT, opened_ns=(NOON + 600) * SECOND, updated_ns=(NOON + 700) * SECOND), False),  # long after
        (replace(ALERT, opened_ns=(NOON - 30) * SECOND), True),  # a window it fell into
    ],
)
def test_an_alert_counts_only_for_its_own_log_and_time(alert: Alert, expected: bool) -> None:
    truth = struck()
    assert (about(alert, [truth]) is truth) == expected


def test_what_was_not_injected_is_a_false_alarm_and_what_was_not_found_is_missed(tmp_path: Path) -> None:
    stage, score = Stage(tmp_path, 1, 60.0), Score()
    stage.close()
    stage.struck = [struck(), struck(file="syslog")]
    stage.now, stage.opens = NOON + 3600, NOON - 60
    score.add(ALERT, stage.struck, stage.opens, 101.5)
    score.add(replace(ALERT, windows=2, risk=90.0), stage.struck, stage.opens, 103.0)  # the same alert again
    score.add(replace(ALERT, id="a2", stream="web"), stage.struck, stage.opens, 104.0)
    score.add(replace(ALERT, id="a3", opened_ns=(NOON - 999) * SECOND), stage.struck, stage.opens, 104.0)
    text = "\n".join(tally(stage, score, color=False))
    assert "1 of 2 incidents found, half of them within 1.5 s" in text
    assert "missed: " in text
    assert "1 false alarm in 1.0 hours" in text
    assert "1 alert raised while learning" in text


def test_an_open_alert_that_rises_when_an_incident_begins_is_about_it_too() -> None:
    first, second = struck(), replace(struck(), began=NOON + 300)
    score, opens = Score(), NOON - 60
    early = replace(ALERT, opened_ns=(NOON - 900) * SECOND, updated_ns=(NOON - 300) * SECOND, risk=40.0)
    assert score.add(early, [], opens, 99.0) is None
    again = replace(early, updated_ns=(NOON + 20) * SECOND)
    assert score.add(again, [first], opens, 101.0) is None  # no worse than it was
    rose = score.add(replace(again, risk=80.0), [first], opens, 102.0)
    assert rose is not None
    assert score.of(first) == [rose]
    worse = score.add(replace(again, updated_ns=(NOON + 320) * SECOND, risk=90.0), [first, second], opens, 110.0)
    assert worse is not None
    assert score.of(second) == [worse]
    assert score.false() == []


@pytest.mark.integration
def test_the_demo_plays_with_the_real_daemon_and_cleans_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alogd", "demo", "--seconds", "20", "--seed", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"INJECTED  a release brings a new exception", done.stdout)
    assert re.search(r"[1-9] of [1-9] incidents found", done.stdout)
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_the_demo_says_what_stopped_its_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alogd.cli.failures import Failed
    from alogd.demo import daemon, run

    monkeypatch.setattr(daemon, "_CONFIG", daemon._CONFIG + "nonsense: 1\n")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(Failed, match=r"the daemon ended with 78: .*nonsense: unknown key"):
        run.demo(20, 1, False, False)
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_stopped_early_the_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "alogd", "demo"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "INJECTED" in line:
                break
        (folder,) = tmp_path.iterdir()
        process.send_signal(signal.SIGTERM)  # handled as Ctrl-C is
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert not list(tmp_path.iterdir())
    assert not _running_on(folder)


def _running_on(folder: Path) -> list[str]:
    """Processes whose command line names a folder."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            text = command.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [text] if str(folder) in text else []
    return found
