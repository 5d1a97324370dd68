"""/api/v1/silences and /api/v1/feedback: what people ask not to be told of. Changes are guarded by web/access.py."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from alogd.escape import json_safe
from alogd.mute import Matchers, Mute, Mutes, Text, describe, matchers_of
from alogd.sinks.routes import Day, Hours
from alogd.web.source import Source

T = TypeVar("T")
WEEK = 7 * 86400.0


class Wish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of a POST of a silence."""

    matchers: Matchers
    begins: float | None = None  # seconds since 1970; now
    ends: float
    days: Annotated[tuple[Day, ...], Meta(max_length=7)] = ()
    hours: Hours | None = None
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    by: Text = ""
    why: Text = ""


class Verdict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of a POST of feedback."""

    alert: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    verdict: Literal["expected"]
    scope: Literal["here", "key", "template"] = "here"
    ends: float | None = None  # a week from now
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
        return self._list("silences", "silence")

    async def feedback(self, _request: web.Request) -> web.Response:
        return self._list("feedback", "expected")

    async def silence(self, request: web.Request) -> web.Response:
        wish, now = await _body(request, Wish), time.time()
        given = msgspec.structs.asdict(wish) | {"begins": now if wish.begins is None else wish.begins}
        return await self._add(Mute(id=secrets.token_hex(8), created=now, **given), now)

    async def judge(self, request: web.Request) -> web.Response:
        verdict, now = await _body(request, Verdict), time.time()
        alert = await self._source.store.alert(verdict.alert)
        if alert is None:
            raise web.HTTPNotFound(text="no such alert; it may have left the history\n")
        try:
            matchers = matchers_of(alert, verdict.scope)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        ends = now + WEEK if verdict.ends is None else verdict.ends
        mute = Mute(
            id=secrets.token_hex(8), kind="expected", matchers=matchers, begins=now, ends=ends, by=verdict.by,
            why=verdict.why, created=now, alert=alert.id,
        )  # fmt: skip
        return await self._add(mute, now)

    async def end(self, request: web.Request) -> web.Response:
        now, mute_id = time.time(), request.match_info["id"]
        kind = "silence" if "/silences/" in request.path else "expected"
        by = request.query.get("by", "")[:500]
        if not any(one.id == mute_id and one.kind == kind for one in self._source.store.mutes.mutes):
            raise web.HTTPNotFound(text="there is none of this id\n")
        if not await self._set(lambda mutes: mutes.with_ended(mute_id, by, now)):
            raise web.HTTPNotFound(text="it is over already\n")
        return _json({"id": mute_id, "state": "undone"})

    def _list(self, name: str, kind: str) -> web.Response:
        now, mutes = time.time(), self._source.store.mutes
        held: dict[str, list[str]] = {}
        for alert_id, one in list(mutes.held.items()):
            held.setdefault(one.by, []).append(alert_id)
        found = [{**describe(one, now), "held": held.get(one.id, [])} for one in mutes.mutes if one.kind == kind]
        return _json({name: found})

    async def _add(self, mute: Mute, now: float) -> web.Response:
        await self._set(lambda mutes: mutes.with_added(mute, now))
        return _json(describe(mute, now), 201)

    async def _set(self, change: Callable[[Mutes], tuple[Mute, ...] | None]) -> bool:
        try:
            return await self._source.store.set_mutes(change)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        except sqlite3.Error as error:
            raise web.HTTPServiceUnavailable(text=f"it could not be written: {error}\n") from None


async def _body(request: web.Request, kind: type[T]) -> T:
    if request.content_type != "application/json":  # which no form of another site's page can send
        raise web.HTTPUnsupportedMediaType(text="Content-Type: application/json\n")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None


def _json(value: object, status: int = 200) -> web.Response:
    body = json_safe(msgspec.json.encode(value))
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")
