"""How far a command of several long stages is: a bar with the time left on a terminal, seldom lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from alogd.amounts import duration

REDRAW = 0.1  # seconds between two pictures of the bar
EVERY = 30.0  # seconds between two lines where nobody watches
WIDTH = 30  # characters of the bar


class Stages:
    """One stage after another; the time left is told of the stage that runs."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stderr
        self._is_watched = self._out.isatty()
        self._clock = clock
        self._stage = ""
        self._begun = self._said = 0.0
        self._first = 0.0  # what was done of the stage when it began: a run that goes on begins in its midst

    def show(self, stage: str, done: float, total: float, text: str = "") -> None:
        """`done` of `total` is over; text says more. Total 0: nobody knows how much there is."""
        now = self._clock()
        is_first = stage != self._stage
        if is_first:
            self.clear()
            self._stage, self._begun, self._first = stage, now, done
        if not is_first and done < total and now - self._said < (REDRAW if self._is_watched else EVERY):
            return
        if not self._is_watched and not is_first and done >= total and now - self._said < REDRAW:
            return  # the line before said as much
        self._said = now
        self._print(self._line(done, total, text, now))

    def say(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        print(text, file=self._out, flush=True)

    def clear(self) -> None:
        """Leave no trace of the bar."""
        if self._is_watched:
            print("\r\x1b[K", end="", file=self._out, flush=True)

    def _line(self, done: float, total: float, text: str, now: float) -> str:
        share = min(1.0, done / total) if total > 0 else 0.0
        parts = [self._stage if total <= 0 else f"{self._stage} {share:.0%}"]
        parts += [text] if text else []
        gained = done - self._first
        if total > done and gained > 0 and now - self._begun >= 1:
            parts.append(f"{duration((now - self._begun) / gained * (total - done))} left")
        if not self._is_watched or total <= 0:
            return ", ".join(parts)
        filled = round(WIDTH * share)
        return f"[{'#' * filled}{'-' * (WIDTH - filled)}] {', '.join(parts)}"

    def _print(self, line: str) -> None:
        if self._is_watched:
            print(f"\r\x1b[K{line}", end="", file=self._out, flush=True)
        else:
            print(line, file=self._out, flush=True)
