"""What goes wrong in the demo: each incident says in plain words what it is, and writes its lines into the shop's logs.

Only things a log shows. An incident writes while the shop goes on writing its usual lines around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from alogd.demo.shop import Line, Shop

Writer = Callable[[], Line]

_TRACE = """\
java.lang.NullPointerException: Cannot invoke "c.s.tax.Rate.percent()" because "rate" is null
\tat c.s.tax.TaxService.of(TaxService.java:88)
\tat c.s.checkout.Checkout.total(Checkout.java:214)
\tat c.s.checkout.Checkout.place(Checkout.java:97)
\tat c.s.web.OrderController.post(OrderController.java:51)"""


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that goes wrong for `seconds` of log time."""

    what: str
    seconds: int
    lines: Callable[[Shop, int], Iterator[Writer]]  # shop, second since it began -> what it writes then
    kind: str  # as labelled logs name it: new_template, burst, crash, latency


def _exception(shop: Shop, second: int) -> Iterator[Writer]:
    if second % 6 == 0:
        message = f"order {shop.number(500_000, 599_999)} could not be placed\n{_TRACE}"
        yield partial(shop.app, "ERROR", f"http-{shop.number(1, 16)}", "c.s.checkout.Checkout", message)


def _guessing(shop: Shop, _: int) -> Iterator[Writer]:
    for _ in range(4):
        message = f"login of user {shop.number(1000, 9999)} from 203.0.113.77 failed: wrong password"
        yield partial(shop.app, "WARN ", f"http-{shop.number(1, 16)}", "c.s.account.Login", message)


def _out_of_memory(shop: Shop, second: int) -> Iterator[Writer]:
    if second == 0:
        victim = f"Killed process {shop.number(2000, 9000)} (postgres)"
        yield partial(shop.system, "kernel", "postgres invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=0")
        yield partial(shop.system, "kernel", "Mem-Info:")
        yield partial(shop.system, "kernel", "active_anon:1894221 inactive_anon:101203 isolated_anon:0")
        yield partial(shop.system, "kernel", f"Out of memory: {victim} total-vm:9180412kB, anon-rss:7580116kB")
    if second == 1:
        killed = f"server process (PID {shop.number(2000, 9000)}) was terminated by signal 9: Killed"
        yield partial(shop.database, "LOG", killed)
        yield partial(shop.database, "LOG", "all server processes terminated; reinitializing")
    if second in (2, 3, 4):
        refused = "FATAL: the database system is in recovery mode"
        yield partial(shop.database, "FATAL", "the database system is in recovery mode")
        yield partial(shop.app, "ERROR", f"http-{shop.number(1, 16)}", "c.s.db.Pool", f"no connection: {refused}")


def _scanner(shop: Shop, second: int) -> Iterator[Writer]:
    if second % 2 == 0:  # TLS spoken to the plain port; nginx writes such bytes as escapes
        yield partial(shop.garbage, "\\x16\\x03\\x01", "198.51.100.9")


def _retries(shop: Shop, second: int) -> Iterator[Writer]:
    fields = f"queue=email id={shop.number(10**6, 10**7)}"
    attempt = f"{fields} attempt={shop.number(1, 5)}"
    yield partial(shop.worker, "warn", "job failed, will be retried", attempt)
    if second % 3 == 0:
        yield partial(shop.worker, "error", "giving up: smtp.example.net: connection timed out", fields)


def _slow(shop: Shop, _: int) -> Iterator[Writer]:
    for _ in range(2):
        yield partial(shop.slow_query, "orders", f"{shop.number(4000, 9000)}.{shop.number(0, 999):03d}")


def _disk(shop: Shop, second: int) -> Iterator[Writer]:
    if second % 4 == 0:
        file = f"base/16384/{shop.number(2000, 9999)}"
        yield partial(shop.database, "ERROR", f'could not extend file "{file}": No space left on device')
        yield partial(shop.database, "HINT", "Check free disk space.")


# In the order they are injected; neighbours strike different logs, as real trouble rarely waits in line.
INCIDENTS = (
    Incident("a release brings a new exception into the checkout", 150, _exception, "new_template"),
    Incident("a scanner sends garbage to the web server", 90, _scanner, "new_template"),
    Incident("the kernel kills PostgreSQL: out of memory", 8, _out_of_memory, "crash"),
    Incident("the mail server is gone, the worker retries", 150, _retries, "burst"),
    Incident("someone guesses passwords", 120, _guessing, "burst"),
    Incident("queries turn slow", 150, _slow, "latency"),
    Incident("the database's disk is full", 120, _disk, "new_template"),
)
