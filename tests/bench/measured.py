"""A daemon to be measured: its logs (so many sources, so many templates) and what the kernel says of its process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.daemon_process import ROOT, free_port, wait_until

TICK = os.sysconf("SC_CLK_TCK")


def message(number: int) -> str:
    """A message that is a template of its own, in leaves of their own up to a million."""
    letters = "klmnopqrst"
    pairs = [f"{letters[number // 10 ** (n + 1) % 10]}{letters[number // 10**n % 10]}" for n in (4, 2, 0)]
    first, second, third = pairs
    return f"{second}er {third}{first}ed {first}{second}{third} {third}{second}{first} {second}{third}{first}"


def write_logs(directory: Path, sources: int, templates: int, rounds: int = 3) -> list[Path]:
    """Logs that hold so many templates together, every template `rounds` times."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"app{number:02d}.log" for number in range(sources)]
    each = templates // sources
    for number, path in enumerate(paths):
        with path.open("w") as log:
            for line in range(each * rounds):
                second = line // 50
                stamp = f"2026-05-01 {second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
                log.write(f"{stamp} INFO {message(number * each + line % each)} {line}\n")
    return paths


@contextmanager
def undisturbed() -> Iterator[bool]:
    """Before whatever else runs on this machine, where we may: the clock is not to measure others' work."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, *before)


class Measured:
    """`alogd run` on a configuration below a directory, as an operator starts it: byte code is written and used."""

    def __init__(
        self, directory: Path, streams: list[dict[str, Any]], command: Sequence[str] = (), **sections: Any
    ) -> None:
        self.directory = directory
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        base = {
            "streams": streams,
            "sinks": [{"kind": "jsonl", "path": str(directory / "alerts.jsonl"), "fsync": False}],
            "http": {"listen": f"127.0.0.1:{port}"},
            "log": {"format": "json", "level": "debug"},
            "state": {"directory": str(directory / "state")},
        }
        (directory / "alogd.yaml").write_text(json.dumps({**base, **sections}))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        alogd = [*(command or (sys.executable, "-m", "alogd")), "run", "--config", str(directory / "alogd.yaml")]
        self._stderr = directory / "stderr"
        with self._stderr.open("wb") as errors:
            self.began = time.time()
            self._process = subprocess.Popen(alogd, cwd=ROOT, stderr=errors, stdout=errors, env=environment)

    def __enter__(self) -> Measured:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def logged(self, event: str) -> float | None:
        """When the daemon said this for the first time, in seconds since it was started."""
        for line in self._stderr.read_bytes().splitlines():
            if event.encode() in line:
                said = datetime.fromisoformat(json.loads(line)["time"]).timestamp()
                return said - self.began
        return None

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        return wait_until(lambda: self._alive() and condition(), what, 60.0)

    def _alive(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"the daemon ended:\n{self._stderr.read_text()[-2000:]}")
        return True

    def get(self, path: str) -> bytes:
        """The body; empty while nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as reply:
                return bytes(reply.read())
        except (urllib.error.URLError, OSError):
            return b""

    def streams(self) -> list[dict[str, Any]]:
        body = self.get("/api/v1/streams")
        return list(json.loads(body)["streams"]) if body else []

    def metrics(self) -> Mapping[str, float]:
        """Every sample by its name and labels as written."""
        rows = (line.rpartition(" ") for line in self.get("/metrics").decode().splitlines() if line[:1] != "#")
        return {name: float(value) for name, _, value in rows}

    def lines(self) -> int:
        return sum(stream["lines_read"] for stream in self.streams())

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def task_nanoseconds(self) -> int:
        """CPU time of all its threads, finer than the clock tick."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def memory(self, field: str = "VmRSS") -> float:
        """Megabytes (10^6 bytes) of a field of /proc/PID/status."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"the kernel gives no {field}")
        return int(found[1]) * 1024 / 1e6

    @property
    def pid(self) -> int:
        return self._process.pid
