"""The daemon's own log: structlog to standard error, as JSON or as text for people.

Writing never blocks and never fails: lines go through a bounded queue to a thread, and when a pipe is full or
closed they are dropped and counted. Nothing of a followed log goes in unescaped: one event is one line.
"""

from __future__ import annotations

import io
import logging
import os
import queue
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import msgspec

from alogd.config.tree import Log
from alogd.escape import escape, json_safe

# structlog imports rich wherever it is installed, 100 ms of start-up for a renderer that is not used here.
_hide_rich = "rich" not in sys.modules
if _hide_rich:
    sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if _hide_rich:
        del sys.modules["rich"]

QUEUE_LINES = 2000
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_COLORS = {"debug": "2", "info": "32", "warning": "33;1", "error": "31;1", "critical": "31;1"}


def get_logger(name: str) -> Any:
    """A structlog logger; what it does is decided by `configure`, which may come later."""
    return structlog.get_logger(component=name)


class Output:
    """A thread that writes lines to a file descriptor so that nobody waits for it."""

    def __init__(self, fd: int, limit: int = QUEUE_LINES) -> None:
        self._fd = fd
        self._lines: queue.Queue[str | threading.Event] = queue.Queue(limit)
        self.dropped = 0
        threading.Thread(target=self._write_all, name="alogd-log", daemon=True).start()

    def write(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until what was written so far is out, or for `seconds`."""
        reached = threading.Event()
        try:
            self._lines.put(reached, timeout=seconds)
        except queue.Full:
            return
        reached.wait(seconds)

    def _write_all(self) -> None:
        while True:
            item = self._lines.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                _write(self._fd, item.encode("utf-8", "backslashreplace") + b"\n")
            except OSError:
                self.dropped += 1


def configure(options: Log, output: Output, *, terminal: bool) -> None:
    """Set the format and the level of every logger, those already made included."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.ExceptionRenderer(),
            Console(color=terminal and "NO_COLOR" not in os.environ) if is_console(options, terminal) else render_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[options.level]),
        logger_factory=lambda *_: _Lines(output),
        cache_logger_on_first_use=False,
    )
    for name in ("aiohttp", "asyncio"):
        _bridge(logging.getLogger(name))


def is_console(options: Log, terminal: bool) -> bool:
    return options.format == "console" or (options.format == "auto" and terminal)


def stderr_is_terminal() -> bool:
    try:
        return os.isatty(2)
    except OSError:
        return False


class _Lines:
    """What structlog calls with the rendered line."""

    def __init__(self, output: Output) -> None:
        self._write = output.write

    def msg(self, line: str) -> None:
        self._write(line)

    debug = info = warning = error = critical = exception = warn = fatal = msg


def render_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One event as one JSON line, the usual fields first."""
    first = {name: event.pop(name) for name in ("time", "level", "component", "event") if name in event}
    return json_safe(msgspec.json.encode({**first, **event}, enc_hook=str)).decode()


class Console:
    """One event as one line of text; exceptions follow on indented lines."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
        time, level = str(event.pop("time"))[11:19], str(event.pop("level"))
        component, text = event.pop("component", ""), escape(str(event.pop("event")))
        trace = event.pop("exception", None)
        line = io.StringIO()
        line.write(f"{time} {self._paint(f'{level:<7}', _COLORS.get(level, '0'))} {text}")
        for name, value in event.items():
            line.write(self._field(name, value))
        if component and level in {"error", "critical"}:
            line.write(self._field("component", component))
        if trace:
            line.write("".join(f"\n    {escape(row)}" for row in str(trace).splitlines()))
        return line.getvalue()

    def _field(self, name: str, value: Any) -> str:
        if isinstance(value, list):
            return "".join(f"\n    {self._paint(name, '36')}: {escape(str(item))}" for item in value)
        return f" {self._paint(name, '36')}={escape(str(value))}"

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


class _Bridge(logging.Handler):
    """Libraries that use the standard logging come out in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = record.exc_info if record.exc_info and record.exc_info[0] else None
        log = get_logger(record.name)
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(log, level)(record.getMessage(), exc_info=trace)


def _bridge(logger: logging.Logger) -> None:
    logger.handlers = [_Bridge(logging.WARNING)]
    logger.propagate = False


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
