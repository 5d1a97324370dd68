"""Every request the server answers, once: what it takes, what it gives, what may go wrong.

Handlers take no other parameters, the OpenAPI document is made of this table, and a test holds it against the routes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alogd.web.acks import Taken
from alogd.web.mutes import Verdict, Wish

LEVELS = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
TEXT, HTML, EVENTS = "text/plain", "text/html", "text/event-stream"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

Schema = Mapping[str, Any]
_STRING: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "pattern": r"^\d{1,10}(\.\d{1,9})?$"}
_FLAG: Schema = {"type": "string", "enum": ["true", "false"]}


def _number(least: int, most: int, usual: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "default": usual}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query."""

    means: str
    schema: Schema = field(default_factory=lambda: _STRING)


@dataclass(frozen=True, slots=True)
class Operation:
    """One request. `gives`: the name of a JSON answer's schema (openapi.py), or a media type."""

    does: str
    gives: str
    query: Mapping[str, Parameter] = field(default_factory=dict)
    body: type | None = None
    status: int = 200
    fails: Mapping[int, str] = field(default_factory=dict)
    tags: Sequence[str] = ("api",)


_BY = {"by": Parameter("who does it", {"type": "string"})}
_NO_ALERT = {400: "its id is none", 404: "no such alert; it may have left the history"}
_NO_STREAM = {404: "no such stream, or it is not up"}
_CHANGE = {400: "the body is wrong; the text says where", 415: "not application/json", 503: "the disk does not take it"}

OPERATIONS: Mapping[str, Operation] = {
    "GET /": Operation("The page.", HTML, tags=("page",)),
    "GET /page/{name}": Operation("Its files.", "*/*", fails={404: "no such file"}, tags=("page",)),
    "GET /metrics": Operation("Metrics, for Prometheus.", METRICS, tags=("daemon",)),
    "GET /-/healthy": Operation("200 while the process answers.", TEXT, tags=("daemon",)),
    "GET /-/ready": Operation(
        "Whether a stream is being followed; one reason a line, of what is amiss also when ready.",
        TEXT,
        fails={503: "nothing is followed"},
        tags=("daemon",),
    ),
    "POST /-/reload": Operation(
        "Read the configuration again.",
        TEXT,
        fails={400: "it is bad: what is wrong; the old one stays"},
        tags=("daemon",),
    ),
    "GET /api/v1/openapi.json": Operation("This document.", "OpenApi"),
    "GET /api/v1/overview": Operation("Everything at a glance.", "Overview"),
    "GET /api/v1/events": Operation(
        "The overview and alerts as they change, as server-sent events; see http.md.",
        EVENTS,
        fails={503: "16 listen already"},
    ),
    "GET /api/v1/status": Operation("The daemon at this moment: streams, sinks, state, configuration.", "Status"),
    "GET /api/v1/streams": Operation("Streams with their sources, counters and warm-up.", "Streams"),
    "GET /api/v1/streams/{name}/scores": Operation(
        "The largest risk over log time, of the last six hours.",
        "ScoreLine",
        {
            "since": Parameter("log time, seconds since 1970", _TIME),
            "until": Parameter("log time, seconds since 1970", _TIME),
            "points": Parameter("at most so many; neighbours are put together", _number(1, 1000, 180)),
        },
        fails=_NO_STREAM,
    ),
    "GET /api/v1/alerts": Operation(
        "Alerts, newest change first.",
        "Alerts",
        {
            "stream": Parameter("of this stream"),
            "status": Parameter("of this status", {"type": "string", "enum": ["firing", "resolved"]}),
            "min_level": Parameter("at least this bad", {"type": "string", "enum": list(LEVELS)}),
            "since": Parameter("changed since then: log time, seconds since 1970", _TIME),
            "contains": Parameter("with this text in it; ASCII letters in either case"),
            "acked": Parameter("whether somebody has taken them on", _FLAG),
            "brief": Parameter("without the evidence", _FLAG),
            "limit": Parameter("at most so many", _number(1, 1000, 100)),
            "after": Parameter("`next` of the page before"),
        },
    ),
    "GET /api/v1/alerts/{id}": Operation("One alert with its evidence.", "ShownAlert", fails=_NO_ALERT),
    "POST /api/v1/alerts/{id}/ack": Operation(
        "Acknowledge an alert: nobody is told of it again, unless it gets worse.",
        "Acknowledged",
        body=Taken,
        fails=_CHANGE | {404: _NO_ALERT[404]},
    ),
    "DELETE /api/v1/alerts/{id}/ack": Operation(
        "Take that back.", "Acknowledged", _BY, fails={404: "nobody acknowledged it", 503: _CHANGE[503]}
    ),
    "GET /api/v1/acks": Operation("Who acknowledged what and when, who took it back; newest first.", "Acks"),
    "GET /api/v1/templates": Operation(
        "What was learned.",
        "Templates",
        {
            "stream": Parameter("of this stream"),
            "order": Parameter(
                "count, rare, newest, id; first and last: seen latest first",
                {"type": "string", "enum": ["count", "newest", "id", "first", "last", "rare"], "default": "count"},
            ),
            "contains": Parameter("with this text in it, in either case"),
            "limit": Parameter("at most so many", _number(1, 1000, 100)),
            "offset": Parameter("after so many", _number(0, 1_000_000, 0)),
        },
        fails=_NO_STREAM,
    ),
    "GET /api/v1/silences": Operation("Silences and maintenance, and what they held back.", "Silences"),
    "POST /api/v1/silences": Operation(
        "Silence what matches, or an alert.", "ShownMute", body=Wish, status=201, fails=_CHANGE | {404: _NO_ALERT[404]}
    ),
    "DELETE /api/v1/silences/{id}": Operation(
        "End a silence.",
        "Undone",
        _BY,
        fails={404: "there is none, or it is over", 409: "it stands in the configuration", 503: _CHANGE[503]},
    ),
    "GET /api/v1/feedback": Operation("What was judged to be expected, or real.", "Feedback"),
    "POST /api/v1/feedback": Operation(
        "Judge an alert.", "ShownMute", body=Verdict, status=201, fails=_CHANGE | {404: _NO_ALERT[404]}
    ),
    "DELETE /api/v1/feedback/{id}": Operation(
        "Undo it.", "Undone", _BY, fails={404: "there is none, or it is over", 503: _CHANGE[503]}
    ),
    "GET /act/{id}/{action}/{until}/{signature}": Operation(
        "The page behind a signed link, which asks; with `http.link_secret_file`.",
        HTML,
        fails={403: "the signature is not ours", 404: "no such alert", 410: "the link is too old"},
        tags=("links",),
    ),
    "POST /act/{id}/{action}/{until}/{signature}": Operation(
        "Does it.",
        HTML,
        fails={
            400: "the form is wrong",
            403: "the signature is not ours",
            404: "no such alert",
            409: "too much was said of this alert by link",
            410: "too old",
        },
        tags=("links",),
    ),
}
