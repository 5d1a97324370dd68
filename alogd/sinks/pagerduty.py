"""Alerts as events of PagerDuty's Events API v2: trigger while an incident fires, resolve when it is over.

The incident's id is the `dedup_key`, so a repeat changes nothing, and what one attempt leaves half done is sent again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import msgspec

from alogd.alerts.as_json import rfc3339
from alogd.event import Alert
from alogd.registry import register
from alogd.sinks.address import networks
from alogd.sinks.base import NONE_MISSED, Missed
from alogd.sinks.client import Client, check_url, secret
from alogd.sinks.links import Links
from alogd.sinks.webhook_payload import notes
from alogd.sinks.wording import WordedOptions

MAX_SUMMARY = 1024  # characters, by PagerDuty's rules
LABELS = {
    "ack": "acknowledge it in alogd",
    "silence": "silence it in alogd",
    "expected": "this was expected",
    "real": "this was real",
}
SEVERITIES = {"CRITICAL": "critical", "HIGH": "error", "MEDIUM": "warning", "LOW": "info", "INFO": "info"}


class PagerdutyOptions(WordedOptions, frozen=True, kw_only=True):
    """The integration of a service."""

    routing_key_file: str  # the integration key
    url: str = "https://events.pagerduty.com/v2/enqueue"  # https://events.eu.pagerduty.com/v2/enqueue in Europe

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url(self.url, self.allow_insecure, networks(self.networks))


@register("sinks", "pagerduty")
class PagerdutySink:
    """One service."""

    Options = PagerdutyOptions
    latest_only = True

    def __init__(self, options: PagerdutyOptions) -> None:
        self._options = options
        self._client = Client(options)
        self._links = Links(options.external_url, options.link_secret_file)

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        key = await asyncio.to_thread(secret, "routing_key_file", self._options.routing_key_file)
        await self._links.refresh()
        headers = {"Content-Type": "application/json", "User-Agent": "alogd"}
        for alert in alerts:
            event = {"routing_key": key, **self._event(alert)}
            await self._client.post(self._options.url, headers, msgspec.json.encode(event))

    async def close(self) -> None:
        await self._client.close()

    def _event(self, alert: Alert) -> dict[str, Any]:
        if alert.status == "resolved":
            return {"event_action": "resolve", "dedup_key": alert.id}
        event: dict[str, Any] = {
            "event_action": "trigger",
            "dedup_key": alert.id,
            "client": "alogd",
            "payload": self._payload(alert),
        }
        if page := self._links.page(alert):
            event["client_url"] = page.partition("/#/")[0]
            acts = self._links.actions(alert).items()
            shown = [(page, "the incident in alogd"), *((url, LABELS[name]) for name, url in acts)]
            event["links"] = [{"href": url, "text": text} for url, text in shown]
        return event

    def _payload(self, alert: Alert) -> dict[str, Any]:
        told = notes(alert, self._options, self._links.all(alert))
        payload = {
            "summary": told["summary"][:MAX_SUMMARY] or "log anomaly",
            "source": socket.gethostname(),
            "severity": SEVERITIES.get(alert.level, "info"),
            "component": alert.stream,
            "class": "LogAnomaly",
            "custom_details": told,
        }
        began = rfc3339(alert.opened_ns)
        return payload | {"timestamp": began} if began else payload
