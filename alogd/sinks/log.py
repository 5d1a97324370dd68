"""Alerts as lines of the daemon's own log, one line an alert, with nothing of the logs unescaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alogd.alerts.as_json import rfc3339
from alogd.escape import escape
from alogd.event import Alert
from alogd.logs import get_logger
from alogd.registry import register
from alogd.sinks.base import NONE_MISSED, MaxAge, MaxRate, Missed, SinkOptions

MAX_LINES = 5  # evidence lines shown; the API and jsonl have all of them


class LogOptions(SinkOptions, frozen=True, kw_only=True):
    """What every sink has; a day is how long a person at a terminal cares."""

    max_age: MaxAge = 86_400.0
    max_per_minute: MaxRate = 60


@register("sinks", "log")
class LogSink:
    """Writes each alert through structlog: console text for people, JSON for journald and shippers."""

    Options = LogOptions
    latest_only = True  # an incident that is over before it was told is told once

    def __init__(self, options: LogOptions) -> None:
        self._log = get_logger("alert")

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        for alert in alerts:
            write = self._log.warning if alert.status == "firing" else self._log.info
            write(escape(alert.title), **_fields(alert))
        if left_out := missed.dropped + missed.superseded:
            self._log.info(f"suppressed {left_out} earlier changes of incidents", dropped=missed.dropped)

    async def close(self) -> None:
        return None


def _fields(alert: Alert) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "alert": alert.id,
        "status": alert.status,
        "level": alert.level,
        "risk": round(alert.risk, 1),
        "stream": alert.stream,
        "opened": rfc3339(alert.opened_ns),
        "windows": alert.windows,
        "lines_seen": alert.lines_seen,
    }
    if alert.key:
        fields["key"] = escape(alert.key)
    if alert.reasons:
        fields["why"] = [escape(reason) for reason in alert.reasons]
    marked = [line for line in alert.lines if line.marked][:MAX_LINES]
    if marked:
        fields["lines"] = [f"{escape(line.source)}:{line.offset}: {escape(line.text)}" for line in marked]
    return fields
