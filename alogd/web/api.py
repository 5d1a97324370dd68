"""/api/v1: alerts, templates, streams and status as JSON, with filters and limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from alogd import alert_json
from alogd.alert_filter import AlertFilter
from alogd.escape import json_safe
from alogd.event import Alert, Template
from alogd.redact import hidden_template
from alogd.scores import STEP_NS
from alogd.sinks.routes import LEVELS
from alogd.web.brief import brief
from alogd.web.source import Source

MAX_LIMIT = 1000
MAX_OFFSET = 1_000_000
ALERT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
ORDERS: dict[str, Callable[[Template], Any]] = {
    "count": lambda template: (-template.count, template.id),
    "newest": lambda template: -template.id,
    "id": lambda template: template.id,
    "first": lambda template: (-(template.first_ns or 0), -template.id),
    "last": lambda template: (-(template.last_ns or 0), -template.id),
    "rare": lambda template: (template.count, -template.id),
}


class Api:
    """Handlers; each answers with one JSON object."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/alerts", self.alerts),
            web.get("/api/v1/alerts/{id}", self.alert),
            web.get("/api/v1/templates", self.templates),
            web.get("/api/v1/streams", self.streams),
            web.get("/api/v1/streams/{name}/scores", self.scores),
            web.get("/api/v1/status", self.status),
        ]

    async def alerts(self, request: web.Request) -> web.Response:
        query = _query(request, {"stream", "status", "min_level", "since", "limit", "after", "contains", "brief"})
        wanted = AlertFilter(
            stream=query.get("stream"),
            status=_one_of(query, "status", ("firing", "resolved")),
            min_level=_one_of(query, "min_level", tuple(LEVELS)),
            since_ns=_seconds(query, "since"),
            limit=_limit(query),
            before=_page(query.get("after")),
            contains=query.get("contains"),
        )
        alerts = await self._source.store.alerts(wanted)
        last = f"{alerts[-1].updated_ns}.{alerts[-1].id}" if len(alerts) == wanted.limit else None
        encode = _brief if _one_of(query, "brief", ("true", "false")) == "true" else alert_json.encode
        body = b",".join(map(encode, alerts))
        return _raw(b'{"alerts":[' + body + b'],"next":' + msgspec.json.encode(last) + b"}")

    async def alert(self, request: web.Request) -> web.Response:
        alert_id = request.match_info["id"]
        if not ALERT_ID.match(alert_id):
            raise web.HTTPBadRequest(text="an alert's id has letters, digits, - and _ only\n")
        alert = await self._source.store.alert(alert_id)
        if alert is None:
            raise web.HTTPNotFound(text="no such alert; it may have left the history\n")
        return _raw(alert_json.encode(alert))

    async def templates(self, request: web.Request) -> web.Response:
        query = _query(request, {"stream", "order", "limit", "offset", "contains"})
        order = _one_of(query, "order", tuple(ORDERS)) or "count"
        names = [query["stream"]] if "stream" in query else [s.name for s in (await self._source.view()).streams]
        offset, limit = _number(query, "offset", 0, 0, MAX_OFFSET), _limit(query)
        found: list[tuple[str, Template]] = []
        for name in names:
            templates = await self._source.templates(name)
            if templates is None and "stream" in query:
                raise web.HTTPNotFound(text="no such stream, or it is not up\n")
            found += [(name, t) for t in templates or () if _contains(t, query.get("contains", ""))]
        found.sort(key=lambda entry: ORDERS[order](entry[1]))
        page = found[offset : offset + limit]
        shown = [{"stream": name, **msgspec.to_builtins(hidden_template(t))} for name, t in page]
        return _json({"templates": shown, "total": len(found)})

    async def scores(self, request: web.Request) -> web.Response:
        query = _query(request, {"since", "until", "points"})
        begin, end = _seconds(query, "since"), _seconds(query, "until")
        points = await self._source.scores(
            request.match_info["name"], begin, end, _number(query, "points", 180, 1, MAX_LIMIT)
        )
        if points is None:
            raise web.HTTPNotFound(text="no such stream, or it is not up\n")
        return _json({"points": points, "step_ns": STEP_NS})

    async def streams(self, request: web.Request) -> web.Response:
        _query(request, set())
        view = await self._source.view()
        return _json({"streams": [{**msgspec.to_builtins(s), "warmup": s.warmup} for s in view.streams]})

    async def status(self, request: web.Request) -> web.Response:
        _query(request, set())
        view = msgspec.to_builtins(await self._source.view())
        for stream in view["streams"]:
            del stream["sources"]
        return _json(view)


def _contains(template: Template, text: str) -> bool:
    """Whether it stands in what is shown, in any case: a secret must not be found by guessing at it."""
    text = text.casefold()
    return not text or (text in template.text.casefold() and text in hidden_template(template).text.casefold())


def _brief(alert: Alert) -> bytes:
    return json_safe(msgspec.json.encode(brief(alert)))


def _json(value: Any) -> web.Response:
    return _raw(json_safe(msgspec.json.encode(value)))


def _raw(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _query(request: web.Request, known: set[str]) -> dict[str, str]:
    """The parameters; a misspelt filter must not look like one that matched nothing."""
    for name in request.query:
        if name not in known:
            raise web.HTTPBadRequest(text=f"unknown parameter; there are: {', '.join(sorted(known)) or 'none'}\n")
    return dict(request.query)


def _one_of(query: dict[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    value = query.get(name)
    if value is not None and value not in allowed:
        raise web.HTTPBadRequest(text=f"{name} is one of {', '.join(allowed)}\n")
    return value


def _limit(query: dict[str, str]) -> int:
    return _number(query, "limit", 100, 1, MAX_LIMIT)


def _number(query: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = query.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise web.HTTPBadRequest(text=f"{name} is a number from {least} to {most}\n")
    return int(text)


def _seconds(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,10}(\.\d{1,9})?", text, re.ASCII):
        raise web.HTTPBadRequest(text=f"{name} is a time in seconds since 1970\n")
    whole, _, part = text.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))


def _page(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(-?\d{1,19})\.([A-Za-z0-9_-]{1,64})", text, re.ASCII)
    if not found or abs(int(found[1])) >= 2**63:
        raise web.HTTPBadRequest(text="after is what `next` of the page before says\n")
    return int(found[1]), found[2]
