"""F30: random histories of {write, torn write, rename, copytruncate, truncate, delete, symbolic link swapped,
permission change, restart, kill} against a model. A failure names its seed: it is the same history every time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.collectors.following import NOBODY, unprivileged
from tests.faults.conftest import Tally
from tests.faults.file_model import History

PARTS = 4
HISTORIES = 160  # by `make test`
MANY = 2_000  # by CI
MOST = 5_000  # by `make soak`


@pytest.mark.parametrize("part", range(PARTS))
async def test_f30_every_line_is_read_once(disk: Path, tally: Tally, part: int) -> None:
    await live_through(disk, tally, range(part, HISTORIES, PARTS))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
async def test_f30_every_line_is_read_once_again_and_again(disk: Path, tally: Tally, part: int) -> None:
    await live_through(disk, tally, range(HISTORIES + part, MANY, PARTS))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
async def test_f30_every_line_is_read_once_in_thousands_of_histories(disk: Path, tally: Tally, part: int) -> None:
    await live_through(disk, tally, range(MANY + part, MOST, PARTS))


async def live_through(disk: Path, tally: Tally, seeds: range) -> None:
    """As a user whom permissions mean something to, where the checkout can be entered by others than root."""
    os.chmod(disk, 0o755)
    if os.geteuid() == 0:
        os.chown(disk, NOBODY, NOBODY)
    with unprivileged():
        entered = os.access(disk, os.W_OK, effective_ids=True)
        if entered:
            await histories(disk, tally, seeds)
    if not entered:
        await histories(disk, tally, seeds)


async def histories(disk: Path, tally: Tally, seeds: range) -> None:
    for seed in seeds:
        place = disk / str(seed)
        place.mkdir()
        history = History(place, seed)
        try:
            tally.add(lines=await history.run())
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            for log in history.logs:
                log.writer.close()
            shutil.rmtree(place)
