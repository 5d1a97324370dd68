"""Logs of every shape an engine meets, drawn from a seed, for tests that cut and resume."""

from __future__ import annotations

import random

JAVA = """java.lang.IllegalStateException: no lease for {n}
\tat org.example.Lease.renew(Lease.java:{n})
\tat org.example.Main.run(Main.java:7)
Caused by: java.io.IOException: Broken pipe
\t... {n} more"""
PYTHON = """Traceback (most recent call last):
  File "/srv/app.py", line {n}, in run
    x = table[{n}]
KeyError: {n}"""


def syslog(rng: random.Random, n: int) -> str:
    program, pid = rng.choice(["sshd", "cron", "kernel", "app"]), rng.randint(1, 30000)
    said = rng.choice(
        ["session opened for user {u}", "connection from 10.0.0.{n} closed", "EXT4-fs error {n}", "{n} {u}"]
    )
    stamp = f"{rng.choice(['Nov', 'Dec', 'Jan'])} {1 + n % 28:2} {n % 24:02}:{n % 60:02}:07"
    return f"{stamp} host{n % 3} {program}[{pid}]: " + said.format(u=rng.choice(["root", "eve", "ünï"]), n=n)


def log4j(rng: random.Random, n: int) -> str:
    level = rng.choice(["INFO", "WARN", "ERROR"])
    stamp = f"2017-06-0{1 + n % 9} 01:02:{n % 60:02},{n % 1000:03}"
    trace = rng.choice(["", "", "", "\n" + JAVA.format(n=n)])
    return f"[{stamp}] {level} [Log {n % 4}]: rolled to offset {n} (kafka.log.Log)" + trace


def json_line(rng: random.Random, n: int) -> str:
    text = rng.choice(["done", 'say \\"hi\\" \\u00e9 to {n}', "tab\\there"]).replace("{n}", str(n))
    level = rng.choice(["info", "error"])
    return f'{{"time":"2024-01-02T03:04:{n % 60:02}Z","level":"{level}","msg":"{text}","user":"u{n % 5}"}}'


def plain(rng: random.Random, n: int) -> str:
    return rng.choice(
        ["started worker {n}", PYTHON, "panic: boom {n}", "  indented {n}", "", "nothing\x00here", "a\tb"]
    ).format(n=n)


KINDS = [syslog, log4j, json_line, plain]


def log(rng: random.Random, count: int) -> bytes:
    """One source's bytes: mostly of one kind, with other lines, odd endings and lines that are too long."""
    main = rng.choice(KINDS)
    out: list[bytes] = []
    for n in range(count):
        kind = main if rng.random() < 0.9 else rng.choice(KINDS)
        line = kind(rng, n).encode()
        if rng.random() < 0.02:
            line = rng.choice(
                [b"", b"\r", b"   ", b"x" * rng.randint(100, 700), b"\xff\xfe\x80", b"\t" + line, line + b"\r"]
            )
        out.append(line + rng.choice([b"\n", b"\n", b"\n", b"\r\n"]))
    return b"".join(out)[: -rng.choice([0, 0, 1, 2, 9]) or None]


def cuts(rng: random.Random, text: bytes) -> list[bytes]:
    """The text in blocks of random sizes, some empty, some of one byte."""
    blocks, at = [], 0
    size = rng.choice([3, 40, 400, 5000])
    while at < len(text):
        step = rng.choice([0, 1, rng.randint(1, size)])
        blocks.append(text[at : at + step])
        at += step
    return blocks
