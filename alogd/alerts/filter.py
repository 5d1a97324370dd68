"""Which alerts of the history are asked for, and that as SQL; values never become a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from alogd.escape import json_safe
from alogd.sinks.routes import LEVELS


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts of the history; None = whatever."""

    stream: str | None = None
    status: str | None = None  # firing or resolved
    min_level: str | None = None
    since_ns: int | None = None  # changed at or after this log time
    limit: int = 100
    before: tuple[int, str] | None = None  # (updated_ns, id) of the last alert of the page before
    acked: bool | None = None  # whether somebody has taken it on
    contains: str | None = None  # somewhere in what the alert says; ASCII letters in either case


ALL = AlertFilter()


def conditions(wanted: AlertFilter, acked: Mapping[str, int]) -> tuple[str, list[Any]]:
    """The WHERE clause (or nothing) and its values; acked: incidents, and the worst level somebody took them on at."""
    terms: list[str] = []
    values: list[Any] = []
    for term, value in (
        ("stream = ?", wanted.stream),
        ("firing = ?", None if wanted.status is None else int(wanted.status == "firing")),
        ("level >= ?", None if wanted.min_level is None else LEVELS[wanted.min_level]),
        ("updated_ns >= ?", wanted.since_ns),
        ("instr(lower(CAST(body AS TEXT)), lower(?)) > 0", _as_written(wanted.contains)),
    ):
        if value is not None:
            terms.append(term)
            values.append(value)
    if wanted.acked is not None:
        terms.append("EXISTS (SELECT 1 FROM json_each(?) WHERE key = alert.id AND value >= alert.level) = ?")
        values += [msgspec.json.encode(acked).decode(), wanted.acked]
    if wanted.before is not None:
        terms.append("(updated_ns < ? OR (updated_ns = ? AND id > ?))")
        values += [wanted.before[0], wanted.before[0], wanted.before[1]]
    return (f"WHERE {' AND '.join(terms)}" if terms else ""), values


def _as_written(text: str | None) -> str | None:
    """A text as it stands within the JSON of an alert."""
    return None if text is None else json_safe(msgspec.json.encode(text)).decode()[1:-1]
