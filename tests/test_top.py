"""`alogd top`: what is drawn for a screen of any size, and the real thing in a real terminal over a real daemon."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alogd.cli.output import level_style
from alogd.cli.screen import PLAIN, Place, Seen, rows, sparkline
from alogd.cli.top import Feed, _act
from alogd.event import Also
from tests.alerts import alert
from tests.app_log import app_log
from tests.daemon_process import ROOT, DaemonProcess, wait_until

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2Jpwned \u202egnp.exe"


def stream(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "up": True, "problem": "", "sources": 3, "sources_failing": 0, "risk": 12.0, "warmup": 1.0,
        "backlog_bytes": 0, "lines_read": 1000, **changes,
    }  # fmt: skip


def seen(many: int = 2, alerts: int = 5, **changes: Any) -> Seen:
    brief = [
        {"id": f"{i:016x}", "status": "firing", "stream": "app", "title": f"alert {i}", "risk": 70.0, "level": "HIGH",
         "updated_ns": 1_790_000_000_000_000_000}
        for i in range(alerts)
    ]  # fmt: skip
    told = {"state": "alert", "sentence": "5 alerts are firing", "more": "the worst is HIGH", "sinks": []}
    told |= {"streams": [stream(f"s{i}") for i in range(many)]} | changes
    return Seen(told, brief, {"s0": [0, 50, 100]}, {"s0": 1234.0})


def text(shown: Seen, place: Place, width: int = 80, height: int = 24) -> str:
    return "\n".join(row.text for row in rows(shown, place, width, height))


@pytest.mark.parametrize("level", ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"])
def test_the_first_row_has_the_colour_of_the_worst_level(level: str):
    head = rows(seen(level=level), Place(), 80, 24)[0]
    assert head.style == level_style(level)


def test_an_acknowledged_alert_is_marked_in_the_list_and_when_opened():
    ack = {"by": "ann", "at": 1_790_000_000.0, "why": "mine"}
    shown = seen(alerts=3)
    shown.alerts[1]["ack"] = ack
    listed = [row for row in rows(shown, Place(), 120, 24) if "alert " in row.text and "HIGH" in row.text]
    assert ["(acked)" in row.text for row in listed] == [False, True, False]
    assert [row.style == "dim" for row in listed] == [False, True, False]
    one = alert()
    opened = Seen(shown.overview, shown.alerts, opened=one, ack=ack, around=[50.0] * 20)
    text_of = text(opened, Place(opened=one.id), 120, 40)
    assert "acknowledged by ann, " in text_of
    assert text_of.index("stream sshd") < text_of.index("risk around it") < text_of.index("risk 85")


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("height", [8, 24, 60])
@pytest.mark.parametrize(("streams", "alerts"), [(0, 0), (1, 1), (2, 5), (50, 100)])
@pytest.mark.parametrize("opened", [False, True])
def test_nothing_leaves_the_screen(width: int, height: int, streams: int, alerts: int, opened: bool):
    one = alert(1)
    shown = Seen(seen(streams, alerts).overview, seen(streams, alerts).alerts, opened=one, around=[50.0] * 500)
    place = Place(chosen=alerts, opened=one.id if opened else None, scrolled=10_000)
    drawn = rows(shown, place, width, height)
    assert len(drawn) == height
    assert max(len(row.text) for row in drawn) <= width
    assert "q end" in drawn[-1].text


def test_a_glance_holds_what_matters():
    shown = text(seen(), Place())
    assert "5 alerts are firing. the worst is HIGH" in shown
    assert "1,234" in shown
    assert sparkline([0, 50, 100]) in shown
    assert "> " in shown.split("alert 0")[0].splitlines()[-1]


def test_what_is_wrong_is_said():
    assert "down" in text(seen(streams=[stream("x", up=False)]), Place())
    assert "2/3" in text(seen(streams=[stream("x", sources_failing=1)]), Place())
    assert "sink chat: 403" in text(seen(sinks=[{"name": "chat", "problem": "403"}]), Place())
    assert "no daemon answers" in text(Seen(problem="no daemon answers"), Place())


def test_the_chosen_alert_stays_in_sight():
    place = Place(chosen=77)
    assert "alert 77" in text(seen(alerts=100), place)
    place.chosen = 1000
    assert "alert 99" in text(seen(alerts=100), place)
    assert place.chosen == 99


def test_what_began_together_is_one_row_and_unfolds():
    shown = seen(alerts=5)
    for number in (1, 3):
        shown.alerts[number]["cause"] = shown.alerts[2]["id"]
    folded = text(shown, Place())
    assert [f"alert {n}" in folded for n in range(5)] == [True, False, True, False, True]
    assert "(+2) alert 2" in folded
    unfolded = text(shown, Place(unfolded={shown.alerts[2]["id"]}))
    told = [line.partition("app ")[2].strip() for line in unfolded.splitlines() if " HIGH " in line]
    assert told == ["alert 0", "(+2) alert 2", "+ alert 1", "+ alert 3", "alert 4"]
    bottom = Place(chosen=4)
    text(shown, bottom)
    assert bottom.chosen == 2  # of three rows


def test_space_unfolds_and_enter_opens_what_is_listed():
    feed = Feed(argparse.Namespace())
    feed.seen = seen(alerts=4)
    feed.seen.alerts[0]["cause"] = feed.seen.alerts[1]["id"]
    place = Place()
    for key in ("fold", "down", "open"):
        _act(key, feed, place)
    assert place.opened == feed.wanted == feed.seen.alerts[0]["id"]  # below its root now
    for key in ("back", "up", "fold", "down", "open"):
        _act(key, feed, place)
    assert place.opened == feed.seen.alerts[2]["id"]


def test_an_opened_alert_names_its_group_before_the_chart():
    root = alert(1, stream="db", also=(Also("web", alert(2).id, "HIGH", "web waits"),))
    other = alert(2, stream="web", cause=root.id)
    for opened, said in ((root, "began here, in db"), (other, "began in db: CRITICAL incident 1")):
        shown = Seen(seen().overview, opened=opened, root=None if opened is root else root, around=[50.0] * 20)
        lines = text(shown, Place(opened=opened.id), 120, 40)
        assert lines.index(said) < lines.index("risk around it") < lines.index("risk 85")
        assert ("also in web" in lines) == (opened is root)


def test_text_of_logs_cannot_steer_the_terminal():
    one = alert(1, title=EVIL)
    brief = [{**seen().alerts[0], "title": EVIL, "stream": EVIL}]
    shown = Seen(seen(streams=[stream(EVIL, problem=EVIL)]).overview, brief, opened=one, problem="")
    for place in (Place(), Place(opened=one.id)):
        drawn = text(shown, place)
        assert not [char for char in drawn if char != "\n" and (ord(char) < 32 or char == "\u202e")]


@pytest.mark.parametrize("wide", ["\u4e16", "\U0001f525", "\uff21", "\u2601\ufe0f"])
def test_wide_letters_do_not_push_other_rows_off_the_screen(wide: str):
    shown = seen()
    shown.alerts[0]["title"] = wide * 100
    row = next(row.text for row in rows(shown, Place(), 80, 24) if wide in row.text)
    assert len(row) + row.count(wide) * (2 - len(wide)) <= 80
    assert row.endswith("~")


def test_a_terminal_without_blocks_has_a_chart_too():
    assert sparkline([0, 100, 250, -3], PLAIN) == ".##."


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """One that has read a log with an incident."""
    running = DaemonProcess(tmp_path_factory.mktemp("top"))
    (running.directory / "logs").mkdir(exist_ok=True)
    (running.directory / "logs" / "a.log").write_text(app_log(1.5, incident_at=1.1))
    running.start().wait_ready()
    wait_until(lambda: running.json("/api/v1/alerts")["alerts"], "an alert")
    yield running
    running.kill()


def command(daemon: DaemonProcess, *words: str) -> list[str]:
    return [sys.executable, "-m", "alogd", "top", "--config", str(daemon.config), *words]


def test_one_look_without_a_terminal(daemon: DaemonProcess):
    done = subprocess.run(command(daemon), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "host" in done.stdout
    assert "\x1b" not in done.stdout
    title = daemon.json("/api/v1/alerts")["alerts"][0]["title"]
    assert title[:20] in done.stdout


def test_without_a_daemon_it_says_so(daemon: DaemonProcess):
    words = command(daemon, "--url", "http://127.0.0.1:9", "--once")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "no daemon answers at 127.0.0.1:9" in done.stderr


class Terminal:
    """80 by 24, in tmux."""

    def __init__(self, place: Path, words: list[str]) -> None:
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(place / "tmux")]
        after = "echo ended with $?; stty -a | grep -o ' -*icanon'; exec cat"
        line = f"cd {shlex.quote(str(ROOT))} && {shlex.join(words)}; {after}"
        self.run("new-session", "-d", "-x", "80", "-y", "24", line)

    def run(self, *words: str) -> str:
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True, env=environment).stdout

    def shown(self) -> str:
        return self.run("capture-pane", "-p")

    def until(self, holds: Callable[[str], bool], what: str) -> str:
        wait_until(lambda: holds(self.shown()), what)
        return self.shown()


@pytest.fixture
def terminal(daemon: DaemonProcess, tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("ALOGD TOP WAS NOT TRIED IN A TERMINAL: tmux is not here; on Debian: apt install tmux")
    one = Terminal(tmp_path, command(daemon))
    yield one
    one.run("kill-server")


def test_in_a_terminal(terminal: Terminal, daemon: DaemonProcess):
    shown = terminal.until(lambda text: "lines/s" in text and "> " in text, "the streams and the alerts")
    assert "host" in shown
    assert len(shown.rstrip("\n").splitlines()) == 24
    terminal.run("send-keys", "Enter")
    opened = terminal.until(lambda text: "Why" in text, "the evidence")
    assert "risk around it" in opened
    terminal.run("send-keys", "Down", "Down")
    terminal.until(lambda text: text.splitlines()[0] == opened.splitlines()[2], "two rows further")
    terminal.run("send-keys", "Escape")
    terminal.until(lambda text: "lines/s" in text, "the way back")
    terminal.run("resize-window", "-x", "60", "-y", "12")
    terminal.until(lambda text: len(text.rstrip("\n").splitlines()) == 12 and "q end" in text, "the smaller screen")
    terminal.run("send-keys", "q")
    ended = terminal.until(lambda text: "ended with 0" in text, "the end")
    assert "-icanon" not in ended.split("ended with 0")[1]


def test_a_daemon_that_goes_and_comes_back(daemon: DaemonProcess, terminal: Terminal):
    terminal.until(lambda text: "lines/s" in text, "the streams")
    daemon.kill()
    terminal.until(lambda text: "no daemon answers" in text, "a word about it")
    daemon.start().wait_ready()
    terminal.until(lambda text: "no daemon answers" not in text and "host" in text, "the streams again")
