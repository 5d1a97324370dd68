"""What an alert says of one odd window of a batch: when it was, how long it is, its worst record."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from alogd.detectors.base import Contribution
from alogd.event import NO_TIME, WindowBatch
from alogd.judging.verdict import Verdict


def span(windows: WindowBatch, index: int) -> tuple[int, int]:
    """Log time of a window's first and last trouble: that of its records, however much later it was closed."""
    stamps = windows.timestamp_ns[windows.start[index] : windows.start[index + 1]]
    stamps = stamps[stamps != NO_TIME]  # not in order where several processes write one log
    closed = max(0, int(windows.closed_ns[index]))
    return (min(closed, int(stamps.min())), min(closed, int(stamps.max()))) if len(stamps) else (closed, closed)


def records(windows: WindowBatch, index: int) -> int:
    """How many it holds."""
    return int(windows.start[index + 1] - windows.start[index])


def worst(windows: WindowBatch, index: int, share: float) -> Contribution:
    """The most severe record of a window, as that which makes its severity rare."""
    its = slice(int(windows.start[index]), int(windows.start[index + 1]))
    slots = windows.slot[its]
    slot = int(slots[np.argmax(windows.severity[its])])
    seen = float((slots == slot).sum())
    new = bool((windows.is_new[its] & (slots == slot)).any())
    return Contribution(slot, seen, 0.0 if new else seen, share)


def shares_of(verdict: Verdict, index: int) -> dict[str, float]:
    """By detector, and of its severity: how much of what is odd in a window each makes, 0-1."""
    decades = {name: float(values[index]) for name, values in verdict.decades.items()}
    decades["severity"] = float(verdict.severe[index])
    total = sum(decades.values())
    return {name: value / total if total else 0.0 for name, value in decades.items()}


def alert_id(stream: str, windows: WindowBatch, begin: int, names: Callable[[int], str]) -> str:
    """From content alone: the stream, and where the window's first record stands in the log."""
    place = f"{names(int(windows.source[begin]))}\0{windows.offset[begin]}\0{windows.timestamp_ns[begin]}"
    return blake2b(f"{stream}\0{place}".encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
