"""The configuration as one frozen tree; every bound has a default and a range, written beside its unit.

Loading (YAML, strict, line numbers, nearest names) is in config_load.py. Durations are written "30s", "15m",
"2h", "1d" and sizes "64KiB" in YAML; here they are seconds and bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from alogd.engine.names import MASKS, HeaderName, MaskName

SEARCH = ("configs/alogd.yaml", "/etc/alogd/alogd.yaml")  # where a configuration is looked for when none is named

Level = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]

# What `extra` says is read by config_load.py: "duration" takes "30s", "size" takes "64KiB", "plugin" names the
# registry's kind whose Options the mapping has to fit.
_DURATION = {"unit": "duration"}
_SIZE = {"unit": "size"}
StreamName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Pattern = Annotated[str, Meta(min_length=1, max_length=4096)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Hours = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$")]
ExternalUrl = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9._\[\]:-]+(/[A-Za-z0-9._~/-]*)?$", max_length=512)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Collect = Annotated[dict[str, Any], Meta(extra={"plugin": "collectors"})]
Sink = Annotated[dict[str, Any], Meta(extra={"plugin": "sinks"})]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An unknown key is an error."""


class UserMask(Strict, frozen=True, kw_only=True):
    """A mask of the user's own, matched in linear time (alogd/engine/dfa.py says which syntax)."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")]  # shown as <NAME>
    pattern: Pattern  # a regular expression without look-around or back-references


class Multiline(Strict, frozen=True, kw_only=True):
    """How continuation lines (stack traces ...) are joined to their record."""

    mode: Literal["auto", "off"] = "auto"  # off: every line is a record of its own
    max_lines: Annotated[int, Meta(ge=1, le=100_000)] = 500  # most lines of a record
    max_bytes: Annotated[int, Meta(ge=64, le=2**24, extra=_SIZE)] = 65536  # most bytes of a record
    timeout: Annotated[float, Meta(ge=0.01, le=3600, extra=_DURATION)] = 1.0  # quiet after which a record is whole


class EngineOptions(Strict, frozen=True, kw_only=True):
    """One stream's template miner."""

    kind: Literal["c", "drain3"] = "c"  # drain3: the slow fallback, where no compiler was at hand
    depth: Annotated[int, Meta(ge=3, le=32)] = 4  # of Drain's tree, root and leaf included
    sim_th: Annotated[float, Meta(ge=0, le=1)] = 0.4  # share of equal tokens from which a line fits a template
    max_children: Annotated[int, Meta(ge=2, le=100_000)] = 100  # of a node of the tree
    max_clusters: Annotated[int, Meta(ge=1, le=1_000_000)] | None = 10_000  # templates kept; the least used goes first
    extra_delimiters: tuple[Annotated[str, Meta(min_length=1, max_length=16)], ...] = ()  # cut like white space
    parametrize_numeric_tokens: bool = True  # a token with a digit in it never makes a branch of the tree
    masks: tuple[MaskName, ...] = MASKS  # the masks that are on
    user_masks: Annotated[tuple[UserMask, ...], Meta(max_length=32)] = ()  # applied before the built-in ones, in order
    header: HeaderName | None = "auto"  # how lines begin; null: the whole line is the message
    multiline: Multiline = Multiline()
    max_line_bytes: Annotated[int, Meta(ge=64, le=2**24, extra=_SIZE)] = 65536  # a longer line is cut and counted
    max_tokens: Annotated[int, Meta(ge=8, le=65536)] = 512  # tokens of a line that are compared
    timezone: Annotated[str, Meta(pattern=r"^(UTC|[+-](0[0-9]|1[0-4]):[0-5][0-9])$")] = (
        "UTC"  # of stamps that carry none
    )


class WindowOptions(Strict, frozen=True, kw_only=True):
    """How records are gathered.

    `key`: "source", "program", "host", "pid", "none", {"field": NAME} or {"mask": NAME}.
    """

    kind: Literal["count", "time", "session"] = "count"
    size: Annotated[int, Meta(ge=2, le=100_000)] = 50  # records; session: the most
    stride: Annotated[int, Meta(ge=1, le=100_000)] = 25  # fresh records between two windows, at most `size`
    width: Annotated[float, Meta(ge=0.1, le=604_800, extra=_DURATION)] = 60.0  # of time windows
    max_age: Annotated[float, Meta(ge=0.1, le=604_800, extra=_DURATION)] = 30.0  # a window closes at this age
    idle: Annotated[float, Meta(ge=0.1, le=604_800, extra=_DURATION)] = 120.0  # a session closes after this quiet
    max_keys: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096  # most keys open at once
    key: str | dict[str, str] = "program"  # what keeps interleaved records apart


class DetectorOptions(Strict, frozen=True, kw_only=True):
    """A detector's name and its own parameters."""

    name: str
    options: dict[str, Any] = {}


class Cascade(Strict, frozen=True, kw_only=True):
    """Which windows heavy detectors are asked about, and how far networks may fall behind the log."""

    sample: Annotated[float, Meta(gt=0, le=1)] = 0.01  # share of windows, chosen by hash, whatever they look like
    odd: Annotated[float, Meta(ge=0, le=1)] = 0.01  # share that the quick detectors find the oddest
    waiting: Annotated[int, Meta(ge=1, le=100_000)] = 4096  # windows that wait for networks; beyond it they are skipped


class StreamOptions(Strict, frozen=True, kw_only=True):
    """A named set of sources that share one miner and one set of detectors."""

    name: StreamName
    collect: Annotated[
        tuple[Collect, ...], Meta(min_length=1, max_length=64)
    ]  # each: kind, and that collector's options
    engine: EngineOptions = EngineOptions()
    windows: WindowOptions = WindowOptions()
    detectors: Annotated[tuple[DetectorOptions, ...], Meta(min_length=1, max_length=16)] = (
        DetectorOptions(name="ewma"),
        DetectorOptions(name="loganomaly"),
    )
    cascade: Cascade = Cascade()


class SeverityRule(Strict, frozen=True, kw_only=True):
    """Text that makes a record this severe, wherever it stands in the message (case matters as written)."""

    match: Annotated[str, Meta(min_length=1, max_length=256)]
    severity: Annotated[int, Meta(ge=0, le=100)]


class Silence(Strict, frozen=True, kw_only=True):
    """What should come and does not: it alerts too, once it is known what is usual. All durations are log time."""

    enabled: bool = True
    sources: bool = True  # a source that stops
    heartbeats: bool = True  # a line that always comes in the same interval, and stops
    rates: bool = True  # a source that writes much less than ever at this hour of the day
    after: Annotated[float, Meta(ge=60, le=604_800, extra=_DURATION)] = 600.0  # silence of a source, at least
    times: Annotated[float, Meta(ge=1, le=1000)] = 3.0  # its longest usual silence, at least
    learn: Annotated[float, Meta(ge=3600, le=1_209_600, extra=_DURATION)] = 259_200.0  # log time before anything is
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5  # of the usual lines of an hour below which it alerts


class Alerts(Strict, frozen=True, kw_only=True):
    """One thing to set: how many alerts a day, over all streams, a person can bear."""

    budget: str = "5/day"  # "5/day", "1/hour", "2/week"
    max_share: Annotated[float, Meta(gt=0, le=1)] = 0.02  # of a stream's windows that may alert, whatever the budget
    resolve_after: Annotated[float, Meta(ge=1, le=2_592_000, extra=_DURATION)] = 900.0  # log time without an odd window
    join_within: Annotated[float, Meta(ge=0, le=2_592_000, extra=_DURATION)] = (
        600.0  # odd windows this close: one incident
    )
    join_streams: Annotated[float, Meta(ge=0, le=86_400, extra=_DURATION)] = (
        300.0  # incidents of several streams that begin this close: told as one; 0: each by itself
    )
    adopt_after: Annotated[float, Meta(ge=60, le=31_536_000, extra=_DURATION)] = 86400.0  # so long: the new normal
    warmup: Annotated[float, Meta(ge=0, le=2_592_000, extra=_DURATION)] = (
        60.0  # log time a stream must have seen before it may alert
    )
    warmup_windows: Annotated[int, Meta(ge=1, le=1_000_000)] = 200  # and windows
    severity_rules: Annotated[tuple[SeverityRule, ...], Meta(max_length=1000)] = ()  # added to the shipped table
    hide_secrets: bool = True  # what looks like a password, token or key is shown as <SECRET>
    redact: Annotated[tuple[str, ...], Meta(max_length=40)] = ()  # masks whose finds lines show as <IP>, <NAME> ...
    silence: Silence = Silence()


class Risk(Strict, frozen=True, kw_only=True):
    """risk = anomaly_weight x anomaly + severity_weight x severity, and where its levels begin."""

    anomaly_weight: Annotated[float, Meta(ge=0, le=1)] = 0.6
    severity_weight: Annotated[float, Meta(ge=0, le=1)] = 0.4
    critical: Percent = 80.0
    high: Percent = 60.0
    medium: Percent = 40.0
    low: Percent = 20.0


class Maintenance(Strict, frozen=True, kw_only=True):
    """When and of what alerts are held back, as by `alogd silence`: every week, or once."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")]
    streams: Annotated[tuple[StreamName, ...], Meta(max_length=256)] = ()  # of these streams; of all
    matchers: Annotated[tuple[Annotated[str, Meta(max_length=530)], ...], Meta(max_length=15)] = ()  # all have to hold
    days: Annotated[tuple[Day, ...], Meta(max_length=7)] = ()  # only on these days of the week
    hours: Hours | None = None  # only between these, e.g. "22:00-06:00"; a night belongs to the day it begins on
    begins: str | None = None  # once, from this moment, e.g. 2026-05-01T22:00
    ends: str | None = None  # to this
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"  # of all these, e.g. Europe/Berlin
    why: Annotated[str, Meta(max_length=400)] = ""


class Http(Strict, frozen=True, kw_only=True):
    """Metrics, health and API."""

    listen: str = "127.0.0.1:9178"  # HOST:PORT
    token_file: str | None = None  # needed for POST; without one only this host may
    external_url: ExternalUrl | None = None  # where people reach this daemon; alerts link there
    link_secret_file: str | None = None  # with external_url: alerts have signed links that acknowledge, silence ...
    max_connections: Annotated[int, Meta(ge=1, le=10_000)] = 100


class Log(Strict, frozen=True, kw_only=True):
    """The daemon's own log, on standard error; `auto` is console on a terminal, else JSON."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class State(Strict, frozen=True, kw_only=True):
    """Where positions, learned state and the alert outbox are kept."""

    directory: Annotated[str, Meta(min_length=1)] = "/var/lib/alogd"
    checkpoint_interval: Annotated[float, Meta(ge=0.1, le=3600, extra=_DURATION)] = 5.0


class Config(Strict, frozen=True, kw_only=True):
    """What `alogd run` runs on."""

    streams: Annotated[
        tuple[StreamOptions, ...], Meta(min_length=1, max_length=256)
    ]  # the first that matches a file owns it
    sinks: Annotated[tuple[Sink, ...], Meta(max_length=32)] = ({"kind": "log"},)  # each: kind, and that sink's options
    maintenance: Annotated[tuple[Maintenance, ...], Meta(max_length=100)] = ()  # when alerts are held back
    alerts: Alerts = Alerts()
    risk: Risk = Risk()
    http: Http = Http()
    log: Log = Log()
    state: State = State()


_PER_DAY = {"minute": 1440.0, "hour": 24.0, "day": 1.0, "week": 1.0 / 7}


def budget_per_day(budget: str) -> float:
    """Alerts a day of "5/day", "1/hour", "2/week". Raises ValueError that says what is accepted."""
    number, _, unit = budget.replace(" ", "").partition("/")
    try:
        rate = float(number) * _PER_DAY[unit]
    except (ValueError, KeyError):
        raise ValueError(f'{budget!r} is not a rate; write "5/day", "1/hour" or "2/week"') from None
    if not 0.001 <= rate <= 100_000:
        raise ValueError(f"{budget!r} is out of range: 0.001 to 100000 alerts a day")
    return rate


def stream_budget(config: Config) -> float:
    """Each stream's share of the budget, in alerts a day."""
    return budget_per_day(config.alerts.budget) / len(config.streams)


def effective_excludes(config: Config, index: int) -> tuple[str, ...]:
    """Globs that earlier streams took: the first stream whose `include` matches a file owns it.

    An earlier stream's `exclude` does not hand the file on: a file it includes and excludes is read by none.
    """
    taken: list[str] = []
    for stream in config.streams[:index]:
        for collector in stream.collect:
            if collector.get("kind") == "file":
                taken.extend(collector.get("include", ()))
    return tuple(dict.fromkeys(taken))


def read_secret(path: str) -> str:
    """The text of a `*_file` secret without its last newline. Raises OSError; ValueError when it is empty."""
    secret = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    if not secret:
        raise ValueError(f"{path} is empty")
    return secret
