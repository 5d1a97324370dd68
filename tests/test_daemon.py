"""The real daemon: stopped, reloaded, broken in parts; what it says and loads. Faults are in tests/faults."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from alogd.state.database import Reader
from tests.daemon_process import ROOT, DaemonProcess, free_port, log_lines, wait_until


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "logs").mkdir()
    running = DaemonProcess(tmp_path)
    yield running
    running.kill()


def write(directory, lines, name="a.log"):
    with (directory / "logs" / name).open("ab") as file:
        file.write(b"".join(lines))


def test_a_replay_tells_what_the_daemon_told(daemon):
    write(daemon.directory, log_lines(12_000))
    assert daemon.finish() == 0
    told = daemon.delivered()
    assert len(told) >= 6
    command = [sys.executable, "-m", "alogd", "replay", "--config", str(daemon.config), "--format", "jsonl"]
    log = str(daemon.directory / "logs" / "a.log")
    done = subprocess.run([*command, log], cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert [json.loads(line) for line in done.stdout.splitlines()] == told


# Stop, start


def test_once_and_once_again_reads_only_what_is_new(daemon):
    lines = log_lines(3000)
    write(daemon.directory, lines[:2000])
    assert daemon.finish() == 0
    assert daemon.finish() == 0
    write(daemon.directory, lines[2000:])
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 3000, "the new lines")
    assert daemon.stream()["lines_read"] == 1000
    assert daemon.stop() == 0


def test_once_reads_more_files_than_are_opened_in_one_step(daemon):
    for number in range(300):
        write(daemon.directory, log_lines(1), f"{number}.log")
    assert daemon.finish() == 0
    assert "caught up: 300 lines" in daemon.said()


# Reload


def stream(daemon, name, pattern, **more):
    return {"name": name, "collect": [{"kind": "file", "include": [f"{daemon.directory}/logs/{pattern}"]}], **more}


def test_told_to_stop_amid_a_reload_it_stops(daemon):
    write(daemon.directory, log_lines(1000), "a.log")
    for pause in (0.0, 0.01, 0.02, 0.03, 0.05):  # seconds; the reload is under way at one of them
        daemon.configure(streams=[stream(daemon, name, "a.log") for name in ("a", "b", "c")])
        daemon.start().wait_ready()
        daemon.configure(streams=[stream(daemon, "c", "a.log")])
        daemon.signal(signal.SIGHUP)
        time.sleep(pause)
        assert daemon.stop() == 0


def test_a_reload_changes_only_what_changed(daemon):
    write(daemon.directory, log_lines(1000), "a.log")
    write(daemon.directory, log_lines(500), "b.log")
    daemon.configure(streams=[stream(daemon, "a", "a.log"), stream(daemon, "b", "b.log")])
    daemon.start().wait_ready()
    wait_until(lambda: (daemon.lines("a"), daemon.lines("b")) == (1000, 500), "both streams")
    other = {"windows": {"size": 20, "stride": 20}}
    daemon.configure(streams=[stream(daemon, "a", "a.log"), stream(daemon, "b", "b.log", **other)])
    assert daemon.post("/-/reload")[0] == 200
    wait_until(lambda: daemon.lines("b") == 500, "the stream that began anew")
    assert not daemon.stream("a")["resumed"]  # never stopped
    assert not daemon.stream("b")["resumed"]  # its windows mean something else now
    daemon.configure(streams=[stream(daemon, "a", "a.log"), stream(daemon, "c", "c.log")])
    assert daemon.post("/-/reload")[0] == 200
    write(daemon.directory, log_lines(70), "c.log")
    wait_until(lambda: daemon.lines("c") == 70, "the new stream")
    assert not daemon.stream("a")["resumed"]
    assert daemon.lines("a") == 1000
    daemon.configure(streams=[stream(daemon, "c", "c.log")])
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: not daemon.stream("a"), "the end of the stream")
    assert b'stream="a"' not in daemon.get("/metrics")[1]
    assert daemon.stop() == 0


def test_sinks_are_swapped_and_the_address_moves(daemon):
    write(daemon.directory, log_lines(6000))
    daemon.start().wait_ready()
    wait_until(lambda: daemon.delivered(), "alerts")
    old = daemon.url
    daemon.port = free_port()
    daemon.url = f"http://127.0.0.1:{daemon.port}"
    daemon.configure(sinks=[{"kind": "jsonl", "path": str(daemon.directory / "other.jsonl")}])
    daemon.signal(signal.SIGHUP)
    daemon.wait_ready()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(old + "/-/healthy", timeout=5)
    trouble = log_lines(9000)[6000:]
    write(daemon.directory, trouble)
    wait_until(lambda: (daemon.directory / "other.jsonl").exists(), "alerts in the new place")
    assert daemon.stop() == 0


def metric(daemon, name):
    text = daemon.get("/metrics")[1].decode()
    found = [line.split()[1] for line in text.splitlines() if line.split()[0] == name]
    return float(found[0]) if found else None


# Parts that fail

PLUGINS = """
import asyncio, time
from alogd.collectors.base import Data, Opened, Options, Status

class Broken:
    name = "broken"
    Options = Options
    def __init__(self, options, positions, clock, waker, *, exclude_paths=()): pass
    async def events(self):
        yield Opened("it", "it", 0, None, None, False)
        raise RuntimeError("the device caught fire")
    def position(self, source, consumed): return {}
    def text(self, source, offset, length): return None
    def lag(self): return {}
    def status(self): return Status(True, "", ())
    async def close(self): pass

"""
POINTS = """
[alogd.collectors]
broken = trouble_plugins:Broken
"""


@pytest.fixture
def plugins(daemon, tmp_path):
    """Third-party plugins, installed beside the product."""
    place = tmp_path / "site"
    (place / "trouble-1.0.dist-info").mkdir(parents=True)
    (place / "trouble_plugins.py").write_text(PLUGINS)
    (place / "trouble-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1.0\n")
    (place / "trouble-1.0.dist-info" / "entry_points.txt").write_text(POINTS)
    daemon.environment["PYTHONPATH"] = f"{ROOT}:{place}"


@pytest.mark.usefixtures("plugins")
def test_a_failing_collector_does_not_stop_its_neighbours(daemon):
    write(daemon.directory, log_lines(500), "a.log")
    daemon.configure(streams=[{"name": "bad", "collect": [{"kind": "broken"}]}, stream(daemon, "host", "a.log")])
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 500, "the neighbour's lines")
    up = 'alogd_component_up{component="stream/%s"}'
    wait_until(lambda: metric(daemon, 'alogd_component_restarts_total{component="stream/bad"}'), "a restart")
    wait_until(lambda: metric(daemon, up % "bad") == 0, "the failure")
    assert metric(daemon, up % "host") == 1
    status, ready = daemon.get("/-/ready")
    assert status == 200
    assert b"the device caught fire" in ready
    write(daemon.directory, log_lines(100), "a.log")
    wait_until(lambda: daemon.lines() == 600, "more lines")
    assert daemon.stop() == 0


@pytest.mark.usefixtures("plugins")
def test_once_gives_up_on_a_stream_that_cannot_run(daemon):
    daemon.configure(streams=[{"name": "bad", "collect": [{"kind": "broken"}]}])
    assert daemon.finish() == 1
    assert "the device caught fire" in daemon.said()


def test_once_with_nothing_that_can_be_read_has_failed(daemon):
    write(daemon.directory, [bytes(range(256)) * 8], "a.log")
    assert daemon.finish() == 1
    assert "nothing of what there is to read can be read" in daemon.said()
    write(daemon.directory, log_lines(100), "b.log")
    assert daemon.finish() == 0


def test_a_port_that_is_taken_does_not_stop_it(daemon):
    with socket.create_server(("127.0.0.1", daemon.port)):
        write(daemon.directory, log_lines(6000))
        daemon.start()
        wait_until(lambda: daemon.delivered(), "alerts")
        assert "cannot listen on" in daemon.said()
        assert daemon.stop() == 0


# What stops a start


# What it says, and what it does not load


def test_a_host_without_logs_still_says_something_true(daemon):
    daemon.configure(log={"format": "console"})
    daemon.start().wait_ready()
    wait_until(lambda: "found no log to read yet" in daemon.said(), "what it found")
    write(daemon.directory, log_lines(10))
    wait_until(lambda: daemon.lines() == 10, "a log that appears later")
    assert daemon.stop() == 0


def test_a_person_is_told_what_it_found(daemon):
    write(daemon.directory, log_lines(2000))
    (daemon.directory / "logs" / "bin.log").write_bytes(bytes(range(256)) * 50)
    daemon.configure(log={"format": "console"})
    daemon.start().wait_ready()
    wait_until(lambda: f"look: {daemon.url}/ (the page)" in daemon.said(), "where to look")
    said = daemon.said()
    for part in ("for the first time", "found 1 source in 1 stream", "caught up: 2,000 lines", "bin.log"):
        assert part in said
    assert daemon.stop() == 0
    daemon.start().wait_ready()
    wait_until(lambda: "goes on where it stopped" in daemon.said(), "the second start")
    assert daemon.stop() == 0


def test_standard_input_ends_it(daemon):
    daemon.configure(streams=[{"name": "host", "collect": [{"kind": "stdin"}]}])
    data = b"".join(log_lines(1000))
    daemon.start(prefix=("sh", "-c", f'head -c {len(data)} | "$@"', "sh"), stdin=data)
    assert daemon.wait() == 0
    reader = Reader.open(daemon.state)
    assert reader.parts("host")
    reader.close()


def test_nothing_heavy_is_loaded(tmp_path):
    (tmp_path / "logs").mkdir()
    write(tmp_path, log_lines(500))
    config = DaemonProcess(tmp_path, sinks=[{"kind": "log", "max_age": None}]).config
    code = (
        "import sys; from alogd.cli.main import main\n"
        f"code = main(['run', '--config', {str(config)!r}, '--once'])\n"
        "heavy = {'torch', 'onnxruntime', 'pandas', 'rich', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(code or ' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
