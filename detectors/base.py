"""What a detector is: it scores closed windows, then learns from those that were found normal.

Score first, learn after: `score` never changes state, `learn` is told which windows to keep. State is arrays only, so
that it is saved without pickle and a restored detector is the same, bit for bit. A window's score must not depend on
which other windows stand in the batch (no matrix products: their rounding depends on the shape).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from alogd.event import F64, Bool, WindowBatch

State = Mapping[str, npt.NDArray[Any]]

NEW = -1  # in Contribution.slot: the number of templates never seen before


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one template added to a window's score."""

    slot: int  # template slot; NEW for the novelty of the window as a whole
    seen: float  # occurrences in the window
    expected: float  # occurrences a window of this group usually has
    share: float  # of the score, 0-1
    after: int | None = None  # slot of the template it followed, where the order is what is odd
    instead: tuple[str, ...] = ()  # templates that were expected in its place, likeliest first


class OtherModel(ValueError):
    """The state was saved beside another model, or none: what it says of scores means nothing now."""


class Detector(Protocol):
    """One per stream; parameters come from its own strict `Options` struct."""

    def score(self, windows: WindowBatch) -> F64:
        """Raw numbers, shape (n,), 0 or more, larger = odder; learns nothing."""

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        """Learn from the windows where keep, shape (n,), is true."""

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """The largest contributions to the score of one window, largest first."""

    def state(self) -> State:
        """All that was learned, as arrays."""

    def restore(self, state: State) -> None:
        """Take over a saved state. Raises ValueError when it does not fit, OtherModel when the model is another."""


@runtime_checkable
class NeedsTemplates(Protocol):
    """A detector that has to know what the templates behind the slots say."""

    def attach(self, first_text: Callable[[int], str], settings: Mapping[str, object]) -> None:
        """first_text(slot): the text a template had when it was created; settings: how templates are mined."""


def take(state: State, name: str, dtype: type, ndim: int) -> npt.NDArray[Any]:
    """An array of a saved state, checked. Raises ValueError when it is absent or of another kind."""
    array = state.get(name)
    if array is None or array.dtype != np.dtype(dtype) or array.ndim != ndim:
        raise ValueError(f"saved state: {name} should be {ndim}-dimensional {np.dtype(dtype)}")
    return array.copy()
