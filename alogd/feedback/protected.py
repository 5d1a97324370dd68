"""Beside the judge: what a person judged to be real, and which windows hold it. Those are odd, and never learned from.

Set between two events and saved with the stream, so a stream that is killed goes on from where it was committed.
Invariant: without patterns nothing differs from a stream that knows of none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil, sqrt
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from alogd.event import Alert, Bool, TemplateEvidence, WindowBatch
from alogd.windows.rows import part

RARE = 0.1  # occurrences expected in a window below which a template tells by being there at all
CHANCE = 3.0  # standard deviations above what is expected that are not chance
ENOUGH = 0.5  # of a pattern's shares that a window has to hold

Number = Annotated[float, Meta(ge=0)]


class Part(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One template of a pattern."""

    fingerprint: Annotated[str, Meta(max_length=64)]
    least: Annotated[int, Meta(ge=1)]  # occurrences in a window
    share: Number  # of the alert's score


class Pattern(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What told an alert from usual windows."""

    alert: Annotated[str, Meta(max_length=64)]
    stream: Annotated[str, Meta(max_length=64)]  # "": any
    risk: Annotated[float, Meta(ge=0, le=100)]  # of the alert when it was judged; it is told with no less
    parts: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=64)]

    @property
    def cause(self) -> str:
        """What its windows have in common, among the causes of an incident."""
        return f"real {self.alert}"

    @property
    def reason(self) -> str:
        """As an alert says it."""
        return f"like alert {self.alert}, which was judged to be real"


class Said(NamedTuple):
    """What people said of a stream that it goes by."""

    real: tuple[Pattern, ...]
    normal: tuple[str, ...]  # ids of incidents that are the new normal


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of it in a stream's state."""

    patterns: tuple[Pattern, ...]
    slots: dict[Annotated[int, Meta(ge=0, le=2**32 - 1)], str]


def pattern_of(alert: Alert, stream: str) -> Pattern:
    """What of an alert comes back when it does; `stream`: where, "" for anywhere. Raises ValueError.

    Templates that are usual, or missing, or only in another order, are in ordinary windows too.
    """
    found = [(one, least) for one in alert.templates if (least := _least(one)) <= one.seen]
    if not found:
        raise ValueError("no template of this alert tells it from ordinary windows, so there is nothing to protect")
    parts = tuple(Part(one.fingerprint, least, one.share) for one, least in found)
    return Pattern(alert.id, stream, alert.risk, parts)


def _least(one: TemplateEvidence) -> int:
    """How often it has to be in a window that is like the alert's."""
    expected = 0.0 if one.is_new else max(0.0, one.expected)
    by_chance = ceil(expected + CHANCE * sqrt(expected))
    half_way = ceil((expected + one.seen) / 2) if expected >= RARE else 1
    return max(1, by_chance, half_way)


class Protected:
    """The patterns of one stream."""

    def __init__(self, name: Callable[[int], str] = lambda _slot: "") -> None:
        """`name` gives the fingerprint of the template that has a slot."""
        self.patterns: tuple[Pattern, ...] = ()
        self._name = name
        self._slots: dict[int, str] = {}  # of templates in patterns
        self._derive()

    def set(self, patterns: Sequence[Pattern], slots: Callable[[], Iterable[int]]) -> bool:
        """These from now on; `slots()` are those of all templates. False when they are the same as before."""
        if tuple(patterns) == self.patterns:
            return False
        self.patterns, self._slots = tuple(patterns), {}
        self._derive()
        if patterns:
            self._look(slots())
        return True

    def match(self, windows: WindowBatch) -> Bool:
        """Which windows hold a pattern, shape (n,)."""
        if not self.patterns or not len(windows):
            return np.zeros(len(windows), np.bool_)
        if windows.is_new.any():
            self._look(dict.fromkeys(windows.slot[windows.is_new].tolist()))
        return np.asarray(self._held(windows).any(axis=1))

    def which(self, windows: WindowBatch, index: int) -> Pattern:
        """The pattern that a window of `match` holds, the worst of several."""
        held = self._held(part(windows, index, index + 1))[0]
        return max((self.patterns[at] for at in np.flatnonzero(held)), key=lambda one: one.risk)

    def _held(self, windows: WindowBatch) -> Bool:
        """Shape (windows, patterns)."""
        held = np.zeros((len(windows), len(self.patterns)), np.bool_)
        if not len(self._known) or not (hits := np.flatnonzero(np.isin(windows.slot, self._known))).size:
            return held
        counts = np.zeros((len(windows), len(self._names)), np.int64)
        names = self._name_of[np.searchsorted(self._known, windows.slot[hits])]
        np.add.at(counts, (np.searchsorted(windows.start, hits, "right") - 1, names), 1)
        for at, pattern in enumerate(self.patterns):
            shares = np.zeros(len(windows))
            for one in pattern.parts:
                shares += one.share * (counts[:, self._names[one.fingerprint]] >= one.least)
            held[:, at] = (shares >= ENOUGH * sum(one.share for one in pattern.parts)) & (
                counts[:, [self._names[one.fingerprint] for one in pattern.parts]].any(axis=1)
            )
        return held

    def _look(self, slots: Iterable[int]) -> None:
        """These slots have new templates."""
        for slot in slots:
            self._slots.pop(slot, None)
            if (name := self._name(slot)) in self._names:
                self._slots[slot] = name
        self._derive()

    def _derive(self) -> None:
        names = dict.fromkeys(one.fingerprint for pattern in self.patterns for one in pattern.parts)
        self._names = {name: at for at, name in enumerate(names)}
        self._known = np.array(sorted(self._slots), np.uint32)
        self._name_of = np.array([self._names[self._slots[slot]] for slot in sorted(self._slots)], np.intp)

    # -- state

    def save(self) -> bytes:
        """JSON of everything; b"" when there is nothing."""
        if not self.patterns:
            return b""
        return msgspec.json.encode(Saved(self.patterns, dict(sorted(self._slots.items()))))

    def load(self, data: bytes) -> None:
        """Raises ValueError when damaged."""
        saved = msgspec.json.decode(data, type=Saved)
        names = {one.fingerprint for pattern in saved.patterns for one in pattern.parts}
        if not names.issuperset(saved.slots.values()):
            raise ValueError("saved state: what was judged real names templates of no pattern")
        self.patterns, self._slots = saved.patterns, saved.slots
        self._derive()
