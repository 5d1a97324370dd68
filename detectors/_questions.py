"""A question to a model that judges whole sequences by itself: what a heavy detector is asked beside the stream."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alogd.detectors._sequences import I32
from alogd.event import F64, I64, Bool

AT_ONCE = 8  # sequences between two looks at whether the answers are still wanted

Scores = Callable[[I32, I64, I64, Bool], F64]  # of tokens, start, fresh and ends (_sequences.py)


class BySequence:
    """One sequence is one row (base.Question); `scores` is called on the thread of whoever runs it, and by no other.

    A model's score of a sequence must not depend on which others stand beside it, nor on which came before.
    """

    def __init__(self, scores: Scores, tokens: I32, start: I64, fresh: I64, ends: Bool) -> None:
        """n sequences; start has n + 1 entries."""
        self._ask = scores
        self._tokens, self._start, self._fresh, self._ends = tokens, start, fresh, ends
        self._scores = np.full(len(start) - 1, np.nan)
        self._done = 0

    @property
    def left(self) -> int:
        return len(self._scores) - self._done

    def run(self, stop: Callable[[], bool]) -> None:
        while self.left and not stop():
            begin, end = self._done, min(self._done + AT_ONCE, len(self._scores))
            start = self._start[begin : end + 1]
            tokens = self._tokens[start[0] : start[-1]]
            part = self._ask(tokens, start - start[0], self._fresh[begin:end], self._ends[begin:end])
            self._scores[begin:end] = part  # first written, then counted: another thread may be looking
            self._done = end

    def scores(self) -> F64:
        scores = self._scores.copy()
        scores[self._done :] = np.nan
        return scores
