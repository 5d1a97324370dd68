"""C2 with several sources a stream: whatever order they were read in, the state is that of one run in this order."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from alogd.config.load import load_config
from alogd.engine.native import Engine
from alogd.stream import engine_config
from tests.daemon_process import log_lines
from tests.faults.conftest import Tally
from tests.faults.crash_runs import SEED, Grower, begin, committed, patient, pause
from tests.faults.reading_order import check_order, repeated, steps_of

SOURCES = ("a", "b", "c")


@pytest.mark.parametrize(
    ("seed", "lines", "least"),
    [(1, 6_000, 4), *(pytest.param(seed, 60_000, 50, marks=pytest.mark.slow) for seed in (3,))],
)
def test_c2_several_sources_killed_at_random(
    tmp_path: Path, seed: int, lines: int, least: int, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALOGD_HASH_SEED", SEED)
    place = tmp_path / "host"
    kills = killed(place, lines, seed, least)
    assert kills >= least
    steps = steps_of(place / "order")
    assert turns(steps) > len(SOURCES) * kills / 2, "they were not read by turns"
    parts, alerts = check_order(place, steps)
    assert counted(place, parts["engine"]) == lines
    assert alerts
    in_turn = sorted(steps, key=lambda step: step["source"] if step["did"] == "feed" else 0)  # opened, and read whole
    assert repeated(place, [step for step in in_turn if step["did"] in ("open", "feed")])[0]["judge"] != parts["judge"]
    tally.add(rounds=kills, lines=lines)


def killed(place: Path, lines: int, seed: int, least: int) -> int:
    """All logs grow by turns while the daemon is started and killed, `least` times or more; how often it was."""
    begin(place)
    chance = random.Random(seed)
    every = log_lines(lines, seed)
    growers = [
        Grower(place / f"logs/{name}.log", every[number :: len(SOURCES)], seed + number, None)
        for number, name in enumerate(SOURCES)
    ]
    share, kills = sum(one.left for one in growers) // (least + least // 10 + 1), 0  # a life takes a piece more
    while left := sum(one.left for one in growers):
        daemon, last = patient(place).start(), committed(place)
        looks = chance.randrange(1, 12)
        while looks or committed(place) == last:
            if (now := sum(one.left for one in growers)) > left - share:
                chance.choice(growers).grow()
            pause(daemon)
            looks -= bool(looks)
            if not now:
                break
        daemon.kill()
        kills += 1
    assert patient(place).finish() == 0
    return kills


def turns(steps: list[dict[str, object]]) -> int:
    """How often another source was read than before."""
    read = [step["source"] for step in steps if step["did"] == "feed"]
    return sum(one != other for one, other in pairwise(read))


def counted(place: Path, engine: bytes) -> int:
    """Lines that were counted."""
    config = load_config(place / "alogd.yaml")
    known = Engine.load(engine, engine_config(config.streams[0], config.alerts))
    return sum(template.count for template in known.templates())
