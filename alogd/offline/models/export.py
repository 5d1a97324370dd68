"""From PyTorch to ONNX: one file, its facts in its metadata, and the proof that both say the same."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from alogd.detectors._network import Network

OPSET = 17
CLOSE = 1e-4  # most that ONNX Runtime may differ from PyTorch, in nats or squared distance


class NotTheSame(Exception):
    """The exported graph does not compute what the network does."""

    exit_code = 1


def export(
    net: nn.Module,
    example: torch.Tensor,
    *,
    name: str,
    outputs: list[str],
    kind: str,
    facts: Mapping[str, str | int],
    free: Sequence[str] = (),
) -> bytes:
    """The graph with a free first dimension, checked on `example`. Raises NotTheSame.

    free: names of further dimensions that may differ from the example's, from the second on.
    """
    import onnx

    net.eval()
    axes = {label: dict(enumerate(("batch", *free))) for label in (name, *outputs)}
    with warnings.catch_warnings(), TemporaryDirectory() as place:
        warnings.simplefilter("ignore")  # the older exporter says that it is; the newer one needs a compiler of its own
        path = os.path.join(place, "graph.onnx")
        torch.onnx.export(
            net,
            (example,),
            path,
            input_names=[name],
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
        graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {"alogd.schema": "1", "alogd.kind": kind, **_named(facts)})
    onnx.checker.check_model(graph)
    data: bytes = graph.SerializeToString(deterministic=True)
    check(net, data, example, name=name, kind=kind)
    return data


def check(net: nn.Module, graph: bytes, example: torch.Tensor, *, name: str, kind: str) -> float:
    """Largest difference between the two on `example`. Raises NotTheSame when it is too large."""
    with torch.no_grad():
        wanted = net(example)
    found = Network(graph, kind=kind).run(example.numpy(), name)
    pairs = zip(wanted if isinstance(wanted, tuple) else (wanted,), found, strict=True)
    worst = max(float(np.abs(ours.numpy() - theirs).max(initial=0.0)) for ours, theirs in pairs)
    if not worst <= CLOSE:
        raise NotTheSame(f"the exported {kind} differs from PyTorch's by {worst:.2g}; at most {CLOSE:g} is borne")
    return worst


def _named(facts: Mapping[str, str | int]) -> dict[str, str]:
    return {f"alogd.{key}": str(value) for key, value in facts.items()}
