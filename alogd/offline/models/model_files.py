"""A model by itself, as the toolbox's *-train commands leave it: KIND.pth to go on from, KIND.onnx to judge by.

Both carry the model's facts and its threshold; the vocab.json beside them gives its numbers their meaning. The weights
are tensors, numbers and texts alone, read back with weights_only=True, which runs nothing.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alogd.cli.failures import BadData, Failed
from alogd.detectors._in_service import Model, of_kind
from alogd.detectors._network import Network
from alogd.detectors._sequences import I32
from alogd.models.bundle import VOCABULARY
from alogd.models.vocabulary import SPECIAL, Vocabulary
from alogd.offline import atomic

try:
    import onnx
    import torch
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from torch import Tensor, nn
except ModuleNotFoundError as error:
    raise Failed(f"this needs {error.name}: pip install torch==2.13.0, then pip install 'alogd[train]'") from None

WEIGHTS, GRAPH = ".pth", ".onnx"
PREFIX = "alogd."
_NO_FACTS = (f"{PREFIX}schema", f"{PREFIX}kind")  # told otherwise


@dataclass(frozen=True, slots=True)
class Weights:
    """What a .pth holds."""

    kind: str  # "" where the file does not say
    facts: Mapping[str, str]  # of the graph, without their prefix
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Single:
    """A model that can judge."""

    kind: str
    model: Model
    vocabulary: Vocabulary
    threshold: float

    def numbers(self, theirs: Vocabulary) -> I32:
        """The model's number of each of another vocabulary's."""
        known = self.vocabulary
        return np.array([*range(len(SPECIAL)), *(known.number(one.fingerprint, one.text) for one in theirs.templates)])


def with_threshold(graph: bytes, limit: float) -> bytes:
    """The graph with its threshold among its facts."""
    made = onnx.load_from_string(graph)
    onnx.helper.set_model_props(
        made, {one.key: one.value for one in made.metadata_props} | {f"{PREFIX}threshold": repr(limit)}
    )
    return bytes(made.SerializeToString(deterministic=True))


def facts_of(graph: bytes, kind: str) -> dict[str, str]:
    """Without their prefix, and without what its files tell otherwise."""
    found = Network(graph, kind=kind).facts
    return {name.removeprefix(PREFIX): value for name, value in found.items() if name not in _NO_FACTS}


def write(out: Path, kind: str, net: nn.Module, graph: bytes, vocabulary: Vocabulary) -> Path:
    """KIND.pth at `out`, the .onnx and vocab.json beside it; the graph's place. Raises BadData."""
    beside_vocabulary(out, vocabulary)
    buffer = io.BytesIO()
    torch.save({"kind": kind, "facts": facts_of(graph, kind), "weights": net.state_dict()}, buffer)
    atomic.write(out, buffer.getvalue())
    atomic.write(out.with_suffix(GRAPH), graph)
    return out.with_suffix(GRAPH)


def beside_vocabulary(model: Path, vocabulary: Vocabulary) -> None:
    """vocab.json beside a model, unless it is there. Raises BadData where another one is."""
    place = model.with_name(VOCABULARY)
    if not place.exists():
        atomic.write(place, vocabulary.to_json())
    elif read_vocabulary(place).hash != vocabulary.hash:
        raise BadData(f"{place} is another vocabulary, which other models there may need; choose another directory")


def read_vocabulary(place: Path) -> Vocabulary:
    """Raises BadData."""
    try:
        return Vocabulary.from_json(place.read_bytes())
    except FileNotFoundError:
        raise BadData(f"{place}: no such file; it gives the model's numbers their meaning") from None
    except ValueError as error:
        raise BadData(f"{place}: {error}") from None


def read(path: Path, kind: str) -> Single:
    """A .onnx, or the one beside a .pth, or in a directory. Raises BadData."""
    place = path / f"{kind}{GRAPH}" if path.is_dir() else path.with_suffix(GRAPH)
    try:
        graph = place.read_bytes()
    except FileNotFoundError:
        way = f"alog-detect convert {path}" if path.suffix == WEIGHTS and path.exists() else f"alog-detect {kind}-train"
        raise BadData(f"{place}: no such file; {way} writes one") from None
    vocabulary = read_vocabulary(place.with_name(VOCABULARY))
    try:
        model = of_kind(kind)(graph)
        limit = float(facts_of(graph, kind).get("threshold", "nan"))
    except ValueError as error:
        raise BadData(f"{place}: {error}") from None
    if model.vocabulary != vocabulary.hash:
        raise BadData(f"{place} was trained with another vocabulary than the {VOCABULARY} beside it")
    return Single(kind, model, vocabulary, _manifest_threshold(place, kind) if np.isnan(limit) else limit)


def kind_of(path: Path) -> str:
    """The kind of model in a .onnx. Raises BadData."""
    try:
        graph = onnx.load_from_string(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise BadData(f"{path}: no ONNX graph that can be read: {error}") from None
    found = {one.key: one.value for one in graph.metadata_props}.get(f"{PREFIX}kind")
    if found is None:
        raise BadData(f"{path} is no model of alogd's: it does not say of what kind it is")
    return str(found)


def _manifest_threshold(graph: Path, kind: str) -> float:
    """Of a model in a bundle, whose manifest has it. Raises BadData."""
    from alogd.models.bundle import BadBundle, read_manifest

    try:
        return float(read_manifest(graph.parent).thresholds[kind])
    except (BadBundle, KeyError):
        raise BadData(f"{graph} does not say its threshold, and no manifest beside it does") from None


def read_weights(path: Path) -> Weights:
    """Of a .pth as `write` leaves it, or of tensors alone as in a bundle. Raises BadData."""
    try:
        found: Any = torch.load(io.BytesIO(path.read_bytes()), weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise BadData(f"{path}: no such file") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise BadData(f"{path} holds no weights that can be read: {str(error).splitlines()[0]}") from None
    kind, facts, tensors = "", dict[str, Any](), found
    if isinstance(found, dict) and "weights" in found:
        kind, facts, tensors = str(found.get("kind", "")), found.get("facts", {}), found["weights"]
    sound = isinstance(tensors, Mapping) and all(isinstance(one, Tensor) for one in tensors.values())
    if not sound or not tensors or not isinstance(facts, dict):
        raise BadData(f"{path} holds something else than the weights of a model")
    return Weights(kind, {str(name): str(value) for name, value in facts.items()}, tensors)
