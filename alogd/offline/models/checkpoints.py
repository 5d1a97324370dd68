"""The state of a training between two epochs, so that one that was killed gives what one never killed does.

Tensors, numbers and texts alone: it is read back with weights_only=True, which runs nothing.
"""

from __future__ import annotations

import io
import json
import pickle
from typing import Any, Protocol

import numpy as np
import torch

from alogd.state.crashpoint import crashpoint

State = dict[str, Any]


class Keep(Protocol):
    """Where it lies."""

    def load(self) -> bytes | None: ...

    def save(self, data: bytes) -> None: ...


class Forget:
    """Nowhere."""

    def load(self) -> bytes | None:
        return None

    def save(self, data: bytes) -> None:
        pass


def save(place: Keep, state: State, shuffle: np.random.Generator) -> None:
    """All of it, with both sources of chance."""
    chance = {"torch": torch.get_rng_state(), "numpy": json.dumps(shuffle.bit_generator.state)}
    buffer = io.BytesIO()
    torch.save({"state": state, "chance": chance}, buffer)
    place.save(buffer.getvalue())
    crashpoint("epoch_kept")


def load(place: Keep, shuffle: np.random.Generator) -> State | None:
    """The last state kept, chance set to where it was; None where there is none that can be read."""
    data = place.load()
    if data is None:
        return None
    try:
        found = torch.load(io.BytesIO(data), weights_only=True)
        state, chance = dict(found["state"]), found["chance"]
        numbers = json.loads(chance["numpy"])
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError):
        return None
    shuffle.bit_generator.state = numbers
    torch.set_rng_state(chance["torch"])
    return state
