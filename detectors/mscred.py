"""MSCRED: a network that knows how counts of templates go together; relations it cannot give back are odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alogd.config.tree import Strict
from alogd.detectors._answers import Answers, Wanted
from alogd.detectors._in_service import InService
from alogd.detectors._matrices import Plan, counts_of, matrices, place_of
from alogd.detectors._network import Network
from alogd.detectors._sequences import I32
from alogd.detectors._series import Histories, Series
from alogd.detectors.base import Contribution, State, take
from alogd.event import F64, I64, Bool, WindowBatch
from alogd.registry import register
from alogd.windows import rows

CHUNK = 64  # windows looked at together: their matrices take 20 MB at most
MOST_ANSWERS = 2048  # of a generation; whole histories hardly repeat, sessions do
MOST_SHOWN = 5  # templates of a window that are explained
NOT_YET = -1  # seen


class MscredOptions(Strict, frozen=True, kw_only=True):
    """models: the directory `alogd retrain --out` writes; what it has promoted is in service."""

    models: str


@dataclass(frozen=True, slots=True)
class Residuals:
    """What a network could not give back of the last matrices of n windows; all (n, scales, places, places)."""

    seen: npt.NDArray[np.float32]
    given: npt.NDArray[np.float32]  # back by the network
    broken: F64  # how far apart the two are, in units of what is usual of the entry

    @property
    def largest(self) -> F64:
        """Of each window, shape (n,)."""
        return np.asarray(np.abs(self.broken).max(axis=(1, 2, 3)))

    @property
    def mean_square(self) -> F64:
        """Of each window, not in units: the paper's reconstruction error, shape (n,)."""
        square = (self.seen.astype(np.float64) - self.given) ** 2
        return np.array([float(one.mean()) for one in square])  # one by one: sums are rounded by their shape


class Breaking:
    """The largest residuals of some windows, of which the network has yet to give some (a Question)."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    @property
    def left(self) -> int:
        """Windows that were not answered."""
        return self._wanted.left

    def run(self, stop: Callable[[], bool]) -> None:
        """Ask the network."""
        self._wanted.run(stop)

    def scores(self) -> F64:
        """Shape (n,), NaN where nothing was answered. Once."""
        return self._wanted.take()[:, 0]


class Signatures:
    """Multi-scale convolutional recurrent encoder-decoder after Zhang et al. (AAAI 2019).

    Series are the counts of the templates that most windows hold, each as its root in units of what is usually large;
    all other known templates share a place, all unknown ones another. An entry of a signature matrix is the mean, over
    the last 1, 4 or 16 windows, of the product of two of them; the network sees the matrices of the last five windows
    and gives back those of the last one. Deviations: the segments are 1, 4 and 16 windows, not 10, 30 and 60 samples,
    and steps are one window apart, not ten, for a window is a minute of log rather than a sample, and one bad window
    is to be told at once; a series younger than a segment is averaged over what there is of it; the score is the
    largest residual of an entry in units of that entry's usual one, for one broken relation drowns in a mean over a
    thousand (the paper counts the entries beyond a threshold, which cannot be ranked).
    """

    KIND = "mscred"

    def __init__(self, graph: bytes) -> None:
        """Raises ValueError when the graph is no MSCRED."""
        self._network = Network(graph, kind=self.KIND, batch=1)
        self.plan = Plan.of(self._network.facts)
        self.vocabulary = self._network.facts.get("alogd.vocabulary", "")  # its hash
        self.size = self._network.number("size")  # entries of the vocabulary
        self.places = place_of(self.plan, self.size)
        self.answers = Answers(self._ask, width=1 + 3 * MOST_SHOWN, most=MOST_ANSWERS)

    def judge(self, windows: Histories) -> F64:
        """Largest residual of each window's matrices, in units of what is usual, shape (n,)."""
        n = len(windows.age)
        score = np.empty(n)
        for at in range(0, n, CHUNK):
            part = slice(at, at + CHUNK)
            score[part] = self.answers.of(_asked(windows, part))[:, 0]
        return score

    def ask(self, windows: Histories) -> Breaking:
        """The same, begun; but the memory for it is not bounded."""
        return Breaking(self.answers.look_up(_asked(windows, slice(None))))

    def scores(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> F64:
        """Of sessions (_sequences.py), each by its own counts alone, as the first window of its series."""
        counts = np.zeros((len(start) - 1, self.plan.history, self.plan.side), np.int32)
        counts[:, -1] = counts_of(self.places[tokens], start, self.plan.side)
        return self.judge(Histories(counts, np.ones(len(counts), np.int64)))

    def residuals(self, windows: Histories) -> Residuals:
        """Of each window, entry by entry."""
        made = matrices(windows.counts, windows.age, self.plan)
        given, spread = self._network.run(made, "matrices")
        here = (slice(None), slice(None), slice(self.plan.places), slice(self.plan.places))
        seen, given = made[:, -1][here], given[here]
        return Residuals(seen, given, (seen.astype(np.float64) - given) / np.maximum(spread[here], 1e-6))

    def _ask(self, asked: I32) -> F64:
        counts = asked[:, 1:].reshape(len(asked), self.plan.history, self.plan.side)
        age, told = asked[:, 0].astype(np.int64), np.full((len(asked), 1 + 3 * MOST_SHOWN), np.nan)
        for at in range(0, len(asked), CHUNK):
            part = slice(at, at + CHUNK)
            found = self.residuals(Histories(counts[part], age[part]))
            told[part, 0] = found.largest
            for row, broken, given in zip(told[part], found.broken, found.given, strict=True):
                own, usual = self._blamed(broken, given)
                most = np.argsort(-own, kind="stable")[:MOST_SHOWN]
                blame = np.column_stack([most, own[most] / (float(own.sum()) or 1.0), usual[most]])
                row[1 : 1 + blame.size] = blame.ravel()
        return told

    def blame(self, window: Histories) -> tuple[F64, F64]:
        """Of one window, by place: how much of what broke is its own, and the count that would have been usual.

        A relation that broke belongs to both its templates, each has half of it.
        """
        found = self.residuals(window)
        return self._blamed(found.broken[0], found.given[0])

    def most_blamed(self, window: Histories) -> F64:
        """The MOST_SHOWN places with most blame: (place, its share of the whole, the count usual there) a row.

        Answered from memory while it lasts: for evidence nobody waits for the network.
        """
        told = self.answers.of(_asked(window, slice(None)))[0, 1:].reshape(-1, 3)
        return told[np.isfinite(told[:, 0])]

    def _blamed(self, broken: F64, given: npt.NDArray[np.float32]) -> tuple[F64, F64]:
        squares = (broken**2).sum(axis=0)
        own = np.array([float(squares[i].sum() + squares[:, i].sum()) / 2 for i in range(len(squares))])
        usual = np.maximum(np.diagonal(given[0]).astype(np.float64), 0.0)  # of the shortest segment
        return own, usual * np.array(self.plan.scale) ** 2


def _asked(windows: Histories, part: slice) -> I32:
    """Rows by which answers are known: how old the series is, and its counts."""
    counts, age = windows.counts[part], windows.age[part]
    return np.column_stack([age.astype(np.int32), counts.reshape(len(age), -1)])


@register("detectors", "mscred")
class Mscred(InService[Signatures]):
    """The model in service, over a stream's windows; it was trained offline and learns nothing here.

    A window's score is the largest residual of its signature matrices. Windows by count or time are series, one for
    each key: a window is judged by its counts and those of the windows of its key before it (19 by default), which
    are this detector's state. Sessions have no order in time, so a model trained on them judges each by its own counts.
    """

    Options = MscredOptions
    Model = Signatures

    def __init__(self, options: MscredOptions) -> None:
        """Raises BadBundle when there is no model in service or it is damaged."""
        super().__init__(options.models, Signatures.KIND, Signatures)
        self.series = Series(self.model.plan.history, self.model.plan.side)
        self.heavy = self.model.plan.history > 1  # 5 ms a window; sessions take a tenth of it and repeat themselves
        self.slots = np.full(
            len(self.model.plan.templates), NOT_YET, np.int64
        )  # of the places' templates, for evidence

    def score(self, windows: WindowBatch) -> F64:
        """Of each window, given those followed so far and those before it here, shape (n,)."""
        if not len(windows):
            return np.empty(0)
        return self.model.judge(self._histories(windows))

    def ask(self, windows: WindowBatch) -> Breaking:
        """The same, begun."""
        return self.ask_among(windows, np.arange(len(windows)))

    def ask_among(self, windows: WindowBatch, index: I64) -> Breaking:
        """The same of some windows of a batch, each with all that come before it there."""
        found = self._histories(windows)
        return self.model.ask(Histories(found.counts[index], found.age[index]))

    def remembered(self) -> tuple[int, int]:
        """Windows answered from memory, and windows that were not in it."""
        return self.model.answers.hits, self.model.answers.misses

    def follow(self, windows: WindowBatch) -> None:
        """They were judged: what comes next comes after them."""
        if not len(windows):
            return
        places = self._places(windows)
        self.series.follow(windows.group, counts_of(places, windows.start, self.model.plan.side))
        slots, last = np.unique(windows.slot[::-1], return_index=True)
        where = places[::-1][last]
        self.slots[np.isin(self.slots, slots)] = NOT_YET  # one may have become another template's
        own = where < len(self.slots)
        self.slots[where[own]] = slots[own]

    def _places(self, windows: WindowBatch) -> I32:
        return self.model.places[self.numbers.of(windows)]

    def _histories(self, windows: WindowBatch) -> Histories:
        counts = counts_of(self._places(windows), windows.start, self.model.plan.side)
        return self.series.before(windows.group, counts)

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """The templates whose relations to the others broke most: seen, and as many as would have gone with them."""
        found = self._histories(rows.part(windows, 0, index + 1))
        window = rows.part(windows, index, index + 1)
        where = self._places(window)
        told: list[Contribution] = []
        for place, share, usual in self.model.most_blamed(Histories(found.counts[-1:], found.age[-1:])).tolist():
            told += self._told(window.slot[where == place], int(place), share, usual)
        return sorted(told, key=lambda one: -one.share)

    def _told(self, here: npt.NDArray[np.uint32], place: int, share: float, usual: float) -> list[Contribution]:
        """The commonest template of a place in the window; of one not there, the one whose place it is."""
        if len(here):
            counts = np.bincount(here)
            slot = int(np.argmax(counts))
            return [Contribution(slot, float(counts[slot]), usual * float(counts[slot]) / len(here), share)]
        slot = int(self.slots[place]) if place < len(self.slots) else NOT_YET
        return [] if slot == NOT_YET else [Contribution(slot, 0.0, usual, share)]

    def state(self) -> State:
        """Which model it was, the last windows of every series, and under which slots templates were seen last."""
        return {**super().state(), **self.series.state(), "slots": self.slots.copy()}

    def restore(self, state: State) -> None:
        """Raises OtherModel when the state was not saved beside this model, ValueError when it is damaged."""
        super().restore(state)
        slots = take(state, "slots", np.int64, 1)
        if slots.shape != self.slots.shape or (slots < NOT_YET).any():
            raise ValueError("saved state: mscred's slots are damaged")
        self.series.restore(state)
        self.slots = slots
