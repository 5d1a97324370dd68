"""Leaves with many clusters: found through postings, the cluster is the one a scan finds, and Drain3's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

import pytest

from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from tests.bench import hostile
from tests.test_drain_exact import compare, drain_of


def crowd(rng: random.Random, count: int) -> Iterator[bytes]:
    """Lines that gather in few leaves: one of two first words, two lengths, words out of a few or of many."""
    size = rng.choice([1, 2, 3, 5, 8, 12, 17])
    words = [f"w{'abcdefghij'[n % 10]}{n // 10:x}x" for n in range(rng.choice([3, 10, 40, 300, 3000]))]
    kept: list[list[str]] = []
    for _ in range(count):
        if kept and rng.random() < 0.4:
            tokens = [rng.choice(words) if rng.random() < 0.3 else token for token in rng.choice(kept)]
        else:
            tokens = [rng.choice(words) for _ in range(size + rng.randrange(2))]
            kept.append(tokens)
        if rng.random() < 0.9:
            tokens[0] = "7" if rng.random() < 0.5 else "first"
        yield " ".join(tokens).encode()


def crowded(rng: random.Random) -> EngineConfig:
    return EngineConfig(
        depth=rng.choice([3, 4, 5]),
        sim_th=rng.choice([0.2, 0.4, 0.5, 0.7, 0.9, 1.0]),
        max_children=rng.choice([2, 100]),
        max_clusters=rng.choice([None, 20, 40, 300]),
        parametrize_numeric_tokens=rng.random() < 0.7,
        masks=(),
        header=None,
        multiline=False,
        keep_empty=True,
        seed=rng.getrandbits(64),
    )


@pytest.mark.parametrize("seed", range(24))
def test_large_leaves_are_those_of_drain3(seed: int) -> None:
    rng = random.Random(seed)
    config = crowded(rng)
    assert compare(Engine(config), drain_of(config), crowd(rng, 1500)) == 1500


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 300))
def test_large_leaves_at_length(seed: int) -> None:
    rng = random.Random(seed)
    config = crowded(rng)
    assert compare(Engine(config), drain_of(config), crowd(rng, 4000)) == 4000


@pytest.mark.parametrize("name", hostile.CASES)
@pytest.mark.parametrize("clusters", [None, 500])
def test_hostile_lines_find_what_a_scan_finds(name: str, clusters: int | None) -> None:
    """`explain` scans the leaf, `feed` asks the postings."""
    engine = Engine(EngineConfig(masks=(), header=None, multiline=False, seed=1, max_clusters=clusters))
    kept: list[bytes] = []
    for line in islice(lines_of(name), 4000):
        kept.append(line)
        for text in (line, kept[len(kept) * 7 // 11]):
            expected = engine._raw.explain(text, 0)[9]
            batch = engine.feed(text + b"\n")
            assert expected == (0 if batch.is_new[0] else batch.slot[0])


def lines_of(name: str) -> Iterator[bytes]:
    case = hostile.CASES[name]
    return (line for block in case(4000, hostile.SEED) for line in block.splitlines())


def few_words(rng: random.Random, count: int, size: int) -> Iterator[bytes]:
    """Lines of words so few that each stands in very many clusters: the leaf comes to hold pairs as keys. Some places
    have one word nearly always, and some lines repeat an earlier one but for a few words."""
    words = [f"{letter}{other}" for letter in "abcdefghijklmnop" for other in "abcdefgh"][: rng.choice([12, 40, 128])]
    common = {place: rng.choice(words) for place in rng.sample(range(size), size // 3)}
    kept: list[list[str]] = []
    for _ in range(count):
        tokens = [common[i] if i in common and rng.random() < 0.8 else rng.choice(words) for i in range(size)]
        if kept and rng.random() < 0.3:
            changed = rng.sample(range(size), rng.randrange(size + 1))
            tokens = [rng.choice(words) if i in changed else token for i, token in enumerate(rng.choice(kept))]
        kept.append(tokens)
        yield " ".join(["first", *tokens]).encode()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 18])
@pytest.mark.parametrize("sim_th", [0.25, 0.4, 0.75])
def test_leaves_of_few_words_are_those_of_drain3(size: int, sim_th: float) -> None:
    rng = random.Random(f"{size} {sim_th}")
    config = EngineConfig(
        sim_th=sim_th,
        max_clusters=rng.choice([None, 150]),
        masks=(),
        header=None,
        multiline=False,
        seed=rng.getrandbits(64),
    )
    assert compare(Engine(config), drain_of(config), few_words(rng, 1200, size)) == 1200
