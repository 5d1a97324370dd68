"""/api/v1/silences and /api/v1/feedback: what people ask not to be told of. Changes are guarded by web/access.py."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from alogd.config.tree import Day, Hours
from alogd.event import Alert
from alogd.feedback.mute import Matchers, Mute, Mutes, Text, describe, matchers_of, silencers_of
from alogd.feedback.protected import Pattern, pattern_of
from alogd.web.requests import alert_of, body_of, json_answer
from alogd.web.source import Source

AlertId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
DAY = 86400.0
LASTS = {"expected": 7 * DAY, "real": 365 * DAY}  # where nothing else is said
JUDGED = tuple(LASTS)
SILENCES = ("silence", "maintenance")


class Wish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of a POST of a silence."""

    matchers: Matchers | None = None
    alert: AlertId | None = None  # or of this alert
    scope: Literal["stream", "pattern"] = "pattern"  # ... its whole stream, or its templates there
    begins: float | None = None  # seconds since 1970; now
    ends: float
    days: Annotated[tuple[Day, ...], Meta(max_length=7)] = ()
    hours: Hours | None = None
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    by: Text = ""
    why: Text = ""


class Verdict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of a POST of feedback."""

    alert: AlertId
    verdict: Literal["expected", "real"]
    scope: Literal["here", "key", "host", "template"] = "here"
    ends: float | None = None  # a week from now; of what is real, a year
    by: Text = ""
    why: Text = ""


class MutesApi:
    """Handlers; a change is on the disk when it is answered."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/silences", self.silences),
            web.post("/api/v1/silences", self.silence),
            web.delete("/api/v1/silences/{id}", self.end),
            web.get("/api/v1/feedback", self.feedback),
            web.post("/api/v1/feedback", self.judge),
            web.delete("/api/v1/feedback/{id}", self.end),
        ]

    async def silences(self, _request: web.Request) -> web.Response:
        return self._list("silences", SILENCES)

    async def feedback(self, _request: web.Request) -> web.Response:
        return self._list("feedback", JUDGED)

    async def silence(self, request: web.Request) -> web.Response:
        return json_answer(await self.take_silence(await body_of(request, Wish)), 201)

    async def judge(self, request: web.Request) -> web.Response:
        return json_answer(await self.take_verdict(await body_of(request, Verdict)), 201)

    async def take_silence(self, wish: Wish) -> dict[str, Any]:
        """The silence that was made of it. Raises HTTP errors."""
        now = time.time()
        given = msgspec.structs.asdict(wish) | {"begins": now if wish.begins is None else wish.begins}
        given |= await self._about(wish)
        del given["scope"]
        return await self.take(Mute(id=secrets.token_hex(8), created=now, **given))

    async def take_verdict(self, verdict: Verdict) -> dict[str, Any]:
        """What was made of it. Raises HTTP errors."""
        return await self.take(await self.made_of(verdict))

    async def made_of(self, verdict: Verdict) -> Mute:
        """What it comes to, not yet taken. Raises HTTP errors."""
        now = time.time()
        alert = await alert_of(self._source, verdict.alert)
        try:
            matchers, pattern = matchers_of(alert, verdict.scope), None
            if verdict.verdict == "real":
                matchers, pattern = _real(alert, verdict.scope)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        ends = now + LASTS[verdict.verdict] if verdict.ends is None else verdict.ends
        return Mute(
            id=secrets.token_hex(8), kind=verdict.verdict, matchers=matchers, begins=now, ends=ends, by=verdict.by,
            why=verdict.why, created=now, alert=alert.id, pattern=pattern, title=alert.title[:500],
            is_normal=alert.is_lasting and verdict.verdict == "expected",
        )  # fmt: skip

    async def end(self, request: web.Request) -> web.Response:
        now, mute_id = time.time(), request.match_info["id"]
        kinds = SILENCES if "/silences/" in request.path else JUDGED
        by = request.query.get("by", "")[:500]
        mutes = self._source.store.mutes
        if any(one.id == mute_id for one in mutes.planned):
            raise web.HTTPConflict(
                text="it stands in the configuration, below maintenance: change it there and reload\n"
            )
        if not any(one.id == mute_id and one.kind in kinds for one in mutes.mutes):
            raise web.HTTPNotFound(text="there is none of this id\n")
        if not await self._set(lambda mutes: mutes.with_ended(mute_id, by, now)):
            raise web.HTTPNotFound(text="it is over already\n")
        return json_answer({"id": mute_id, "state": "undone"})

    async def _about(self, wish: Wish) -> dict[str, Any]:
        if (wish.matchers is None) == (wish.alert is None):
            raise web.HTTPBadRequest(text="give either matchers or an alert\n")
        if wish.alert is None:
            return {"alert": ""}
        alert = await alert_of(self._source, wish.alert)
        return {"matchers": silencers_of(alert, wish.scope), "title": alert.title[:500]}

    def _list(self, name: str, kinds: Sequence[str]) -> web.Response:
        now, mutes = time.time(), self._source.store.mutes
        held: dict[str, list[str]] = {}
        for alert_id, one in list(mutes.held.items()):
            held.setdefault(one.by, []).append(alert_id)
        found = [{**describe(one, now), "held": held.get(one.id, [])} for one in mutes.all if one.kind in kinds]
        return json_answer({name: found})

    async def take(self, mute: Mute) -> dict[str, Any]:
        """It counts from now on, and is on the disk. Raises HTTP errors."""
        await self._set(lambda mutes: mutes.with_added(mute, mute.created))
        return describe(mute, mute.created)

    async def _set(self, change: Callable[[Mutes], tuple[Mute, ...] | None]) -> bool:
        try:
            return await self._source.store.set_mutes(change)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        except sqlite3.Error as error:
            raise web.HTTPServiceUnavailable(text=f"it could not be written: {error}\n") from None


def _real(alert: Alert, scope: str) -> tuple[Matchers, Pattern]:
    """What is protected, in words and as the streams take it. Raises ValueError."""
    if scope in ("key", "host"):
        raise ValueError(f"what is real is so here or for its templates; there is no scope {scope}")
    pattern = pattern_of(alert, alert.stream if scope == "here" else "")
    where = [f"stream={pattern.stream}"] if pattern.stream else []
    return (*where, f"template=~{'|'.join(one.fingerprint for one in pattern.parts)}"), pattern
