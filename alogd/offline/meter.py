"""How far a long command is: a bar with the time left, on standard error where that is a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Meter:
    """Shows `done` of `total`; leaves no trace when it is over."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self._unit = total, unit
        self._on = sys.stderr.isatty() and total > 0
        self._begun = self._drawn = time.monotonic()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def show(self, done: int) -> None:
        """Draws at most ten times a second."""
        now = time.monotonic()
        if not self._on or now - self._drawn < 0.1:
            return
        self._drawn = now
        share = min(1.0, done / self.total)
        left = (now - self._begun) * (1 / share - 1) if share else 0.0
        bar = f"[{'#' * round(30 * share):-<30}] {share:4.0%}"
        print(f"\r\x1b[K{bar}  {done:,} {self._unit}, {left:.0f} s left", end="", file=sys.stderr, flush=True)
