"""The shipped unit under a real systemd 252, in a box of its own: the wheel is built, installed there and run.

Needs root and the box tool beside this checkout (`../shared/tools/systemd-box`). The box shares the host's network,
so the only thing changed in the shipped configuration is the port.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_process import ROOT, free_port, wait_until

TOOL = ROOT.parent / "shared" / "tools" / "systemd-box"
CACHE = Path.home() / ".cache" / "systemd-box"  # where the tool keeps the root file system it makes
BOX_PYTHON = "3.11"  # of Debian 12, which the tool makes
MOST_EXPOSED = 1.5
HISTORY = 20_000  # lines of /var/log/syslog there before the first start, a second apart
SLOW = 90.0  # seconds; a window of a quiet program closes after 30

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("systemd-box")]

INSTALL = """
set -eu
python3 -m venv /usr/lib/alogd
/usr/lib/alogd/bin/pip install -q --no-index --find-links /wheels alogd
ln -s /usr/lib/alogd/bin/alogd /usr/bin/alogd
install -D -m 644 /usr/lib/alogd/share/alogd/alogd.yaml /etc/alogd/alogd.yaml
for unit in alogd.service alogd-retrain.service alogd-retrain.timer; do
  install -D -m 644 /usr/lib/alogd/lib/systemd/system/$unit /etc/systemd/system/$unit
done
seq 8000 | sed 's/.*/order & was placed/' | systemd-cat -t shop
install -m 640 -o root -g adm /dev/null /var/log/syslog
"""

HISTORY_PROGRAM = """
import random, time
from datetime import datetime
chance, now = random.Random(1), time.time()
with open("/var/log/syslog", "a") as log:
    for age in range(LINES, 0, -1):
        stamp = datetime.fromtimestamp(now - age).astimezone().isoformat()
        message = f"request {age} of user {chance.randrange(99)} took {chance.randrange(900)} ms"
        log.write(f"{stamp} host app[77]: {message if age % 7 else 'cache refreshed'}\\n")
"""


class Box:
    """A booted box with alogd installed as docs/install.md says."""

    def __init__(self, root: Path) -> None:
        self.environment = {**os.environ, "BOX_ROOT": str(root)}
        self.root = root
        self.port = free_port()

    def tool(self, *words: str, check: bool = True) -> str:
        # systemd outlives `up`, and would hold a pipe open.
        with (self.root.parent / "tool.out").open("w+b") as out:
            done = subprocess.run(
                [TOOL, *words], env=self.environment, stdout=out, stderr=out, timeout=300, check=False
            )
            out.seek(0)
            said = out.read().decode(errors="replace")
        assert done.returncode == 0 or not check, said[-4000:]
        return said

    def run(self, *command: str, check: bool = True) -> str:
        return self.tool("exec", *command, check=check)

    def systemctl(self, *words: str, check: bool = True) -> str:
        return self.run("systemctl", *words, check=check)

    def show(self, name: str) -> str:
        return self.systemctl("show", "alogd", "--value", "-p", name).strip()

    def journal(self) -> str:
        """What systemd and alogd said of the unit since `mark()`."""
        command = 'journalctl -u alogd -o cat --no-pager --after-cursor="$(cat /run/mark)"'
        return self.run("sh", "-c", command)

    def mark(self) -> None:
        command = "journalctl --sync; journalctl -n 1 -o cat --show-cursor | sed -n 's/^-- cursor: //p' > /run/mark"
        self.run("sh", "-c", command)

    def get(self, path: str) -> str:
        return self.run("curl", "-s", f"http://127.0.0.1:{self.port}{path}", check=False)

    def stream(self, name: str) -> dict[str, Any]:
        """The stream as the API tells it; {} while it does not."""
        try:
            streams = json.loads(self.get("/api/v1/streams"))["streams"]
        except (ValueError, KeyError):
            return {}
        return next((stream for stream in streams if stream["name"] == name), {})

    def alerts(self) -> list[dict[str, Any]]:
        try:
            return list(json.loads(self.get("/api/v1/alerts"))["alerts"])
        except (ValueError, KeyError):
            return []

    def append(self, line: str) -> None:
        self.run("sh", "-c", f'echo "$(date -Is) host app[77]: {line}" >> /var/log/syslog')

    def file(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def drop_in(self, text: str) -> None:
        directory = self.file("/etc/systemd/system/alogd.service.d")
        directory.mkdir(exist_ok=True)
        (directory / "test.conf").write_text(text)
        self.systemctl("daemon-reload")


def wheels(directory: Path) -> None:
    """alogd and what it needs, for the box's Python."""
    checkout = directory / "checkout"
    names = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name, follow_symlinks=False)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    target = directory / "wheels"
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (drain3,) = (one for one in needs if one.startswith("drain3"))  # on PyPI as source only
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", target, checkout], cwd=ROOT, check=True)
    subprocess.run([*pip, "wheel", "--no-deps", "-w", target, drain3], cwd=ROOT, check=True)
    (wheel,) = target.glob("alogd-*.whl")
    only = ["--only-binary=:all:", f"--python-version={BOX_PYTHON}", f"--find-links={target}"]
    subprocess.run([*pip, "download", *only, "-d", target, wheel], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    if os.geteuid() != 0:
        pytest.skip("THE UNIT WAS NOT TRIED: a box needs root")
    if not TOOL.exists():
        pytest.skip(f"THE UNIT WAS NOT TRIED: no {TOOL}")
    made = subprocess.run([TOOL, "make"], capture_output=True, text=True, timeout=600, check=False)
    if made.returncode != 0:
        pytest.skip(f"THE UNIT WAS NOT TRIED: no root file system could be made: {made.stderr[-400:]}")
    directory = tmp_path_factory.mktemp("box")
    wheels(directory)
    box = Box(directory / "root")
    # A copy: what is tried leaves no trace in the next try.
    subprocess.run(["cp", "-a", "--reflink=auto", CACHE, box.root], check=True)
    try:
        booted = box.tool("up", f"{directory / 'wheels'}:/wheels")
        if not re.search("running|degraded", booted):
            pytest.skip(f"THE UNIT WAS NOT TRIED: the box does not boot here: {booted}")
        box.run("bash", "-c", INSTALL)
        config = box.file("/etc/alogd/alogd.yaml")
        config.write_text(config.read_text().replace("127.0.0.1:9178", f"127.0.0.1:{box.port}"))
        box.file("/root/alogd.yaml").write_text(config.read_text())
        box.run("python3", "-c", HISTORY_PROGRAM.replace("LINES", str(HISTORY)))
        yield box
    finally:
        box.tool("down", check=False)
        shutil.rmtree(directory)


@pytest.fixture
def box(installed: Box) -> Iterator[Box]:
    """The unit as shipped, active, and through with reading."""
    shutil.rmtree(installed.file("/etc/systemd/system/alogd.service.d"), ignore_errors=True)
    shutil.copy(installed.file("/root/alogd.yaml"), installed.file("/etc/alogd/alogd.yaml"))
    installed.systemctl("daemon-reload")
    installed.systemctl("reset-failed", "alogd", check=False)
    installed.mark()
    installed.systemctl("start", "alogd")
    caught_up(installed)
    yield installed
    if installed.show("ActiveState") != "active":
        installed.systemctl("stop", "alogd")


def caught_up(box: Box) -> None:
    wait_until(lambda: box.stream("system").get("caught_up") and box.stream("system")["core"], "reading", SLOW)


def seen(box: Box) -> int:
    """Lines the stream has taken in all its runs."""
    return int(box.stream("system")["core"]["engine"]["lines"])


def wait_for_lines(box: Box, least: int) -> None:
    wait_until(lambda: seen(box) >= least, "new lines")


def next_process(box: Box, old: str) -> None:
    wait_until(lambda: box.show("MainPID") not in ("0", old), "the next process")
    wait_until(lambda: box.show("ActiveState") == "active", "the start")


def test_it_becomes_ready_and_says_how_it_stands(box: Box) -> None:
    assert (box.show("ActiveState"), box.show("SubState"), box.show("NRestarts")) == ("active", "running", "0")
    wait_until(lambda: "caught up" in box.show("StatusText"), "the status")
    wait_until(lambda: re.match(r"[1-9]\d* sources, [\d,]+ lines", box.show("StatusText")), "numbers", 30)
    assert box.get("/-/ready").startswith("ready")
    assert seen(box) >= HISTORY


def test_its_user_is_nobody_s_and_reads_what_its_groups_may(box: Box) -> None:
    status = box.run("cat", f"/proc/{box.show('MainPID')}/status")
    uid, groups = re.search(r"Uid:\s+(\d+)", status), re.search(r"Groups:\s+(.*)", status)
    assert uid
    assert int(uid[1]) >= 61184  # systemd's range of dynamic users
    wanted = [box.run("getent", "group", name).split(":")[2] for name in ("adm", "systemd-journal")]
    assert groups
    assert set(wanted) <= set(groups[1].split())
    assert box.run("stat", "-c", "%a %U %G", "/var/log/syslog").split() == ["640", "root", "adm"]
    box.run("logger", "-t", "tester", "a line for the journal")
    before = box.stream("journal")["lines_read"]
    wait_until(lambda: box.stream("journal")["lines_read"] >= max(before, 50), "the journal")


def test_the_engine_runs_without_writable_code(box: Box) -> None:
    assert box.show("MemoryDenyWriteExecute") == "yes"
    maps = box.run("cat", f"/proc/{box.show('MainPID')}/maps")
    assert "/alogd/_engine.abi3.so" in maps
    assert "_multiarray_umath" in maps
    assert not re.findall(r"^\S+ .wx. .*$", maps, re.MULTILINE)


@pytest.mark.parametrize("name", ["alogd.service", "alogd-retrain.service"])
def test_exposure(name: str, box: Box) -> None:
    unit = f"/etc/systemd/system/{name}"
    said = box.run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found
    assert float(found[1]) <= MOST_EXPOSED
    assert name not in box.run("systemd-analyze", "verify", unit)


def test_training_is_timed_and_without_pytorch_says_so(box: Box) -> None:
    timer = "alogd-retrain.timer"
    assert timer not in box.run("systemd-analyze", "verify", f"/etc/systemd/system/{timer}")
    box.systemctl("enable", "--now", timer)
    assert timer in box.systemctl("list-timers", "--no-pager")
    box.systemctl("disable", "--now", timer)
    box.systemctl("start", "alogd-retrain", check=False)
    assert "pip install torch==" in box.run("journalctl", "-u", "alogd-retrain", "-o", "cat", "--no-pager")
    assert "models" not in box.run("ls", "/var/lib/alogd/")
    assert box.show("ActiveState") == "active"  # the daemon beside it, whose user and state it shares
    assert box.get("/-/ready").startswith("ready")


def test_a_crash_raises_an_alert_in_a_file_and_in_the_journal(box: Box) -> None:
    box.append("Segmentation fault (core dumped) in worker")
    box.run("logger", "-t", "shop", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b")

    def told(stream: str, word: str) -> bool:
        return any(alert["stream"] == stream and word in json.dumps(alert) for alert in box.alerts())

    wait_until(lambda: told("system", "Segmentation fault"), "the alert of the file", SLOW)
    wait_until(lambda: told("journal", "Kernel panic"), "the alert of the journal", SLOW)
    wait_until(lambda: "never seen before" in box.journal(), "the sink's line", SLOW)


def test_its_own_alerts_file_is_not_followed(box: Box) -> None:
    """With DynamicUser, /var/log/alogd is a link to a directory that the patterns match too."""
    config = box.file("/etc/alogd/alogd.yaml")
    sink = "  - kind: jsonl\n    path: /var/log/alogd/alerts.jsonl\n  - kind: log\n"
    config.write_text(config.read_text().replace("  - kind: log\n", sink, 1))
    alerts = box.file("/var/log/private/alogd/alerts.jsonl")
    alerts.write_text('{"title": "an alert of an earlier run"}\n')
    shutil.chown(alerts, alerts.parent.stat().st_uid)
    box.systemctl("restart", "alogd")
    caught_up(box)
    box.run("sh", "-c", "echo a line >> /var/log/beside.log; chmod 644 /var/log/beside.log")
    wait_until(lambda: "beside.log" in json.dumps(box.stream("other")["sources"]), "the look at what is new")
    assert "alerts.jsonl" not in json.dumps(box.stream("other")["sources"])


def test_its_own_log_is_not_read_back(box: Box) -> None:
    said = box.run("journalctl", "-u", "alogd", "-o", "cat", "--no-pager")
    assert "now watching" in said
    box.run("logger", "-t", "tester", "quokkas are fed")
    wait_until(lambda: "quokkas" in box.get("/api/v1/templates?stream=journal&limit=1000"), "the journal")
    assert "now watching" not in box.get("/api/v1/templates?stream=journal&limit=1000")


def test_state_outlives_restart_and_kill(box: Box) -> None:
    for how in ("restart", "kill"):
        before, process = seen(box), box.show("MainPID")
        if how == "restart":
            box.systemctl("restart", "alogd")
        else:
            box.systemctl("kill", "-s", "KILL", "--kill-who=main", "alogd")
            wait_until(lambda: box.show("NRestarts") == "1", "the restart")
        next_process(box, process)
        caught_up(box)
        assert box.stream("system")["resumed"]
        box.append("cache refreshed")
        wait_for_lines(box, before + 1)
        assert seen(box) < before + 1000  # what was read is not read again


def test_reload_good_and_bad(box: Box) -> None:
    process = box.show("MainPID")
    box.systemctl("reload", "alogd")
    wait_until(lambda: "the configuration was read again" in box.journal(), "the reload")
    config = box.file("/etc/alogd/alogd.yaml")
    config.write_text(config.read_text() + "bogus: 1\n")
    box.mark()
    box.systemctl("reload", "alogd")
    wait_until(lambda: "bogus: unknown key" in box.journal(), "the complaint")
    wait_until(lambda: "alogd_config_last_reload_successful 0" in box.get("/metrics"), "the metric")
    wait_until(lambda: "the last reload failed" in box.show("StatusText"), "the status")
    assert (box.show("ActiveState"), box.show("MainPID")) == ("active", process)
    before = seen(box)
    box.append("cache refreshed")
    wait_for_lines(box, before + 1)


def test_stop_is_clean(box: Box) -> None:
    box.mark()
    box.systemctl("stop", "alogd")
    assert (box.show("ActiveState"), box.show("Result")) == ("inactive", "success")
    said = box.journal()
    assert "Deactivated successfully" in said
    assert "timed out" not in said


def test_the_watchdog_restarts_what_hangs(box: Box) -> None:
    box.drop_in("[Service]\nWatchdogSec=4s\n")
    box.systemctl("restart", "alogd")
    caught_up(box)
    process = box.show("MainPID")
    box.systemctl("kill", "-s", signal.SIGSTOP.name, "--kill-who=main", "alogd")
    wait_until(lambda: box.show("NRestarts") == "1", "the watchdog", SLOW)
    assert "Watchdog timeout" in box.journal()
    next_process(box, process)
    caught_up(box)
    assert box.show("NRestarts") == "1"  # and it is fed from then on


def test_a_wrong_configuration_is_not_tried_again(box: Box) -> None:
    box.systemctl("stop", "alogd")
    config = box.file("/etc/alogd/alogd.yaml")
    config.write_text(config.read_text() + "bogus: 1\n")
    for _ in ("found by ExecStartPre", "found by the daemon"):
        box.mark()
        box.systemctl("start", "alogd", check=False)
        wait_until(lambda: box.show("SubState") in ("failed", "auto-restart"), "the end")
        assert (box.show("SubState"), box.show("NRestarts")) == ("failed", "0")
        assert "status=78" in box.journal()
        box.drop_in("[Service]\nExecStartPre=\n")
    assert box.show("ExecMainStatus") == "78"


def test_a_fault_is_tried_again(box: Box) -> None:
    box.drop_in('[Service]\nExecStart=\nExecStart=/bin/sh -c "exit 1"\n')
    box.systemctl("restart", "alogd", check=False)
    wait_until(lambda: box.show("NRestarts") not in ("0", ""), "the restart")


def test_nothing_to_read_is_no_failed_start(box: Box) -> None:
    config = box.file("/etc/alogd/alogd.yaml")
    streams = "streams:\n  - name: far\n    collect: [{kind: journald, directory: /nonexistent}]\n"
    config.write_text(f"{streams}http: {{listen: '127.0.0.1:{box.port}'}}\n")
    box.systemctl("restart", "alogd")
    assert box.show("ActiveState") == "active"
    wait_until(lambda: "no journal to read" in box.show("StatusText"), "the reason")
    assert box.show("NRestarts") == "0"
