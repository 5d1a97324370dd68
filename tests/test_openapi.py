"""The OpenAPI document: valid, of every route and no other, and true of what a real server answers."""

import json
import re
import time
from functools import cache
from pathlib import Path

import aiohttp
import jsonschema
import pytest
from openapi_spec_validator import validate

from alogd.web.api import ORDERS
from alogd.web.openapi import document
from alogd.web.operations import LEVELS, OPERATIONS
from tests.http_face import serving


def test_the_document_is_openapi():
    validate(json.loads(json.dumps(document())))


def test_the_guide_names_every_request():
    guide = Path(__file__).parents[1].joinpath("docs", "http.md").read_text()
    paths = {re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), name.split(" ")[1]) for name in OPERATIONS}
    assert {path for path in paths if path not in guide} <= {"/page/NAME"}


async def test_it_has_every_route_and_no_other(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s" * 32)
    async with serving(tmp_path, external_url="https://alogd.example", link_secret_file=str(secret)) as (_, server, _p):
        routes = {f"{route.method} {route.resource.canonical}" for route in server._runner.app.router.routes()}
    assert {route for route in routes if not route.startswith("HEAD ")} == set(OPERATIONS)


@cache
def schemas():
    return document()["components"]


def fits(name, value):
    """Raises unless it is one of these."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": schemas()}
    jsonschema.Draft202012Validator(schema).validate(value)


def filled(path, alert_id):
    return path.replace("{id}", alert_id).replace("/{name}/", "/sshd/").replace("{name}", "app.js")


async def test_answers_are_as_it_says(tmp_path):
    asked = set()

    async def answer(name, query="", body=None, mute=None):
        method, path = name.split(" ")
        operation = OPERATIONS[name]
        url = f"http://127.0.0.1:{port}{filled(path, mute or alert_id)}{query}"
        async with web.request(method, url, json=body) as response:
            text = await response.text()
            assert response.status == operation.status, (name, text)
            asked.add(name)
            if "/" in operation.gives:
                media = response.headers["Content-Type"]
                assert operation.gives in ("*/*", media, media.removesuffix("; charset=utf-8")), name
                return text
            fits(operation.gives, value := json.loads(text))
            return value

    async with serving(tmp_path) as (_, _server, port), aiohttp.ClientSession() as web:
        alert_id = ""
        alert_id = (await answer("GET /api/v1/alerts"))["alerts"][0]["id"]
        ends = time.time() + 3600
        await answer("POST /api/v1/alerts/{id}/ack", body={"by": "anna"})
        silence = await answer("POST /api/v1/silences", body={"alert": alert_id, "ends": ends})
        await answer("POST /api/v1/feedback", body={"alert": alert_id, "verdict": "expected"})
        real = await answer("POST /api/v1/feedback", body={"alert": alert_id, "verdict": "real"})
        await answer("GET /api/v1/alerts", "?brief=true&limit=2")
        for name, operation in OPERATIONS.items():
            if name.startswith("GET") and operation.gives != "text/event-stream" and "/act/" not in name:
                await answer(name)
        await answer("DELETE /api/v1/alerts/{id}/ack", "?by=bert")
        await answer("DELETE /api/v1/silences/{id}", mute=silence["id"])
        await answer("DELETE /api/v1/feedback/{id}", mute=real["id"])
        await answer("POST /-/reload")
    assert {name for name in OPERATIONS if "/act/" not in name} - asked == {"GET /api/v1/events"}


async def test_every_parameter_is_taken_and_no_other(tmp_path):
    """Those of the document, at the ends of their ranges; beyond these it is refused."""
    async with serving(tmp_path) as (_, _server, port), aiohttp.ClientSession() as web:

        async def status(path, **query):
            async with web.get(f"http://127.0.0.1:{port}{filled(path, 'none')}", params=query) as response:
                return response.status

        for name, operation in OPERATIONS.items():
            if not name.startswith("GET /api/v1/"):
                continue
            path = name.split(" ")[1]
            for parameter, one in operation.query.items():
                for value in _good(parameter, one.schema):
                    assert await status(path, **{parameter: value}) == 200, (name, parameter, value)
                if bad := _bad(one.schema):
                    assert await status(path, **{parameter: bad}) == 400, (name, parameter)
            if operation.gives not in ("Silences", "Feedback", "Acks", "ShownAlert"):
                assert await status(path, nonsense="1") == 400, name


def _good(name, schema):
    if "enum" in schema:
        return schema["enum"]
    if schema["type"] == "integer":
        return [str(schema["minimum"]), str(schema["maximum"])]
    return {"stream": ["sshd"], "after": ["1.a"], "contains": ["x"]}.get(name, ["1700000000", "1.5"])


def _bad(schema):
    if "enum" in schema or "pattern" in schema:
        return "-"
    return str(schema["maximum"] + 1) if schema["type"] == "integer" else None


def test_what_is_listed_is_what_there_is():
    orders = OPERATIONS["GET /api/v1/templates"].query["order"].schema["enum"]
    assert sorted(orders) == sorted(ORDERS)
    assert set(LEVELS) == {"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"}


def test_a_wrong_answer_would_be_noticed():
    with pytest.raises(jsonschema.ValidationError):
        fits("ScoreLine", {"points": [[1, "high", 2]], "step_ns": 1})
