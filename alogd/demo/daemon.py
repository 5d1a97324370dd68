"""The demo's daemon: the real `alogd run`, a process of its own with its own configuration, state and port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import msgspec

from alogd.demo.score import STREAMS

BUDGET = "1/hour"  # of log time; the default, 5/day, would be used up within the show
_CONFIG = """\
# Written by `alogd demo`. All defaults but these: a budget that fits a show of an hour or two of log time, and
# folders of its own.
streams:
{streams}
sinks:
  - {{kind: jsonl, path: {folder}/alerts.jsonl, fsync: false}}
  - log
alerts: {{budget: {budget}}}
http: {{listen: "127.0.0.1:{port}"}}
log: {{format: json}}
state: {{directory: {folder}/state}}
"""
_STREAM = "  - {{name: {name}, collect: [{{kind: file, include: [{folder}/{file}], poll: 250ms}}]}}"


class Daemon:
    """Started on a folder of logs; stopped, and killed when it does not stop."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "alogd.yaml"
        self.log = folder / "alogd.log"
        self.alerts = folder / "alerts.jsonl"
        self._url = f"http://127.0.0.1:{_write_config(self.config, folder)}"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                [sys.executable, "-m", "alogd", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the show, which then stops the daemon
            )

    def failure(self) -> str | None:
        """Its last words when it has ended by itself."""
        if self._process.poll() is None:
            return None
        words = self.log.read_text(errors="backslashreplace").strip().splitlines()
        return f"the daemon ended with {self._process.returncode}: {words[-1] if words else 'it said nothing'}"

    def streams(self) -> list[dict[str, Any]]:
        """What it says of its streams; nothing while it does not answer."""
        try:
            with urlopen(f"{self._url}/api/v1/streams", timeout=2) as reply:  # noqa: S310 - our own http address
                found = msgspec.json.decode(reply.read(1 << 20))
        except (URLError, OSError, ValueError):
            return []
        return list(found["streams"])

    def stop(self) -> None:
        """As an operator would; no longer than ten seconds."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _write_config(path: Path, folder: Path) -> int:
    """Writes the configuration; the port in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    streams = "\n".join(_STREAM.format(name=name, folder=folder, file=file) for file, name in STREAMS.items())
    path.write_text(_CONFIG.format(streams=streams, folder=folder, budget=BUDGET, port=port))
    return port
