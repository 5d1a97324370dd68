"""The question whether something is the new normal, from the daemon to a person and back, through kills."""

import json
import subprocess
import sys

import pytest

from tests.daemon_process import ROOT, DaemonProcess, wait_until
from tests.test_stream import shop

FIRST, ASKED = 8000, 17_000  # lines of the shop: when queues begin to wait, and by when that has gone on for an hour


def waiting_shop() -> list[bytes]:
    """A shop's log in which, from a moment on, orders wait in a queue now and then, and go on to."""
    lines = shop(24_000, seed=4).splitlines(keepends=True)
    queue = [(line[:38] + b"shop[812]: queue of 3000 orders waits\n") * 2 for line in lines]
    return [line + (queue[at] if at >= FIRST and at % 20 == 0 else b"") for at, line in enumerate(lines)]


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "logs").mkdir()
    one = DaemonProcess(tmp_path, alerts={"budget": "200/day"})
    yield one
    one.kill()


def alerts(daemon, **wanted):
    told = (daemon.json("/api/v1/alerts?limit=1000") or {"alerts": []})["alerts"]
    return [one for one in told if all(one[name] == value for name, value in wanted.items())]


def answered(daemon, word, alert_id):
    command = [sys.executable, "-m", "alogd", "feedback", word, alert_id, "--url", daemon.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_yes_is_learned_though_the_daemon_is_killed_right_after_the_answer(daemon):
    lines = waiting_shop()
    daemon.write(lines[:ASKED])
    daemon.start().wait_ready()
    [asking] = wait_until(lambda: alerts(daemon, is_lasting=True, status="firing"), "the question")
    assert any("is it the new normal?" in reason and asking["id"] in reason for reason in asking["reasons"])
    said = answered(daemon, "expected", asking["id"])
    daemon.kill()  # no commit of the stream has seen the answer

    daemon.start().wait_ready()
    [kept] = [one for one in daemon.json("/api/v1/feedback")["feedback"] if one["id"] == said]
    assert (kept["is_normal"], kept["alert"], kept["state"]) == (True, asking["id"], "active")
    daemon.write(lines[ASKED:])
    [over] = wait_until(lambda: alerts(daemon, id=asking["id"], status="resolved"), "its end")
    assert over["resolved_ns"] > asking["updated_ns"]
    assert daemon.stop() == 0
    later = [one for one in daemon.delivered() if one["opened_ns"] > over["updated_ns"]]
    assert not any("queue of" in template["text"] for one in later for template in one["templates"])


def test_without_an_answer_it_goes_on_and_is_asked_once(daemon):
    daemon.write(waiting_shop())
    assert daemon.finish() == 0
    asked = {one["id"] for one in daemon.delivered() if one["is_lasting"]}
    assert len(asked) == 1
    assert json.dumps([one["status"] for one in daemon.delivered() if one["id"] in asked]).count("resolved") == 0
