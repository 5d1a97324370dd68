"""One incident per cause across streams: where the alerts of all streams meet, on their way to the sinks.

The first incident of those that begin together is the root; later ones name it as their `cause`, and the root tells
of them (`also`) and ends when all of them have. Pure; what comes out depends on the order in which moments come, and
not on what else is known. Streams know nothing of it. Bounded: MAX_GROUPS groups of MAX_PARTS incidents.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from alogd.event import Alert, Also
from alogd.sinks.routes import LEVELS

MAX_GROUPS = 256  # of what fires; the oldest stand alone from then on
MAX_PARTS = 32  # incidents in one; what comes after these stands alone
MAX_ALSO = 16  # streams that a root names
MAX_TEXTS, MAX_WORDS = 8, 24  # templates of an incident, and words of each, that are compared
MINOR_SHARE = 0.05  # templates below this share of an alert's score do not stand for it
ALIKE = 0.7  # words that two templates share, of the mean of both
SPREAD = 3  # times `within`, from the root's beginning: no incident goes on gathering for ever
BURST = 3  # streams whose incidents begin together, whatever they say
EVERYBODY = "*"  # in place of all sinks' names

_WILDCARD = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[^\W\d_]{2,}")


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """One incident of a group; times are log time in ns."""

    id: str
    stream: str
    title: str
    level: str
    risk: float
    begin: int  # of its first odd window
    end: int
    texts: list[str]  # of its templates, the words
    hosts: list[str]
    over_ns: int | None = None
    apart: list[str] = []  # sinks that were told of it by itself, and are told the rest


class Group(msgspec.Struct, forbid_unknown_fields=True):
    """Incidents with one cause, the root first; most are alone."""

    parts: list[Part]

    @property
    def root(self) -> Part:
        return self.parts[0]

    @property
    def others(self) -> list[Part]:
        """One of each stream, the first."""
        return list({part.stream: part for part in reversed(self.parts[1:])}.values())[::-1]

    @property
    def is_over(self) -> bool:
        return all(part.over_ns is not None for part in self.parts)

    @property
    def worst(self) -> Part:
        return max(self.parts, key=lambda part: part.risk)

    def told_of(self, root: Alert) -> Alert:
        """The root's moment as people are told it: with what else there is, and firing until all of it is over."""
        if len(self.parts) == 1:
            return root
        also = tuple(Also(part.stream, part.id, part.level, part.title) for part in self.others[:MAX_ALSO])
        worst = self.worst if self.worst.risk > root.risk else None
        told = replace(root, also=also, risk=worst.risk if worst else root.risk)
        told = replace(told, level=max(root.level, self.worst.level, key=lambda name: LEVELS.get(name, 0)))
        if not self.is_over:
            return replace(told, status="firing", resolved_ns=None)
        return replace(told, status="resolved", resolved_ns=max(part.over_ns or 0 for part in self.parts))


@dataclass(frozen=True, slots=True)
class Taken:
    """A moment and what it does to others."""

    alert: Alert  # as it is kept: with its cause, or what else there is
    group: Group | None = None  # of which the root is to be told anew


class Across:
    """The incidents of all streams that fire."""

    def __init__(self, within_ns: int = 0, groups: Iterable[Group] = ()) -> None:
        """within_ns: incidents that begin so close in log time may have one cause; 0: each stands alone."""
        self.within_ns = within_ns
        self._groups: dict[str, Group] = {group.root.id: group for group in groups}
        self._roots = {part.id: group.root.id for group in self._groups.values() for part in group.parts}

    def copy(self) -> Across:
        """One that can be changed and thrown away."""
        return Across(self.within_ns, _decode(self.save()))

    def save(self) -> bytes:
        """JSON of everything but `within_ns`."""
        return msgspec.json.encode(list(self._groups.values()))

    @classmethod
    def load(cls, data: bytes) -> Across:
        """Raises ValueError when damaged."""
        groups = _decode(data)
        if len(groups) > MAX_GROUPS or not all(0 < len(group.parts) <= MAX_PARTS for group in groups):
            raise ValueError("saved groups of incidents are not within their bounds")
        return cls(0, groups)

    @property
    def below(self) -> int:
        """How many incidents fire of which a root tells."""
        return sum(part.over_ns is None for group in self._groups.values() for part in group.parts[1:])

    def apart(self, alert_id: str) -> Sequence[str]:
        """Sinks that are told of this incident by itself."""
        part = self._part(alert_id)
        return part.apart if part else ()

    def tell_apart(self, alert_id: str, sinks: Iterable[str]) -> None:
        """These were told of it by itself: they are told its end too."""
        part = self._part(alert_id)
        if part is not None and alert_id not in self._groups:
            part.apart = sorted({*part.apart, *sinks})

    def take(self, alert: Alert, *, is_known: bool = False) -> Taken:
        """The next moment of an incident. is_known: it had one before, whether or not it is remembered here."""
        self._forget_what_is_over()
        group = self._groups.get(self._roots.get(alert.id, ""))
        if group is None:
            if not self.within_ns or is_known or alert.status != "firing":
                return Taken(alert)
            return self._begin(alert)
        before = group.worst.level
        part = next(part for part in group.parts if part.id == alert.id)
        part.level, part.risk, part.title, part.over_ns = alert.level, alert.risk, alert.title, alert.resolved_ns
        if part is group.root:
            return Taken(group.told_of(alert))
        is_news = group.is_over or LEVELS.get(group.worst.level, 0) > LEVELS.get(before, 0)
        return Taken(replace(alert, cause=group.root.id), group if is_news else None)

    def without(self, streams: Iterable[str]) -> list[Group]:
        """What goes on when only these streams are left: roots that waited for others, and end now."""
        kept, ended = set(streams), []
        for group in list(self._groups.values()):
            for part in group.parts:
                if part.stream not in kept and part.over_ns is None:
                    part.over_ns = part.end
            if group.is_over and group.root.stream in kept and len(group.parts) > 1:
                ended.append(group)
        self._forget_what_is_over()
        return ended

    def _begin(self, alert: Alert) -> Taken:
        part = _part_of(alert)
        group = self._cause_of(part)
        if group is None:
            self._groups[part.id] = Group([part])
            self._roots[part.id] = part.id
            while len(self._groups) > MAX_GROUPS:
                self._forget(next(iter(self._groups.values())))
            return Taken(alert)
        rank, streams = LEVELS.get(group.worst.level, 0), {one.stream for one in group.parts}
        group.parts.append(part)
        self._roots[part.id] = group.root.id
        is_news = part.stream not in streams or LEVELS.get(part.level, 0) > rank or part.level == "CRITICAL"
        return Taken(replace(alert, cause=group.root.id), group if is_news else None)

    def _cause_of(self, part: Part) -> Group | None:
        """The group it belongs to: begun close by, with something in common, or one of many that fail at once."""
        near = [group for group in self._groups.values() if self._is_near(part, group)]
        for group in near:
            if any(_has_in_common(part, other) for other in group.parts if other.over_ns is None):
                return group
        if part.level == "CRITICAL":  # by chance at the same time as others: it has to be told by itself
            return None
        together = [one for one in near if any(abs(part.end - other.end) <= self.within_ns for other in one.parts)]
        streams = {other.stream for group in together for other in group.parts if other.over_ns is None}
        return together[0] if len(streams | {part.stream}) >= BURST else None

    def _is_near(self, part: Part, group: Group) -> bool:
        others = [one for one in group.parts if one.over_ns is None and one.stream != part.stream]
        if not others or len(group.parts) >= MAX_PARTS or _gap(part, group.root) > SPREAD * self.within_ns:
            return False
        return any(_gap(part, other) <= self.within_ns for other in others)

    def _part(self, alert_id: str) -> Part | None:
        group = self._groups.get(self._roots.get(alert_id, ""))
        return next((part for part in group.parts if part.id == alert_id), None) if group else None

    def _forget_what_is_over(self) -> None:
        """Not at once: whoever chooses sinks for its last moment looks at it here."""
        for group in [group for group in self._groups.values() if group.is_over]:
            self._forget(group)

    def _forget(self, group: Group) -> None:
        del self._groups[group.root.id]
        for part in group.parts:
            del self._roots[part.id]


def in_order(of_streams: Sequence[Sequence[Alert]]) -> Iterable[tuple[int, Alert]]:
    """(number of the stream, moment), by log time; those of one stream stay in their order."""
    return heapq.merge(*map(_numbered, range(len(of_streams)), of_streams), key=lambda item: _place(item[1]))


def together(of_streams: Sequence[Sequence[Alert]], within_ns: int) -> list[list[Alert]]:
    """The moments of several streams, all there are, with their causes; roots are told anew where they stand."""
    across, told = Across(within_ns), [list[Alert]() for _ in of_streams]
    roots: dict[str, tuple[int, Alert]] = {}
    seen: set[str] = set()
    for at, moment in in_order(of_streams):
        taken = across.take(moment, is_known=moment.id in seen)
        seen.add(moment.id)
        if taken.group is not None and taken.group.root.id in roots:
            where, root = roots[taken.group.root.id]
            told[where].append(taken.group.told_of(root))
        if not taken.alert.cause:
            roots[moment.id] = (at, moment)
        told[at].append(taken.alert)
    return told


def _numbered(number: int, found: Sequence[Alert]) -> Iterable[tuple[int, Alert]]:
    return ((number, one) for one in found)


def _place(alert: Alert) -> tuple[int, str]:
    """Log time, and what decides between moments of the same."""
    return alert.updated_ns if alert.resolved_ns is None else alert.resolved_ns, alert.id


def _gap(one: Part, other: Part) -> int:
    """Between their first odd windows; 0 where these overlap."""
    return max(0, one.begin - other.end, other.begin - one.end)


def _has_in_common(one: Part, other: Part) -> bool:
    if not set(one.hosts).isdisjoint(other.hosts):
        return True
    return any(_are_alike(mine.split(), theirs.split()) for mine in one.texts for theirs in other.texts)


def _are_alike(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    if mine == theirs:
        return True
    shared = len(set(mine) & set(theirs))
    return shared >= 3 and 2 * shared >= ALIKE * (len(set(mine)) + len(set(theirs)))


def _part_of(alert: Alert) -> Part:
    ranked = sorted(alert.templates, key=lambda one: -one.share)[:MAX_TEXTS]
    words = [
        sorted(set(_WORD.findall(_WILDCARD.sub(" ", one.text).lower()))) for one in ranked if one.share >= MINOR_SHARE
    ]
    texts = [" ".join(some[:MAX_WORDS]) for some in words if len(some) > 1]
    times = (alert.opened_ns, alert.updated_ns)
    return Part(alert.id, alert.stream, alert.title, alert.level, alert.risk, *times, texts, list(alert.hosts))


_decode = msgspec.json.Decoder(list[Group]).decode
