"""An alert without its evidence: what a list of alerts shows."""

from __future__ import annotations

from typing import Any

from alogd.alerts.as_json import shown_ack, spelt_out
from alogd.event import Alert
from alogd.feedback.acks import Ack

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
    "cause",
)


def brief(alert: Alert, ack: Ack | None) -> dict[str, Any]:
    """Plain values, a few hundred bytes."""
    also = [spelt_out(one.stream) for one in alert.also]
    return {name: spelt_out(getattr(alert, name)) for name in FIELDS} | {"also_in": also, "ack": shown_ack(ack)}
