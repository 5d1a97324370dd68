"""A slow heavy detector for tests: odd is a window with many different templates; its network takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd import registry
from alogd.config.tree import Strict
from alogd.detectors.base import Contribution
from alogd.event import F64, Bool, WindowBatch


class PonderOptions(Strict, frozen=True, kw_only=True):
    seconds: float = 0.0  # its network takes for one window
    heavy: bool = True
    fails: bool = False


class Pondering:
    """One window is one row."""

    def __init__(self, windows: WindowBatch, options: PonderOptions) -> None:
        self._options = options
        self._windows = windows
        self._scores = np.full(len(windows), np.nan)
        self._done = 0

    @property
    def left(self) -> int:
        return len(self._scores) - self._done

    def run(self, stop: Callable[[], bool]) -> None:
        if self._options.fails:
            raise RuntimeError("the network is broken")
        start = self._windows.start.tolist()
        while self.left and not stop():
            time.sleep(self._options.seconds)
            slots = self._windows.slot[start[self._done] : start[self._done + 1]]
            self._scores[self._done] = len(set(slots.tolist())) + float(slots.sum() % 97) / 100
            self._done += 1

    def scores(self) -> F64:
        return self._scores.copy()


@registry.register("detectors", "ponder")
class Ponder:
    """`told` holds how many windows it was asked about, batch by batch."""

    Options = PonderOptions
    heavy = True

    def __init__(self, options: PonderOptions) -> None:
        self.options = options
        self.heavy = options.heavy
        self.told: list[int] = []

    def score(self, windows: WindowBatch) -> F64:
        question = self.ask(windows)
        question.run(lambda: False)
        return question.scores()

    def ask(self, windows: WindowBatch) -> Pondering:
        self.told.append(len(windows))
        return Pondering(windows, self.options)

    def remembered(self) -> tuple[int, int]:
        return 0, sum(self.told)

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        pass

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        slot = int(windows.slot[windows.start[index]])
        return [Contribution(slot, 1.0, 1.0, 1.0)]

    def state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        pass
