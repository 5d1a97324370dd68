"""The body of a webhook: Alertmanager's webhook payload, version 4, so that its receivers work unchanged.

An incident's id is the fingerprint; the group is everything the sink is sent, so `groupLabels` is empty.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from alogd.alerts.as_json import rfc3339
from alogd.alerts.links import page_of
from alogd.escape import escape
from alogd.event import Alert
from alogd.sinks.base import NONE_MISSED, Missed
from alogd.sinks.wording import WordedOptions, Wording

NEVER = "0001-01-01T00:00:00Z"  # what Alertmanager writes for "has not ended"
MAX_LINES = 10
PLAIN = WordedOptions()
MAX_TEXT = 4096  # characters of one annotation
# What chats take for a call to everybody or to somebody: <!channel>, <@U123>, @here. Broken, not removed.
_MENTION = re.compile(r"(<(?=[!@#])|@(?=(?:channel|here|everyone|all)\b))", re.IGNORECASE)


def body(
    alerts: Sequence[Alert],
    receiver: str,
    external_url: str,
    missed: Missed = NONE_MISSED,
    *,
    options: WordedOptions = PLAIN,
    links: Callable[[Alert], Mapping[str, str]] = lambda _alert: {},
) -> bytes:
    """The JSON document for these alerts; at least one. links: by name, of each."""
    linked = [(alert, links(alert)) for alert in alerts]
    entries = [_entry(alert, external_url, notes(alert, options, own) | dict(own)) for alert, own in linked]
    if missed.superseded:
        for entry in entries:
            entry["annotations"]["suppressed"] = f"{missed.superseded} earlier changes of incidents"
    firing = any(alert.status == "firing" for alert in alerts)
    document = {
        "version": "4",
        "groupKey": f'{{}}/{{receiver="{receiver}"}}:{{}}',
        "truncatedAlerts": missed.dropped,
        "status": "firing" if firing else "resolved",
        "receiver": receiver,
        "groupLabels": {},
        "commonLabels": _common([entry["labels"] for entry in entries]),
        "commonAnnotations": _common([entry["annotations"] for entry in entries]),
        "externalURL": external_url,
        "alerts": entries,
    }
    return msgspec.json.encode(document)


def idempotency_key(alerts: Sequence[Alert], receiver: str) -> str:
    """The same for every repeat of the same alerts, also after a restart."""
    digest = hashlib.sha256(receiver.encode())
    for alert in alerts:
        digest.update(f"|{alert.id}|{alert.status}|{alert.updated_ns}|{alert.windows}".encode())
        if alert.also:  # told anew because of them
            digest.update(f"|{len(alert.also)}|{alert.level}".encode())
    return digest.hexdigest()[:32]


def _entry(alert: Alert, external_url: str, annotations: dict[str, str]) -> dict[str, Any]:
    return {
        "status": alert.status,
        "labels": _labels(alert),
        "annotations": annotations,
        "startsAt": rfc3339(alert.opened_ns) or NEVER,
        "endsAt": rfc3339(alert.resolved_ns) or NEVER,
        "generatorURL": page_of(external_url, alert.id),
        "fingerprint": alert.id,
    }


def _labels(alert: Alert) -> dict[str, str]:
    labels = {
        "alertname": "LogAnomaly",
        "stream": alert.stream,
        "severity": alert.level.lower(),
        "incident": alert.id,
    }
    return labels | {"key": _text(alert.key)} if alert.key else labels


def notes(alert: Alert, options: WordedOptions, links: Mapping[str, str]) -> dict[str, str]:
    """What a person reads of an alert, each text bounded and safe to show."""
    words = Wording(options)
    told = {
        "summary": _cut(words.title(alert, links, _text) or _text(alert.title)),
        "description": _cut(words.text(alert, links, _text) or _text("; ".join(alert.reasons))),
        "risk": f"{alert.risk:.1f}",
        "anomaly": f"{alert.anomaly:.1f}",
        "severity": f"{alert.severity:.1f}",
        "windows": str(alert.windows),
        "lines_seen": str(alert.lines_seen),
        "detectors": ", ".join(f"{name} {share:.0%}" for name, share in sorted(alert.detectors.items())),
    }
    marked = [line for line in alert.lines if line.marked][:MAX_LINES]
    if alert.also:
        told["also"] = "\n".join(_text(f"{one.stream}: {one.level} {one.title}") for one in alert.also)
    if alert.templates:
        told["templates"] = "\n".join(_text(template.text) for template in alert.templates[:MAX_LINES])
    if marked:
        told["where"] = "\n".join(_text(f"{line.source}:{line.offset}") for line in marked)
    if marked and options.lines:
        told["lines"] = "\n".join(_text(f"{line.source}:{line.offset}: {line.text}") for line in marked)
    return told


def _text(text: str) -> str:
    """Safe to show, and bounded: the other side may put it in front of a person as it is."""
    return _cut(_MENTION.sub(r"\1 ", escape(text)))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


def _common(rows: Sequence[dict[str, str]]) -> dict[str, str]:
    first, *rest = rows
    return {name: value for name, value in first.items() if all(row.get(name) == value for row in rest)}
