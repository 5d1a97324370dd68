"""The OpenAPI 3.1 document of what the server answers, served at /api/v1/openapi.json; made when first asked for."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from alogd import __version__
from alogd.daemon.view import View
from alogd.event import Alert, Template
from alogd.feedback.acks import Ack
from alogd.feedback.mute import Mute
from alogd.web.operations import OPERATIONS, Operation
from alogd.web.query import query_of
from alogd.web.shapes import Acknowledged, BriefAlert, Overview, ScoreLine, ShownAck, Undone

TYPES = (Alert, Template, Ack, Mute, Overview, ScoreLine, Acknowledged, BriefAlert, ShownAck, Undone, View)
PLACE = "#/components/schemas/{name}"
SECURITY = "token"
ANYBODY = {401: "a token is needed", 403: "asked by another site's page", 421: "this name is not the daemon's"}

ID = r"^[A-Za-z0-9_-]{1,64}$"
PATH = {
    "id": {"type": "string", "pattern": ID},
    "name": {"type": "string"},
    "action": {"type": "string", "enum": ["ack", "silence", "expected", "real"]},
    "until": {"type": "string", "pattern": r"^\d{1,12}$"},
    "signature": {"type": "string"},
}


class OpenApi:
    """The document as a part of the server."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v1/openapi.json", self.document)]

    async def document(self, request: web.Request) -> web.Response:
        query_of(request)
        return web.Response(body=_encoded(), content_type="application/json", charset="utf-8")


@cache
def _encoded() -> bytes:
    return msgspec.json.format(msgspec.json.encode(document()), indent=1)


def document() -> dict[str, Any]:
    """As plain values, as the OpenAPI Specification 3.1.0 has it."""
    bodies = [operation.body for operation in OPERATIONS.values() if operation.body is not None]
    _, schemas = msgspec.json.schema_components([*TYPES, *bodies], ref_template=PLACE)
    for name in {*schemas} - {body.__name__ for body in bodies}:  # what is given may come to hold more
        schemas[name].pop("additionalProperties", None) if schemas[name].get("properties") else None
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in OPERATIONS.items():
        method, path = name.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "alogd",
            "version": __version__,
            "summary": "Templates, scores and alerts of a streaming log-anomaly daemon",
            "description": "Times ending in `_ns` are nanoseconds since 1970, others seconds. Errors are plain text.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas | _answers(schemas),
            "securitySchemes": {
                SECURITY: {"type": "http", "scheme": "bearer", "description": "the text of `http.token_file`"}
            },
        },
    }


def _operation(method: str, path: str, operation: Operation) -> dict[str, Any]:
    changes = method != "GET" and "/act/" not in path
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{path}").strip("_"),
        "summary": operation.does,
        "tags": list(operation.tags),
        "parameters": _parameters(path, operation),
        "responses": _responses(operation, ANYBODY if changes else {421: ANYBODY[421]}),
    }
    if changes:
        found["security"] = [{SECURITY: []}, {}]  # without a token file this host may without
    if operation.body is not None:
        content = {"application/json": {"schema": _ref(operation.body.__name__)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _parameters(path: str, operation: Operation) -> list[dict[str, Any]]:
    within = [
        {"name": name, "in": "path", "required": True, "schema": PATH[name]} for name in re.findall(r"{(\w+)}", path)
    ]
    asked = [
        {"name": name, "in": "query", "description": one.means, "schema": dict(one.schema)}
        for name, one in operation.query.items()
    ]
    return within + asked


def _responses(operation: Operation, anybody: dict[int, str]) -> dict[str, Any]:
    schema = {"type": "string"} if "/" in operation.gives else _ref(operation.gives)
    media = operation.gives if "/" in operation.gives else "application/json"
    good = {str(operation.status): {"description": operation.does, "content": {media: {"schema": schema}}}}
    failed = dict(operation.fails) | anybody
    if operation.query:
        failed.setdefault(400, "a parameter is unknown or wrong")
    text = {"text/plain": {"schema": {"type": "string"}}}
    bad = {str(status): {"description": why, "content": text} for status, why in sorted(failed.items())}
    return good | bad


def _answers(schemas: dict[str, Any]) -> dict[str, Any]:
    """What the API gives, of what the core has: with times a person can read, who took an alert on, and so on."""
    time = {"type": ["string", "null"], "format": "date-time"}
    whole = {"opened": time, "updated": time, "resolved": time, "ack": _or_null("ShownAck")}
    muted = {"state": {"type": "string"}, "held": _list({"type": "string"})}
    status = schemas["StreamView"]
    listed = {name: one for name, one in status["properties"].items() if name != "sources"}
    required = [name for name in status["required"] if name != "sources"]
    return {
        "ShownAlert": _with("Alert", whole, list(whole)),
        "Alerts": _object(
            {
                "alerts": _list({"anyOf": [_ref("ShownAlert"), _ref("BriefAlert")]}),
                "next": {"type": ["string", "null"], "description": "`after` of the next page"},
            }
        ),
        "Templates": _object(
            {
                "templates": _list(_with("Template", {"stream": {"type": "string"}}, ["stream"])),
                "total": {"type": "integer"},
            }
        ),
        "ShownMute": _with("Mute", muted, ["state"]),
        "Acks": _object({"acks": _list(_ref("Ack"))}),
        "Silences": _object({"silences": _list(_ref("ShownMute"))}),
        "Feedback": _object({"feedback": _list(_ref("ShownMute"))}),
        "Streams": _object({"streams": _list(_with("StreamView", {"warmup": {"type": "number"}}, ["warmup"]))}),
        "StreamStatus": {**status, "title": "StreamStatus", "properties": listed, "required": required},
        "Status": schemas["View"]
        | {
            "title": "Status",
            "properties": schemas["View"]["properties"] | {"streams": _list(_ref("StreamStatus"))},
        },
        "OpenApi": {"type": "object"},
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": PLACE.format(name=name)}


def _or_null(name: str) -> dict[str, Any]:
    return {"anyOf": [_ref(name), {"type": "null"}]}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _with(name: str, more: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"allOf": [_ref(name), {"type": "object", "properties": more, "required": required}]}
