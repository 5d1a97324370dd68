"""What people said of incidents: silences, weekly windows, and what was judged to be expected, or real.

Asked when an alert is about to be put in the outbox, by the daemon's clock. Invariant: what is detected, learned and
kept is the same with and without, but for what is real, which goes to the streams (protected.py); whoever was told of
an incident's beginning is told of its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from alogd.config.tree import Day, Hours
from alogd.engine.dfa import Automaton, compile_patterns
from alogd.engine.dfa_build import Work
from alogd.event import Alert
from alogd.feedback.protected import Pattern, Said
from alogd.sinks.routes import DAYS, LEVELS

MAX_MUTES = 500  # those that are over make room first
MAX_STEPS = 400_000  # of work its patterns may take together: some tenths of a second, while nothing is committed
MAX_HELD = 1000  # incidents remembered as held back; the oldest go first
MAX_AHEAD = 10 * 366 * 86400.0  # seconds; nothing is muted for ever
LAST = 253_402_214_400.0  # the last day of the year 9999: beyond it no calendar shows a moment
MINOR_SHARE = 0.05  # templates below this share of an alert's score need not be named
MAX_VALUE = 1024  # bytes of an alert's text that a pattern is tried on

_MATCHER = re.compile(r"(stream|key|host|source|template|level|title)(=~|!~|!=|=)(.{1,512})", re.DOTALL)
_FIELDS: dict[str, Callable[[Alert], set[str]]] = {
    "stream": lambda alert: {alert.stream},
    "key": lambda alert: {alert.key},
    "host": lambda alert: set(alert.hosts),
    "level": lambda alert: {alert.level},
    "title": lambda alert: {alert.title},
    "source": lambda alert: ({line.source for line in alert.lines if line.marked}),
    "template": lambda alert: {one.fingerprint for one in alert.templates if one.share >= MINOR_SHARE},
}

Text = Annotated[str, Meta(max_length=500)]
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
Matchers = Annotated[tuple[Annotated[str, Meta(max_length=530)], ...], Meta(min_length=1, max_length=16)]


class Mute(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, dict=True, frozen=True):
    """One wish; the same struct is stored, listed and exported, so it is its own audit record."""

    id: Id
    kind: Literal["silence", "maintenance", "expected", "real"] = "silence"
    matchers: Matchers  # all have to hold: `stream=sshd`, `title=~disk.*`, `level!=CRITICAL`
    begins: float  # seconds since 1970
    ends: float
    days: Annotated[tuple[Day, ...], Meta(max_length=7)] = ()  # only on these days of the week
    hours: Hours | None = None  # only between these; a night belongs to the day it begins on
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"  # of days and hours
    by: Text = ""
    why: Text = ""
    created: float = 0.0
    alert: Annotated[str, Meta(max_length=64)] = ""  # the alert it was made of
    title: Text = ""  # ... and what that said
    undone: float | None = None  # when somebody ended it early
    undone_by: Text = ""
    is_normal: bool = False  # expected of an alert that asked: the stream learns it
    pattern: Pattern | None = None  # of what is real: what is odd wherever it comes, and never learned from

    @cached_property
    def tests(self) -> tuple[Callable[[Alert], bool], ...]:
        work = Work(MAX_STEPS)
        return tuple(_test(text, work) for text in self.matchers)

    def check(self) -> None:
        """Raises ValueError for what cannot work."""
        if not self.begins < self.ends <= self.begins + MAX_AHEAD:
            raise ValueError("it has to end after it begins, and within ten years")
        if self.begins < 0 or self.ends > LAST:
            raise ValueError("it has to be between the years 1970 and 9999")
        _zone(self.timezone)
        _ = self.tests

    def is_on(self, now: float) -> bool:
        """Whether it is in force at this moment."""
        if not self.begins <= now < self.ends or (self.undone is not None and now >= self.undone):
            return False
        return not (self.days or self.hours) or self._in_window(datetime.fromtimestamp(now, _zone(self.timezone)))

    def holds(self, alert: Alert) -> bool:
        """Whether this moment of an incident is what it is about."""
        return all(test(alert) for test in self.tests)

    def state(self, now: float) -> str:
        if self.undone is not None:
            return "undone"
        if now >= self.ends:
            return "expired"
        return "active" if self.is_on(now) else "pending"

    def _in_window(self, moment: datetime) -> bool:
        today = DAYS[moment.weekday()]
        if self.hours is None:
            return today in self.days
        begin, end = (time.fromisoformat(text) for text in self.hours.split("-"))
        now, days = moment.time(), self.days or DAYS
        if begin < end:
            return begin <= now < end and today in days
        return (now >= begin and today in days) or (now < end and DAYS[moment.weekday() - 1] in days)


class Held(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An incident of which something was held back."""

    by: str  # id of the mute
    told: bool  # whether its beginning had been told


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    """What survives a restart."""

    mutes: list[Mute] = []
    held: dict[str, Held] = {}


@dataclass(slots=True)
class Mutes:
    """All of them, and the incidents they hold back. `mutes` is replaced whole: two threads look at it."""

    mutes: tuple[Mute, ...] = ()
    planned: tuple[Mute, ...] = ()  # by the configuration; not saved
    held: dict[str, Held] = field(default_factory=dict)
    is_changed: bool = False  # since it was last saved

    @property
    def all(self) -> tuple[Mute, ...]:
        """Those of the configuration first."""
        return self.planned + self.mutes

    def keeps(self, alert: Alert, now: float) -> bool:
        """Whether this moment of an incident is not to be told; remembers the answer."""
        before = self.held.get(alert.id)
        if alert.status == "resolved":
            return before is not None and not before.told
        muting = (one for one in self.all if one.kind != "real" and one.is_on(now))
        mute = next((one for one in muting if one.holds(alert)), None)
        if mute is None:
            if before is not None:
                self._change(alert.id, None)
            return False
        told = before.told if before is not None else alert.windows > 1  # the first moment has one window
        self._change(alert.id, Held(mute.id, told))
        return True

    def with_added(self, mute: Mute, now: float) -> tuple[Mute, ...]:
        """What was said of its alert before ends. Raises ValueError when it cannot work or there are too many."""
        mute.check()
        kept = [_judged_anew(old, mute, now) for old in self.mutes]
        for old in sorted(kept, key=lambda one: one.undone or one.ends):
            if len(kept) < MAX_MUTES:
                break
            if old.state(now) in ("undone", "expired"):
                kept.remove(old)
        if len(kept) >= MAX_MUTES:
            raise ValueError(f"there are {MAX_MUTES} already; end some first")
        return (*kept, mute)

    def with_ended(self, mute_id: str, by: str, now: float) -> tuple[Mute, ...] | None:
        """None when there is none of this id, or it is over."""
        found = [one for one in self.mutes if one.id == mute_id and one.state(now) in ("active", "pending")]
        if not found:
            return None
        ended = msgspec.structs.replace(found[0], undone=now, undone_by=by)
        return tuple(ended if one is found[0] else one for one in self.mutes)

    def save(self) -> bytes:
        """JSON of everything."""
        return msgspec.json.encode(Saved(list(self.mutes), dict(self.held)))

    def load(self, data: bytes) -> None:
        """Raises ValueError when damaged."""
        saved = msgspec.json.decode(data, type=Saved)
        for mute in saved.mutes:
            mute.check()
        self.mutes, self.held = tuple(saved.mutes), saved.held

    def _change(self, alert_id: str, held: Held | None) -> None:
        if self.held.get(alert_id) == held:
            return
        self.is_changed = True
        self.held.pop(alert_id, None)
        if held is not None:
            self.held[alert_id] = held
        while len(self.held) > MAX_HELD:
            del self.held[next(iter(self.held))]


def matchers_of(alert: Alert, scope: str) -> tuple[str, ...]:
    """What a judgement of an alert is about: `here`, on its `key`, on its `host`, or its `template`s anywhere.

    Never for a level above the one that was judged, nor with templates that were not in it. Raises ValueError.
    """
    levels = [name for name, rank in LEVELS.items() if rank <= LEVELS.get(alert.level, 0)]
    least = [f"level=~{'|'.join(levels)}"]
    if scope == "key" and not alert.key:
        raise ValueError("this alert has no key")
    if scope == "host" and not alert.hosts:
        raise ValueError("no odd line of this alert names its host")
    hosts = [f"host=~{'|'.join(map(_literal, alert.hosts))}"]
    here = [f"stream={alert.stream}", f"key={alert.key}"]
    where = {"here": here, "key": here[1:], "host": hosts, "template": []}[scope]
    what = _pattern_of(alert)
    if what.startswith("title") and scope == "template":
        raise ValueError("this alert names no template")
    return tuple(text for text in (*where, what, *least) if not text.endswith("="))


def silencers_of(alert: Alert, scope: str) -> tuple[str, ...]:
    """What a silence made of an alert is about: all of its `stream`, or this `pattern` in it, at whatever level."""
    where = f"stream={alert.stream}"
    return (where,) if scope == "stream" else (where, _pattern_of(alert))


def describe(mute: Mute, now: float) -> dict[str, Any]:
    """As the API shows it."""
    return {**msgspec.to_builtins(mute), "state": mute.state(now)}


def active(mutes: Sequence[Mute], now: float) -> tuple[str, ...]:
    """Ids of those in force."""
    return tuple(one.id for one in mutes if one.kind != "real" and one.is_on(now))


def said_of(mutes: Sequence[Mute], stream: str, now: float) -> Said:
    """What a stream goes by: what is real in it, and which of its incidents are the new normal."""
    real = [(one, one.pattern) for one in mutes if one.pattern is not None]
    normal = [one for one in mutes if one.is_normal]
    return Said(
        tuple(pattern for one, pattern in real if pattern.stream in ("", stream) and one.is_on(now)),
        tuple(one.alert for one in normal if one.is_on(now)),
    )


def _judged_anew(old: Mute, new: Mute, now: float) -> Mute:
    if not new.alert or old.alert != new.alert or old.state(now) not in ("active", "pending"):
        return old
    if "silence" in (old.kind, new.kind) or (old.kind == new.kind and old.matchers != new.matchers):
        return old
    return msgspec.structs.replace(old, undone=now, undone_by=new.by)


def _pattern_of(alert: Alert) -> str:
    """Its templates and no others; its title where it names none."""
    prints = sorted(_FIELDS["template"](alert))
    return f"template=~{'|'.join(prints)}" if prints else f"title={alert.title}"


def _test(text: str, work: Work) -> Callable[[Alert], bool]:
    """All of an alert's values have to pass: one template nobody spoke of is news."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no matcher; write NAME=VALUE, NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN with a name of "
            + ", ".join(_FIELDS)
        )
    values, negated = _FIELDS[found[1]], found[2].startswith("!")
    equals = _pattern(found[3], work) if found[2].endswith("~") else found[3].__eq__

    def test(alert: Alert) -> bool:
        given = values(alert)
        return all(equals(value) is not negated for value in given) and (negated or bool(given))

    return test


def _pattern(text: str, work: Work) -> Callable[[str], bool]:
    """Of whole values, in linear time whatever the pattern (alogd/engine/dfa_pattern.py has the language)."""
    automaton = Automaton(compile_patterns([f"^(?:{text})$"], MAX_VALUE, work))
    return lambda value: automaton.fits(value.encode("utf-8", "replace")[:MAX_VALUE])


def _literal(text: str) -> str:
    """The pattern of this text alone."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"no time zone {name!r} on this host") from None
