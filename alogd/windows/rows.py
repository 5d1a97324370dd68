"""Cutting and packing window batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.event import WindowBatch

PER_WINDOW = ("key", "group", "fresh", "reason", "closed_ns")
PER_RECORD = ("slot", "severity", "is_new", "source", "offset", "length", "timestamp_ns")


def part(batch: WindowBatch, begin: int, end: int) -> WindowBatch:
    """Windows begin to end (exclusive) of a batch, as views."""
    if begin == 0 and end == len(batch):
        return batch
    first, last = int(batch.start[begin]), int(batch.start[end])
    columns: dict[str, npt.NDArray[Any]] = {name: getattr(batch, name)[first:last] for name in PER_RECORD}
    columns |= {name: getattr(batch, name)[begin:end] for name in PER_WINDOW}
    return WindowBatch(start=batch.start[begin : end + 1] - first, **columns)


def to_arrays(batch: WindowBatch) -> dict[str, npt.NDArray[Any]]:
    """The columns by name, for saving."""
    return {field.name: getattr(batch, field.name) for field in fields(batch)}


def from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> WindowBatch:
    """The reverse of to_arrays. Raises ValueError when columns are missing or do not fit together."""
    names = [field.name for field in fields(WindowBatch)]
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ValueError(f"saved windows lack {', '.join(missing)}")
    start = arrays["start"]
    if start.ndim != 1 or not len(start) or start[0] != 0 or (np.diff(start) < 0).any():
        raise ValueError("saved windows: starts are not in order")
    if any(len(arrays[name]) != start[-1] for name in PER_RECORD):
        raise ValueError("saved windows: record columns differ in length")
    if any(len(arrays[name]) != len(start) - 1 for name in PER_WINDOW):
        raise ValueError("saved windows: window columns differ in length")
    return WindowBatch(**{name: arrays[name] for name in names})
