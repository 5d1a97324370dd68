"""E10: the C engine makes of every log what plain Python does, and knows the same afterwards."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from alogd.reference.engine import Drain3Engine
from tests.engine_logs import cuts, log
from tests.faults.conftest import Tally
from tests.test_engine_fallback import assert_same, assert_same_knowledge
from tests.test_engine_feed import RULES, config, rows


def both_after(rng: random.Random, lines: int) -> tuple[Engine, Drain3Engine, bytes]:
    """Both engines, found the same after a log that was cut at random."""
    options, text = config(rng), log(rng, lines)
    ours, theirs = Engine(options), Drain3Engine(options)
    blocks = cuts(rng, text)
    assert_same([*map(ours.feed, blocks), ours.flush()], [*map(theirs.feed, blocks), theirs.flush()])
    assert_same_knowledge(ours, theirs)
    return ours, theirs, text


@pytest.mark.parametrize("seed", range(24))
def test_e10_the_same_records_and_knowledge(seed: int, tally: Tally) -> None:
    ours, theirs, text = both_after(random.Random(3000 + seed), 200)
    options = ours.config
    for line in text.splitlines()[:20]:
        mine, other = ours.explain(line), theirs.explain(line)
        for name in mine.__dataclass_fields__:
            if name == "masked" and options.max_tokens == 4:  # the C engine masks no further than it reads
                assert other.masked.startswith(mine.masked)
            elif name not in ("key_hash", "rule"):
                assert getattr(mine, name) == getattr(other, name), (name, line)
    tally.add(lines=text.count(b"\n"))


@pytest.mark.parametrize("seed", range(10))
def test_e10_the_reference_resumes_as_the_engine_does(seed: int, tally: Tally) -> None:
    rng = random.Random(4000 + seed)
    options, text = config(rng), log(rng, 200)
    straight = Drain3Engine(options)
    expected = rows([straight.feed(text), straight.flush()])
    engine, seen, at = Drain3Engine(options), [], 0
    while at < len(text):
        step = rng.randint(1, rng.choice([5, 300, 3000]))
        seen += rows([engine.feed(text[at : at + step])])
        at += step
        if rng.random() < 0.2:
            engine = Drain3Engine.load(engine.save(), options)
            at = engine.consumed()
    assert [*seen, *rows([engine.flush()])] == expected
    assert engine.save() == straight.save()
    tally.add(lines=text.count(b"\n"))


@pytest.mark.parametrize("name", ["elastic/auth.log.gz", "linux/linux_quiet.log.gz", "elastic/nginx_json.log.gz"])
def test_e10_real_logs(data: Path, name: str, tally: Tally) -> None:
    with gzip.open(data / name) as file:
        text = file.read(150_000)
    options = EngineConfig(seed=1, key="program", severity_rules=RULES, max_clusters=100)
    ours, theirs = Engine(options), Drain3Engine(options)
    assert_same([ours.feed(text), ours.flush()], [theirs.feed(text), theirs.flush()])
    assert_same_knowledge(ours, theirs)
    tally.add(lines=text.count(b"\n"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_e10_the_same_records_at_length(seed: int, tally: Tally) -> None:
    _, _, text = both_after(random.Random(9000 + seed), 2000)
    tally.add(lines=text.count(b"\n"))
