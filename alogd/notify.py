"""What systemd is told (sd_notify(3)): readiness, status, and that work goes on. Silent outside systemd."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """The notify socket of the service manager, where there is one."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if path else None
        self.watchdog_seconds = _watchdog(environment)

    def send(self, *lines: str) -> None:
        """`READY=1`, `STATUS=...`. What the manager does not take is dropped: it must not stop the daemon."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode("utf-8", "replace"), socket.MSG_DONTWAIT, self._address)
        except OSError:
            return


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Seconds within which the manager wants to hear from this very process; None: it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(environment["WATCHDOG_USEC"]) / 1e6 or None
    except (KeyError, ValueError):
        return None
