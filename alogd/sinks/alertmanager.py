"""Alerts POSTed to Alertmanager's v2 API, again and again while they fire, as Prometheus does.

What is sent ends by itself when nothing follows (`endsAt` lies four times `resend` ahead), so a daemon that is gone
leaves nothing firing. Labels are the configuration's, closed sets, and the incident's id; text is in annotations.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from alogd.alerts.as_json import rfc3339
from alogd.event import Alert
from alogd.logs import get_logger
from alogd.registry import register
from alogd.sinks.address import networks
from alogd.sinks.base import NONE_MISSED, Missed, NotConnected, Rejected
from alogd.sinks.client import Client, check_url, secret
from alogd.sinks.links import Links
from alogd.sinks.webhook_payload import notes
from alogd.sinks.wording import WordedOptions

MISSES = 4  # re-sendings that may fail before Alertmanager takes an alert for resolved
MAX_KNOWN = 1000  # incidents whose last level is remembered
OWN = frozenset({"alertname", "stream", "severity", "incident"})
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
LabelText = Annotated[str, Meta(max_length=256)]

log = get_logger("alertmanager")


class AlertmanagerOptions(WordedOptions, frozen=True, kw_only=True):
    """The Alertmanagers of one cluster."""

    urls: Annotated[tuple[Url, ...], Meta(min_length=1, max_length=16)]  # of all of them: http://127.0.0.1:9093
    resend: Annotated[float, Meta(ge=1, le=3600, extra={"unit": "duration"})] = 60.0  # while an incident fires
    labels: Annotated[dict[str, LabelText], Meta(max_length=16)] = msgspec.field(
        default_factory=dict
    )  # added to every alert: site, team ...
    bearer_token_file: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for url in self.urls:
            check_url(url, self.allow_insecure, networks(self.networks))
        for name in self.labels:
            if name in OWN or not (name.isascii() and name.isidentifier()):
                raise ValueError(f"labels: {name!r} cannot be a label of your own")


@register("sinks", "alertmanager")
class AlertmanagerSink:
    """All Alertmanagers of a cluster; one that takes the alerts is enough, for they tell each other."""

    Options = AlertmanagerOptions
    latest_only = True

    def __init__(self, options: AlertmanagerOptions) -> None:
        self._options = options
        self._clients = {url: Client(options) for url in options.urls}
        self._links = Links(options.external_url, options.link_secret_file)
        self._levels: OrderedDict[str, str] = OrderedDict()  # incident -> level it was last sent with
        self._away: set[str] = set()

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "alogd"}
        if path := self._options.bearer_token_file:
            headers["Authorization"] = f"Bearer {await asyncio.to_thread(secret, 'bearer_token_file', path)}"
        await self._links.refresh()
        data = msgspec.json.encode(self._documents(alerts))
        posts = (self._post(url, headers, data) for url in self._clients)
        errors = [error for error in await asyncio.gather(*posts) if error is not None]
        if len(errors) == len(self._clients):
            raise next((error for error in errors if isinstance(error, NotConnected)), errors[0])
        self._remember(alerts)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    async def _post(self, base: str, headers: Mapping[str, str], data: bytes) -> NotConnected | Rejected | None:
        host = urlsplit(base).netloc.rpartition("@")[2]
        try:
            await self._clients[base].post(f"{base.rstrip('/')}/api/v2/alerts", headers, data)
        except (NotConnected, Rejected) as error:
            if base not in self._away and self._clients.keys() - {base}:  # a single one is told of by the delivery
                log.warning("one of several Alertmanagers does not take alerts", receiver=host, reason=str(error))
            self._away.add(base)
            return error
        self._away.discard(base)
        return None

    def _documents(self, alerts: Sequence[Alert]) -> list[dict[str, Any]]:
        now = time.time_ns()
        documents = []
        for alert in alerts:
            before = self._levels.get(alert.id, alert.level)
            if before != alert.level:  # other labels are another alert to Alertmanager: the one before is over
                documents.append(self._document(alert, before, now, now))
            documents.append(self._document(alert, alert.level, self._end(alert, now), now))
        return documents

    def _end(self, alert: Alert, now: int) -> int:
        if alert.status == "firing":
            return now + int(MISSES * self._options.resend * 1e9)
        return min(alert.resolved_ns or now, now)

    def _document(self, alert: Alert, level: str, end: int, now: int) -> dict[str, Any]:
        start = min(alert.opened_ns, end, now)  # log time may be ahead of ours, and Alertmanager refuses such
        options = self._options
        own = {"alertname": "LogAnomaly", "stream": alert.stream, "severity": level.lower(), "incident": alert.id}
        links = self._links.all(alert)
        document = {
            "labels": {**options.labels, **own},
            "annotations": notes(alert, options, links) | links,
            "endsAt": rfc3339(end),
        }
        if started := rfc3339(start):
            document["startsAt"] = started
        if page := self._links.page(alert):
            document["generatorURL"] = page
        return document

    def _remember(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self._levels.pop(alert.id, None)
            if alert.status == "firing":
                self._levels[alert.id] = alert.level
        while len(self._levels) > MAX_KNOWN:
            self._levels.popitem(last=False)
