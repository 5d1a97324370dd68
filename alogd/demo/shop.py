"""The logs of a small web shop, second by second of log time: nginx, an application, a worker, PostgreSQL, a host.

Seeded: the same seed and clock give the same lines. Nothing here is odd; incidents are added by incidents.py, for the
demo, and by alogd/offline/synth, which makes labelled logs of any size.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple


class Line(NamedTuple):
    """One record (a stack trace is one record of several lines) for one of the shop's files."""

    file: str
    text: str


FILES = ("access.log", "app.log", "worker.log", "postgresql.log", "syslog")

_PAGES = ("/", "/cart", "/checkout", "/search?q=shoes", "/static/app.js", "/static/site.css", "/api/stock", "/account")
_WEIGHTS = (20, 8, 3, 14, 25, 18, 9, 3)
_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4)", "kube-probe/1.29")
_QUEUES = ("email", "invoice", "thumbnail", "stock-sync")
_TABLES = ("orders", "items", "customers", "sessions")


class Shop:
    """What the shop writes when all is well."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - for show, not for secrets
        self.load = 1.0  # of customers; what a clock starts comes regardless
        self._second = -1
        self._millisecond = 0
        self._stamps: dict[str, str] = {}
        self._regular: tuple[tuple[float, Callable[[], Line]], ...] = (
            (3.2, self._request),
            (1.6, self._application),
            (0.05, self._login_failed),
            (0.02, self._declined),
            (1.0, self._job),
            (0.02, self._retried),
            (0.5, self._connection),
            (0.08, self._slow_query),
            (0.05, self._session),
        )
        self._timed: tuple[tuple[int, int, Callable[[], Line]], ...] = (
            (10, 0, self.heartbeat),
            (60, 0, self._cron),
            (300, 17, lambda: self.database("LOG", "checkpoint starting: time")),
            (300, 44, self._checkpoint),
            (900, 58, self._vacuum),
            (900, 43, lambda: self.system("systemd", "Starting logrotate.service - Rotate log files...", pid=1)),
            (900, 44, lambda: self.system("systemd", "Finished logrotate.service - Rotate log files.", pid=1)),
        )

    def at(self, second: int, odd: Iterable[Callable[[], Line]] = ()) -> list[tuple[Line, bool]]:
        """The lines of one second of log time (seconds since 1970), `odd` ones strewn among them and marked."""
        self._clock(second)
        usual = [write for rate, write in self._regular for _ in range(self.poisson(rate * self.load))]
        usual += [write for every, offset, write in self._timed if second % every == offset]
        self.random.shuffle(usual)
        strange = list(odd)
        places = [False] * len(usual) + [True] * len(strange)
        self.random.shuffle(places)
        lines = []
        for index, is_odd in enumerate(places):
            self._millisecond = 1000 * index // len(places)
            lines.append(((strange.pop(0) if is_odd else usual.pop())(), is_odd))
        return lines

    def _clock(self, second: int) -> None:
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            self._second = second
            self._stamps = {
                "clf": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "plain": moment.strftime("%Y-%m-%d %H:%M:%S"),
                "iso": moment.strftime("%Y-%m-%dT%H:%M:%S"),
                "syslog": moment.strftime("%b ") + f"{moment.day:2d}" + moment.strftime(" %H:%M:%S"),
            }

    # The five writers, also used by incidents

    def web(self, method: str, page: str, status: int, size: int, more: str = "") -> Line:
        """nginx, combined format, and whatever is logged behind it."""
        who, agent = f"{self.address()} - - [{self._stamps['clf']}]", self.random.choice(_AGENTS)
        return Line("access.log", f'{who} "{method} {page} HTTP/1.1" {status} {size} "-" "{agent}"{more}')

    def garbage(self, request: str, address: str) -> Line:
        """nginx, of a request that is none."""
        return Line("access.log", f'{address} - - [{self._stamps["clf"]}] "{request}" 400 157 "-" "-"')

    def app(self, level: str, thread: str, logger: str, message: str) -> Line:
        """The application, as logback writes it."""
        stamp = f"{self._stamps['plain']},{self._millisecond:03d}"
        return Line("app.log", f"{stamp} {level} [{thread}] {logger} - {message}")

    def worker(self, level: str, message: str, fields: str) -> Line:
        """The queue worker, logfmt."""
        stamp = f"{self._stamps['iso']}.{self._millisecond:03d}Z"
        return Line("worker.log", f'time={stamp} level={level} msg="{message}" {fields}')

    def database(self, level: str, message: str) -> Line:
        """PostgreSQL."""
        return Line(
            "postgresql.log",
            f"{self._stamps['plain']}.{self._millisecond:03d} UTC [{self.number(900, 999)}] {level}:  {message}",
        )

    def system(self, program: str, message: str, pid: int | None = None) -> Line:
        """The host's syslog."""
        tag = program if program == "kernel" else f"{program}[{pid or self.number(1000, 30000)}]"
        return Line("syslog", f"{self._stamps['syslog']} shop-1 {tag}: {message}")

    # Everyday lines

    def _request(self) -> Line:
        page = self.random.choices(_PAGES, _WEIGHTS)[0]
        status = 304 if page.startswith("/static") and self.number(0, 2) else 404 if self.number(0, 60) == 0 else 200
        return self.web("POST" if page == "/checkout" else "GET", page, status, self.number(120, 60_000))

    def _application(self) -> Line:
        user, order, thread = self.number(1000, 9999), self.number(500_000, 599_999), f"http-{self.number(1, 16)}"
        logger, message = self.random.choice(
            (
                (
                    "c.s.catalog.Search",
                    f"search for 'shoes' gave {self.number(0, 300)} hits in {self.number(2, 40)} ms",
                ),
                (
                    "c.s.catalog.Search",
                    f"search for 'jacket' gave {self.number(0, 300)} hits in {self.number(2, 40)} ms",
                ),
                ("c.s.cart.CartService", f"item {self.number(1, 5000)} added to cart of user {user}"),
                ("c.s.cart.CartService", f"item {self.number(1, 5000)} removed from cart of user {user}"),
                ("c.s.checkout.Checkout", f"order {order} placed by user {user}, total {self.number(5, 400)}.90 EUR"),
                ("c.s.checkout.Payment", f"payment of order {order} authorised in {self.number(80, 400)} ms"),
                ("c.s.account.Login", f"user {user} logged in from {self.address()}"),
                ("c.s.account.Login", f"session of user {user} expired"),
            )
        )
        return self.app("INFO ", thread, logger, message)

    def _login_failed(self) -> Line:
        message = f"login of user {self.number(1000, 9999)} from {self.address()} failed: wrong password"
        return self.app("WARN ", f"http-{self.number(1, 16)}", "c.s.account.Login", message)

    def _declined(self) -> Line:
        message = f"payment of order {self.number(500_000, 599_999)} declined by issuer, code {self.number(10, 60)}"
        return self.app("ERROR", f"http-{self.number(1, 16)}", "c.s.checkout.Payment", message)

    def _job(self) -> Line:
        queue = self.random.choice(_QUEUES)
        return self.worker(
            "info", "job done", f"queue={queue} id={self.number(10**6, 10**7)} took_ms={self.number(3, 900)}"
        )

    def _retried(self) -> Line:
        queue = self.random.choice(_QUEUES)
        return self.worker(
            "warn", "job failed, will be retried", f"queue={queue} id={self.number(10**6, 10**7)} attempt=1"
        )

    def _connection(self) -> Line:
        if self.number(0, 1):
            return self.database("LOG", "connection authorized: user=shop database=shop application_name=app")
        seconds = f"0:{self.number(0, 9):02d}:{self.number(0, 59):02d}.{self.number(0, 999):03d}"
        return self.database(
            "LOG", f"disconnection: session time: {seconds} user=shop database=shop host={self.address()}"
        )

    def _slow_query(self) -> Line:
        table, took = self.random.choice(_TABLES), f"{self.number(200, 900)}.{self.number(0, 999):03d}"
        return self.slow_query(table, took)

    def slow_query(self, table: str, took: str) -> Line:
        """A query that took long."""
        where = f"WHERE id = {self.number(1, 10**6)}"
        return self.database("LOG", f"duration: {took} ms  statement: SELECT * FROM {table} {where}")  # noqa: S608

    def heartbeat(self) -> Line:
        """What the application says every ten seconds."""
        return self.app(
            "INFO ", "scheduler-1", "c.s.stock.StockSync", f"stock synchronised, {self.number(80, 900)} items"
        )

    def _cron(self) -> Line:
        return self.system("CRON", f"(www-data) CMD (/usr/bin/php /srv/shop/cron.php --slot {self.number(1, 9)})")

    def _checkpoint(self) -> Line:
        share = f"{self.number(1, 9)}.{self.number(0, 9)}%"
        return self.database("LOG", f"checkpoint complete: wrote {self.number(40, 900)} buffers ({share})")

    def _vacuum(self) -> Line:
        table = self.random.choice(_TABLES)
        return self.database(
            "LOG", f'automatic vacuum of table "shop.public.{table}": index scans: {self.number(0, 2)}'
        )

    def _session(self) -> Line:
        return self.system(
            "sshd", f"Accepted publickey for deploy from {self.address()} port {self.number(30000, 60000)} ssh2"
        )

    def address(self) -> str:
        """One of the shop's customers."""
        return f"10.{self.number(0, 40)}.{self.number(0, 255)}.{self.number(1, 254)}"

    def number(self, low: int, high: int) -> int:
        """Between the two, both included."""
        return low + int(self.random.random() * (high - low + 1))

    def poisson(self, rate: float) -> int:
        """How often something happens that does so `rate` times on average."""
        count, left = 0, self.random.expovariate(rate)
        while left < 1.0:
            count += 1
            left += self.random.expovariate(rate)
        return count
