"""Counts of templates by window, as training takes them: bounded, spread evenly in time, whole stretches together.

What a window has to do with those before it is lost when windows are let go one by one, so whole stretches of a
series are, and the first windows of one that is left are only what came before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alogd.detectors._matrices import Plan, place_of
from alogd.detectors._sequences import I32
from alogd.event import I64, U64, Bool, WindowBatch
from alogd.models.vocabulary import SPECIAL

STRETCH = 128  # windows
HELD_BACK = 10  # every tenth stretch of windows judges how well a model learned
TOGETHER = 32  # windows of such a stretch: neighbours share most of their history
MOST_PAIRS = 4_000_000  # (window, template) kept of a corpus
MOST_GROUPS = 65_536  # of which it is known how far they have come
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Counts:
    """n windows in the order they closed; those of window i are entries start[i]:start[i + 1]."""

    start: I64  # (n + 1,)
    number: I32  # of a template, per entry
    count: I32  # per entry
    group: U64  # (n,) windows of one group are a series
    place: I64  # (n,) in its series
    alone: bool = False  # windows have no order (sessions): each is all there is to see of it

    def __len__(self) -> int:
        return len(self.group)

    @classmethod
    def of(cls, windows: list[dict[int, int]], group: list[int] | None = None, *, alone: bool = False) -> Counts:
        """From {number: count}, one after the other; one series when no groups are given."""
        groups = np.array(group if group is not None else [0] * len(windows), np.uint64)
        pairs = [pair for one in windows for pair in one.items()]
        number, count = (np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1))
        start = np.concatenate([[0], np.cumsum([len(one) for one in windows])]).astype(np.int64)
        return cls(start, number, count, groups, _places(groups, {}), alone)

    def take(self, which: Bool) -> Counts:
        """Some windows, in order."""
        sizes = np.diff(self.start)
        kept = np.repeat(which, sizes)
        start = np.concatenate([[0], np.cumsum(sizes[which])]).astype(np.int64)
        return Counts(start, self.number[kept], self.count[kept], self.group[which], self.place[which], self.alone)

    def dense(self, plan: Plan, size: int) -> I32:
        """Counts by place of the plan, (n, side). size: entries of the vocabulary."""
        rows = np.repeat(np.arange(len(self)), np.diff(self.start))
        made = np.zeros((len(self), plan.side), np.int32)
        np.add.at(made, (rows, place_of(plan, size)[self.number]), self.count)
        return made


class CountSample:
    """Windows as they close; of too many stretches every second is let go, again and again."""

    def __init__(self, most: int = MOST_PAIRS, *, alone: bool = False) -> None:
        """alone: the windows are sessions, which have no order."""
        self.seen = 0  # windows
        self.step = 1  # every so many stretches are kept
        self._most = most
        self._alone = alone
        self._held = 0
        self._come: dict[int, int] = {}  # group -> windows so far
        self._parts: list[Counts] = []

    def add(self, windows: WindowBatch) -> None:
        """Slots stand for numbers until `counts`."""
        if not len(windows):
            return
        rows = np.repeat(np.arange(len(windows)), np.diff(windows.start))
        pairs, count = np.unique(rows.astype(np.int64) << 32 | windows.slot, return_counts=True)
        start = np.searchsorted(pairs >> 32, np.arange(len(windows) + 1))
        number = (pairs & 0xFFFFFFFF).astype(np.int32)
        self.put(start.astype(np.int64), number, count.astype(np.int32), windows.group)

    def put(self, start: I64, number: I32, count: I32, group: U64) -> None:
        """Windows that were counted already; all as Counts has them."""
        whole = Counts(start, number, count, group, _places(group, self._come), self._alone)
        self.seen += len(whole)
        while len(self._come) > MOST_GROUPS:
            del self._come[next(iter(self._come))]
        self._keep(whole)
        while self._held > self._most and len(self._parts) > 1:
            self.step *= 2
            parts, self._parts, self._held = self._parts, [], 0
            for part in parts:
                self._keep(part)

    def _keep(self, part: Counts) -> None:
        kept = part if self.step == 1 else part.take(_stretch(part) % self.step == 0)
        if len(kept):
            self._parts.append(kept)
            self._held += len(kept.number)

    def counts(self, number_of_slot: I32) -> Counts:
        """All that was kept, with the numbers of a vocabulary. Raises ValueError when nothing was."""
        if not self._parts:
            raise ValueError("no window closed: there is nothing to train on")
        sizes = np.concatenate([np.diff(part.start) for part in self._parts])
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        number, count, group, place = (
            np.concatenate([getattr(part, name) for part in self._parts])
            for name in ("number", "count", "group", "place")
        )
        return Counts(start, number_of_slot[number], count, group, place, self._alone)


def _stretch(part: Counts) -> I64:
    """Which of its series' stretches a window belongs to; series begin at different numbers, for most may be short."""
    return part.place // STRETCH + (part.group * _MULTIPLIER >> np.uint64(40)).astype(np.int64)


def _places(group: U64, come: dict[int, int]) -> I64:
    """Each window's place in its series; `come` is moved on."""
    places = np.empty(len(group), np.int64)
    for index, one in enumerate(group.tolist()):
        places[index] = come.get(one, 0)
        come[one] = come.pop(one, 0) + 1
    return places


# -- what a network is trained with


def choose(
    counts: Counts, size: int, *, most: int, segments: tuple[int, ...], steps: int, old: Plan | None = None
) -> Plan:
    """The templates that most windows hold have a place each; a scale is what one window in a hundred exceeds.

    Of windows without an order there is one segment and one step: each is all there is to see of it.
    old: of a model that is gone on from. Its templates stay where they are while nothing else needs the place, and what
    no window holds now keeps its scale. Raises ValueError when its segments or steps are others.
    """
    windows = np.bincount(counts.number, minlength=size)
    windows[: len(SPECIAL)] = 0
    best = np.argsort(-windows, kind="stable")[:most]
    chosen = tuple(best[windows[best] > 0].tolist())
    shape = ((1,), 1) if counts.alone else (segments, steps)
    if old is not None:
        if _shape(old) != shape:
            theirs, ours = (f"{steps} steps of segments {segments}" for segments, steps in (_shape(old), shape))
            raise ValueError(f"the old model's matrices are {theirs}, not {ours}: train anew")
        chosen = _in_place(chosen, old.templates, most)
    plan = Plan(chosen, (1.0,) * (len(chosen) + 2), *shape)
    roots = np.sqrt(counts.dense(plan, size)[:, : plan.places])
    scale = np.maximum(1.0, np.quantile(roots, 0.99, axis=0, method="higher"))
    if old is not None:
        scale = np.where(roots.max(axis=0) > 0, scale, _scale_before(old, chosen))
    return Plan(chosen, tuple(scale.tolist()), *shape)


def _shape(plan: Plan) -> tuple[tuple[int, ...], int]:
    return plan.segments, plan.steps


def _scale_before(old: Plan, chosen: tuple[int, ...]) -> list[float]:
    """Of each template, of the others, of the unknown; 1 for what is new."""
    known = dict(zip(old.templates, old.scale, strict=False))
    return [*(known.get(one, 1.0) for one in chosen), *old.scale[-2:]]


def _in_place(wanted: tuple[int, ...], before: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Those before, and the wanted new ones: in free places first, then in those of what is no longer wanted."""
    places = [*before]
    new = [one for one in wanted if one not in before]
    free = max(0, most - len(before))
    gone = (at for at, one in enumerate(before) if one not in wanted)
    for at, one in zip(gone, new[free:], strict=False):
        places[at] = one
    return (*places, *new[:free])


@dataclass(frozen=True, slots=True)
class Rows:
    """n windows with what came before each: `dense[place]` are the counts of its history."""

    dense: I32  # (windows, side) and a last row of zeros
    place: I64  # (n, history), oldest first; -1 where the series had not begun
    when: I64  # (n,) in the order they closed

    def __len__(self) -> int:
        return len(self.place)

    def take(self, which: I64 | Bool) -> Rows:
        """Some of them."""
        return Rows(self.dense, self.place[which], self.when[which])

    def history(self, which: I64 | slice) -> tuple[I32, I64]:
        """(counts (n, history, side), age (n,)), as signature matrices are made of."""
        place = self.place[which]
        return self.dense[place], (place >= 0).sum(axis=1)


def rows(counts: Counts, plan: Plan, size: int) -> Rows:
    """Every window whose history is known: that of the first of a stretch whose neighbour was let go is not."""
    order = np.lexsort((counts.place, counts.group))
    group, place = counts.group[order], counts.place[order]
    goes_on = np.zeros(len(order), bool)
    goes_on[1:] = (group[1:] == group[:-1]) & (place[1:] == place[:-1] + 1)
    begin = np.flatnonzero(~goes_on)
    run = np.cumsum(~goes_on) - 1
    since = np.arange(len(order)) - begin[run]
    back = np.arange(plan.history - 1, -1, -1)
    at = np.where(since[:, None] >= back, np.arange(len(order))[:, None] - back, -1)
    known = (place[begin][run] == 0) | (since >= plan.history - 1)
    where = np.where(at >= 0, order[at], -1)[known]
    dense = np.concatenate([counts.dense(plan, size), np.zeros((1, plan.side), np.int32)])
    when = order[known]
    sort = np.argsort(when, kind="stable")
    return Rows(dense, where[sort], when[sort])


def held_back(every: Rows) -> tuple[Rows, Rows]:
    """(the others, every tenth stretch of 32 windows, or every tenth window of few): both span the whole time."""
    together = TOGETHER if len(every) >= 2 * HELD_BACK * TOGETHER else 1
    held = np.arange(len(every)) // together % HELD_BACK == HELD_BACK - 1
    return every.take(~held), every.take(held)


def spread_over(n: int, most: int) -> I64:
    """At most so many of n places, as evenly as can be."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
