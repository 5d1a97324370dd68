"""The configuration as one frozen tree; every bound has a default, written beside its unit.

Loading (YAML, strict, line numbers, nearest names) is in config_load.py. Durations are written "30s", "15m",
"2h", "1d" and sizes "64KiB" in YAML; here they are seconds and bytes.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An unknown key is an error."""


class UserMask(Strict):
    """A mask of the user's own, matched in linear time (alogd/dfa.py says which syntax)."""

    name: str  # shown as <NAME>
    pattern: str


class Multiline(Strict):
    """How continuation lines (stack traces ...) are joined to their record."""

    mode: Literal["auto", "off"] = "auto"
    max_lines: int = 500
    max_bytes: int = 65536
    timeout: float = 1.0  # seconds of quiet after which a record is taken as whole


class EngineOptions(Strict):
    """One stream's template miner."""

    kind: Literal["c", "drain3"] = "c"
    depth: int = 4
    sim_th: float = 0.4
    max_children: int = 100
    max_clusters: int | None = 10_000
    extra_delimiters: tuple[str, ...] = ()
    parametrize_numeric_tokens: bool = True
    masks: tuple[str, ...] = ("path", "hex", "ip", "mac", "uuid", "pid", "device", "num")
    user_masks: tuple[UserMask, ...] = ()
    header: str | None = "auto"
    multiline: Multiline = Multiline()
    max_line_bytes: int = 65536
    max_tokens: int = 512
    timezone: str = "UTC"  # of stamps that carry none: "UTC" or "+02:00"


class WindowOptions(Strict):
    """How records are gathered. `key`: "source", "program", "host", "pid", "none", {"field": NAME} or {"mask": NAME}."""

    kind: Literal["count", "time", "session"] = "count"
    size: int = 50  # records; session: the most
    stride: int = 25
    width: float = 60.0  # seconds, for time windows
    max_age: float = 30.0  # seconds
    idle: float = 120.0  # seconds, for sessions
    max_keys: int = 4096
    key: str | dict[str, str] = "program"


class DetectorOptions(Strict):
    """A detector's name and its own parameters."""

    name: str
    options: dict[str, Any] = {}


class StreamOptions(Strict):
    """A named set of sources that share one miner and one set of detectors."""

    name: str
    collect: tuple[dict[str, Any], ...]  # each has "kind" and that collector's own options
    engine: EngineOptions = EngineOptions()
    windows: WindowOptions = WindowOptions()
    detectors: tuple[DetectorOptions, ...] = (DetectorOptions(name="ewma"), DetectorOptions(name="loganomaly"))


class SeverityRule(Strict):
    """Text that makes a record this severe, wherever it stands in the message (case matters as written)."""

    match: str
    severity: int  # 0-100


class Alerts(Strict):
    """One thing to set: how many alerts a day, over all streams, a person can bear."""

    budget: str = "5/day"
    resolve_after: float = 900.0  # seconds of log time without an anomalous window
    join_within: float = 600.0  # seconds: odd windows this close belong to one incident
    adopt_after: float = 86400.0  # seconds: what goes on this long is learned as the new normal
    warmup_windows: int = 200  # windows a stream must have seen before it may alert
    severity_rules: tuple[SeverityRule, ...] = ()  # added to the shipped table


class Risk(Strict):
    """risk = anomaly_weight x anomaly + severity_weight x severity, and where its levels begin."""

    anomaly_weight: float = 0.6
    severity_weight: float = 0.4
    critical: float = 80.0
    high: float = 60.0
    medium: float = 40.0
    low: float = 20.0


class Http(Strict):
    """Metrics, health and API."""

    listen: str = "127.0.0.1:9178"
    token_file: str | None = None  # needed for POST from elsewhere than loopback
    max_connections: int = 100


class Log(Strict):
    """The daemon's own log, on standard error; `auto` is console on a terminal, else JSON."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class State(Strict):
    """Where positions, learned state and the alert outbox are kept."""

    directory: str = "/var/lib/alogd"
    checkpoint_interval: float = 5.0  # seconds


class Config(Strict):
    """What `alogd run` runs on."""

    streams: tuple[StreamOptions, ...]
    sinks: tuple[dict[str, Any], ...] = ({"kind": "log"},)
    alerts: Alerts = Alerts()
    risk: Risk = Risk()
    http: Http = Http()
    log: Log = Log()
    state: State = State()
