"""A header that was read before is compared, not read; what is found must be what a reader finds in each line."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from tests.header_rows import read

STAMPS = {
    "log4j": ("081109 203615", "17/06/09 20:10:40", "2026-01-02 03:04:05,678", "2026-01-02T03:04:05.123456Z",
              "2026-01-02 03:04:05", "2026-01-02T03:04:05+02:00", "20260102  3:04:05"),
    "rfc3164": ("Jan  2 03:04:05", "Dec 10 06:55:46", "Jan 2 03:04:05"),
}  # fmt: skip
HEADERS = {
    "log4j": (" 148 INFO dfs.DataNode$PacketResponder: ", " INFO storage.MemoryStore: ", " 13 WARN a.b - ",
              " INFO  a.b [r 1] ", " ERROR x ", " 7 DEBUG a.b: ", " INFO a.b ", " INFO word: ", " INFO a.b\tx ",
              " INFO java.io.IOException: ", " FATAL UTC [1] ", " INFO a::b: ", " INFO a:b:c ", " 1 2 INFO a.b: ",
              ", INFO a.b  ", " UTC INFO a.b: ", " -0100 INFO a.b: ", " INFO [main] a.b: ",
              " 12345678901234567890123 INFO a.b: "),
    "rfc3164": (" LabSZ sshd[24200]: ", " host prog: ", " host su(pam_unix)[12]: ", " h kernel: ",
                " host-1 syslogd 1.4.1: ",
                " host -- root[2421]: ", " sshd[12]: ", " LAB [12]: ", " host p[1a]: ", ": host p[1]:", " host word ",
                " CST [123] p: ", " h 12[3]: ", " host.example.org a/b[1]:  "),
}  # fmt: skip
MESSAGES = (
    "x",
    "",
    " ",
    "[ 1.5] x",
    "b: c",
    ": c",
    "c.d: e",
    "- f",
    "[t 9] g",
    "1 2 3",
    "INFO a.b: x",
    "word two \r",
    "(a.b)",
)
PIECES = " \t:[]-,.0x\r\xe9"


def changed(line: str, chance: random.Random) -> str:
    """Other digits in other numbers, and now and then a byte that was not there."""
    line = re.sub("[0-9]", lambda _: chance.choice("0123456789"), line) if chance.random() < 0.2 else line
    if chance.random() < 0.5:
        line = re.sub(
            r"(?<= )[0-9]+(?= [A-Z])|(?<=\[)[0-9]+",
            lambda _: str(chance.randrange(10 ** chance.randrange(1, 23))),
            line,
        )
    if chance.random() < 0.3:
        at = chance.randrange(len(line) + 1)
        line = line[:at] + chance.choice((chance.choice(PIECES), "")) + line[at + chance.randrange(2) :]
    return line if chance.random() < 0.95 else line[: chance.randrange(len(line) + 1)]


def lines_of(kind: str, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    stamp = chance.choice(STAMPS[kind])
    lines = []
    for _ in range(2500):
        if chance.random() < 0.2:
            stamp = stamp[:-2] + chance.choice(("00", "07", "59", "60", "5")) if stamp[-1].isdigit() else stamp
        if chance.random() < 0.01:
            stamp = chance.choice(STAMPS[kind])
        line = stamp + chance.choice(HEADERS[kind]) + chance.choice(MESSAGES)
        lines.append(changed(line, chance).encode("latin-1"))
    return lines


@pytest.mark.parametrize("kind", STAMPS)
@pytest.mark.parametrize("as_told", [False, True])
def test_the_same_as_reading_each(kind: str, as_told: bool) -> None:
    for seed in range(6):
        read(lines_of(kind, seed), kind if as_told else "auto", offset_s=3600)


def test_a_year_goes_over_as_ever() -> None:
    """Stamps that are known by their clock alone leave month and year to those that are read."""
    lines = [
        f"{day} 23:59:{s:02} host prog[{s}]: x" for day in ("Dec 30", "Dec 31", "Jan  1", "Jan  2") for s in range(60)
    ]
    rows = read([line.encode() for line in lines], year=2025)
    assert {row.year for row in rows[:120]} == {2025}
    assert {row.year for row in rows[120:]} == {2026}
    assert all(a.time is not None and b.time is not None and a.time < b.time for a, b in pairwise(rows))


def test_hosts_that_never_come_again_and_some_that_do() -> None:
    """Learning rests after some thousand headers that nothing was spared by, and begins anew later."""
    chance = random.Random(1)
    known = [f"Jan  2 03:04:05 host{n} prog[{n}]: x" for n in range(9)]
    lines = [
        chance.choice(known) if number % 7 == 0 else f"Jan  2 03:04:05 h{chance.getrandbits(40)} prog[1]: x"
        for number in range(5000)
    ]
    read([line.encode() for line in lines])
