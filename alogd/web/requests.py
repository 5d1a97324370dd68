"""What handlers of changes share: the body of a request as a checked struct, the alert it is about, the answer."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from aiohttp import web

from alogd.escape import json_safe
from alogd.event import Alert
from alogd.web.source import Source

T = TypeVar("T")
ALERT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


async def body_of(request: web.Request, kind: type[T]) -> T:
    """Raises an HTTP error for what is no such JSON."""
    if request.content_type != "application/json":  # which no form of another site's page can send
        raise web.HTTPUnsupportedMediaType(text="Content-Type: application/json\n")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None


async def alert_of(source: Source, alert_id: str) -> Alert:
    """The alert of this id. Raises an HTTP error where there is none."""
    if not ALERT_ID.match(alert_id):
        raise web.HTTPBadRequest(text="an alert's id has letters, digits, - and _ only\n")
    alert = await source.store.alert(alert_id)
    if alert is None:
        raise web.HTTPNotFound(text="no such alert; it may have left the history\n")
    return alert


def json_answer(value: object, status: int = 200) -> web.Response:
    """A value as JSON that is safe to show in a terminal."""
    body = json_safe(msgspec.json.encode(value))
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")
