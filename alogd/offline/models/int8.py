"""A graph's weights as 8-bit integers, and the proof that it still ranks sessions as it did.

The scales of what flows through such a graph are taken of each call anew, so a row's answer depends on the rows beside
it: the fact `alogd.int8` makes alogd/detectors/_network.py ask for one at a time, so that alerts stay those of the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from alogd.event import F64

ALIKE = 0.99  # least rank correlation with the scores of the graph it was made of


def quantised(graph: bytes) -> bytes:
    """The graph with its weights in int8 and its facts as they were. Raises ValueError when nothing in it can be."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quiet = logging.getLogger()
    before, quiet.disabled = quiet.disabled, True  # it advises a preparation that these graphs do not need
    try:
        with TemporaryDirectory() as place:
            source, made = Path(place, "float.onnx"), Path(place, "int8.onnx")
            source.write_bytes(graph)
            quantize_dynamic(source, made, weight_type=QuantType.QInt8)
            small = onnx.load(made)
    finally:
        quiet.disabled = before
    if not any(tensor.data_type == onnx.TensorProto.INT8 for tensor in small.graph.initializer):
        raise ValueError("the graph has no weights that can be int8")
    facts = {one.key: one.value for one in onnx.load_from_string(graph).metadata_props}
    onnx.helper.set_model_props(small, facts | {"alogd.int8": "1"})
    data: bytes = small.SerializeToString(deterministic=True)
    return data


def rank_correlation(ours: F64, theirs: F64) -> float:
    """Spearman's, of two scores of the same sessions; ties share a rank. 1 where neither tells any from another."""
    first, second = _ranks(ours), _ranks(theirs)
    if not first.std() or not second.std():
        return float(np.array_equal(first, second))
    return float(np.corrcoef(first, second)[0, 1])


def choose(graph: bytes, score: Callable[[bytes], F64]) -> tuple[bytes, str]:
    """The int8 graph where it ranks as the float one does, else that; and what a person should know of it.

    score: of the sessions held back, by a graph.
    """
    small = quantised(graph)
    alike = rank_correlation(score(graph), score(small))
    figure = f"rank correlation {alike:.4f} with the float model on sessions held back"
    if not alike >= ALIKE:
        return graph, f"int8 refused: {figure}, at least {ALIKE:g} is wanted; the float model stays"
    return small, f"int8: {figure}; {len(small) / len(graph):.0%} of its size"


def _ranks(scores: F64) -> F64:
    _, back, often = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(often) - (often - 1) / 2)[back])
