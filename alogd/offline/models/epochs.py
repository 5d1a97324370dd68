"""The epochs of a training, whatever the network: what all trainers share between their examples and their loss.

After each epoch everything that decides what comes next is kept, so a training that was killed gives what one never
killed gives; at the end the network has the weights of the epoch that did best on what was held back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from alogd.event import F64, I64
from alogd.offline.models import checkpoints
from alogd.offline.models.checkpoints import Forget, Keep
from alogd.offline.models.kinds import HELD_BACK
from alogd.offline.models.sessions import Sessions

FORGET = Forget()
STEEPEST = 1.0  # norm of a step's gradient; a longer one is shortened


class Epochs:
    """One training, from its first epoch or from the last one kept.

    Nothing may draw from `chance` or from torch between the start of a training and this but what always does.
    """

    def __init__(
        self,
        net: nn.Module,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        chance: np.random.Generator,
        keep: Keep,
        *,
        most: int,
        patience: int,
    ) -> None:
        """most: epochs. patience: epochs without a better loss after which it is over."""
        self._net, self._optimiser, self._schedule = net, optimiser, schedule
        self._chance, self._keep, self._most, self._patience = chance, keep, most, patience
        self.epoch = self.best_epoch = 0
        self.best = self.loss = math.inf
        self._weights = weights_of(net)
        if (state := checkpoints.load(keep, chance)) is not None:
            self._resume(state)

    @property
    def over(self) -> bool:
        """No epoch is left, or none has helped for long enough."""
        return self.epoch >= self._most or self.epoch - self.best_epoch >= self._patience

    def step(self, loss: Tensor) -> None:
        """Down the slope of one batch's loss."""
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._net.parameters(), STEEPEST)
        self._optimiser.step()
        self._schedule.step()

    def judge(self, loss: float) -> None:
        """Ends an epoch. loss: on what was held back; the weights are kept when it is the lowest so far."""
        self.epoch += 1
        self.loss = loss
        if loss < self.best:
            self.best, self.best_epoch, self._weights = loss, self.epoch, weights_of(self._net)
        state = {
            "epoch": self.epoch,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "weights": self._weights,
            "net": self._net.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }
        checkpoints.save(self._keep, state, self._chance)

    def finish(self) -> None:
        """The network as it was after its best epoch, ready to be asked."""
        self._net.load_state_dict(self._weights)
        self._net.eval()

    def _resume(self, state: checkpoints.State) -> None:
        self.epoch, self.best, self.best_epoch = state["epoch"], state["best"], state["best_epoch"]
        self._weights = state["weights"]
        self._net.load_state_dict(state["net"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])


def enough(sessions: Sessions) -> None:
    """Raises ValueError when there are too few to train on."""
    if len(sessions) < HELD_BACK:
        raise ValueError(f"{len(sessions)} sessions are too few to train on; at least {HELD_BACK}")


def parted(sessions: Sessions) -> tuple[Sessions, Sessions]:
    """(to learn, held back to judge by). Raises ValueError when there are too few."""
    enough(sessions)
    return sessions.held_back(HELD_BACK)


def seeded(seed: int) -> np.random.Generator:
    """Chance of a training; torch's is set to the same seed."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    return np.random.default_rng(seed)


def shares(count: I64) -> tuple[F64, F64]:
    """(share, weight) of examples that occurred `count` times; all three of shape (n,).

    They are drawn with the root of their counts and weighted with the rest, which is unbiased (importance sampling):
    by count alone the seldom ones would hardly be seen, by weight alone a few would drown all others.
    """
    roots = np.sqrt(count)
    return roots / roots.sum(), roots * roots.sum() / count.sum()


def one_cycle(
    optimiser: torch.optim.Optimizer, highest: float, *, draws: int, batch: int, epochs: int, rising: float = 0.3
) -> torch.optim.lr_scheduler.OneCycleLR:
    """A rate that rises to `highest` in the first of all steps and falls to nearly nothing in the others."""
    steps = math.ceil(draws / batch) * epochs
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, highest, total_steps=steps, pct_start=rising)


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """A copy."""
    return {name: value.clone() for name, value in net.state_dict().items()}


def grow(net: nn.Module, old: Mapping[str, Tensor], rows: Sequence[str] = ()) -> None:
    """Takes the weights of a model whose templates are the first of this one's; the rows of new ones stay as begun.

    What a network measures and does not learn (its buffers) stays as it is, for it is measured anew.
    rows: weights with a row a template. Raises ValueError when the old model has another shape.
    """
    for name, value in net.named_parameters():
        theirs = old.get(name)
        if theirs is None or not _fits(theirs, value, name in rows):
            shape = "none" if theirs is None else "x".join(map(str, theirs.shape))
            raise ValueError(f"the old model's {name} is {shape}, not {'x'.join(map(str, value.shape))}: train anew")
        value.data[: len(theirs)] = theirs


def _fits(old: Tensor, new: Tensor, grows: bool) -> bool:
    return old.shape == new.shape or (grows and old.shape[1:] == new.shape[1:] and len(old) < len(new))
