"""Lines that try the masks: pieces of everything a mask looks at, put together at random."""

from __future__ import annotations

import random
from collections.abc import Iterator

TEXTS = [
    "1", "2", "12", "123", "999", "0", "00", "0x", "0X1f", "deadbe1f", "DEAD12", "a", "f", "ff", "AB", "x", "g",
    "e", "E",
    ".", ":", "::", "-", "+", "_", "/", "\\", "\\\\", ",", " ", " ", "  ", "\t", "[", "]", "(", ")", "{", "}", "<", ">",
    '"', "'", "=", "pid=", "PID:", 'pid":', "sshd[", "10.0.0.1", "1.2.3.4:80", "/10.1.2.3/8", "fe80", "::1", "ab:cd",
    "00:11:22:33:44:55", "aa-bb-cc-dd-ee-ff", "%eth0", "%", "http://", "a1+b.c://", "C:\\", "c:", "/dev/", "/dev",
    "/usr/", "/a", "b/", "eth0", "tty", "ttyS0", "sda", "xvda1", "nvme0n1", "p2", "en", "enp3s0", "f1", "wlo1", "dm-",
    "pts/", "mmcblk0", "com:", "www.", "foo.", ".c:", "main.c:12", "example.org:80", "a.b.cn:", ".py:", "local:1",
    "550e8400-e29b-41d4-a716-446655440000", "8400", "-e29b", "00000000", "12345678", "1e-05", "1E+", "1,2", "1, 2",
    "[1 2", "-5", "2005-07-15", "10:05:25", "1.5", "K", "MB", "<NUM>", "<*>", "br", "ib", "sr", "vcsa", "svc", "~", "$",
    "*", "@", "!", "#", "?", "&", "^", "`", "|", ";", "x" * 17, "1" * 11, "a" * 40, "é", "ß", "😀",
    "\u00a0", "\u2003", "\u3000", "\u0085", "\u2028", "\u1680", "\u200b", "\u0661", "²", "①", "\U0001d7ce",
    "\x1c", "\x0b", "\x00", "\x7f",
]  # fmt: skip
BROKEN = [
    b"\xe2\x80",
    b"\xc2",
    b"\xf0\x9d\x9f",
    b"\xed\xa0\x80",
    b"\xc0\xa0",
    b"\xe0\x80\xa0",
    b"\xff",
    b"\x80",
    b"\xf8",
]
PIECES = [text.encode() for text in TEXTS] + BROKEN
DELIMITERS = ["_", ":", "=", "é", "--", " a", "x:", ": ", "\u00a0", "1"]


def lines(seed: int, count: int) -> Iterator[bytes]:
    """Lines without a newline, up to some hundred bytes, some of random bytes only."""
    choose = random.Random(seed)
    for _ in range(count):
        size = choose.choice((1, 2, 3, 4, 6, 8, 12, 30))
        if choose.random() < 0.1:
            line = choose.randbytes(3 * size)
        else:
            pool = PIECES[:48] if choose.random() < 0.3 else PIECES
            line = b"".join(choose.choice(pool) for _ in range(size))
        yield (b"x" * choose.randrange(70) * (choose.random() < 0.2) + line).replace(b"\n", b"")
