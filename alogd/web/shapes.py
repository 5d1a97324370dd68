"""What answers of the API look like that are no struct of their own: for type checkers and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from alogd.feedback.acks import Ack
from alogd.judging.scores import Point

State = Literal["ok", "learning", "amiss", "alert", "bad"]


class ShownAck(TypedDict):
    """Who has taken an alert on, and when (seconds since 1970)."""

    by: str
    at: float
    why: str


class BriefAlert(TypedDict):
    """An alert without its evidence."""

    id: str
    status: str
    stream: str
    key: str
    title: str
    risk: float
    level: str
    anomaly: float
    severity: float
    opened_ns: int
    updated_ns: int
    resolved_ns: int | None
    windows: int
    lines_seen: int
    cause: str
    also_in: Sequence[str]
    ack: ShownAck | None


class StreamBrief(TypedDict):
    """One stream at a glance."""

    name: str
    up: bool
    problem: str
    caught_up: bool
    collectors: Mapping[str, str]
    sources: int
    sources_failing: int
    unread: Sequence[str]
    risk: float
    warmup: float
    windows: int
    templates: int
    open_incidents: int
    held_back: int
    watermark_ns: int | None
    lines_read: int
    bytes_read: int
    backlog_bytes: int
    last_read: float | None
    restarts: int


class SinkBrief(TypedDict):
    """One sink at a glance."""

    name: str
    waiting: int
    outcomes: Mapping[str, int]
    problem: str


class SavedBrief(TypedDict):
    """How saving goes; `last`: seconds since 1970, 0 before the first."""

    problem: str
    last: float
    failed: int
    recovered: Mapping[str, int]


class ConfigBrief(TypedDict):
    """Whether the last reload was good, and when the configuration in force was read (seconds since 1970)."""

    ok: bool
    time: float


class Overview(TypedDict):
    """Everything at a glance; `level` is the worst that fires."""

    state: State
    sentence: str
    more: str
    level: str | None
    reasons: Sequence[str]
    firing: Mapping[str, int]
    acked: int
    muted: int
    version: str
    started: float
    ready: bool
    streams: Sequence[StreamBrief]
    sinks: Sequence[SinkBrief]
    saved: SavedBrief
    config: ConfigBrief


class ScoreLine(TypedDict):
    """The largest risk of each step of log time: [nanoseconds since 1970, risk, records]."""

    points: Sequence[Point]
    step_ns: int


class Acknowledged(TypedDict):
    """What an acknowledgement came to."""

    alert: str
    ack: Ack | None


class Undone(TypedDict):
    """A silence or a feedback that was ended."""

    id: str
    state: Literal["undone"]
