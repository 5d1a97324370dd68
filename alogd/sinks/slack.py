"""Alerts as messages of a Slack incoming webhook: one section an incident, nothing in it that calls anybody.

Slack's own signs are escaped (& < >), so text of logs makes neither links nor mentions; each text is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from alogd.alert_json import rfc3339
from alogd.escape import escape
from alogd.event import Alert
from alogd.registry import register
from alogd.sinks.address import networks
from alogd.sinks.base import NONE_MISSED, Missed
from alogd.sinks.client import Client, HttpOptions, check_url, secret

MAX_SECTION = 3000  # characters of a section's text, by Slack's rules; blocks are at most 50, and a batch is 32
MAX_TITLE, MAX_REASON, MAX_LINE = 300, 250, 200  # characters, before escaping
MAX_REASONS = MAX_LINES = 3
MAX_FALLBACK = 3000
MARKS = {"CRITICAL": ":red_circle:", "HIGH": ":large_orange_circle:", "MEDIUM": ":large_yellow_circle:"}


class SlackOptions(HttpOptions, frozen=True, kw_only=True):
    """The incoming webhook."""

    url: str | None = None
    url_file: str | None = None  # the webhook's URL is itself a secret
    external_url: str | None = None  # where people reach this daemon; messages link there
    lines: bool = False  # send the lines themselves, not only why they are odd

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url or url_file")
        if self.url is not None:
            check_url(self.url, self.allow_insecure, networks(self.networks))


@register("sinks", "slack")
class SlackSink:
    """One channel."""

    Options = SlackOptions
    latest_only = True

    def __init__(self, options: SlackOptions) -> None:
        self._options = options
        self._client = Client(options)

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        path = self._options.url_file
        url = self._options.url
        if url is None:
            url = await asyncio.to_thread(secret, "url_file", path or "")
        headers = {"Content-Type": "application/json", "User-Agent": "alogd"}
        await self._client.post(url, headers, msgspec.json.encode(self._message(alerts, missed)))

    async def close(self) -> None:
        await self._client.close()

    def _message(self, alerts: Sequence[Alert], missed: Missed) -> dict[str, Any]:
        blocks: list[dict[str, Any]] = [_section(self._text(alert)) for alert in alerts]
        if left_out := missed.dropped + missed.superseded:
            note = f"{left_out} earlier changes of incidents are left out"
            blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": note}]})
        fallback = "\n".join(f"{alert.level} {_text(alert.title, MAX_LINE)}" for alert in alerts)
        return {"text": fallback[:MAX_FALLBACK].rpartition("&")[0] if len(fallback) > MAX_FALLBACK else fallback,
                "blocks": blocks, "unfurl_links": False, "unfurl_media": False}  # fmt: skip

    def _text(self, alert: Alert) -> str:
        over = alert.status == "resolved"
        mark = ":white_check_mark:" if over else MARKS.get(alert.level, ":white_circle:")
        rows = [
            f"{mark} *{'RESOLVED' if over else alert.level}* {_text(alert.title, MAX_TITLE)}",
            f"stream `{alert.stream}`, risk {alert.risk:.0f}, since {rfc3339(alert.opened_ns)}, id `{alert.id}`",
        ]
        rows += [f"- {_text(reason, MAX_REASON)}" for reason in alert.reasons[:MAX_REASONS]]
        if self._options.lines:
            marked = [line for line in alert.lines if line.marked][:MAX_LINES]
            rows += [f"> {_text(line.text, MAX_LINE)}" for line in marked]
        if self._options.external_url:
            rows.append(f"<{self._options.external_url.rstrip('/')}/api/v1/alerts/{alert.id}|details>")
        return _bounded(rows)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _bounded(rows: Sequence[str]) -> str:
    """As many whole rows as Slack takes: cut within one, an escape could lose its end."""
    kept: list[str] = []
    for row in rows:
        if sum(map(len, kept)) + len(kept) + len(row) > MAX_SECTION:
            break
        kept.append(row)
    return "\n".join(kept)


def _text(text: str, limit: int) -> str:
    """Bounded first, then escaped: an escape takes five characters for one."""
    safe = escape(text[:limit])
    safe = safe if len(text) <= limit and len(safe) <= 2 * limit else f"{safe[: 2 * limit]}..."
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "*_~`":  # they would change how what follows looks; a space without width keeps them as they are
        safe = safe.replace(sign, f"\u200b{sign}\u200b")
    return safe
