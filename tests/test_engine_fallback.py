"""The plain Python engine and the C engine make the same of every log, and know the same of what they learned."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig, engine_class
from alogd.event import Batch
from alogd.reference.engine import Drain3Engine
from tests.engine_logs import log
from tests.test_engine_feed import RULES

COLUMNS = ("offset", "length", "timestamp_ns", "severity", "template_id", "slot", "is_new")


def assert_same(ours: list[Batch], theirs: list[Batch]) -> None:
    for name in COLUMNS:
        a = np.concatenate([getattr(batch, name) for batch in ours])
        b = np.concatenate([getattr(batch, name) for batch in theirs])
        assert a.tolist() == b.tolist(), name
        assert a.dtype == b.dtype
    keys = [np.concatenate([batch.key for batch in batches]).tolist() for batches in (ours, theirs)]
    pairs = set(zip(*keys, strict=True))
    assert len(pairs) == len(set(keys[0])) == len(set(keys[1]))
    assert all((a == 0) == (b == 0) for a, b in pairs)


def assert_same_knowledge(ours: Engine, theirs: Drain3Engine) -> None:
    assert {**ours.counters(), "memory": 0} == theirs.counters()
    assert ours.templates() == theirs.templates()
    for slot in range(1, 30):
        assert ours.template(slot) == theirs.template(slot)
        assert ours.first_text(slot) == theirs.first_text(slot)
        assert ours.nearest_older(slot) == theirs.nearest_older(slot)
        assert ours.nearest(slot) == theirs.nearest(slot)


@pytest.mark.parametrize("clusters", [None, 10])
def test_they_take_over_from_each_other(tmp_path: Path, clusters: int | None) -> None:
    rng = random.Random(6)
    options = EngineConfig(seed=1, max_clusters=clusters, severity_rules=RULES)
    first, rest = log(rng, 200), log(rng, 200)
    ours, theirs = Engine(options), Drain3Engine(options)
    ours.feed(first)
    ours.flush()
    ours.save_drain3(tmp_path / "state")
    theirs.load_drain3(tmp_path / "state")
    ours.load_drain3(tmp_path / "state")
    assert_same([ours.feed(rest), ours.flush()], [theirs.feed(rest), theirs.flush()])
    theirs.save_drain3(tmp_path / "state", compressed=True)
    ours.load_drain3(tmp_path / "state")
    assert ours.templates() == theirs.templates()


def test_damage_and_other_settings_are_refused() -> None:
    engine = Drain3Engine(EngineConfig(depth=5))
    engine.feed(b"a b c\n")
    data = engine.save()
    with pytest.raises(ValueError, match="depth"):
        Drain3Engine.load(data, EngineConfig())
    for at in (0, 9, 20, len(data) - 1):
        with pytest.raises(ValueError, match="damaged"):
            Drain3Engine.load(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], engine.config)


def test_chosen_by_name() -> None:
    assert engine_class("c") is Engine
    assert engine_class("drain3") is Drain3Engine
