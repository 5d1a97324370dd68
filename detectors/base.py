"""What a detector is: it scores closed windows, then learns from those that were found normal.

Score first, learn after: `score` never changes state, `learn` is told which windows to keep. State is arrays only, so
that it is saved without pickle and a restored detector is the same, bit for bit. A window's score must not depend on
which other windows stand in the batch (no matrix products: their rounding depends on the shape); a detector that judges
windows by those before them says so (`Follows`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from alogd.config.tree import WindowOptions
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


@runtime_checkable
class OfWindows(Protocol):
    """A detector whose model was trained on windows of some kind."""

    def suit(self, windows: WindowOptions) -> None:
        """Make sure it can judge a stream's windows. Raises BadBundle with both named when it cannot."""


class Question(Protocol):
    """What a network has yet to say of some windows, taken out of its detector so that another thread may ask it.

    `run` touches nothing but the network and the question; all else is for the thread that asked.
    """

    @property
    def left(self) -> int:
        """Rows the network has not answered; 0: `scores` are complete, and `run` has nothing to do."""

    def run(self, stop: Callable[[], bool]) -> None:
        """Ask the network, a batch at a time, until nothing is left or `stop` says so."""

    def scores(self) -> F64:
        """As Detector.score, shape (n,); NaN for windows of which something is left. To be taken once."""


@runtime_checkable
class Asks(Protocol):
    """A detector whose score a network gives: the daemon asks it on a thread of its own, and goes on meanwhile."""

    def ask(self, windows: WindowBatch) -> Question:
        """`score(windows)`, begun: what is remembered is looked up, what the stream knows of templates is taken."""

    def remembered(self) -> tuple[int, int]:
        """(rows answered from memory, rows the network was asked for) so far."""


@runtime_checkable
class Heavy(Protocol):
    """A detector too slow for every window, if `heavy`: asked about odd ones and a sample (judging/cascade.py)."""

    heavy: bool


def never() -> bool:
    """A `stop` for a question that is to be answered whole."""
    return False


@runtime_checkable
class Follows(Protocol):
    """A detector that judges a window by those before it, so that it has to be shown every one, odd or not.

    Its `score` takes the windows of a batch to come after those followed so far, in their order.
    """

    def ask_among(self, windows: WindowBatch, index: npt.NDArray[np.int64]) -> Question:
        """`score(windows)[index]`, begun, as Asks has it."""

    def follow(self, windows: WindowBatch) -> None:
        """Windows that were judged, in the order they closed; each is shown once."""


def take(state: State, name: str, dtype: type, ndim: int) -> npt.NDArray[Any]:
    """An array of a saved state, checked. Raises ValueError when it is absent or of another kind."""
    array = state.get(name)
    if array is None or array.dtype != np.dtype(dtype) or array.ndim != ndim:
        raise ValueError(f"saved state: {name} should be {ndim}-dimensional {np.dtype(dtype)}")
    return array.copy()
