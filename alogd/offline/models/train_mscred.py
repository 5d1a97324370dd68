"""Trains MSCRED on windows found normal: to give back the signature matrices of the last of a few steps.

Some counts of the last window are those of other windows when the network sees it, and right in what it has to give
back: else it would learn to hand through whatever comes, odd or not. Windows with one and the same history are
one example; matrices are made batch by batch, so memory grows with the counts alone. What is the same for all networks
(how examples are drawn, the epochs, what is kept of them) is in epochs.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alogd.detectors._matrices import Plan, matrices, unknown
from alogd.detectors._sequences import I32
from alogd.detectors.mscred import Signatures
from alogd.event import I64
from alogd.models.vocabulary import Vocabulary
from alogd.offline.models.checkpoints import Keep
from alogd.offline.models.epochs import FORGET, Epochs, grow, one_cycle, seeded, shares
from alogd.offline.models.export import export
from alogd.offline.models.kinds import Each, Progress, Start, Trained
from alogd.offline.models.nets.mscred import MscredNet
from alogd.offline.models.series import HELD_BACK, Counts, Rows, choose, held_back, rows, spread_over
from alogd.offline.models.sessions import Sessions, series_of

PROVED_ON = 16  # windows on which ONNX and PyTorch are compared
MOST_HELD = 256  # distinct ones asked after an epoch
MOST_MEASURED = 1024  # of which the usual residual is taken
LEAST_SPREAD = 0.03  # of a relation: one that is always as expected may stray so far for nothing
PATIENCE = 10  # epochs without a better loss on those
SPOILT = 0.15  # of the last window's counts, in every second example
STRANGE = 0.1  # of the examples hold templates that are not known, for training has none of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class MscredTraining:
    """What can be chosen."""

    templates: int = 30  # most that have a place of their own
    segments: tuple[int, ...] = (1, 4, 16)  # windows
    steps: int = 5
    epochs: int = 40
    draws: int = 1024  # most examples of an epoch
    batch: int = 16
    rate: float = 1e-3
    seed: int = 1
    channels: int = 8


def train(
    sessions: Sessions,
    size: int,
    chosen: MscredTraining,
    tell: Progress = lambda *_: None,
    keep: Keep = FORGET,
    start: Start | None = None,
    each: Each | None = None,
) -> Trained:
    """Of the series that came with the sessions. size: entries of the vocabulary.

    Deterministic on one machine; goes on from the last epoch `keep` holds.
    Raises ValueError when there is too little, or `start` has another shape.
    """
    counts = series_of(sessions)
    if len(counts) < 2 * HELD_BACK:
        raise ValueError(f"{len(counts)} windows are too few to train on; at least {2 * HELD_BACK}")
    old = Plan.of(start.facts) if start else None
    plan = choose(counts, size, most=chosen.templates, segments=chosen.segments, steps=chosen.steps, old=old)
    fit, held = held_back(rows(counts, plan, size))
    known, often = distinct(fit)
    unseen, weight = some_of(*distinct(held), MOST_HELD)
    chance = seeded(chosen.seed)
    net = MscredNet(len(plan.segments), plan.side, channels=chosen.channels)
    net.plan = plan
    if start is not None:
        grow(net, start.weights)
    draws = min(chosen.draws, max(len(known), 16 * chosen.batch))
    share, root = shares(often)
    heavy = torch.from_numpy(root.astype(np.float32))
    optimiser = torch.optim.Adam(net.parameters(), chosen.rate)
    slower = one_cycle(optimiser, 3 * chosen.rate, draws=draws, batch=chosen.batch, epochs=chosen.epochs)
    measured = some_of(known, often, MOST_MEASURED)
    run = Epochs(net, optimiser, slower, chance, keep, most=chosen.epochs, patience=PATIENCE)
    while not run.over:
        net.train()
        order = chance.choice(len(known), draws, p=share)
        for at in range(0, draws, chosen.batch):
            which = order[at : at + chosen.batch]
            run.step((_losses(net, known, which, plan, chance) * heavy[which]).mean())
        run.judge(evaluate(net, unseen, weight, plan))
        tell(run.epoch, chosen.epochs, run.loss)
        if each:
            net.spread.copy_(_spread(net, *measured, plan))
            each(run.epoch, net)
    run.finish()
    net.spread.copy_(_spread(net, *measured, plan))
    return Trained(net, run.best_epoch, run.best, len(known), len(fit))


def distinct(every: Rows) -> tuple[Rows, I64]:
    """Windows with different histories, and how often each occurs; in the order they occurred first."""
    if every.place.shape[1] > 1:  # whole histories hardly ever repeat, and would have to be laid out to compare them
        return every, np.ones(len(every), np.int64)
    counts, _ = every.history(slice(None))
    _, first, often = np.unique(counts[:, 0], axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    return every.take(first[order]), often[order]


def evaluate(net: MscredNet, known: Rows, often: I64, plan: Plan) -> float:
    """Mean squared residual."""
    net.eval()
    total, chance = 0.0, np.random.default_rng(0)
    with torch.no_grad():
        for at in range(0, len(known), 64):
            which = np.arange(at, min(len(known), at + 64))
            total += float(_losses(net, known, which, plan, chance).double() @ torch.from_numpy(often[which]).double())
    return total / float(often.sum())


def some_of(known: Rows, often: I64, most: int) -> tuple[Rows, I64]:
    """At most so many, spread over the time."""
    which = spread_over(len(known), most)
    return known.take(which), often[which]


def _spread(net: MscredNet, known: Rows, often: I64, plan: Plan) -> Tensor:
    """The root of each entry's mean squared residual, where nothing is spoilt."""
    total = torch.zeros(net.spread.shape, dtype=torch.float64)
    with torch.no_grad():
        for at in range(0, len(known), 64):
            which = np.arange(at, min(len(known), at + 64))
            made = torch.from_numpy(matrices(*known.history(which), plan))
            residual = (net.reconstruct(made) - made[:, -1]).double()
            total += torch.einsum("b,bsij->sij", torch.from_numpy(often[which]).double(), residual**2)
    return torch.sqrt(total / float(often.sum()) + LEAST_SPREAD**2).float()


def _losses(net: MscredNet, known: Rows, which: I64, plan: Plan, chance: np.random.Generator) -> Tensor:
    counts, age = known.history(which)
    right = torch.from_numpy(matrices(counts, age, plan)[:, -1])
    seen = torch.from_numpy(matrices(spoilt(counts, known, plan, chance), age, plan))
    return ((net.reconstruct(seen) - right) ** 2).mean((1, 2, 3))


def spoilt(counts: I32, known: Rows, plan: Plan, chance: np.random.Generator) -> I32:
    """Histories (n, history, side), with some counts of the last window those of other windows of the log."""
    n, _, side = counts.shape
    others = known.dense[known.place[chance.integers(len(known), size=(n, side)), -1], np.arange(side)]
    where = (chance.random((n, side)) < SPOILT) & (chance.random((n, 1)) < 0.5)
    made = counts.copy()
    made[:, -1] = np.where(where, others, counts[:, -1])
    made[:, -1, unknown(plan)] += (chance.random(n) < STRANGE) * chance.integers(1, 6, n, np.int32)
    return made


def graph(net: nn.Module, counts: Counts, size: int, vocabulary: str) -> bytes:
    """ONNX, proven on some windows. size: entries of the vocabulary; vocabulary: its hash. Raises NotTheSame."""
    assert isinstance(net, MscredNet)
    _, held = held_back(rows(counts, net.plan, size))
    which = spread_over(len(held), PROVED_ON)
    return export(
        net,
        torch.from_numpy(matrices(*held.history(which), net.plan)),
        name="matrices",
        outputs=["reconstruction", "spread"],
        kind=Signatures.KIND,
        facts=net.plan.facts() | {"size": size, "vocabulary": vocabulary},
    )


class MscredTrainer:
    """MSCRED among the kinds of model."""

    name = Signatures.KIND
    options = MscredTraining
    train = staticmethod(train)

    def graph(self, net: nn.Module, held: Sessions, vocabulary: Vocabulary, chosen: MscredTraining) -> bytes:
        """ONNX, proven on windows of the series. Raises NotTheSame."""
        return graph(net, series_of(held), len(vocabulary), vocabulary.hash)


TRAINER = MscredTrainer()
