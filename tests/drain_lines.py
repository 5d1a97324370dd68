"""Lines and settings for comparing the engine with drain3.Drain, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from alogd.engine.settings import EngineConfig

WORDS = [
    "open", "close", "session", "user", "root", "from", "error:", "failed", "a", "b", "of", "to", "block*", "<*>", "*",
    "<", "<>",
    "<NUM>", "connection", "reset", "x=1", "k=v", "a::b", "_", "päivä", "日本語", "ошибка", "naïve",
    "\x00", "\x7f", "e\u0301",
    "0", "7", "12", "blk_-1", "eth0", "1.5", "٣", "७", "²", "①", "Ⅷ", "５", "-", "--", "=", ":", "|", ",",
]  # fmt: skip
SPACES = [
    " ",
    "  ",
    "\t",
    " \t ",
    "\u3000",
    "\xa0",
    "\u2028",
    "\x1c",
    "\x85",
    "\x0b",
    "\r",
    "\u1680",
    "\u200b",
    "\u180e",
]
DELIMITERS = [(), (), ("=",), ("_", ":"), (":", "::"), ("::", ":"), ("ä",), ("<*>",), (", ", "="), ("ab", "b"), ("日",)]


def settings(rng: random.Random) -> EngineConfig:
    """Settings drawn at random, of an engine that takes lines as they are."""
    return EngineConfig(
        depth=rng.randint(3, 6),
        sim_th=rng.choice([0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, round(rng.uniform(0.3, 0.9), 3), 1 / 3, 0.0, 1.0]),
        max_children=rng.choice([2, 3, 4, 5, 8, 10, 20, 100, 1]),
        max_clusters=rng.choice([None, None, 1, 2, 3, 10, 50, 200, 1000]),
        extra_delimiters=rng.choice(DELIMITERS),
        parametrize_numeric_tokens=rng.random() < 0.7,
        masks=(),
        header=None,
        multiline=False,
        keep_empty=True,
        seed=rng.getrandbits(64),
    )


def lines(rng: random.Random, count: int) -> Iterator[bytes]:
    """Lines from a few patterns with varying tokens, among them noise, empty lines and odd white space."""
    words = rng.sample(WORDS, rng.randint(2, len(WORDS))) + [_word(rng) for _ in range(rng.choice([0, 5, 50, 500]))]
    patterns = [[rng.choice(words) for _ in range(_length(rng))] for _ in range(rng.choice([1, 3, 10, 40, 200]))]
    vary, noise, odd_space = (
        rng.choice([0.02, 0.1, 0.3, 0.6]),
        rng.choice([0.0, 0.02, 0.2]),
        rng.choice([0.0, 0.01, 0.2]),
    )
    for _ in range(count):
        tokens = rng.choice(patterns)
        if rng.random() < noise:
            tokens = [rng.choice(words) for _ in range(_length(rng))]
        tokens = [rng.choice(words) if rng.random() < vary else token for token in tokens]
        space = rng.choice(SPACES) if rng.random() < odd_space else " "
        yield _broken(rng, space.join(tokens).encode())


def _length(rng: random.Random) -> int:
    return rng.choice([0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 17, 30])


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghij0123456789_-") for _ in range(rng.randint(1, 20)))


def _broken(rng: random.Random, line: bytes) -> bytes:
    """Now and then with bytes that are not UTF-8."""
    if rng.random() > 0.01 or not line:
        return line
    at = rng.randrange(len(line))
    return (
        line[:at]
        + rng.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe3\x80", b"\x80"])
        + line[at:]
    )
