"""/act/...: what a signed link in a notification leads to: a page that asks, and the one POST that does it.

Invariant: a GET changes nothing, for whatever shows a message fetches what it links to; a POST needs the link's
signature and nothing else, and does no more than it says.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from html import escape
from typing import Literal

from aiohttp import web

from alogd.alerts.links import ACTIONS, Unusable, is_signed
from alogd.config.tree import Http, read_secret
from alogd.escape import escape as visible
from alogd.event import Alert
from alogd.web.acks import acknowledge
from alogd.web.mutes import MutesApi, Verdict, Wish
from alogd.web.requests import ALERT_ID, alert_of
from alogd.web.source import Source

HOURS = {"1": "1 hour", "8": "8 hours", "24": "1 day", "168": "1 week"}
AGAIN = 300.0  # seconds by which another silence has to be longer to be one: a link cannot fill the list
FORM = "application/x-www-form-urlencoded"
ASKED = {
    "ack": "Acknowledge this alert?",
    "silence": "Silence this alert?",
    "expected": "Was this expected?",
    "real": "Was this real?",
}
MEANS = {
    "ack": "Whoever looks sees that somebody has it, and it rings no more unless it gets worse or ends.",
    "silence": "It is still found, kept and shown, but nobody is told of it for a while.",
    "expected": "What is like it, and no worse, is kept and shown, but nobody is told of it for a week.",
    "real": "What it was about is never learned as normal, and alerts whenever it comes, for a year.",
}
BUTTON = {"ack": "Acknowledge", "silence": "Silence", "expected": "This was expected", "real": "This was real"}
DONE = {"ack": "Acknowledged", "silence": "Silenced", "expected": "Taken for expected", "real": "Taken for real"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    # With no-referrer a browser calls the origin of its own form "null", which is refused; the link stays with us.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


class Act:
    """The pages behind signed links; there are none without a secret."""

    def __init__(self, source: Source, options: Http, refused: Counter[str]) -> None:
        self._source = source
        self._secret_file = options.link_secret_file
        self._refused = refused
        self._mutes = MutesApi(source)

    def routes(self) -> list[web.RouteDef]:
        if self._secret_file is None:
            return []
        path = "/act/{id}/{action}/{until}/{signature}"
        return [web.get(path, self.ask), web.post(path, self.do)]

    async def ask(self, request: web.Request) -> web.Response:
        alert, action = await self._meant(request)
        learned = (
            " As it goes on, it is learned as the new normal." if alert.is_lasting and action == "expected" else ""
        )
        choice = _hours() if action == "silence" else ""
        form = (
            f'<form method="post"><p class="meta">{MEANS[action]}{learned}</p>{choice}'
            '<label class="group"><span>Your name</span><input name="by" maxlength="200" autocomplete="name"></label>'
            f'<p class="acts"><button class="go">{BUTTON[action]}</button></p></form>'
        )
        return _page(ASKED[action], alert, form)

    async def do(self, request: web.Request) -> web.Response:
        alert, action = await self._meant(request)
        given = await _form(request)
        by = f"{given.get('by', '').strip()[:200]} (by link)".strip()
        if action == "ack":
            await acknowledge(self._source, alert, by, "")
        elif action == "silence":
            await self._silence(alert, given.get("hours", "1"), by)
        elif not self._is_there(alert, action, 0.0):
            verdict: Literal["expected", "real"] = "real" if action == "real" else "expected"
            await self._mutes.take_verdict(Verdict(alert=alert.id, verdict=verdict, by=by))
        return _page(DONE[action], alert, "<p>It can be undone where the alert is shown.</p>")

    async def _silence(self, alert: Alert, hours: str, by: str) -> None:
        if hours not in HOURS:
            raise web.HTTPBadRequest(text="hours is one of those on the page\n")
        ends = time.time() + 3600 * int(hours)
        if not self._is_there(alert, "silence", ends):
            await self._mutes.take_silence(Wish(alert=alert.id, ends=ends, by=by))

    def _is_there(self, alert: Alert, kind: str, ends: float) -> bool:
        """Whether the same was asked for before and lasts as long, but for a moment."""
        now = time.time()
        same = [one for one in self._source.store.mutes.mutes if one.alert == alert.id and one.kind == kind]
        return any(one.is_on(now) and one.ends >= ends - AGAIN for one in same)

    async def _meant(self, request: web.Request) -> tuple[Alert, str]:
        """The alert and the action. Raises an HTTP error unless the link is one of ours and still good."""
        alert_id, action = request.match_info["id"], request.match_info["action"]
        until, given = request.match_info["until"], request.match_info["signature"]
        well_formed = bool(ALERT_ID.match(alert_id)) and until.isascii() and until.isdigit() and len(until) <= 12
        if not well_formed or not await self._is_ours(alert_id, action, int(until), given) or action not in ACTIONS:
            self._refused["bad_link"] += 1
            raise web.HTTPForbidden(text="this link is not one of this daemon's, or its secret has changed\n")
        if int(until) <= time.time():
            raise web.HTTPGone(text="this link is too old; see the alert's page\n")
        return await alert_of(self._source, alert_id), action

    async def _is_ours(self, alert_id: str, action: str, until: int, given: str) -> bool:
        try:
            secret = await asyncio.to_thread(read_secret, self._secret_file or "")
            return is_signed(secret, alert_id, action, until, given)
        except (OSError, ValueError, Unusable):
            raise web.HTTPServiceUnavailable(text="links cannot be checked: http.link_secret_file\n") from None


async def _form(request: web.Request) -> dict[str, str]:
    """The texts of a form. Raises an HTTP error for what is none."""
    try:
        given = await request.post() if request.content_type == FORM else {}
    except (ValueError, LookupError):
        raise web.HTTPBadRequest(text="this is no form\n") from None
    return {name: value for name, value in given.items() if isinstance(value, str)}


def _hours() -> str:
    rows = [
        f'<label><input type="radio" name="hours" value="{value}"{" checked" if value == "1" else ""}>'
        f"<span>{name}</span></label>"
        for value, name in HOURS.items()
    ]
    return f'<div class="group"><span>How long</span><div>{"".join(rows)}</div></div>'


def _page(heading: str, alert: Alert, body: str) -> web.Response:
    """Written without scripts. Its files and the alert are four levels up, wherever a proxy has put us."""
    up = "../../../.."
    title, stream = escape(visible(alert.title)), escape(visible(alert.stream))
    level = escape(alert.level)
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex"><title>{heading} - alogd</title>
<link rel="icon" href="{up}/page/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="{up}/page/app.css"></head>
<body class="act"><main><p class="brand"><img src="{up}/page/icon.svg" alt="" width="24" height="24">alogd</p>
<h1>{heading}</h1>
<div class="card"><p class="tags"><span class="level {level.lower()}">{level}</span><span>{stream}</span></p>
<p class="title">{title}</p>{body}</div>
<p class="more"><a href="{up}/#/alerts/{escape(alert.id)}">The alert and its lines</a></p></main></body></html>
"""
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=HEADERS)
