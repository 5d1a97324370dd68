"""Durations counted by how long they were, for the metrics. Counts only grow; one thread adds, any may look."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS = (0.002, 0.01, 0.02, 0.1, 1.0, 5.0)  # seconds; few, for every stream shows them all


class Histogram:
    """How many durations were at most each of BOUNDS, or longer than all of them."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0  # seconds

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds
