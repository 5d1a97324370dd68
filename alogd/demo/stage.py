"""Writes the shop's logs into a folder, log time running faster than the clock, and keeps the truth of what it did."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from alogd.demo.incidents import INCIDENTS, Incident
from alogd.demo.shop import FILES, Shop

SPEED = 60  # seconds of log time a second
HISTORY = 12 * 3600  # seconds of log time written before anything is shown
QUIET_BEFORE, QUIET_AFTER = 6.0, 7.0  # seconds of the show before the first and after the last incident


@dataclass(slots=True)
class Struck:
    """One incident as it was injected."""

    incident: Incident
    began: int  # log time, seconds since 1970
    began_at: float  # monotonic seconds
    files: set[str] = field(default_factory=set)  # it wrote to these
    lines: int = 0

    @property
    def ends(self) -> int:
        """Log time, seconds."""
        return self.began + self.incident.seconds


class Stage:
    """The folder of logs, and the log clock."""

    def __init__(self, folder: Path, seed: int, seconds: float) -> None:
        """seconds: how long the show lasts after the history was written."""
        self.shop = Shop(seed)
        self.struck: list[Struck] = []
        self.lines = 0
        self.now = int(time.time() - seconds * SPEED) - HISTORY  # so that log time never runs ahead of the clock
        self._started_at = 0.0
        self.opens = 0  # log time at which the show begins, seconds
        self._files = {name: (folder / name).open("ab", buffering=1 << 16) for name in FILES}
        self._schedule = plan(seconds)

    def write_history(self) -> None:
        """Hours of ordinary lines, from which the daemon learns what is usual."""
        for _ in range(HISTORY):
            self._second()
        self._flush()

    def start(self) -> None:
        """The clock runs from now."""
        self._started_at, self.opens = time.monotonic(), self.now

    def step(self) -> list[Struck]:
        """Write up to the present; what began meanwhile."""
        elapsed = time.monotonic() - self._started_at
        due = self.opens + int(elapsed * SPEED)
        began = []
        while self._schedule and self._schedule[0][0] <= elapsed:
            _, incident = self._schedule.pop(0)
            began.append(Struck(incident, self.now, time.monotonic()))
        self.struck += began
        while self.now < due:
            self._second()
        self._flush()
        return began

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            file.close()

    def _second(self) -> None:
        odd = []
        for struck in self.struck:
            if struck.began <= self.now < struck.ends:
                odd += [(struck, write) for write in struck.incident.lines(self.shop, self.now - struck.began)]
        owners = iter([struck for struck, _ in odd])
        for line, is_odd in self.shop.at(self.now, [write for _, write in odd]):
            self._files[line.file].write(line.text.encode() + b"\n")
            self.lines += 1 + line.text.count("\n")
            if is_odd:
                struck = next(owners)
                struck.files.add(line.file)
                struck.lines += 1
        self.now += 1

    def _flush(self) -> None:
        for file in self._files.values():
            file.flush()


def plan(seconds: float) -> list[tuple[float, Incident]]:
    """When each incident begins, in seconds of the show; as many as fit, evenly spread."""
    room = seconds - QUIET_BEFORE - QUIET_AFTER
    count = max(1, min(len(INCIDENTS), int(room / 8) + 1))
    return [(QUIET_BEFORE + room * index / count, incident) for index, incident in enumerate(INCIDENTS[:count])]
