"""Alerts as messages of a Slack incoming webhook: one section an incident, nothing in it that calls anybody.

Slack's own signs are escaped (& < >), so text of logs makes neither links nor mentions; each text is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from alogd.alerts.as_json import rfc3339
from alogd.escape import escape
from alogd.event import Alert
from alogd.registry import register
from alogd.sinks.base import NONE_MISSED, Missed
from alogd.sinks.client import Client
from alogd.sinks.links import Links
from alogd.sinks.receiver import UrlOptions, url_of
from alogd.sinks.wording import Wording

MAX_SECTION = 3000  # characters of a section's text, by Slack's rules; blocks are at most 50, and a batch is 32
MAX_TITLE, MAX_REASON, MAX_LINE = 300, 250, 200  # characters, before escaping
MAX_REASONS = MAX_LINES = 3
MAX_FALLBACK = 3000
LABELS = {"ack": "acknowledge", "silence": "silence", "expected": "this was expected", "real": "this was real"}
MARKS = {"CRITICAL": ":red_circle:", "HIGH": ":large_orange_circle:", "MEDIUM": ":large_yellow_circle:"}


class SlackOptions(UrlOptions, frozen=True, kw_only=True):
    """The incoming webhook."""


@register("sinks", "slack")
class SlackSink:
    """One channel."""

    Options = SlackOptions
    latest_only = True

    def __init__(self, options: SlackOptions) -> None:
        self._options = options
        self._client = Client(options)
        self._links = Links(options.external_url, options.link_secret_file)
        self._wording = Wording(options)

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        url = await url_of(self._options)
        await self._links.refresh()
        headers = {"Content-Type": "application/json", "User-Agent": "alogd"}
        await self._client.post(url, headers, msgspec.json.encode(self._message(alerts, missed)))

    async def close(self) -> None:
        await self._client.close()

    def _message(self, alerts: Sequence[Alert], missed: Missed) -> dict[str, Any]:
        blocks: list[dict[str, Any]] = [_section(self._text(alert)) for alert in alerts]
        if left_out := missed.dropped + missed.superseded:
            note = f"{left_out} earlier changes of incidents are left out"
            blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": note}]})
        fallback = "\n".join(self._brief(alert) for alert in alerts)
        return {"text": _whole(fallback), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}

    def _text(self, alert: Alert) -> str:
        links = self._links.all(alert)
        title = self._wording.title(alert, links, _value) or self._headline(alert)
        text = self._wording.text(alert, links, _value)
        rows = self._rows(alert) if text is None else text.splitlines()
        return _bounded([*title.splitlines(), *rows]) or self._headline(alert)

    def _brief(self, alert: Alert) -> str:
        """What stands in a notification of the phone's."""
        words = self._wording.title(alert, self._links.all(alert), _value)
        return words or f"{alert.level} {_text(alert.title, MAX_LINE)}"

    def _headline(self, alert: Alert) -> str:
        over = alert.status == "resolved"
        mark = ":white_check_mark:" if over else MARKS.get(alert.level, ":white_circle:")
        return f"{mark} *{'RESOLVED' if over else alert.level}* {_text(alert.title, MAX_TITLE)}"

    def _rows(self, alert: Alert) -> list[str]:
        rows = [f"stream `{alert.stream}`, risk {alert.risk:.0f}, since {rfc3339(alert.opened_ns)}, id `{alert.id}`"]
        if alert.also:
            rows.append(f"also in {', '.join(f'`{one.stream}`' for one in alert.also)}")
        rows += self._linked(alert)
        rows += [f"- {_text(reason, MAX_REASON)}" for reason in alert.reasons[:MAX_REASONS]]
        if self._options.lines:
            marked = [line for line in alert.lines if line.marked][:MAX_LINES]
            rows += [f"> {_text(line.text, MAX_LINE)}" for line in marked]
        return rows

    def _linked(self, alert: Alert) -> list[str]:
        """A row of links; nothing in them means anything to Slack."""
        page = self._links.page(alert)
        if page is None:
            return []
        acts = {LABELS[name]: url for name, url in self._links.actions(alert).items()}
        return ["  ".join(f"<{url}|{name}>" for name, url in ({"details": page} | acts).items())]


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


def _whole(text: str) -> str:
    """Bounded, and not cut within an escape."""
    if len(text) <= MAX_FALLBACK:
        return text
    kept = text[:MAX_FALLBACK]
    return kept[: kept.rfind("&")] if "&" in kept[-5:] and ";" not in kept[kept.rfind("&") :] else kept


def _value(text: str) -> str:
    """Of a field in an operator's words."""
    return _text(text, MAX_TITLE)


def _text(text: str, limit: int) -> str:
    """Bounded first, then escaped: an escape takes five characters for one."""
    safe = escape(text[:limit])
    safe = safe if len(text) <= limit and len(safe) <= 2 * limit else f"{safe[: 2 * limit]}..."
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "*_~`":  # they would change how what follows looks; a space without width keeps them as they are
        safe = safe.replace(sign, f"\u200b{sign}\u200b")
    return safe
