"""Weights and a vocabulary in, a graph out: the network is built anew from the shapes of its weights, and exported.

The graph has the facts the weights carry, or those of the graph beside them, and is proven to say what PyTorch says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from alogd.cli.failures import BadData
from alogd.models.bundle import MANIFEST
from alogd.models.vocabulary import DIST
from alogd.offline import atomic
from alogd.offline.models import model_files
from alogd.offline.models.export import export
from alogd.offline.models.model_files import GRAPH, WEIGHTS, Weights
from alogd.offline.models.nets.deeplog import DeepLogNet
from alogd.offline.models.nets.logbert import LogBertNet
from alogd.offline.models.nets.mscred import MscredNet

PROVED_ON = 16  # made-up inputs on which ONNX and PyTorch are compared

Tensors = Mapping[str, Tensor]
Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of network is built, and what goes in and out."""

    known_by: str  # a weight no other kind has
    entries: str | None  # a weight with a row for each entry of the vocabulary
    net: Callable[[Tensors, Facts], nn.Module]
    example: Callable[[Tensors, Facts, torch.Generator], Tensor]
    name: str
    outputs: tuple[str, ...]
    free: tuple[str, ...] = ()


def _layers(tensors: Tensors, begin: str, end: str) -> int:
    return sum(name.startswith(begin) and name.endswith(end) for name in tensors)


def _deeplog(tensors: Tensors, _: Facts) -> nn.Module:
    (size, embedding), hidden = tensors["embedding.weight"].shape, tensors["lstm.weight_hh_l0"].shape[1]
    return DeepLogNet(size, embedding=embedding, hidden=hidden, layers=_layers(tensors, "lstm.weight_ih_l", ""))


def _logbert(tensors: Tensors, facts: Facts) -> nn.Module:
    (size, hidden), length = tensors["key.weight"].shape, tensors["position.weight"].shape[0]
    layers, heads = _layers(tensors, "blocks.", ".before.weight"), int(facts["heads"])
    return LogBertNet(size, hidden=hidden, layers=layers, heads=heads, length=length)


def _mscred(tensors: Tensors, _: Facts) -> nn.Module:
    scales, side, _also = tensors["spread"].shape
    return MscredNet(scales, side, channels=tensors["encoder.0.weight"].shape[0])


def _templates(tensors: Tensors, facts: Facts, chance: torch.Generator) -> Tensor:
    shape = (PROVED_ON, int(facts["window"]))
    return torch.randint(0, tensors["embedding.weight"].shape[0], shape, generator=chance)


def _tokens(tensors: Tensors, facts: Facts, chance: torch.Generator) -> Tensor:
    shape = (PROVED_ON, int(facts["length"]))
    tokens = torch.randint(0, tensors["key.weight"].shape[0], shape, generator=chance)
    tokens[:, 0] = DIST
    return tokens


def _matrices(tensors: Tensors, facts: Facts, chance: torch.Generator) -> Tensor:
    return torch.rand((PROVED_ON, int(facts["steps"]), *tensors["spread"].shape), generator=chance)


FORMS = {
    "deeplog": Form("lstm.weight_hh_l0", "embedding.weight", _deeplog, _templates, "sequence", ("logits",)),
    "logbert": Form("key.weight", "key.weight", _logbert, _tokens, "tokens", ("logits", "distance"), ("length",)),
    "mscred": Form("spread", None, _mscred, _matrices, "matrices", ("reconstruction", "spread")),
}


def convert(path: Path, vocab: Path | None = None, out: Path | None = None) -> Path:
    """The graph's place: `out`, or beside the weights. Raises BadData, NotTheSame, and then writes none."""
    place = out or path.with_suffix(GRAPH)
    if (place.parent / MANIFEST).exists():
        raise BadData(f"{place.parent} is a bundle, which is never changed; name another place with --out")
    weights = model_files.read_weights(path)
    vocabulary = model_files.read_vocabulary(vocab or path.with_name("vocab.json"))
    kind = weights.kind or next((name for name, one in FORMS.items() if one.known_by in weights.tensors), "")
    if kind not in FORMS:
        raise BadData(f"{path} holds the weights of no model that is known here; there are: {', '.join(FORMS)}")
    facts = weights.facts or _facts_beside(path, kind)
    theirs = facts.get("vocabulary", vocabulary.hash), facts.get("size", str(len(vocabulary)))
    if theirs != (vocabulary.hash, str(len(vocabulary))) or _entries(weights, kind) not in (None, len(vocabulary)):
        raise BadData(f"{path} was trained with another vocabulary; name its own with --vocab")
    atomic.write(place, _graph(path, kind, weights.tensors, {**facts, "vocabulary": vocabulary.hash}))
    model_files.beside_vocabulary(place, vocabulary)
    return place


def _entries(weights: Weights, kind: str) -> int | None:
    name = FORMS[kind].entries
    return len(weights.tensors[name]) if name and name in weights.tensors else None


def _facts_beside(path: Path, kind: str) -> Mapping[str, str]:
    """Of tensors alone, as they lie in a bundle: the graph beside them says the rest. Raises BadData."""
    try:
        return model_files.facts_of(path.with_suffix(GRAPH).read_bytes(), kind)
    except (OSError, ValueError):
        raise BadData(
            f"{path} holds tensors alone, and no graph beside it says how it was trained; "
            f"alog-detect {kind}-train writes weights that do"
        ) from None


def _graph(path: Path, kind: str, tensors: Tensors, facts: Facts) -> bytes:
    form = FORMS[kind]
    try:
        net = form.net(tensors, facts)
        net.load_state_dict(dict(tensors))
        example = form.example(tensors, facts, torch.Generator().manual_seed(1))
    except (KeyError, RuntimeError, ValueError) as error:
        raise BadData(f"{path} is no {kind} that is known here: {str(error).splitlines()[0]}") from None
    return export(
        net, example, name=form.name, outputs=list(form.outputs), kind=kind, facts=dict(facts), free=form.free
    )


# -- a directory, again and again

Seen = dict[Path, tuple[int, int]]  # when and how large a file was that was looked at


def due(folder: Path, seen: Seen) -> list[Path]:
    """Weights that changed since the last look, at the first those without a graph as new; `seen` is kept up."""
    found = {path: _stamp(path) for path in sorted(folder.glob(f"*{WEIGHTS}"))}
    for gone in seen.keys() - found.keys():
        del seen[gone]
    new = [path for path, stamp in found.items() if stamp[1] and seen.get(path) != stamp]
    wanted = [path for path in new if path in seen or not _is_done(path)]  # one may have changed while it was converted
    seen.update(found)
    return wanted


def _is_done(path: Path) -> bool:
    return _stamp(path.with_suffix(GRAPH))[0] >= _stamp(path)[0]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size
