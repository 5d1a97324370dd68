"""What models of sequences share: sessions of template numbers cut into histories and the event that followed each.

Columns throughout: `tokens` holds the numbers of all sessions one after the other, `start` (n + 1 entries) where each
begins. A session is a window that was gathered by key, or any window of consecutive records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alogd.event import I64, Bool
from alogd.models.vocabulary import END, PAD

I32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Histories:
    """n events, each with the `window` events before it."""

    before: I32  # (n, window), oldest first, PAD in front where the session is younger
    event: I32  # (n,)
    session: I64  # (n,) which session it belongs to

    def __len__(self) -> int:
        return len(self.event)


def ended(tokens: I32, start: I64, which: Bool | None = None) -> tuple[I32, I64]:
    """The same sessions, those with `which` (all) closed by END: one that broke off early then has an odd event."""
    more = np.ones(len(start) - 1, np.int64) if which is None else which.astype(np.int64)
    at = start[1:][more > 0]  # np.insert counts in places of the array given
    return np.insert(tokens, at, np.int32(END)), start + np.concatenate([[0], np.cumsum(more)])


def histories(tokens: I32, start: I64, window: int, at: I64 | None = None) -> Histories:
    """Every event of every session, or those at these places in `tokens`, with what came before it there.

    >>> import numpy as np
    >>> from alogd.detectors._sequences import histories
    >>> cut = histories(np.array([7, 8, 9, 5], np.int32), np.array([0, 3, 4]), 2)
    >>> cut.before.tolist(), cut.event.tolist(), cut.session.tolist()
    ([[0, 0], [0, 7], [7, 8], [0, 0]], [7, 8, 9, 5], [0, 0, 0, 1])
    """
    session = np.repeat(np.arange(len(start) - 1), np.diff(start))
    at = np.arange(len(tokens)) if at is None else at
    session = session[at]
    age = at - start[:-1][session]  # events before it in its session
    before = np.empty((window, len(at)), np.int32)  # by column: each is one pass over memory
    for column, back in zip(before, range(window, 0, -1), strict=True):
        column[:] = tokens[np.maximum(at - back, 0)]
        column[age < back] = PAD
    return Histories(before.T, tokens[at].astype(np.int32), session)


def fresh_events(start: I64, fresh: I64) -> I64:
    """Places of the last `fresh` events of each session, ascending."""
    fresh = np.minimum(fresh, np.diff(start))
    until = np.cumsum(fresh)
    return np.arange(int(until[-1]) if len(until) else 0) + np.repeat(start[1:] - until, fresh)


def largest(values: npt.NDArray[np.float64], session: I64, sessions: int) -> npt.NDArray[np.float64]:
    """Largest value of each session, shape (sessions,); 0 for one without events."""
    most = np.zeros(sessions)
    np.maximum.at(most, session, values)
    return most


def beyond_chance(surprise: npt.NDArray[np.float64], asked: I64, unseen: float) -> npt.NDArray[np.float64]:
    """Of each session: its largest surprise, less what the largest of so many is by chance (Bonferroni: log n).

    surprise: nats, shape (n,). asked: events it is the largest of. What is `unseen` stays so however long the session.
    """
    fair = np.maximum(0.0, surprise - np.log(np.maximum(asked, 1)))
    return np.asarray(np.where(surprise >= unseen, unseen, fair))
