"""What systemd is told (sd_notify(3)): readiness, status, and that work goes on. Silent outside systemd."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from alogd.daemon.progress import status_line
from alogd.daemon.view import View

STATUS_EVERY = 10.0  # seconds between two STATUS lines while nothing changes
CHANGED_EVERY = 1.0  # ... while something does
READY_AFTER = 20.0  # seconds after which a start counts as one though nothing can be read yet


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


class Standing:
    """READY once; STATUS when something other than a number has changed, and from time to time."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._ready = False
        self._said: tuple[object, float] = (None, 0.0)  # what, and when

    def tell(self, view: View, is_over: bool, age: float) -> None:
        """How things stand `age` seconds after the start; `is_over`: all there was at the start has been read."""
        # A manager that takes waiting for a source for a start that hangs would kill and start alogd for ever.
        if not self._ready and (view.ready or age >= READY_AFTER):
            self._ready = True
            self._notifier.send("READY=1")
        stage = (self._ready, is_over, view.reasons)
        told, at = self._said
        if age - at >= (STATUS_EVERY if stage == told else CHANGED_EVERY):
            self._said = (stage, age)
            self._notifier.send(f"STATUS={status_line(view)}")


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Seconds within which the manager wants to hear from this very process; None: it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(environment["WATCHDOG_USEC"]) / 1e6 or None
    except (KeyError, ValueError):
        return None
