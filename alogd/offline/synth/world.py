"""The shop with its customers' requests and what goes wrong in it, one second of log time after another.

Everything is drawn from the shop's own chance, so the seed decides every byte. What is under way is bounded: a
request ends within seconds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass

from alogd.demo.shop import Line
from alogd.offline.synth.faces import FORMATS, NAMES, service
from alogd.offline.synth.journeys import Step, Writer, order, visit
from alogd.offline.synth.trouble import SLOW, Strike

NATURAL = 9.3  # lines a second at load 1: the shop's own and those of the requests below
VISITS, ORDERS = 0.4, 0.15  # a second at load 1
WEEKEND = 0.6  # of a working day's customers
MEAN = (5 + 2 * WEEKEND) / 7
PEAK_HOUR, SWING = 14, 0.75


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is asked for."""

    lines: int
    anomaly_rate: float  # share of lines that belong to incidents
    seed: int
    start: int  # seconds since 1970
    rate: float = 2.0  # lines a second, over a week's mean
    form: str = "one"  # see FORMATS
    services: tuple[str, ...] = NAMES


def load(second: int) -> float:
    """Of customers, by hour of the day and day of the week; 1 over a week's mean."""
    hour, day = second % 86_400 / 3600, (second // 86_400 + 3) % 7  # 1970 began on a Thursday
    return (1 + SWING * math.cos((hour - PEAK_HOUR) / 12 * math.pi)) * (WEEKEND if day >= 5 else 1.0) / MEAN


class World:
    """What is written, and because of which incident."""

    def __init__(self, chosen: Chosen) -> None:
        self.shop = FORMATS[chosen.form](chosen.seed)
        self.services = frozenset(chosen.services)
        self.now = chosen.start
        self.strike: Strike | None = None
        self._rate = chosen.rate / NATURAL
        self._due: list[tuple[float, int, Writer, Strike | None]] = []
        self._sent = 0
        self.calm()

    def calm(self) -> None:
        """Nothing is wrong any more."""
        self.strike = None
        self.muted: frozenset[str] = frozenset()
        self.slow = 1.0
        self.shown_by_all = False  # every line written now belongs to the incident

    def set_out(self, steps: list[Step], strike: Strike | None) -> None:
        """A request begins within this second."""
        at = self.now + self.shop.random.random()
        for delay, writer in steps:
            self._sent += 1
            heapq.heappush(self._due, (at + delay, self._sent, writer, strike))

    def second(self) -> Iterator[tuple[Line, Strike | None]]:
        """The lines of this second; then the clock goes on."""
        self.shop.load = load(self.now) * self._rate
        strike = self.strike
        odd: list[tuple[Writer, Strike | None]] = (
            [(writer, strike) for writer in strike.trouble.act(self, strike)] if strike else []
        )
        self._customers(strike)
        while self._due and self._due[0][0] < self.now + 1:
            _, _, writer, cause = heapq.heappop(self._due)
            odd.append((writer, cause))
        causes = iter([cause for _, cause in odd])
        for line, is_added in self.shop.at(self.now, [writer for writer, _ in odd]):
            cause = next(causes) if is_added else None
            name = service(line)
            if name not in self.services or (cause is None and name in self.muted):
                continue
            yield line, strike if self.shown_by_all else cause
        self.now += 1
        if strike:
            strike.second += 1

    def _customers(self, strike: Strike | None) -> None:
        cause = strike if self.slow > SLOW else None
        for kind, rate in ((visit, VISITS), (order, ORDERS)):
            for _ in range(self.shop.poisson(rate * self.shop.load)):
                self.set_out(kind(self.shop, self.slow), cause)
