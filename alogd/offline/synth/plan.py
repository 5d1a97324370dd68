"""Which incident strikes next, how large it is, and when: spread over the log behind its quiet beginning."""

from __future__ import annotations

import random

from alogd.offline.synth.trouble import KINDS, Strike, Trouble
from alogd.offline.synth.world import Chosen

QUIET = 0.2  # share of the log before the first incident: what is usual has to be seen first
EACH = 2  # times that every kind is to strike, where the log has room for it
MOST = 400  # lines of one incident
NEEDS = {
    "new_template": {"api", "web", "database"},
    "burst": {"api", "worker"},
    "order_violation": {"worker"},
    "crash": {"database", "api"},
    "latency_drift": {"database"},
}


class Plan:
    """Strikes are due as the share of odd lines falls behind what was asked for."""

    def __init__(self, chosen: Chosen) -> None:
        self._lines, self._total = chosen.lines, chosen.lines * chosen.anomaly_rate
        self._chance = random.Random(chosen.seed + 1)  # noqa: S311 - for show, not for secrets
        present = set(chosen.services)
        self._kinds = [kind for kind in KINDS if NEEDS.get(kind, set()) <= present]
        if len(present) < 2:  # nobody is left whose lines could show a silence
            self._kinds.remove("silence")
        self._turn = dict.fromkeys(KINDS, 0)
        self._queue: list[str] = []
        self._struck = 0

    def due(self, lines: int, odd: int, now: int) -> Strike | None:
        """The strike that begins now, after so many lines, so many of them odd; None while all is to be quiet."""
        begin = QUIET * self._lines
        owed = self._total * (lines - begin) / (self._lines - begin) - odd
        if lines < begin or owed <= 0:
            return None
        if (trouble := self._next(self._total - odd)) is None:
            return None
        size = max(trouble.least, min(MOST, int(self._total / (EACH * max(1, len(self._kinds))))))
        self._struck += 1
        return Strike(self._struck, trouble, size, now)

    def _next(self, room: float) -> Trouble | None:
        """The next kind of the rotation that has room."""
        if not self._queue:
            self._queue = list(self._kinds)
            if self._struck:  # the first time the small ones come first, so that a short log has many kinds
                self._chance.shuffle(self._queue)
        for kind in self._queue:
            trouble = KINDS[kind][self._turn[kind] % len(KINDS[kind])]
            if trouble.least <= room:
                self._queue.remove(kind)
                self._turn[kind] += 1
                return trouble
        self._queue = []
        return None
