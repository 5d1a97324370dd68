"""Trains DeepLog on sessions found normal: on distinct examples, each as often and as heavily as it occurred.

What is the same for all networks (how examples are drawn, the epochs, what is kept of them) is in epochs.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alogd.detectors.deeplog import NextTemplate
from alogd.event import I64
from alogd.models.vocabulary import Vocabulary
from alogd.offline.models.checkpoints import Keep
from alogd.offline.models.epochs import FORGET, Epochs, grow, one_cycle, parted, seeded, shares
from alogd.offline.models.export import export
from alogd.offline.models.kinds import Each, Progress, Start, Trained
from alogd.offline.models.nets.deeplog import DeepLogNet
from alogd.offline.models.sessions import Examples, Sessions, examples

PROVED_ON = 256  # examples on which ONNX and PyTorch are compared
FEWEST_DRAWS, MOST_DRAWS = 1000, 1_000_000  # of examples in an epoch, however many are distinct
PATIENCE = 10  # epochs without a better loss on those
GROWS = ("embedding.weight", "head.weight", "head.bias")  # a row a template


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What can be chosen; the defaults are the paper's (window 10, k 9), with Adam for its optimiser."""

    window: int = 10
    k: int = 9
    ends: bool = True  # sessions are whole: their end is an event too
    epochs: int = 60
    batch: int = 256
    rate: float = 2e-3
    seed: int = 1
    embedding: int = 128
    hidden: int = 64
    layers: int = 2


def train(
    sessions: Sessions,
    size: int,
    chosen: Training,
    tell: Progress = lambda *_: None,
    keep: Keep = FORGET,
    start: Start | None = None,
    each: Each | None = None,
) -> Trained:
    """size: entries of the vocabulary. Deterministic on one machine; goes on from the last epoch `keep` holds.

    Raises ValueError when there is too little, or `start` has another shape.
    """
    fit, held = parted(sessions)
    known = examples(fit, chosen.window, ends=chosen.ends)
    unseen = examples(held, chosen.window, ends=chosen.ends)
    chance = seeded(chosen.seed)
    net = DeepLogNet(size, embedding=chosen.embedding, hidden=chosen.hidden, layers=chosen.layers)
    if start is not None:
        grow(net, start.weights, GROWS)
    draws = min(max(len(known), FEWEST_DRAWS), MOST_DRAWS)
    share, heavy = shares(known.count)
    weight = torch.from_numpy(heavy.astype(np.float32))
    optimiser = torch.optim.Adam(net.parameters(), chosen.rate)
    slower = one_cycle(optimiser, 2 * chosen.rate, draws=draws, batch=chosen.batch, epochs=chosen.epochs)
    run = Epochs(net, optimiser, slower, chance, keep, most=chosen.epochs, patience=PATIENCE)
    while not run.over:
        net.train()
        order = chance.choice(len(known), draws, p=share)
        for at in range(0, draws, chosen.batch):
            which = order[at : at + chosen.batch]
            run.step((_losses(net, known, which) * weight[which]).mean())
        run.judge(evaluate(net, unseen))
        tell(run.epoch, chosen.epochs, run.loss)
        if each:
            each(run.epoch, net)
    run.finish()
    return Trained(net, run.best_epoch, run.best, len(known), int(known.count.sum()))


def evaluate(net: DeepLogNet, known: Examples) -> float:
    """Mean loss, nats an event."""
    net.eval()
    total = 0.0
    with torch.no_grad():
        for at in range(0, len(known), 4096):
            which = np.arange(at, min(len(known), at + 4096))
            total += float(_losses(net, known, which).double() @ torch.from_numpy(known.count[which]).double())
    return total / float(known.count.sum())


def _losses(net: DeepLogNet, known: Examples, which: I64) -> Tensor:
    logits = net(torch.from_numpy(known.before[which].astype(np.int64)))
    event = torch.from_numpy(known.event[which].astype(np.int64))
    return nn.functional.cross_entropy(logits, event, reduction="none")


class DeepLogTrainer:
    """DeepLog among the kinds of model."""

    name = NextTemplate.KIND
    options = Training
    train = staticmethod(train)

    def graph(self, net: nn.Module, held: Sessions, vocabulary: Vocabulary, chosen: Training) -> bytes:
        """ONNX, proven on `held`. Raises NotTheSame."""
        some = examples(held, chosen.window, ends=chosen.ends).before[:PROVED_ON]
        facts = {"window": chosen.window, "k": chosen.k, "ends": int(chosen.ends), "size": len(vocabulary)}
        return export(
            net,
            torch.from_numpy(some.astype(np.int64)),
            name="sequence",
            outputs=["logits"],
            kind=self.name,
            facts=facts | {"vocabulary": vocabulary.hash},
        )


TRAINER = DeepLogTrainer()
