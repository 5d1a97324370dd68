"""Alerts POSTed as Alertmanager's webhook payload, signed when there is a secret (how: alogd/sinks/client.py)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence

from alogd.event import Alert
from alogd.registry import register
from alogd.sinks.address import networks
from alogd.sinks.base import NONE_MISSED, Missed
from alogd.sinks.client import Client, HttpOptions, check_url, secret
from alogd.sinks.webhook_payload import body, idempotency_key


class WebhookOptions(HttpOptions, frozen=True, kw_only=True):
    """Where to POST, how long to wait, what to sign with."""

    url: str | None = None
    url_file: str | None = None  # for a URL that is itself a secret
    secret_file: str | None = None  # HMAC-SHA256 key; the header is X-Alogd-Signature-256: sha256=HEX
    bearer_token_file: str | None = None
    external_url: str = "http://127.0.0.1:9178"  # where people reach this daemon
    lines: bool = False  # send the lines themselves, not only their templates and where they stand

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url or url_file")
        if self.url is not None:
            check_url(self.url, self.allow_insecure, networks(self.networks))


@register("sinks", "webhook")
class WebhookSink:
    """One HTTP receiver."""

    Options = WebhookOptions
    latest_only = True

    def __init__(self, options: WebhookOptions) -> None:
        self._options = options
        self._receiver = options.name or "webhook"
        self._client = Client(options)

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        await self._client.post(*await asyncio.to_thread(self._request, alerts, missed))

    async def close(self) -> None:
        await self._client.close()

    def _request(self, alerts: Sequence[Alert], missed: Missed) -> tuple[str, dict[str, str], bytes]:
        """URL, headers and body; secrets are read anew each time, so that they may be rotated."""
        options = self._options
        url = options.url or secret("url_file", options.url_file or "")
        data = body(alerts, self._receiver, options.external_url.rstrip("/"), missed, lines=options.lines)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "alogd",
            "Idempotency-Key": idempotency_key(alerts, self._receiver),
        }
        if options.secret_file:
            headers["X-Alogd-Signature-256"] = sign(secret("secret_file", options.secret_file), data)
        if options.bearer_token_file:
            headers["Authorization"] = f"Bearer {secret('bearer_token_file', options.bearer_token_file)}"
        return url, headers, data


def sign(key: str, data: bytes) -> str:
    """The value of X-Alogd-Signature-256."""
    return f"sha256={hmac.new(key.encode(), data, hashlib.sha256).hexdigest()}"
