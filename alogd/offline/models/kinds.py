"""The models that can be trained: one module each, one line each in TRAINERS, imported when they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from torch import Tensor, nn

from alogd.models.vocabulary import Vocabulary
from alogd.offline.models.checkpoints import Keep
from alogd.offline.models.sessions import Sessions

HELD_BACK = 10  # every tenth session judges how well it learned

# Each module has a TRAINER, which is a Trainer; the name is that of the detector that uses the model.
TRAINERS = {
    "deeplog": "alogd.offline.models.train_deeplog",
    "logbert": "alogd.offline.models.train_logbert",
    "mscred": "alogd.offline.models.train_mscred",
}
WHEN_ASKED = (
    "logbert",
    "mscred",
)  # of them, those trained only where a stream uses them or they are named: minutes, not seconds

Progress = Callable[[int, int, float], None]  # epoch, of how many, loss on what was held back
Each = Callable[[int, nn.Module], None]  # epoch, the network as it is then: to look at, not to change


@dataclass(frozen=True, slots=True)
class Trained:
    """The network of the best epoch, and its loss on what was held back (nats an event, or as the trainer says)."""

    net: nn.Module
    epoch: int
    loss: float
    examples: int  # distinct ones
    events: int


@dataclass(frozen=True, slots=True)
class Start:
    """What a training goes on from: a model with no more templates, numbered as they are now."""

    weights: Mapping[str, Tensor]
    facts: Mapping[str, str] = field(default_factory=dict)  # its graph's metadata


class Trainer(Protocol):
    """How one kind of model comes about."""

    name: str
    options: Callable[..., Any]  # a frozen dataclass with keyword fields, `seed` and `epochs` among them

    def train(
        self,
        sessions: Sessions,
        size: int,
        chosen: Any,
        tell: Progress = ...,
        keep: Keep = ...,
        start: Start | None = ...,
        each: Each | None = ...,
    ) -> Trained:
        """size: entries of the vocabulary. Deterministic on one machine; begins anew, or goes on from `start`.

        It goes on from the last epoch `keep` holds and then gives what it would have given. `each` is shown the
        network after every epoch, ready to be exported. Raises ValueError when
        there is too little to learn from, or when `start` has another shape.
        """

    def graph(self, net: nn.Module, held: Sessions, vocabulary: Vocabulary, chosen: Any) -> bytes:
        """ONNX, proven on `held` to say what the network says. Raises NotTheSame."""


def trainer(name: str) -> Trainer:
    """Raises KeyError for a name that is none of TRAINERS."""
    found: Trainer = import_module(TRAINERS[name]).TRAINER
    return found
