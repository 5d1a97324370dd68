"""/act/...: what a signed link in a notification leads to: a page that asks, and the one POST that does it.

Invariant: a GET changes nothing, for whatever shows a message fetches what it links to; a POST needs the link's
signature and nothing else, and does no more than it says.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import datetime
from html import escape
from typing import Literal

from aiohttp import web

from alogd.alerts.links import ACTIONS, Unusable, is_signed
from alogd.config.tree import Http, read_secret
from alogd.escape import escape as visible
from alogd.event import Alert
from alogd.feedback.mute import Mute
from alogd.web.acks import acknowledge
from alogd.web.mutes import MutesApi, Verdict, Wish
from alogd.web.requests import ALERT_ID, alert_of
from alogd.web.source import Source

HOURS = {"1": "1 hour", "8": "8 hours", "24": "1 day", "168": "1 week"}
DAYS = {"7": "1 week", "30": "30 days", "365": "1 year"}
BY_LINK = "(by link)"
MOST_VERDICTS = 20  # of one alert: a link cannot push out what others said
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
    "expected": "What is like it, and no worse, is kept and shown, but nobody is told of it.",
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
        choice = _radios("How long", "hours", HOURS) if action == "silence" else ""
        if action == "expected":
            choice = _radios("Where", "scope", _scopes(alert)) + _radios("How long", "days", DAYS) + _until()
        form = (
            f'<form method="post"><p class="meta">{MEANS[action]}{learned}</p>{choice}'
            '<label class="group"><span>Your name</span><input name="by" maxlength="200" autocomplete="name"></label>'
            f'<p class="acts"><button class="go">{BUTTON[action]}</button></p></form>'
        )
        return _page(ASKED[action], alert, form)

    async def do(self, request: web.Request) -> web.Response:
        alert, action = await self._meant(request)
        given = await _form(request)
        by = f"{given.get('by', '').strip()[:200]} {BY_LINK}".strip()
        if action == "ack":
            await acknowledge(self._source, alert, by, "")
        elif action == "silence":
            await self._silence(alert, given.get("hours", "1"), by)
        elif action == "real":
            await self._judge(Verdict(alert=alert.id, verdict="real", by=by))
        else:
            await self._judge(
                Verdict(alert=alert.id, verdict="expected", by=by, scope=_scope(given), ends=_ends(given))
            )
        return _page(DONE[action], alert, "<p>It can be undone where the alert is shown.</p>")

    async def _silence(self, alert: Alert, hours: str, by: str) -> None:
        if hours not in HOURS:
            raise web.HTTPBadRequest(text="hours is one of those on the page\n")
        now = time.time()
        ends = now + 3600 * int(hours)
        same = [one for one in self._said_of(alert.id) if one.kind == "silence"]
        if not any(one.is_on(now) and one.ends >= ends - AGAIN for one in same):
            await self._mutes.take_silence(Wish(alert=alert.id, ends=ends, by=by))

    async def _judge(self, verdict: Verdict) -> None:
        """Once, however often the button is pressed. Raises HTTP errors."""
        said = self._said_of(verdict.alert)
        if sum(one.by.endswith(BY_LINK) for one in said) >= MOST_VERDICTS:
            raise web.HTTPConflict(text="enough was said of this alert by link; see its page\n")
        made = await self._mutes.made_of(verdict)
        same = (one for one in said if (one.kind, one.matchers) == (made.kind, made.matchers))
        if not any(one.is_on(made.created) and abs(one.ends - made.ends) < AGAIN for one in same):
            await self._mutes.take(made)

    def _said_of(self, alert_id: str) -> list[Mute]:
        return [one for one in self._source.store.mutes.mutes if one.alert == alert_id]

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


def _scope(given: dict[str, str]) -> Literal["here", "host", "template"]:
    found: dict[str, Literal["here", "host", "template"]] = {"here": "here", "host": "host", "template": "template"}
    scope = found.get(given.get("scope", "here"))
    if scope is None:
        raise web.HTTPBadRequest(text="scope is one of those on the page\n")
    return scope


def _ends(given: dict[str, str]) -> float:
    """Seconds since 1970: the end of the day that was given, or so many days from now. Raises an HTTP error."""
    days, until = given.get("days", "7"), given.get("until", "").strip()
    if days not in DAYS:
        raise web.HTTPBadRequest(text="days is one of those on the page\n")
    if not until:
        return time.time() + 86400 * int(days)
    try:
        ends = datetime.fromisoformat(f"{until}T23:59:59+00:00").timestamp()
    except ValueError:
        raise web.HTTPBadRequest(text="until is a day, as 2026-05-31\n") from None
    if ends <= time.time():
        raise web.HTTPBadRequest(text="until is a day to come\n")
    return ends


def _scopes(alert: Alert) -> dict[str, str]:
    hosts = {"host": f"On {', '.join(alert.hosts[:3])}, in any stream"} if alert.hosts else {}
    patterns = {"template": "Wherever these lines come"} if alert.templates else {}
    return {"here": f"In {alert.stream}", **hosts, **patterns}


def _radios(head: str, name: str, values: dict[str, str]) -> str:
    """A choice of `values`, text by value, the first of them chosen."""
    rows = [
        f'<label><input type="radio" name="{name}" value="{value}"{"" if at else " checked"}>'
        f"<span>{escape(visible(text))}</span></label>"
        for at, (value, text) in enumerate(values.items())
    ]
    return f'<div class="group"><span>{head}</span><div>{"".join(rows)}</div></div>'


def _until() -> str:
    return '<label class="group"><span>or until (UTC)</span><input type="date" name="until"></label>'


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
