"""How far several replays of one log agree: what most of them find at the same time is taken for real."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from alogd.event import Alert


class Agreement(NamedTuple):
    """How one replay's alerts compare with what most replays found."""

    common: int  # its alerts at whose time most replays have one too
    lone: int  # its other alerts
    missed: int  # the most alerts of one other replay that most have and this one has not

    @property
    def score(self) -> float:
        """F1 of what is common, 0-1; 0 for a replay without alerts that missed some, 1 where there is nothing."""
        found = 2 * self.common + self.lone + self.missed
        return 2 * self.common / found if found else 1.0


class _Times:
    """One replay's alerts by the time they cover."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        ordered = sorted((alert.opened_ns, alert.updated_ns) for alert in alerts)
        self._opened = [opened for opened, _ in ordered]
        self._latest: list[int] = []  # end of the longest of all up to this one
        for _, updated in ordered:
            self._latest.append(max(updated, self._latest[-1] if self._latest else updated))

    def covers(self, alert: Alert) -> bool:
        """Whether any overlaps this one."""
        before = bisect_right(self._opened, alert.updated_ns)
        return before > 0 and self._latest[before - 1] >= alert.opened_ns


def agreements(found: Sequence[Sequence[Alert]]) -> list[Agreement]:
    """One for each replay's alerts, which are those of one stream."""
    times = [_Times(alerts) for alerts in found]
    voters = [[[one.covers(alert) for one in times] for alert in alerts] for alerts in found]
    real = [[votes for votes in each if 2 * sum(votes) > len(found)] for each in voters]
    return [
        Agreement(
            len(real[i]),
            len(voters[i]) - len(real[i]),
            max((sum(not votes[i] for votes in each) for each in real), default=0),
        )
        for i in range(len(found))
    ]
