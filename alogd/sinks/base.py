"""What a sink is: the last stage, where alerts leave the daemon.

A sink is given alerts oldest first and either takes them all or raises; what it raises says whether to try
again (`NotConnected`, OSError, TimeoutError) or to give the alerts up (`Rejected`). It keeps no queue: that is
the outbox in the state (alogd/state/database.py), and alogd/sinks/delivery.py moves alerts from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from alogd.config.tree import Config, Level, Strict
from alogd.event import Alert
from alogd.registry import find
from alogd.sinks.routes import LEVELS, When

MAX_SECRET_BYTES = 64 * 1024


class Rejected(Exception):
    """These alerts will never be taken; `reason` is one of a closed set and becomes a label."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


class NotConnected(Exception):
    """The other side cannot take alerts now; try again, no sooner than `retry_after` seconds when it said so."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


MaxAge = Annotated[float, Meta(gt=0, le=315_360_000, extra={"unit": "duration"})] | None


MaxRate = Annotated[int, Meta(ge=1, le=6000)]


class Missed(msgspec.Struct, frozen=True):
    """Changes of incidents that a sink is not sent: since its last success, and with these alerts."""

    dropped: int = 0  # the outbox was full
    superseded: int = 0  # a newer one of the same incident is sent instead


NONE_MISSED = Missed()


class SinkOptions(Strict, frozen=True, kw_only=True):
    """What every sink can be told."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = None  # label; by default the kind
    min_level: Level = "INFO"  # alerts of a lower level are not for this sink
    max_age: MaxAge = None  # alerts last seen longer ago, in log time, are kept but not sent; null: all are sent
    when: When = When()  # which incidents are for this sink


class Sink(Protocol):
    """One place alerts go to. `Options` is its SinkOptions; the class is built with one of them."""

    Options: type[SinkOptions]
    latest_only: bool  # of several moments of one incident that wait together, only the newest matters

    def __init__(self, options: Any) -> None: ...

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        """Take all of them, in order. Raises Rejected, NotConnected, OSError or TimeoutError; then none counts."""

    async def close(self) -> None:
        """Let go of files and connections; may be called more than once."""


class NamedSink(msgspec.Struct, frozen=True):
    """A sink under the name that labels it, and the alerts it is for."""

    name: str
    min_level: int
    sink: Sink
    max_age: float | None = None
    max_per_minute: int | None = None  # attempts; what waits longer goes together
    when: When = When()
    resend: float | None = None  # seconds after which a receiver that forgets is told again of what is firing

    def wants(self, alert: Alert) -> bool:
        return LEVELS.get(alert.level, 0) >= self.min_level and self.when.holds(alert)

    @property
    def is_for_people(self) -> bool:
        """Whether it rings: no record of every moment, and no receiver that has to hear again and again."""
        return self.sink.latest_only and self.resend is None

    def hears_of(self, root: Alert) -> bool:
        """Whether it is told of what an incident stands for by that incident alone; records have every moment."""
        return self.sink.latest_only and self.wants(root)

    def is_old(self, alert: Alert, now: float) -> bool:
        """Whether it tells of what is past: a daemon that reads last month's logs must not ring for them."""
        return self.max_age is not None and now - (alert.resolved_ns or alert.updated_ns) / 1e9 > self.max_age


def build(entry: Mapping[str, Any]) -> NamedSink:
    """A sink of one entry of `sinks:`. Raises ValueError that says what is wrong with the entry."""
    options = {name: value for name, value in entry.items() if name != "kind"}
    kind = str(entry.get("kind", ""))
    try:
        cls = find("sinks", kind)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    checked: SinkOptions = msgspec.convert(options, cls.Options)  # type: ignore[attr-defined]
    rate = getattr(checked, "max_per_minute", None)
    resend = getattr(checked, "resend", None)
    least = LEVELS[checked.min_level]
    return NamedSink(checked.name or kind, least, cls(checked), checked.max_age, rate, checked.when, resend)


def entries(config: Config) -> list[dict[str, Any]]:
    """The entries of `sinks:`; those that link to this daemon know how, unless they say otherwise themselves."""
    http = config.http
    known = {"external_url": http.external_url, "link_secret_file": http.link_secret_file}
    found = []
    for entry in config.sinks:
        options: Any = find("sinks", str(entry["kind"]))
        told = {key: value for key, value in known.items() if value and key in options.Options.__struct_fields__}
        found.append(told | dict(entry))
    return found


def build_outlets(config: Config) -> tuple[list[dict[str, Any]], list[NamedSink]]:
    """The entries and their sinks. Raises ValueError as `build_all` does."""
    found = entries(config)
    return found, build_all(found)


def build_all(entries: Sequence[Mapping[str, Any]]) -> list[NamedSink]:
    """All sinks of a configuration. Raises ValueError also when two share a name."""
    sinks = [build(entry) for entry in entries]
    names = [sink.name for sink in sinks]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two sinks are named {name!r}; give each a name of its own")
    return sinks
