"""Sessions of template numbers as training takes them: sampled and split evenly in time, repeats counted once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from alogd.detectors._sequences import I32, ended, histories
from alogd.event import I64, IDLE, Bool, WindowBatch
from alogd.offline.models.series import Counts

CHUNK = 1 << 15  # records cut at once: histories are `window` times as large as what they are cut from
MOST_RECORDS = 4_000_000  # kept of a corpus, however large it is


@dataclass(frozen=True, slots=True)
class Sessions:
    """n sessions in time order: the numbers of session i are tokens[start[i]:start[i + 1]]."""

    tokens: I32
    start: I64
    fresh: I64  # (n,) of each, the last so many are to be judged; those before are only what came before
    ends: Bool  # (n,) whether it came to its end
    series: Counts | None = None  # of the same logs, for models of counts: whole, whichever sessions these are

    def __len__(self) -> int:
        return len(self.start) - 1

    @classmethod
    def of(cls, sessions: list[list[int]]) -> Sessions:
        """From lists; all of them whole and ended."""
        sizes = np.array([len(one) for one in sessions], np.int64)
        tokens = np.array([number for one in sessions for number in one], np.int32)
        return cls(tokens, _starts(sizes), sizes, np.ones(len(sessions), bool))

    @classmethod
    def counted(cls, series: Counts) -> Sessions:
        """No session, but the counts of windows: all that a model of counts asks for."""
        return replace(cls.of([]), series=series)

    def take(self, which: I64 | Bool) -> Sessions:
        """Some of them, in order."""
        sizes = np.diff(self.start)[which]
        start = _starts(sizes)
        place = np.arange(start[-1]) + np.repeat(self.start[:-1][which] - start[:-1], sizes)
        return Sessions(self.tokens[place], start, self.fresh[which], self.ends[which], self.series)

    def held_back(self, every: int) -> tuple[Sessions, Sessions]:
        """(the others, every `every`-th): both span the whole time, so that drift does not pass for oddness."""
        held = np.arange(len(self)) % every == every - 1
        return self.take(~held), self.take(held)


def series_of(sessions: Sessions) -> Counts:
    """Raises ValueError when there are none."""
    if sessions.series is None:
        raise ValueError("the counts of the windows are not there")
    return sessions.series


class EvenSample:
    """Windows as they close; of too many every second is let go, again and again, so that what stays spans the time."""

    def __init__(self, most: int = MOST_RECORDS) -> None:
        self.seen = 0  # windows
        self.step = 1  # every so many is kept
        self._most = most
        self._held = 0  # records
        self._parts: list[Sessions] = []

    def add(self, windows: WindowBatch) -> None:
        """Slots stand for numbers until `sessions`."""
        whole = Sessions(
            windows.slot.astype(np.int32),
            windows.start,
            windows.fresh.astype(np.int64),
            np.asarray((windows.reason == IDLE) & (windows.group == 0)),
        )
        number = self.seen + np.arange(len(whole))
        self.seen += len(whole)
        kept = whole.take(number % self.step == 0)
        if len(kept):
            self._parts.append(kept)
            self._held += len(kept.tokens)
        while self._held > self._most and sum(map(len, self._parts)) > 1:
            self._halve()

    def _halve(self) -> None:
        """Those kept are evenly spaced from the first on, so every second of them is too."""
        self.step *= 2
        whole = self._whole()
        self._parts = [whole.take(np.arange(len(whole)) % 2 == 0)]
        self._held = len(self._parts[0].tokens)

    def _whole(self) -> Sessions:
        parts = self._parts
        return Sessions(
            np.concatenate([part.tokens for part in parts]),
            _starts(np.concatenate([np.diff(part.start) for part in parts])),
            np.concatenate([part.fresh for part in parts]),
            np.concatenate([part.ends for part in parts]),
        )

    def sessions(self, number_of_slot: I32) -> Sessions:
        """All that was kept, with the numbers of a vocabulary. Raises ValueError when nothing was."""
        if not self._parts:
            raise ValueError("no window closed: there is nothing to train on")
        whole = self._whole()
        return Sessions(number_of_slot[whole.tokens], whole.start, whole.fresh, whole.ends)


@dataclass(frozen=True, slots=True)
class Examples:
    """Distinct (history, next) pairs and how often each occurred."""

    before: I32  # (n, window)
    event: I32  # (n,)
    count: I64  # (n,)

    def __len__(self) -> int:
        return len(self.event)


def examples(sessions: Sessions, window: int, *, ends: bool) -> Examples:
    """All of them; memory grows with the distinct pairs alone. In order of the numbers, whatever order they came in."""
    merged, waiting, held = _none(window), [_none(window)], 0
    for part in _parts(sessions):
        ending = part.ends & ends
        tokens, start = ended(part.tokens, part.start, ending)
        cut = histories(tokens, start, window)
        asked = np.arange(len(cut)) >= (start[1:] - part.fresh - ending)[cut.session]
        rows = np.column_stack([cut.before, cut.event])[asked]
        waiting.append(_distinct([(rows, np.ones(len(rows), np.int64))]))
        held += len(waiting[-1][0])
        if held > max(len(merged[0]), CHUNK):  # rarely enough that all is sorted a few times only
            merged, waiting, held = _distinct([merged, *waiting]), [], 0
    rows, counts = _distinct([merged, *waiting])
    return Examples(rows[:, :-1], rows[:, -1], counts)


Counted = tuple[I32, I64]  # distinct rows in order, how often each occurred


def _none(window: int) -> Counted:
    return np.empty((0, window + 1), np.int32), np.empty(0, np.int64)


def _distinct(parts: list[Counted]) -> Counted:
    rows, back = np.unique(np.concatenate([rows for rows, _ in parts]), axis=0, return_inverse=True)
    counts = np.concatenate([counts for _, counts in parts])
    return rows, np.bincount(back.ravel(), counts, len(rows)).astype(np.int64)


def _parts(sessions: Sessions) -> Iterator[Sessions]:
    """One after another, CHUNK records at least in each but the last: many small sessions, or one that is larger."""
    at = 0
    while at < len(sessions):
        end = int(np.searchsorted(sessions.start, sessions.start[at] + CHUNK))
        end = min(max(end, at + 1), len(sessions))
        yield sessions.take(np.arange(at, end))
        at = end


def _starts(sizes: I64) -> I64:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
