"""Signature matrices: how the counts of templates went together over the last windows, at several lengths of time.

Shared by training and by the detector. A window's matrices depend on its own series alone, added up in one fixed order,
so they are the same bit for bit whatever stands beside it, in a batch or in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alogd.detectors._sequences import I32
from alogd.event import F64, I64
from alogd.models.vocabulary import SPECIAL

F32 = npt.NDArray[np.float32]

MOST_TEMPLATES = 62  # with a place of their own
SIDE = 8  # sides are a multiple of it: the network halves them three times
LARGEST = 32.0  # of a count once it is scaled: what is beyond is as odd as can be
MOST_HISTORY = 256  # windows


@dataclass(frozen=True, slots=True)
class Plan:
    """What the places of a matrix are, and over how many windows its entries are taken.

    The first places are of templates; then come one for all others that are known and one for all that are not; what
    is left up to a multiple of eight stays 0.
    """

    templates: tuple[int, ...]  # numbers of a vocabulary, by place
    scale: tuple[float, ...]  # a usual large root of its count, by place; of templates, then of the others
    segments: tuple[int, ...] = (1, 4, 16)  # windows an entry is the mean over, ascending
    steps: int = 5  # successive matrices that the network sees

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 32 or not self.segments or sorted({*self.segments}) != [*self.segments]:
            raise ValueError(f"{self.steps} steps of segments {self.segments}: 1 to 32, and segments that ascend")
        if self.segments[0] < 1 or self.history > MOST_HISTORY:
            raise ValueError(f"segments {self.segments}: of 1 window to {MOST_HISTORY}")
        if len(self.templates) > MOST_TEMPLATES or len({*self.templates}) != len(self.templates):
            raise ValueError(f"{len(self.templates)} templates: at most {MOST_TEMPLATES}, each once")
        if any(number < len(SPECIAL) for number in self.templates):
            raise ValueError("a template's number cannot be that of a special entry")
        if len(self.scale) != self.places or not all(0 < one < np.inf for one in self.scale):
            raise ValueError(f"{len(self.scale)} scales: one above 0 for each of {self.places} places")

    @property
    def places(self) -> int:
        """That mean something."""
        return len(self.templates) + 2

    @property
    def side(self) -> int:
        """Of a matrix."""
        return -(-self.places // SIDE) * SIDE

    @property
    def history(self) -> int:
        """Windows of a series that matter, the last included."""
        return self.segments[-1] + self.steps - 1

    def facts(self) -> dict[str, str | int]:
        """As a graph's metadata keeps them."""
        return {
            "templates": ",".join(map(str, self.templates)),
            "scale": ",".join(map(repr, self.scale)),
            "segments": ",".join(map(str, self.segments)),
            "steps": self.steps,
        }

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Plan:
        """The reverse. Raises ValueError when they are damaged."""
        try:
            templates, scale, segments = (facts[f"alogd.{name}"] for name in ("templates", "scale", "segments"))
            return cls(
                tuple(map(int, templates.split(","))) if templates else (),
                tuple(map(float, scale.split(","))),
                tuple(map(int, segments.split(","))),
                int(facts["alogd.steps"]),
            )
        except KeyError as missing:
            raise ValueError(f"the graph does not say its {str(missing)[1:-1]}") from None


def place_of(plan: Plan, size: int) -> I32:
    """The place of every number of a vocabulary of `size` entries. Raises ValueError when it lacks some of the plan."""
    if any(number >= size for number in plan.templates):
        raise ValueError(f"the plan names template {max(plan.templates)}; the vocabulary ends at {size - 1}")
    places = np.full(size, len(plan.templates), np.int32)
    places[: len(SPECIAL)] = len(plan.templates) + 1
    places[list(plan.templates)] = np.arange(len(plan.templates))
    return places


def counts_of(places: I32, start: I64, side: int) -> I32:
    """Of each window (rows as WindowBatch has them) how often each place occurs, shape (n, side)."""
    n = len(start) - 1
    window = np.repeat(np.arange(n), np.diff(start))
    return np.bincount(window * side + places, minlength=n * side).reshape(n, side).astype(np.int32)


def matrices(counts: I32, age: I64, plan: Plan) -> F32:
    """Of n series, each of `plan.history` windows, oldest first, of which the last `age` (n,) are there.

    counts: (n, history, side), 0 where nothing is. Gives (n, steps, scales, side, side): entry i, j is the mean over
    a segment's windows of the product of the scaled roots of both counts; 0 for a step before the series began.

    >>> import numpy as np
    >>> from alogd.detectors._matrices import Plan, matrices
    >>> plan = Plan((4, 5), (1.0, 1.0, 1.0, 1.0), segments=(1, 2), steps=1)
    >>> counts = np.zeros((1, 2, 8), np.int32)
    >>> counts[0, :, 0], counts[0, :, 1] = [4, 0], [1, 9]
    >>> matrices(counts, np.array([2]), plan)[0, 0, :, :2, :2].tolist()
    [[[0.0, 0.0], [0.0, 9.0]], [[2.0, 1.0], [1.0, 5.0]]]
    """
    n, history, side = counts.shape
    roots = scaled(counts, plan)
    products = roots[..., :, None] * roots[..., None, :]
    made = np.zeros((n, plan.steps, len(plan.segments), side, side), np.float32)
    for step in range(plan.steps):
        last = history - plan.steps + step
        there = np.maximum(age - (plan.steps - 1 - step), 1)
        total = np.zeros((n, side, side))
        for back in range(plan.segments[-1]):
            total += products[:, last - back]
            if back + 1 in plan.segments:
                over = np.minimum(back + 1, there).astype(np.float64)
                made[:, step, plan.segments.index(back + 1)] = total / over[:, None, None]
    return made


def scaled(counts: I32, plan: Plan) -> F64:
    """Roots of counts in units of what is usually large; roots, for then chance spreads all counts alike."""
    scale = np.ones(counts.shape[-1])
    scale[: plan.places] = plan.scale
    return np.minimum(np.sqrt(counts.astype(np.float64)) / scale, LARGEST)


def unknown(plan: Plan) -> int:
    """The place of templates that no model knows."""
    return len(plan.templates) + 1
