"""/api/v1: alerts, templates, streams and status as JSON, with filters and limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from alogd.alerts import as_json as alert_json
from alogd.alerts.filter import AlertFilter
from alogd.alerts.redact import hidden_template
from alogd.escape import json_safe
from alogd.event import Alert, Template
from alogd.feedback.acks import Ack
from alogd.judging.scores import STEP_NS
from alogd.sinks.routes import LEVELS
from alogd.web.brief import brief
from alogd.web.query import MAX_LIMIT, flag, limit, number, one_of, page_after, query_of, seconds
from alogd.web.requests import alert_of, json_answer
from alogd.web.shapes import ScoreLine
from alogd.web.source import Source

MAX_OFFSET = 1_000_000
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
        query = query_of(request)
        wanted = AlertFilter(
            stream=query.get("stream"),
            status=one_of(query, "status", ("firing", "resolved")),
            min_level=one_of(query, "min_level", tuple(LEVELS)),
            since_ns=seconds(query, "since"),
            limit=limit(query),
            before=page_after(query.get("after")),
            acked=flag(query, "acked"),
            contains=query.get("contains"),
        )
        alerts = await self._source.store.alerts(wanted)
        last = f"{alerts[-1].updated_ns}.{alerts[-1].id}" if len(alerts) == wanted.limit else None
        encode = _brief if flag(query, "brief") else alert_json.encode
        body = b",".join(encode(alert, self._source.store.acks.of(alert)) for alert in alerts)
        return _raw(b'{"alerts":[' + body + b'],"next":' + msgspec.json.encode(last) + b"}")

    async def alert(self, request: web.Request) -> web.Response:
        alert = await alert_of(self._source, request.match_info["id"])
        return _raw(alert_json.encode(alert, self._source.store.acks.of(alert)))

    async def templates(self, request: web.Request) -> web.Response:
        query = query_of(request)
        order = one_of(query, "order", tuple(ORDERS)) or "count"
        names = [query["stream"]] if "stream" in query else [s.name for s in (await self._source.view()).streams]
        offset, most = number(query, "offset", 0, 0, MAX_OFFSET), limit(query)
        known: list[tuple[str, Template]] = []
        for name in names:
            templates = await self._source.templates(name)
            if templates is None and "stream" in query:
                raise web.HTTPNotFound(text="no such stream, or it is not up\n")
            known += [(name, t) for t in templates or ()]
        # Of 10,000 it takes a third of a second to look through what is hidden: nobody else is to wait for it.
        found = await asyncio.to_thread(_chosen, known, query.get("contains", ""), order)
        page = found[offset : offset + most]
        shown = [{"stream": name, **msgspec.to_builtins(hidden_template(t))} for name, t in page]
        return json_answer({"templates": shown, "total": len(found)})

    async def scores(self, request: web.Request) -> web.Response:
        query = query_of(request)
        begin, end = seconds(query, "since"), seconds(query, "until")
        points = await self._source.scores(
            request.match_info["name"], begin, end, number(query, "points", 180, 1, MAX_LIMIT)
        )
        if points is None:
            raise web.HTTPNotFound(text="no such stream, or it is not up\n")
        return json_answer(ScoreLine(points=points, step_ns=STEP_NS))

    async def streams(self, request: web.Request) -> web.Response:
        query_of(request)
        view = await self._source.view()
        return json_answer({"streams": [{**msgspec.to_builtins(s), "warmup": s.warmup} for s in view.streams]})

    async def status(self, request: web.Request) -> web.Response:
        query_of(request)
        view = msgspec.to_builtins(await self._source.view())
        for stream in view["streams"]:
            del stream["sources"]
        return json_answer(view)


def _chosen(known: list[tuple[str, Template]], text: str, order: str) -> list[tuple[str, Template]]:
    found = [(name, template) for name, template in known if _contains(template, text)]
    return sorted(found, key=lambda entry: ORDERS[order](entry[1]))


def _contains(template: Template, text: str) -> bool:
    """Whether it stands in what is shown, in any case: a secret must not be found by guessing at it."""
    text = text.casefold()
    return not text or (text in template.text.casefold() and text in hidden_template(template).text.casefold())


def _brief(alert: Alert, ack: Ack | None) -> bytes:
    return json_safe(msgspec.json.encode(brief(alert, ack)))


def _raw(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")
