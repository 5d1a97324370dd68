"""The kinds of incident in a labelled log, each of the demo's or one that needs more than added lines.

An incident acts on the world second by second until it has written as many lines as it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from alogd.demo.incidents import INCIDENTS
from alogd.offline.synth.journeys import Writer, disordered, request_id

if TYPE_CHECKING:
    from alogd.offline.synth.world import World

SLOW = 3.0  # times as long as usual from which a request is part of a latency drift
SLOWEST = 12.0
LONGEST = 900  # seconds
SILENT = ("web", "api", "worker")  # services whose silence shows soon, whatever the hour

Act = Callable[["World", "Strike"], Iterator[Writer]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of incident; act(world, strike) gives what is written in one second because of it."""

    kind: str
    what: str
    least: int  # lines without which it would not be what it is
    act: Act


@dataclass(slots=True)
class Strike:
    """One incident as it happens."""

    number: int
    trouble: Trouble
    size: int  # lines it may write
    began: int  # seconds since 1970
    second: int = 0  # since then
    written: int = 0  # lines it has written
    first_line: int = 0
    last_line: int = 0
    last_second: int = 0
    what: str = ""

    @property
    def is_over(self) -> bool:
        """It wrote its lines, or there was nobody to write them."""
        return self.written >= self.size or self.second >= LONGEST

    @property
    def share(self) -> float:
        """How much of it is over, 0-1."""
        return min(1.0, self.written / self.size)


def _added(lines: Callable[..., Iterator[Writer]], pause: int = 1) -> Act:
    """An incident of the demo, which only adds lines."""

    def act(world: World, strike: Strike) -> Iterator[Writer]:
        if strike.second % pause == 0:
            yield from lines(world.shop, strike.second // pause)

    return act


def _silence(world: World, strike: Strike) -> Iterator[Writer]:
    """A service says nothing; what the others say meanwhile is what shows it."""
    if not world.muted:
        present = [name for name in SILENT if name in world.services] or sorted(world.services)
        name = present[world.shop.number(0, len(present) - 1)]
        world.muted, world.shown_by_all = frozenset((name,)), True
        strike.what = f"{name} falls silent"
    yield from ()


def _order(world: World, strike: Strike) -> Iterator[Writer]:
    if strike.second % 2 == 0:
        world.set_out(disordered(world.shop), strike)
    yield from ()


def _drift(world: World, strike: Strike) -> Iterator[Writer]:
    """Everything takes longer and longer, until queries are slow enough to be logged and the front gives up."""
    world.slow = 1.0 + (SLOWEST - 1.0) * max(strike.share, min(0.5, strike.second / 120))
    shop = world.shop
    if shop.random.random() < world.slow / 6:
        yield partial(shop.slow_query, "orders", f"{int(300 * world.slow)}.{shop.number(0, 999):03d}")
    if world.slow > 0.8 * SLOWEST and shop.number(0, 2) == 0:
        yield partial(shop.web, "POST", "/checkout", 504, 167, f" request_id={request_id(shop)}")


def _crash(world: World, strike: Strike) -> Iterator[Writer]:
    """The database is killed; what needs it fails, until it is back."""
    shop = world.shop
    yield from _OUT_OF_MEMORY(shop, strike.second)
    if strike.second < 2:
        return
    world.muted = frozenset(("database",))
    tag = f"request_id={request_id(shop)}"
    failed = "could not get a connection from the pool: timeout after 3000 ms"
    yield partial(shop.app, "ERROR", f"http-{shop.number(1, 16)}", "c.s.db.Pool", f"{failed} {tag}")
    yield partial(shop.web, "POST", "/checkout", 502, 157, f" {tag}")
    if shop.number(0, 1):
        yield partial(shop.worker, "warn", "job failed, will be retried", f"queue=payment {tag} attempt=1")


def _of(kind: str, least: int, pause: int = 1) -> tuple[Trouble, ...]:
    found = [one for one in INCIDENTS if one.kind == kind]
    return tuple(Trouble(kind, one.what, least, _added(one.lines, pause)) for one in found)


_OUT_OF_MEMORY = next(one.lines for one in INCIDENTS if one.kind == "crash")
# A rotation for each kind: the first that fits is taken, the next time the one after it.
KINDS: dict[str, tuple[Trouble, ...]] = {
    "new_template": _of("new_template", 4),
    "order_violation": (Trouble("order_violation", "payments and orders come in a wrong order", 8, _order),),
    "crash": (Trouble("crash", "the kernel kills the database, and what needs it fails", 20, _crash),),
    "latency_drift": (Trouble("latency_drift", "queries become slower and slower", 24, _drift),),
    "burst": _of("burst", 40),
    "silence": (Trouble("silence", "a service falls silent", 60, _silence),),
}
