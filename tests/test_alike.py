"""Messages that differ in their digits alone are answered from memory; the answer must be what masking would give."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from alogd.engine.native import Engine, EngineConfig
from alogd.reference.engine import Drain3Engine
from tests.bench.hostile import sentence

# Where a digit, its being 0, or the length of its run decides what a mask finds.
TOKENS = (
    "0x1f", "1x1f", "00x1f", "00001234", "a0000000", "12345678", "x00000000y", "0000000a", "deadbeef01", "10.0.0.1:80",
    "1.2.3.4.5", "/10.0.0.1:50010", "12:34:56:78:90:12", "00-11-22-33-44-55", "12345678-1234-1234-1234-123456789012",
    "1:2:3:4:5:6:7:8", "::1", "fe80::1%2", "main.c:52", "db.example.org:5432", "pid=1234", "name[77]", "eth0", "sda1",
    "/var/log/x1", "/dev/sda1", "C:\\x1", "http://h1/2", "[0, 1, 2]", "(1 2)", "-5", "+0.5", "1e-05", "1,234", "126MB",
    "blk_-1608999687919862906", "2005-07-15", "10:05:25", "attempt_14_m_02", "word", "x", "\u0664\u0662", "\xe9t\xe91",
)  # fmt: skip


def mutated(line: str, chance: random.Random) -> str:
    """Other digits in the same places; zeros are frequent."""
    return re.sub("[0-9]", lambda _: chance.choice("0001123456789"), line)


def lines_of(seed: int) -> bytes:
    chance = random.Random(seed)
    shapes = [" ".join(chance.choices(TOKENS, k=chance.randrange(1, 7))) for _ in range(60)]
    return "".join(mutated(chance.choice(shapes), chance) + "\n" for _ in range(3000)).encode()


def told(engine: Any, data: bytes) -> tuple[list[int], list[tuple[int, str, int]]]:
    batch = engine.feed(data)
    return batch.template_id.tolist(), [(t.id, t.text, t.count) for t in engine.templates()]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_clusters": 20},
        {"masks": ("ip", "hex")},
        {"masks": ()},
        {"extra_delimiters": ("_", "=")},
        {"extra_delimiters": ("0",)},  # tells digits apart
        {"user_masks": (("ODD", "[a-z]+[13579]"),)},  # does too
        {"user_masks": (("WORD", "[a-z]+[0-9]+"),)},
    ],
    ids=str,
)
def test_the_same_templates_as_masking_each(settings: dict[str, Any]) -> None:
    for seed in range(3):
        config = EngineConfig(header=None, multiline=False, **settings)
        data = lines_of(seed)
        assert told(Engine(config), data) == told(Drain3Engine(config), data)


def test_the_same_when_nothing_comes_again_for_long() -> None:
    """What is remembered is then left alone for some ten thousand messages, and tried anew."""
    chance = random.Random(5)
    noise = "".join(sentence(chance, 5) + "\n" for _ in range(20_000)).encode()
    data = lines_of(1) + noise + lines_of(2) + noise[::-1] + lines_of(3)
    config = EngineConfig(header=None, multiline=False, max_clusters=500, seed=1)
    apart = EngineConfig(header=None, multiline=False, max_clusters=500, seed=1, user_masks=(("NONE", "\x01[13]\x01"),))
    assert told(Engine(config), data) == told(Engine(apart), data)
