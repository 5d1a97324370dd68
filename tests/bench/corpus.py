"""Corpora for the bench: files of realistic lines whose parameters never repeat, the same for the same seed.

Where the tools beside the checkout are (../shared/tools/corpus.py), corpora are made by them from real logs; else by
`write` here, from the formats below. Files are kept in build/bench.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path

from alogd.engine.native import Engine

ROOT = Path(__file__).parent.parent.parent
KEPT = ROOT / "build" / "bench"
SHARED = ROOT.parent / "shared" / "tools" / "corpus.py"
REAL = ("HDFS", "BGL", "OpenSSH", "Spark", "Linux")
SEED = 7
HEAD = 20_000  # lines the slow contestants are given

Line = Callable[[random.Random, datetime], str]


@dataclass(frozen=True)
class Corpus:
    """A file of lines, and its first ones in memory."""

    name: str
    path: Path

    @cached_property
    def lines(self) -> int:
        with self.path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))

    @cached_property
    def head(self) -> list[bytes]:
        """The first HEAD lines."""
        with self.path.open("rb") as file:
            return [line.rstrip(b"\n") for line in islice(file, HEAD)]

    @cached_property
    def messages(self) -> list[str]:
        """What is left of `head` when the engine has cut the headers."""
        reader = Engine()
        reader.feed(b"".join(line + b"\n" for line in self.head))
        return [reader.explain(line).message for line in self.head]

    def first(self, lines: int) -> Corpus:
        """The first lines only, in a file of their own."""
        path = self.path.with_suffix(f".{lines}.log")
        with self.path.open("rb") as file:
            path.write_bytes(b"".join(islice(file, lines)))
        return Corpus(self.name, path)

    @cached_property
    def head_path(self) -> Path:
        """`head` as a file."""
        return self.first(HEAD).path


# What changes from line to line is written <kind>, or <kind N> with so many digits or values.
SSHD = (
    "Failed password for invalid user u<number 1000000> from <ip> port <number 65536> ssh2",
    "Accepted publickey for deploy from <ip> port <number 65536> ssh2: RSA <hex 32>",
    "Connection closed by <ip> [preauth]",
    "pam_unix(sshd:session): session opened for user deploy by (uid=<number 1000>)",
    "Received disconnect from <ip>: 11: disconnected by user",
)
BROKER = (
    "INFO [Log partition=orders-<number 64>] Rolled new log segment at offset <number 1000000000> in <number 90> ms.",
    "INFO Deleting segment file /var/lib/kafka/orders-<number 64>/<number 1000000000>.log (kafka.log.Log)",
    "WARN [ReplicaFetcher replicaId=<number 9>] Connection to node <number 9> (<ip>:9092) could not be established.",
    "INFO [GroupCoordinator <number 9>]: Member consumer-<hex 8> in group billing has left (kafka.coordinator)",
)
ACCESS = (
    '"GET /cart/<number 1000000000> HTTP/1.1" 200 <number 90000> "-" "curl/8.1"',
    '"GET /static/app.<hex 12>.js HTTP/1.1" 304 0 "-" "Mozilla/5.0"',
    '"POST /api/v1/orders?trace=<hex 32> HTTP/1.1" 500 <number 900> "-" "Go-http-client/2.0"',
)
JSON = (
    '"level":"info","msg":"order <number 1000000000> stored in <number 1000000> us","trace":"<hex 32>"',
    '"level":"warn","msg":"queue of worker <number 90> is <number 100000> long","trace":"<hex 32>"',
)
VALUE = re.compile(r"<(\w+)(?: (\d+))?>")


def filled(r: random.Random, texts: tuple[str, ...]) -> str:
    """One of the texts, with fresh values."""

    def value(match: re.Match[str]) -> str:
        kind, size = match[1], int(match[2] or 0)
        if kind == "ip":
            return ".".join(str(r.randrange(256)) for _ in range(4))
        return str(r.randrange(size)) if kind == "number" else f"{r.getrandbits(4 * size):0{size}x}"

    return VALUE.sub(value, r.choice(texts))


def syslog(r: random.Random, now: datetime) -> str:
    stamp = f"{now:%b} {now.day:2d} {now:%H:%M:%S}"
    return f"{stamp} web{r.randrange(20):02d} sshd[{r.randrange(99999)}]: {filled(r, SSHD)}"


def log4j(r: random.Random, now: datetime) -> str:
    return f"[{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d}] {filled(r, BROKER)}"


def access(r: random.Random, now: datetime) -> str:
    return f"{filled(r, ('<ip>',))} - - [{now:%d/%b/%Y:%H:%M:%S} +0000] {filled(r, ACCESS)}"


def json_line(r: random.Random, now: datetime) -> str:
    return f'{{"time":"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06d}Z",{filled(r, JSON)}}}'


def host(r: random.Random, now: datetime) -> str:
    return r.choice((syslog, syslog, syslog, log4j))(r, now)


FORMATS: dict[str, Line] = {"sshd": syslog, "broker": log4j, "access": access, "json": json_line, "host": host}


def write(name: str, path: Path, lines: int) -> None:
    """Lines of a format, five milliseconds apart on average."""
    r = random.Random(f"{SEED} {name}")
    line, now = FORMATS[name], datetime(2026, 11, 3, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as out:
        for _ in range(lines):
            now += timedelta(seconds=r.expovariate(200.0))
            out.write(line(r, now) + "\n")


def corpora(*, count: int, lines: int, say: Callable[[str], None]) -> list[Corpus]:
    """`count` corpora of at least so many lines; made when they are not there yet."""
    KEPT.mkdir(parents=True, exist_ok=True)
    names = (REAL if SHARED.exists() else tuple(FORMATS))[:count]
    made = [Corpus(name, KEPT / f"{name}-{lines}.log") for name in names]
    for corpus in made:
        if not corpus.path.exists():
            say(f"making {corpus.path.relative_to(ROOT)} ...")
            _make(corpus.name, corpus.path, lines)
    return made


def _make(name: str, path: Path, lines: int) -> None:
    part = path.with_suffix(".part")
    if SHARED.exists():
        command = [sys.executable, str(SHARED), name, str(part), str(lines), "0", str(SEED)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        write(name, part, lines)
    part.rename(path)
