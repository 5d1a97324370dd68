"""Trains DeepLog on sessions found normal: on distinct examples, each as often and as heavily as it occurred.

Examples are drawn with the root of their counts and weighted with the rest, which is unbiased (importance sampling):
by count alone the seldom ones would hardly be seen, by weight alone a few would drown all others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alogd.detectors.deeplog import NextTemplate
from alogd.event import I64
from alogd.offline.models import checkpoints
from alogd.offline.models.checkpoints import Forget, Keep
from alogd.offline.models.export import export
from alogd.offline.models.kinds import HELD_BACK, Progress, Trained
from alogd.offline.models.nets.deeplog import DeepLogNet
from alogd.offline.models.sessions import Examples, Sessions, examples
from alogd.vocabulary import Vocabulary

PROVED_ON = 256  # examples on which ONNX and PyTorch are compared
FEWEST_DRAWS, MOST_DRAWS = 1000, 1_000_000  # of examples in an epoch, however many are distinct
PATIENCE = 10  # epochs without a better loss on those
GROWS = ("embedding.weight", "head.weight", "head.bias")  # a row a template
FORGET = Forget()


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
    start: Mapping[str, Tensor] | None = None,
) -> Trained:
    """size: entries of the vocabulary. Deterministic on one machine; goes on from the last epoch `keep` holds.

    start: weights of a model with no more templates, which it goes on from. Raises ValueError when there is too little.
    """
    if len(sessions) < HELD_BACK:
        raise ValueError(f"{len(sessions)} sessions are too few to train on; at least {HELD_BACK}")
    fit, held = sessions.held_back(HELD_BACK)
    known = examples(fit, chosen.window, ends=chosen.ends)
    unseen = examples(held, chosen.window, ends=chosen.ends)
    torch.manual_seed(chosen.seed)
    torch.use_deterministic_algorithms(True)
    net = DeepLogNet(size, embedding=chosen.embedding, hidden=chosen.hidden, layers=chosen.layers)
    if start is not None:
        grow(net, start)
    run = _Run(net, known, chosen, keep)
    while run.epoch < chosen.epochs and run.epoch - run.best_epoch < PATIENCE:
        run.learn()
        run.judge(evaluate(net, unseen))
        tell(run.epoch, chosen.epochs, run.loss)
    net.load_state_dict(run.weights)
    net.eval()
    return Trained(net, run.best_epoch, run.best, len(known), int(known.count.sum()))


class _Run:
    """The epochs of one training; kept after each."""

    def __init__(self, net: DeepLogNet, known: Examples, chosen: Training, keep: Keep) -> None:
        self._net, self._known, self._batch, self._keep = net, known, chosen.batch, keep
        self._draws = min(max(len(known), FEWEST_DRAWS), MOST_DRAWS)
        roots = np.sqrt(known.count)
        self._share = roots / roots.sum()
        self._weight = torch.from_numpy((roots * roots.sum() / known.count.sum()).astype(np.float32))
        steps = math.ceil(self._draws / chosen.batch) * chosen.epochs
        self._optimiser = torch.optim.Adam(net.parameters(), chosen.rate)
        self._slower = torch.optim.lr_scheduler.OneCycleLR(self._optimiser, 2 * chosen.rate, total_steps=steps)
        self._shuffle = np.random.default_rng(chosen.seed)
        self.epoch = self.best_epoch = 0
        self.best = self.loss = math.inf
        self.weights = _copy(net)
        if (state := checkpoints.load(keep, self._shuffle)) is not None:
            self._resume(state)

    def learn(self) -> None:
        """One epoch."""
        self._net.train()
        order = self._shuffle.choice(len(self._known), self._draws, p=self._share)
        for at in range(0, len(order), self._batch):
            which = order[at : at + self._batch]
            self._optimiser.zero_grad()
            loss = (_losses(self._net, self._known, which) * self._weight[which]).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
            self._optimiser.step()
            self._slower.step()
        self.epoch += 1

    def judge(self, loss: float) -> None:
        """Keeps the weights when they are the best so far, and the state in any case."""
        self.loss = loss
        if loss < self.best:
            self.best, self.best_epoch, self.weights = loss, self.epoch, _copy(self._net)
        state = {
            "epoch": self.epoch,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "weights": self.weights,
            "net": self._net.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "slower": self._slower.state_dict(),
        }
        checkpoints.save(self._keep, state, self._shuffle)

    def _resume(self, state: checkpoints.State) -> None:
        self.epoch, self.best, self.best_epoch = state["epoch"], state["best"], state["best_epoch"]
        self.weights = state["weights"]
        self._net.load_state_dict(state["net"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._slower.load_state_dict(state["slower"])


def grow(net: nn.Module, old: Mapping[str, Tensor], rows: Sequence[str] = GROWS) -> None:
    """Takes the weights of a model whose templates are the first of this one's; the rows of new ones stay as begun.

    rows: weights with a row a template. Raises ValueError when it has another shape.
    """
    ours = net.state_dict()
    for name, value in ours.items():
        theirs = old.get(name)
        fits = theirs is not None and theirs.shape[1:] == value.shape[1:] and len(theirs) <= len(value)
        if not fits or (len(theirs) < len(value) and name not in rows):  # type: ignore[arg-type]
            shape = "none" if theirs is None else "x".join(map(str, theirs.shape))
            raise ValueError(f"the old model's {name} is {shape}, not {'x'.join(map(str, value.shape))}: train anew")
        value[: len(theirs)] = theirs  # type: ignore[arg-type]


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


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

    def train(
        self,
        sessions: Sessions,
        size: int,
        chosen: Training,
        tell: Progress,
        keep: Keep = FORGET,
        start: Mapping[str, Tensor] | None = None,
    ) -> Trained:
        """As `train`."""
        return train(sessions, size, chosen, tell, keep, start)

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
