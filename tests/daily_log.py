"""Days of a quiet host's log with a job that runs at 04:02 every night, and whatever is put into it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime

START = 1_790_035_200  # 2026-09-22T00:00:00Z, log time of the first line
DAY, EVERY = 86_400, 6  # seconds
JOB = 4 * 3600 + 2 * 60  # seconds after midnight

USUAL = (
    "app[311]: request {n} done in {ms} ms",
    "app[311]: cache hit for item {n}",
    "app[312]: request {n} done in {ms} ms",
    "cron[99]: session opened for user backup",
    "sshd[77]: keepalive from 10.0.0.{b} answered",
)
NIGHTLY = (
    "logrotate[{p}]: rotating pattern /var/log/app/{b}.log after 1 days",
    "logrotate[{p}]: renaming old file to archive number {n}",
    "logrotate[{p}]: running postrotate script",
    "app[311]: received signal 1, reopening log files",
    "logrotate[{p}]: error: stat of /var/log/app/{b}.old failed: no such file",
)
TROUBLE = (
    "app[311]: ERROR cannot reach database at 10.0.0.9: connection refused",
    "app[312]: ERROR giving up on order {n} after 5 attempts",
    "app[311]: WARN queue is full, dropping {n} messages",
)


def daily_log(
    days: int, *, skip: tuple[int, ...] = (), more: Mapping[float, tuple[str, ...]] | None = None, seed: int = 1
) -> bytes:
    """A line every few seconds; the job at 04:02 (a few seconds off), but on the days in `skip`. more: by seconds since
    the beginning, lines that come thirty times each, a second apart."""
    chance, lines = random.Random(seed), []
    bursts = {day * DAY + JOB + chance.uniform(-40, 40): NIGHTLY for day in range(days) if day not in skip}
    for begin, texts in [*bursts.items(), *(more or {}).items()]:
        lines += [(begin + at, text) for at, text in enumerate(texts * (6 if texts is NIGHTLY else 30))]
    lines += [(second, chance.choice(USUAL)) for second in range(0, days * DAY, EVERY)]
    return b"".join(_line(second, text, chance) for second, text in sorted(lines))


def _line(second: float, text: str, chance: random.Random) -> bytes:
    when = datetime.fromtimestamp(START + int(second), UTC).isoformat()
    numbers = {
        "n": chance.randrange(10**6),
        "ms": chance.randrange(1, 400),
        "b": chance.randrange(1, 9),
        "p": chance.randrange(999),
    }
    return f"{when} web1 {text.format(**numbers)}\n".encode()
