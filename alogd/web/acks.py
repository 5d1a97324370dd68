"""/api/v1/alerts/ID/ack and /api/v1/acks: who takes an incident on. Changes are guarded by web/access.py."""

from __future__ import annotations

import sqlite3
import time

import msgspec
from aiohttp import web

from alogd.event import Alert
from alogd.feedback.mute import Text
from alogd.logs import get_logger
from alogd.web.requests import alert_of, body_of, json_answer
from alogd.web.source import Source

log = get_logger("acks")


class Taken(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of a POST."""

    by: Text = ""
    why: Text = ""


class AcksApi:
    """Handlers; a change is on the disk when it is answered."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/acks", self.acks),
            web.post("/api/v1/alerts/{id}/ack", self.take),
            web.delete("/api/v1/alerts/{id}/ack", self.give_back),
        ]

    async def acks(self, _request: web.Request) -> web.Response:
        return json_answer({"acks": msgspec.to_builtins(self._source.store.acks.entries[::-1])})

    async def take(self, request: web.Request) -> web.Response:
        taken = await body_of(request, Taken)
        alert = await alert_of(self._source, request.match_info["id"])
        await acknowledge(self._source, alert, taken.by, taken.why)
        return json_answer({"alert": alert.id, "ack": msgspec.to_builtins(self._source.store.acks.of(alert))})

    async def give_back(self, request: web.Request) -> web.Response:
        by, now, alert_id = request.query.get("by", "")[:500], time.time(), request.match_info["id"]
        try:
            is_undone = await self._source.store.set_acks(alert_id, lambda acks: acks.with_undone(alert_id, by, now))
        except sqlite3.Error as error:
            raise _unwritten(error) from None
        if not is_undone:
            raise web.HTTPNotFound(text="nobody acknowledged this alert\n")
        log.info("an acknowledgement was taken back", alert=alert_id, by=by)
        return json_answer({"alert": alert_id, "ack": None})


async def acknowledge(source: Source, alert: Alert, by: str, why: str) -> None:
    """Whoever has done so already stays the one who did. Raises an HTTP error when the disk does not take it."""
    now = time.time()
    try:
        is_news = await source.store.set_acks(alert.id, lambda acks: acks.with_ack(alert, by, why, now))
    except sqlite3.Error as error:
        raise _unwritten(error) from None
    if is_news:
        log.info("an alert was acknowledged", alert=alert.id, by=by)


def _unwritten(error: sqlite3.Error) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"it could not be written: {error}\n")
