"""Trains DeepLog on sessions found normal: on distinct examples, each as often and as heavily as it occurred.

Examples are drawn with the root of their counts and weighted with the rest, which is unbiased (importance sampling):
by count alone the seldom ones would hardly be seen, by weight alone a few would drown all others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alogd.detectors.deeplog import NextTemplate
from alogd.event import I64
from alogd.offline.export import export
from alogd.offline.kinds import HELD_BACK, Progress, Trained
from alogd.offline.nets.deeplog import DeepLogNet
from alogd.offline.sessions import Examples, Sessions, examples
from alogd.vocabulary import Vocabulary

PROVED_ON = 256  # examples on which ONNX and PyTorch are compared
FEWEST_DRAWS = 1000  # of examples in an epoch
PATIENCE = 10  # epochs without a better loss on those


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


def train(sessions: Sessions, size: int, chosen: Training, tell: Progress = lambda *_: None) -> Trained:
    """size: entries of the vocabulary. Deterministic on one machine. Raises ValueError when there is too little."""
    if len(sessions) < HELD_BACK:
        raise ValueError(f"{len(sessions)} sessions are too few to train on; at least {HELD_BACK}")
    fit, held = sessions.held_back(HELD_BACK)
    known = examples(fit, chosen.window, ends=chosen.ends)
    unseen = examples(held, chosen.window, ends=chosen.ends)
    torch.manual_seed(chosen.seed)
    torch.use_deterministic_algorithms(True)
    net = DeepLogNet(size, embedding=chosen.embedding, hidden=chosen.hidden, layers=chosen.layers)
    draws = max(len(known), FEWEST_DRAWS)
    roots = np.sqrt(known.count)
    share, weight = roots / roots.sum(), torch.from_numpy((roots * roots.sum() / known.count.sum()).astype(np.float32))
    steps = math.ceil(draws / chosen.batch) * chosen.epochs
    optimiser = torch.optim.Adam(net.parameters(), chosen.rate)
    slower = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2 * chosen.rate, total_steps=steps)
    best, best_epoch, weights = math.inf, 0, {name: value.clone() for name, value in net.state_dict().items()}
    shuffle = np.random.default_rng(chosen.seed)
    for epoch in range(1, chosen.epochs + 1):
        net.train()
        order = shuffle.choice(len(known), draws, p=share)
        for at in range(0, len(order), chosen.batch):
            which = order[at : at + chosen.batch]
            optimiser.zero_grad()
            loss = (_losses(net, known, which) * weight[which]).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            slower.step()
        now = evaluate(net, unseen)
        tell(epoch, chosen.epochs, now)
        if now < best:
            best, best_epoch = now, epoch
            weights = {name: value.clone() for name, value in net.state_dict().items()}
        elif epoch - best_epoch >= PATIENCE:
            break
    net.load_state_dict(weights)
    net.eval()
    return Trained(net, best_epoch, best, len(known), int(known.count.sum()))


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

    def train(self, sessions: Sessions, size: int, chosen: Training, tell: Progress) -> Trained:
        """As `train`."""
        return train(sessions, size, chosen, tell)

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
