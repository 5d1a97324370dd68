"""What detectors with a trained model share: the bundle in service, its model, its numbers for templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from alogd import registry
from alogd.config.tree import WindowOptions
from alogd.detectors._sequences import I32
from alogd.detectors._slots import Numbers
from alogd.detectors.base import OtherModel, State
from alogd.event import F64, I64, Bool, WindowBatch
from alogd.models import bundle
from alogd.models.bundle import BadBundle, Bundle
from alogd.models.windows import refusal

GRAPH = ".onnx"


class Model(Protocol):
    """A trained model of one kind, made from the bytes of its ONNX graph; ValueError when they are none of its kind."""

    vocabulary: str  # hash of the vocabulary it was trained with

    def scores(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> F64:
        """How odd each session (_sequences.py) is, by its last `fresh` records, shape (n,); larger is odder."""


M = TypeVar("M", bound=Model)


class InService(Generic[M]):
    """Base of such a detector: it learns nothing here, and its state only says which model it was."""

    def __init__(self, models: str, name: str, make: Callable[[bytes], M]) -> None:
        """models: the directory `alogd retrain --out` writes. Raises BadBundle when nothing usable is in service."""
        place = bundle.in_service(models)
        if place is None:
            raise BadBundle(f"{models}: no model is in service; train one: alogd retrain --out {models}")
        self.bundle = bundle.read(place)
        self.model = load(self.bundle, name, make)
        self.numbers = Numbers(self.bundle.vocabulary)

    def attach(self, first_text: Callable[[int], str], settings: dict[str, object]) -> None:
        """The stream's templates by slot, and how they are mined. Raises BadBundle when not as the model's were."""
        self.numbers.attach(first_text, settings)

    def suit(self, windows: WindowOptions) -> None:
        """Raises BadBundle when the model was trained on windows of which it learned nothing about these."""
        if why := refusal(self.bundle.manifest.windows, windows):
            raise BadBundle(f"{self.bundle.path}: {why}")

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        """Nothing: `alogd retrain` does."""

    def state(self) -> State:
        """Which model it was."""
        return {"model": np.frombuffer(bytes.fromhex(self.bundle.id), np.uint8)}

    def restore(self, state: State) -> None:
        """Raises OtherModel when the state was not saved beside this model."""
        if not np.array_equal(state.get("model", ()), InService.state(self)["model"]):
            raise OtherModel("saved state: another model was in service")


def kinds(read: Bundle) -> list[str]:
    """Names of the models in a bundle."""
    return sorted(name.removesuffix(GRAPH) for name in read.files if name.endswith(GRAPH))


def of_kind(name: str) -> Callable[[bytes], Model]:
    """The class of a kind's models. Raises BadBundle for a name that no detector with a model has."""
    try:
        found: Callable[[bytes], Model] = registry.find("detectors", name).Model  # type: ignore[attr-defined]
    except (KeyError, AttributeError):
        raise BadBundle(f"no detector of this alogd uses a model named {name!r}") from None
    return found


def load(read: Bundle, name: str, make: Callable[[bytes], M]) -> M:
    """A model of a bundle. Raises BadBundle when it is absent, cannot run, or knows another vocabulary."""
    try:
        model = make(read.model(name))
    except ValueError as error:
        raise BadBundle(f"{read.path}: {name}{GRAPH}: {error}") from None
    if model.vocabulary != read.vocabulary.hash:
        raise BadBundle(f"{read.path}: {name}{GRAPH} was trained with another vocabulary")
    return model
