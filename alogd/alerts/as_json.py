"""An alert as JSON and back: what the outbox, the history, the API and the jsonl sink hold.

Beside the integer nanoseconds stand RFC 3339 times, which a person (and JavaScript) can read. Characters that
could steer a terminal are written as JSON escapes, so the text is safe to show and decodes to what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from alogd.escape import json_safe
from alogd.event import Alert
from alogd.feedback.acks import Ack

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Alert).decode


def encode(alert: Alert, ack: Ack | Literal[False] | None = False) -> bytes:
    """One line of JSON, without the newline; ack: who has taken it on, unless that is not to be told."""
    body = _encoded(alert)
    if ack is False:
        return body
    return body[:-1] + b',"ack":' + json_safe(msgspec.json.encode(shown_ack(ack))) + b"}"


def _encoded(alert: Alert) -> bytes:
    try:
        return json_safe(_encode(view(alert)))
    except UnicodeEncodeError:  # a file name that is not UTF-8 comes as lone surrogates
        return json_safe(_encode(spelt_out(msgspec.to_builtins(alert)) | _times(alert)))


def decode(data: bytes) -> Alert:
    """What `encode` was given. Raises ValueError when it was not that."""
    return _decode(data)


def view(alert: Alert) -> dict[str, Any]:
    """The alert as plain values, with its times as text beside the nanoseconds."""
    return {name: getattr(alert, name) for name in Alert.__dataclass_fields__} | _times(alert)


def shown_ack(ack: Ack | None) -> dict[str, Any] | None:
    """Who has taken an alert on, when and why; None: nobody has."""
    return None if ack is None else {"by": ack.by, "at": ack.at, "why": ack.why}


def rfc3339(time_ns: int | None) -> str | None:
    """Nanoseconds since 1970 as `2026-01-31T12:00:00.123456Z`; None where no such date exists."""
    if time_ns is None:
        return None
    try:
        moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).replace(microsecond=time_ns // 1000 % 1_000_000)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _times(alert: Alert) -> dict[str, Any]:
    return {
        "opened": rfc3339(alert.opened_ns),
        "updated": rfc3339(alert.updated_ns),
        "resolved": rfc3339(alert.resolved_ns),
    }


def spelt_out(value: Any) -> Any:
    """Plain values whose texts can be encoded: lone surrogates are shown as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {spelt_out(key): spelt_out(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spelt_out(item) for item in value]
    return value
