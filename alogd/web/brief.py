"""An alert without its evidence: what a list of alerts shows."""

from __future__ import annotations

from typing import Any

from alogd.alert_json import spelt_out
from alogd.event import Alert

FIELDS = (
    "id",
    "status",
    "stream",
    "key",
    "title",
    "risk",
    "level",
    "anomaly",
    "severity",
    "opened_ns",
    "updated_ns",
    "resolved_ns",
    "windows",
    "lines_seen",
)


def brief(alert: Alert) -> dict[str, Any]:
    """Plain values, a few hundred bytes."""
    return {name: spelt_out(getattr(alert, name)) for name in FIELDS}
