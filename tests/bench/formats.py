"""The same messages in other formats, so that what a format costs is all that differs; access lines have their own."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tests.bench.corpus import SEED, access

Wrap = Callable[[str, datetime], str]

TRACE = (
    "java.lang.IllegalStateException: connection is closed",
    "\tat com.shop.store.Pool.take(Pool.java:{})",
    "\tat com.shop.store.Orders.insert(Orders.java:{})",
    "\tat com.shop.api.OrderResource.create(OrderResource.java:{})",
    "\tat java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:{})",
    "\tat java.base/java.lang.Thread.run(Thread.java:{})",
    "Caused by: java.net.SocketException: Broken pipe",
    "\tat java.base/sun.nio.ch.NioSocketImpl.implWrite(NioSocketImpl.java:{})",
    "\t... {} more",
)
TRACED = 5  # one record in so many carries a trace


def plain(message: str, now: datetime) -> str:
    return f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d} INFO {message}"


def json_line(message: str, now: datetime) -> str:
    return json.dumps({"time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06d}Z", "level": "info", "msg": message})


def logfmt(message: str, now: datetime) -> str:
    text = message.replace("\\", "\\\\").replace('"', '\\"')
    return f'time={now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06d}Z level=info msg="{text}"'


def syslog(message: str, now: datetime) -> str:
    return f"{now:%b} {now.day:2d} {now:%H:%M:%S} web01 app[{1000 + now.second}]: {message}"


FORMATS: dict[str, Wrap] = {"JSON lines": json_line, "logfmt": logfmt, "syslog": syslog}


def wrapped(messages: Sequence[str], wrap: Wrap) -> bytes:
    """Every message as a line, five milliseconds apart."""
    return _joined(wrap(message, now) for message, now in zip(messages, _moments(), strict=False))


def traces(messages: Sequence[str]) -> bytes:
    """Plain lines, one in TRACED followed by a stack trace: most lines belong to the record before them."""
    r = random.Random(SEED)

    def lines() -> Iterator[str]:
        for number, (message, now) in enumerate(zip(messages, _moments(), strict=False)):
            yield plain(message, now)
            if number % TRACED == 0:
                yield from (line.format(r.randrange(2000)) for line in TRACE)

    return _joined(lines())


def clf(count: int) -> bytes:
    """Lines of an access log."""
    r = random.Random(SEED)
    return _joined(access(r, now) for now, _ in zip(_moments(), range(count), strict=False))


def _moments() -> Iterator[datetime]:
    now = datetime(2026, 11, 3, tzinfo=UTC)
    while True:
        now += timedelta(milliseconds=5)
        yield now


def _joined(lines: Iterator[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode("utf-8", "backslashreplace")
