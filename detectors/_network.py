"""A trained network in service: an ONNX graph run by ONNX Runtime on one thread.

Rows go through in batches of one fixed size, filled up with empty rows: how many others stand beside a row must not
change its result, and matrix products of different shapes may round differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH = 16  # rows; a row costs as much as in 64, and far fewer empty ones are run


class Network:
    """Raises ValueError when the bytes are no ONNX graph, or not one of the kind asked for."""

    def __init__(self, graph: bytes, *, kind: str, batch: int = BATCH) -> None:
        """batch: rows at once, always as many; 1 for a network so large that an empty row costs more than a call."""
        import onnxruntime  # only where a model is in service: it takes 0.2 s and 33 MB

        self._batch = batch
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised, and told once
        options.use_deterministic_compute = True
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen classes of its own
            raise ValueError(f"no ONNX graph that can be run: {str(error).splitlines()[0]}") from None
        self.facts: Mapping[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        if self.facts.get("alogd.int8") == "1":  # its scales are those of the whole call: rows would sway each other
            self._batch = 1
        if self.facts.get("alogd.kind") != kind:
            raise ValueError(f"the graph is of kind {self.facts.get('alogd.kind')!r}, not {kind!r}")
        self._outputs = [output.name for output in self._session.get_outputs()]

    def number(self, fact: str) -> int:
        """A whole number of the graph's metadata. Raises ValueError when there is none."""
        try:
            return int(self.facts[f"alogd.{fact}"])
        except (KeyError, ValueError):
            raise ValueError(f"the graph does not say its {fact}") from None

    def run(self, rows: npt.NDArray[Any], name: str) -> list[npt.NDArray[Any]]:
        """All outputs for the rows of the one input, each with one entry a row."""
        parts: list[list[npt.NDArray[Any]]] = []
        for at in range(0, max(1, len(rows)), self._batch):
            chunk = rows[at : at + self._batch]
            if missing := self._batch - len(chunk):
                chunk = np.concatenate([chunk, np.zeros((missing, *chunk.shape[1:]), chunk.dtype)])
            parts.append(self._session.run(self._outputs, {name: chunk}))
        return [np.concatenate(column)[: len(rows)] for column in zip(*parts, strict=True)]
