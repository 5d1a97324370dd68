"""The real daemon as a process of its own, and what tests ask of it; every wait has a deadline."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DEADLINE = 30.0  # seconds; long, since it only matters when something is wrong


def wait_until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """The first true value of a condition. Fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds:g} s for {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


TROUBLE = (
    "kernel: Out of memory: Kill process 4711 (java) score 900 or sacrifice child",
    "kernel: EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm find: reading directory lblock 0",
    "postgres: PANIC: could not write to file pg_wal/xlogtemp.42: No space left on device",
    "nginx: worker process 77 exited on signal 11 (core dumped)",
    "smartd: Device: /dev/sda, 8 Currently unreadable (pending) sectors",
    "dockerd: level=fatal msg=cannot start the containers after all retries failed",
)


def log_lines(count: int, seed: int = 1) -> list[bytes]:
    """A syslog of a quiet host, a line a second, with a few lines of trouble now and then."""
    chance = random.Random(seed)
    start = 1_760_000_000
    lines = []
    for number in range(count):
        stamp = time.strftime("%b %e %H:%M:%S", time.gmtime(start + number))
        lines.append(f"{stamp} host {_message(number, chance)}\n".encode())
    return lines


def _message(number: int, chance: random.Random) -> str:
    if number % 2500 > 2490 and number > 2500:
        return TROUBLE[number // 2500 % len(TROUBLE)]
    port, user = chance.randrange(65536), chance.choice(["anna", "bert", "cleo"])
    return chance.choices(
        [
            f"sshd[{chance.randrange(9999)}]: Accepted publickey for {user} from 10.0.0.{number % 250} port {port}",
            f"CRON[{chance.randrange(9999)}]: (root) CMD (run-parts /etc/cron.hourly)",
            f"nginx: request {number} took {chance.randrange(900)} ms",
            f"systemd[1]: Started session {number} of user {user}",
        ],
        [5, 1, 8, 2],
    )[0]


class DaemonProcess:
    """`alogd run` on a configuration of its own below a directory."""

    def __init__(self, directory: Path, **sections: Any) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = directory / "alogd.yaml"
        self.stderr = directory / "stderr"
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}
        self.configure(**sections)

    def configure(self, **sections: Any) -> None:
        """Write the configuration (YAML is a superset of JSON); a reload takes it over."""
        base = {
            "streams": [{"name": "host", "collect": [{"kind": "file", "include": [f"{self.directory}/logs/*.log"]}]}],
            "sinks": [{"kind": "jsonl", "path": str(self.directory / "alerts.jsonl"), "fsync": False}],
            "alerts": {"warmup_windows": 20, "budget": "50/hour", "resolve_after": "2m", "join_within": "10s"},
            "http": {"listen": f"127.0.0.1:{self.port}"},
            "log": {"format": "json", "level": "debug"},
            "state": {"directory": str(self.state), "checkpoint_interval": "100ms"},
        }
        self.config.write_text(json.dumps({**base, **sections}, indent=1))

    def start(
        self, *flags: str, prefix: tuple[str, ...] = (), stdin: bytes = b"", output: int | None = None
    ) -> DaemonProcess:
        command = [*prefix, sys.executable, "-m", "alogd", "run", "--config", str(self.config), *flags]
        with self.stderr.open("ab") as errors, tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=given,
                stdout=output or errors,
                stderr=output or errors,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
            )
        return self

    def finish(self, *flags: str) -> int:
        """Run to the end of what is there."""
        self.start("--once", *flags)
        return self.wait()

    def wait(self, seconds: float = 2 * DEADLINE) -> int:
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it does not end; it said:\n{self.said()[-3000:]}") from None

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait_lines(self, total: int) -> None:
        """Until so many lines were read, as long as more are: how fast that is tells of the machine."""
        while (lines := self.lines()) < total:
            wait_until(lambda lines=lines: self.lines() > lines, f"more than {lines} of {total} lines")  # type: ignore[misc]
            time.sleep(0.2)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body; status 0 while nobody listens."""
        return self.ask(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, **headers: str) -> tuple[int, bytes]:
        return self.ask(urllib.request.Request(self.url + path, data=b"", method="POST", headers=headers))

    def ask(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def json(self, path: str) -> Any:
        status, body = self.get(path)
        return json.loads(body) if status == 200 else None

    def stream(self, name: str = "host") -> dict[str, Any]:
        """What /api/v1/streams says of a stream; {} while it says nothing."""
        streams = (self.json("/api/v1/streams") or {"streams": []})["streams"]
        return next((stream for stream in streams if stream["name"] == name), {})

    def lines(self, name: str = "host") -> int:
        return self.stream(name).get("core", {}).get("engine", {}).get("lines", 0)

    def metric(self, name: str) -> float | None:
        """The value of a sample (with its labels) in /metrics; None while there is none."""
        return self.metrics().get(name)

    def metrics(self) -> dict[str, float]:
        """All samples of one exposition, by name with labels."""
        lines = self.get("/metrics")[1].decode().splitlines()
        samples = [line.rsplit(" ", 1) for line in lines if line and not line.startswith("#")]
        return {key: float(value) for key, value in samples}

    def write(self, lines: Iterable[bytes], name: str = "a.log") -> None:
        """Append to one of its logs."""
        with (self.directory / "logs" / name).open("ab") as file:
            file.write(b"".join(lines))

    def wait_ready(self) -> DaemonProcess:
        wait_until(lambda: self.get("/-/ready")[0] == 200 or self._died(), "readiness")
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        return self

    def _died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def said(self) -> str:
        return self.stderr.read_text(errors="replace") if self.stderr.exists() else ""

    def delivered(self) -> list[dict[str, Any]]:
        path = self.directory / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
