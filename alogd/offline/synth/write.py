"""Writes a labelled log as it is made: nothing is held but what is under way, whatever its size.

The log, labels.csv and incidents.csv appear under their names when all of them are written.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from alogd.offline.atomic import replacing
from alogd.offline.synth.plan import Plan
from alogd.offline.synth.trouble import Strike
from alogd.offline.synth.world import Chosen, World

LABELS, INCIDENTS = "labels.csv", "incidents.csv"
TELL_EVERY = 4096  # lines


@dataclass(slots=True)
class Made:
    """What was written."""

    lines: int = 0
    odd: int = 0
    bytes: int = 0
    ends: int = 0  # log time, seconds since 1970
    kinds: dict[str, int] = field(default_factory=dict)  # incidents of each


def write(chosen: Chosen, log: Path, tell: Callable[[int], None] = lambda _: None) -> Made:
    """Makes `log`, and labels.csv and incidents.csv beside it; tell(lines) now and then. Raises OSError."""
    with ExitStack() as stack:
        parts = [stack.enter_context(replacing(log.parent / name)) for name in (INCIDENTS, LABELS, log.name)]
        tables = [stack.enter_context(part.open("w", newline="")) for part in parts[:2]]
        text = stack.enter_context(parts[2].open("wb", buffering=1 << 20))
        return _Scribe(chosen, text, tables[1], tables[0]).run(tell)


class _Scribe:
    def __init__(self, chosen: Chosen, log: IO[bytes], labels: IO[str], incidents: IO[str]) -> None:
        self._chosen, self._log = chosen, log
        self._world, self._plan = World(chosen), Plan(chosen)
        self._labels = csv.writer(labels, lineterminator="\n")
        self._incidents = csv.writer(incidents, lineterminator="\n")
        self._labels.writerow(("line", "label", "incident"))
        self._incidents.writerow(("incident", "kind", "first_line", "last_line", "start", "end", "what"))
        self._struck: list[Strike] = []  # over, but lines of theirs may still be under way
        self._made = Made()

    def run(self, tell: Callable[[int], None]) -> Made:
        world, made, told = self._world, self._made, 0
        while made.lines < self._chosen.lines:
            if world.strike is None and (strike := self._plan.due(made.lines, made.odd, world.now)):
                world.strike = strike
                self._struck.append(strike)
            for line, strike in world.second():
                self._record(line.text, strike)
                if made.lines >= self._chosen.lines:
                    break
            if world.strike and world.strike.is_over:
                world.calm()
            if made.lines - told >= TELL_EVERY:
                told = made.lines
                tell(told)
        made.ends = world.now
        for strike in self._struck:
            self._tell_of(strike)
        return made

    def _record(self, text: str, strike: Strike | None) -> None:
        made = self._made
        for part in text.split("\n")[: self._chosen.lines - made.lines]:
            made.lines += 1
            data = part.encode() + b"\n"
            made.bytes += len(data)
            self._log.write(data)
            if strike is not None:
                made.odd += 1
                strike.written += 1
                strike.first_line = strike.first_line or made.lines
                strike.last_line, strike.last_second = made.lines, self._world.now
                self._labels.writerow((made.lines, strike.trouble.kind, strike.number))

    def _tell_of(self, strike: Strike) -> None:
        if not strike.first_line:  # the log ended before it showed
            return
        kind = strike.trouble.kind
        self._made.kinds[kind] = self._made.kinds.get(kind, 0) + 1
        begin, end = (_stamp(second) for second in (strike.began, strike.last_second))
        what = strike.what or strike.trouble.what
        self._incidents.writerow((strike.number, kind, strike.first_line, strike.last_line, begin, end, what))


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
