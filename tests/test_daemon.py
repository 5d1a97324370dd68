"""The real daemon: killed, stopped, reloaded, broken in parts (FAULTS C1, C2, C7-C9, L1-L8)."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from alogd.state import Reader
from tests.daemon_process import DEADLINE, ROOT, DaemonProcess, free_port, log_lines, wait_until


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


def test_sigterm_leaves_nothing_to_read_twice(daemon):
    lines = log_lines(3000)
    write(daemon.directory, lines[:2000])
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 2000, "2000 lines")
    assert daemon.stop() == 0
    write(daemon.directory, lines[2000:])
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 3000, "3000 lines")
    stream = daemon.stream()
    assert stream["lines_read"] in (1000, 1001)  # the last line had waited for one that goes on it
    assert stream["resumed"]
    wait_until(lambda: daemon.stream()["core"]["window"]["records"] == 3000, "3000 records")
    assert daemon.stop() == 0


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


def test_sigint_is_the_same(daemon):
    daemon.start().wait_ready()
    daemon.signal(signal.SIGINT)
    assert daemon.wait() == 0


def test_a_second_signal_forces(daemon):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hook = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        daemon.configure(sinks=[{"kind": "webhook", "url": hook, "timeout": "60s", "max_age": None}])
        write(daemon.directory, log_lines(6000))
        daemon.start().wait_ready()
        queue = b'alogd_component_up{component="sink/webhook"}'
        wait_until(lambda: queue in daemon.get("/metrics")[1], "metrics")
        taken, _ = silent.accept()  # the sink waits for an answer that never comes
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: '"event":"stopping"' in daemon.said(), "the first signal")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 128 + signal.SIGTERM
        taken.close()


def test_a_stuck_sink_is_cut_off_and_its_alerts_kept(daemon):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hook = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        daemon.configure(sinks=[{"kind": "webhook", "url": hook, "timeout": "60s", "max_age": None}])
        write(daemon.directory, log_lines(6000))
        daemon.start().wait_ready()
        taken, _ = silent.accept()
        assert daemon.stop() == 0
        taken.close()
    reader = Reader.open(daemon.state)
    assert reader.queue_lengths()["webhook"] >= 1
    reader.close()


@pytest.mark.parametrize("how", ["closed", "full"])
def test_nobody_reads_its_output(daemon, how):
    """L8: no crash, no block."""
    write(daemon.directory, log_lines(3000))
    reading, writing = os.pipe()
    if how == "closed":
        os.close(reading)
    else:
        fill(writing)
    daemon.start(output=writing)
    os.close(writing)
    wait_until(lambda: daemon.lines() == 3000, "3000 lines")
    assert daemon.stop() == 0
    if how == "full":
        os.close(reading)


def fill(pipe):
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(pipe, bytes(65536)):
            continue
    os.set_blocking(pipe, True)


# Reload


def test_a_bad_reload_keeps_the_old_configuration(daemon):
    write(daemon.directory, log_lines(100))
    daemon.start().wait_ready()
    good = daemon.config.read_text()
    daemon.config.write_text(good.replace('"streams"', '"streems"'))
    status, said = daemon.post("/-/reload")
    assert status == 400
    assert b"streems" in said
    assert metric(daemon, "alogd_config_last_reload_successful") == 0
    assert "reload" in daemon.get("/-/ready")[1].decode()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.said().count("the configuration is bad") == 2, "the second refusal")
    write(daemon.directory, log_lines(50))
    wait_until(lambda: daemon.lines() == 150, "lines after the bad reload")
    daemon.config.write_text(good)
    assert daemon.post("/-/reload")[0] == 200
    assert metric(daemon, "alogd_config_last_reload_successful") == 1
    assert daemon.stop() == 0


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


def test_many_hangups_are_few_reloads(daemon):
    daemon.start().wait_ready()
    before = threads_and_files(daemon)
    for _ in range(100):
        daemon.signal(signal.SIGHUP)
    assert daemon.post("/-/reload")[0] == 200
    assert daemon.said().count("was read again") < 50
    assert threads_and_files(daemon) <= tuple(n + 3 for n in before)
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


def threads_and_files(daemon):
    process = Path(f"/proc/{daemon.process.pid}")
    return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))


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

class Stall:
    "A detector that works until it sees the word."
    class Options(Options): pass
    def __init__(self, options): self.calls = 0
    def __getattr__(self, name):
        time.sleep(3600)
"""
POINTS = """
[alogd.collectors]
broken = trouble_plugins:Broken
[alogd.detectors]
stall = trouble_plugins:Stall
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


class Manager:
    """The service manager's end of the notify socket."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []

    def listen(self, seconds=0.0):
        self.socket.settimeout(seconds or 0.001)
        try:
            while True:
                self.heard += self.socket.recv(65536).decode().splitlines()
        except TimeoutError:
            return self.heard

    def wait_for(self, line):
        wait_until(lambda: line in self.listen(0.01), line)


def test_the_service_manager_is_told(daemon):
    manager = Manager(daemon.directory)
    daemon.environment |= {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"}
    write(daemon.directory, log_lines(300))
    daemon.start()
    manager.wait_for("READY=1")
    manager.wait_for("WATCHDOG=1")
    assert daemon.state.joinpath("state.db").exists()
    daemon.signal(signal.SIGHUP)
    manager.wait_for("RELOADING=1")
    reloading = manager.heard.index("RELOADING=1")
    wait_until(lambda: "READY=1" in manager.listen(0.01)[reloading:], "READY=1 after RELOADING=1")
    manager.heard.clear()
    manager.wait_for("WATCHDOG=1")  # idle, and provably so
    assert daemon.stop() == 0
    manager.wait_for("STOPPING=1")
    assert any(line.startswith("STATUS=") for line in manager.heard)


@pytest.mark.usefixtures("plugins")
def test_a_core_that_hangs_is_not_reported_alive(daemon):
    """L6: the manager hears nothing, and would restart it."""
    manager = Manager(daemon.directory)
    daemon.environment |= {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"}
    write(daemon.directory, log_lines(3000))
    daemon.configure(streams=[stream(daemon, "host", "a.log", detectors=[{"name": "stall"}])])
    daemon.start()
    wait_until(lambda: daemon.state.joinpath("state.db").exists(), "the start")
    wait_until(lambda: quiet(manager), "silence")
    assert daemon.process.poll() is None


def quiet(manager):
    """Whether nothing was heard for five watchdog periods."""
    manager.heard.clear()
    return "WATCHDOG=1" not in manager.listen(2.0)


SLOW = 3 * DEADLINE  # a save that took long, as on a busy machine, puts the next off by up to ten seconds


def test_a_full_disk_is_waited_out(daemon):
    """C7: it keeps running and delivering, says so, and recovers by itself."""
    daemon.state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(daemon.state)], check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        write(daemon.directory, log_lines(4000))
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines() == 4000, "the first lines")
        filler = daemon.state / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                continue
        before = len(daemon.delivered())
        write(daemon.directory, log_lines(8000)[4000:])
        wait_until(lambda: metric(daemon, 'alogd_component_up{component="state"}') == 0, "the failure", SLOW)
        status, ready = daemon.get("/-/ready")
        assert status == 200
        assert b"state: database or disk is full" in ready
        wait_until(lambda: len(daemon.delivered()) > before, "an alert though the disk is full", SLOW)
        filler.unlink()
        wait_until(lambda: metric(daemon, 'alogd_component_up{component="state"}') == 1, "recovery", SLOW)
        assert daemon.stop() == 0
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines() == 8000, "all lines")
        assert daemon.stream()["lines_read"] <= 1
        ids = [(e["id"], e["status"], e["updated_ns"], e["windows"]) for e in daemon.delivered()]
        assert len(ids) == len(set(ids))
        assert daemon.stop() == 0
    finally:
        daemon.kill()
        subprocess.run(["umount", str(daemon.state)], check=False)


def test_a_port_that_is_taken_does_not_stop_it(daemon):
    with socket.create_server(("127.0.0.1", daemon.port)):
        write(daemon.directory, log_lines(6000))
        daemon.start()
        wait_until(lambda: daemon.delivered(), "alerts")
        assert "cannot listen on" in daemon.said()
        assert daemon.stop() == 0


# What stops a start


def test_two_on_one_state_directory(daemon):
    daemon.start().wait_ready()
    second = DaemonProcess(daemon.directory)
    second.state, second.stderr = daemon.state, daemon.directory / "second"
    assert second.start().wait() == 1
    assert "another alogd is using" in second.said()
    assert daemon.stop() == 0


def test_a_state_directory_that_cannot_be(daemon):
    daemon.configure(state={"directory": "/proc/alogd"})
    assert daemon.start().wait() == 78
    assert daemon.said().count("\n") == 1
    assert daemon.said().startswith("alogd: cannot write in the state directory")


def test_a_newer_state(daemon):
    daemon.start().wait_ready()
    assert daemon.stop() == 0
    with sqlite3.connect(daemon.state / "state.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    daemon.stderr.unlink()
    assert daemon.start().wait() == 78
    assert "newer alogd" in daemon.said()


def test_damaged_state_begins_anew_and_says_so(daemon):
    write(daemon.directory, log_lines(500))
    assert daemon.finish() == 0
    (daemon.state / "state.db").write_bytes(b"rubbish" * 1000)
    daemon.start().wait_ready()
    wait_until(lambda: daemon.lines() == 500, "all lines again")
    assert metric(daemon, 'alogd_state_recovered_total{reason="damaged"}') == 1
    assert "state.db.bad-1" in daemon.said()
    assert daemon.stop() == 0


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
    wait_until(lambda: "look: http://127.0.0.1" in daemon.said(), "where to look")
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
