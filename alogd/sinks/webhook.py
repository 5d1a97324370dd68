"""Alerts POSTed as Alertmanager's webhook payload, signed when there is a secret (how: alogd/sinks/client.py)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence

from alogd.event import Alert
from alogd.registry import register
from alogd.sinks.base import NONE_MISSED, Missed
from alogd.sinks.client import Client, secret
from alogd.sinks.links import Links
from alogd.sinks.receiver import UrlOptions, url_of
from alogd.sinks.webhook_payload import body, idempotency_key

NEAR = "http://127.0.0.1:9178"  # where this daemon is reached from its own host, as a rule


class WebhookOptions(UrlOptions, frozen=True, kw_only=True):
    """Where to POST, how long to wait, what to sign with."""

    secret_file: str | None = None  # HMAC-SHA256 key; the header is X-Alogd-Signature-256: sha256=HEX
    bearer_token_file: str | None = None


@register("sinks", "webhook")
class WebhookSink:
    """One HTTP receiver."""

    Options = WebhookOptions
    latest_only = True

    def __init__(self, options: WebhookOptions) -> None:
        self._options = options
        self._receiver = options.name or "webhook"
        self._client = Client(options)
        self._links = Links(options.external_url or NEAR, options.link_secret_file)

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        await self._links.refresh()
        url = await url_of(self._options)
        await self._client.post(url, *await asyncio.to_thread(self._request, alerts, missed))

    async def close(self) -> None:
        await self._client.close()

    def _request(self, alerts: Sequence[Alert], missed: Missed) -> tuple[dict[str, str], bytes]:
        """Headers and body; secrets are read anew each time, so that they may be rotated."""
        options = self._options
        base = (options.external_url or NEAR).rstrip("/")
        data = body(alerts, self._receiver, base, missed, options=options, links=self._links.all)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "alogd",
            "Idempotency-Key": idempotency_key(alerts, self._receiver),
        }
        if options.secret_file:
            headers["X-Alogd-Signature-256"] = sign(secret("secret_file", options.secret_file), data)
        if options.bearer_token_file:
            headers["Authorization"] = f"Bearer {secret('bearer_token_file', options.bearer_token_file)}"
        return headers, data


def sign(key: str, data: bytes) -> str:
    """The value of X-Alogd-Signature-256."""
    return f"sha256={hmac.new(key.encode(), data, hashlib.sha256).hexdigest()}"
