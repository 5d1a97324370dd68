"""Alerts for tests."""

from typing import Any

from alogd.event import Alert, EvidenceLine, TemplateEvidence

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def alert(number: int = 1, **changes: Any) -> Alert:
    """Incident `number`, firing; `at` is seconds after START."""
    at = START + changes.pop("at", number) * SECOND
    values: dict[str, Any] = {
        "id": f"{number:016x}",
        "status": "firing",
        "stream": "sshd",
        "key": "sshd",
        "title": f"incident {number}",
        "risk": 85.0,
        "level": "CRITICAL",
        "anomaly": 90.0,
        "severity": 77.5,
        "opened_ns": START,
        "updated_ns": at,
        "resolved_ns": None,
        "windows": 1,
        "lines_seen": 50,
        "detectors": {"ewma": 0.75, "loganomaly": 0.25},
        "scores": {"ewma": 91.0},
        "templates": [
            TemplateEvidence("Out of <*>", "0123456789abcdef", True, 3, 0, 1, "In <*>", [("In", "Out")], ["In <*>"])
        ],
        "lines": [EvidenceLine("/var/log/auth.log", 4711, "Out of memory", True)],
        "reasons": ["a template never seen before"],
    }
    return Alert(**(values | changes))
