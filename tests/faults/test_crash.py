"""C1, C2: killed anywhere, as often as one likes, the daemon ends up as if it had never been."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from alogd.config.load import load_config
from alogd.engine.native import Engine
from alogd.sinks.delivery import BATCH
from alogd.state.crashpoint import POINTS
from alogd.stream import engine_config
from tests.daemon_process import DaemonProcess, log_lines
from tests.faults.conftest import Tally
from tests.faults.crash_runs import KILLED, SEED, begin, check, live_killed, outcome, patient, spoken_on, uninterrupted
from tests.faults.reading_order import check_order, steps_of

LINES = 12_000
KILLED_LINES = 60_000
GRACE = ("50ms", "5s")  # with the one rotated files are closed before the kill, with the other they are not


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The place (an alert's id is made of the path too) and the outcome of a run that nobody disturbs."""
    place = tmp_path_factory.mktemp("crash") / "host"
    found = uninterrupted(place, spoken_on(log_lines(LINES)))
    assert len(found["alerts"]) >= 3
    return place, found


@pytest.mark.parametrize("point", POINTS)
def test_c1_killed_at_every_crash_point(expected: tuple[Path, dict[str, Any]], point: str, tally: Tally) -> None:
    nth = random.Random(POINTS.index(point)).choice((1, 1, 2)) if point != "loaded" else 1
    killed_at(expected, (f"{point}:{nth}",), tally)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_c1_killed_three_times_in_a_row_at_the_same_point(
    expected: tuple[Path, dict[str, Any]], point: str, tally: Tally
) -> None:
    """Each life comes as far as the one before, if it got anywhere at all, and no further."""
    killed_at(expected, (f"{point}:1",) * 3, tally)


def killed_at(expected: tuple[Path, dict[str, Any]], kills: tuple[str, ...], tally: Tally) -> None:
    """A whole log, read in lives that are killed each, and a last one. What a sink is given twice is one batch a life
    at most, and the same alert to the byte."""
    place, undisturbed = expected
    begin(place).write_bytes(b"".join(spoken_on(log_lines(LINES))))
    for where in kills:
        daemon = patient(place)
        daemon.environment["ALOGD_CRASH"] = where
        assert daemon.finish() == KILLED, daemon.said()
        tally.add()
    assert patient(place).finish() == 0
    check(outcome(place), undisturbed)
    given = [json.dumps(one, sort_keys=True) for one in DaemonProcess(place).delivered()]
    assert len(given) - len(undisturbed["delivered"]) <= BATCH * len(kills)
    assert len({*given}) == len(undisturbed["delivered"]), "a repeat differs from what it repeats"
    tally.add(rounds=0, lines=LINES)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_c2_killed_at_random_under_live_writing(expected: tuple[Path, dict[str, Any]], seed: int, tally: Tally) -> None:
    place, undisturbed = expected
    kills = live_killed(place, spoken_on(log_lines(LINES)), seed, least=4)
    assert kills >= 4
    check(outcome(place), undisturbed)
    tally.add(rounds=kills, lines=LINES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_c2_fifty_kills_under_live_writing(tmp_path: Path, seed: int, tally: Tally) -> None:
    place, lines = tmp_path / "host", spoken_on(log_lines(KILLED_LINES, seed))
    undisturbed = uninterrupted(place, lines)
    kills = live_killed(place, lines, seed, longest=12, least=50)
    assert kills >= 50
    check(outcome(place), undisturbed)
    tally.add(rounds=kills, lines=len(lines))


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_c2_killed_at_random_under_live_writing_and_rotation(tmp_path: Path, seed: int, tally: Tally) -> None:
    """Several files, one after the other: every line counts once."""
    kills, rotated = killed_and_rotated(tmp_path / "host", log_lines(30_000, seed), seed, least=4)
    assert kills >= 4
    assert rotated >= 3
    tally.add(rounds=kills, lines=30_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_c2_fifty_kills_under_live_writing_and_rotation(tmp_path: Path, seed: int, tally: Tally) -> None:
    """Rotated at any moment, also several times between two lives, and what was never seen under the log's name."""
    kills, rotated = killed_and_rotated(tmp_path / "host", log_lines(KILLED_LINES, seed), seed, longest=12, least=50)
    assert kills >= 50
    assert rotated >= 50
    tally.add(rounds=kills, lines=KILLED_LINES)


def killed_and_rotated(
    place: Path, lines: list[bytes], seed: int, longest: int = 40, least: int = 1
) -> tuple[int, int]:
    """How often the daemon was killed and the log rotated, after every line was found to count once.

    All it learned is what one run learns that is never interrupted and reads the same files in the same order.
    """
    uninterrupted(place, lines)
    expected = counts(place)
    kills = live_killed(place, lines, seed, rotate=shift, longest=longest, least=least, rotate_grace=GRACE[seed % 2])
    assert counts(place) == expected
    with pytest.MonkeyPatch.context() as here:
        here.setenv("ALOGD_HASH_SEED", SEED)
        check_order(place, steps_of(place / "order"))
    return kills, len(list((place / "logs").iterdir())) - 1


def counts(place: Path) -> list[tuple[str, int]]:
    """Templates and how many lines each had."""
    config = load_config(place / "alogd.yaml")
    engine = Engine.load(outcome(place)["engine"], engine_config(config.streams[0], config.alerts))
    return sorted((template.text, template.count) for template in engine.templates())


def shift(log: Path) -> None:
    """a.log.2 -> a.log.3, a.log.1 -> a.log.2, a.log -> a.log.1"""
    number = 1
    while log.with_name(f"{log.name}.{number}").exists():
        number += 1
    for n in range(number, 1, -1):
        log.with_name(f"{log.name}.{n - 1}").rename(log.with_name(f"{log.name}.{n}"))
    log.rename(log.with_name(f"{log.name}.1"))
