"""The progress of several replays in one bar, wherever each of them runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from alogd.cli.inputs import Input, Progress
from alogd.cli.output import count
from alogd.cli.share import Found


class Watched:
    """What the progress bar knows of every share."""

    def __init__(self, inputs: Sequence[Sequence[Input]], what: str = "") -> None:
        self._what = f"{what}: " if what else ""
        self.began = time.perf_counter()
        self.progress = Progress([one for opened in inputs for one in opened])
        self._lines = [0] * len(inputs)
        self._read = [0] * len(inputs)
        self._alerts = 0

    def show(self, index: int, found: Found) -> None:
        self._lines[index], self._read[index] = found.lines, found.read
        self._alerts += len(found.alerts)
        lines = sum(self._lines)
        speed = lines / max(1e-9, time.perf_counter() - self.began)
        text = f"{self._what}{lines:,} lines, {speed:,.0f} a second, {count(self._alerts, 'moment')} of alerts"
        self.progress.show(text, sum(self._read))
