"""Change notices from the kernel: what they find without the clock moving, and what happens where there are none."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from alogd.collectors import watch
from alogd.collectors.file import BURST
from tests.collectors.rig import Rig
from tests.log_writer import LogWriter

ROOT = Path(__file__).parents[2]


def follow(place: Path, pattern: str = "**", **options: Any) -> Rig:
    return Rig("file", {"include": [str(place / pattern)], "gather": 0, **options})


async def read(rig: Rig, count: int) -> None:
    await rig.when(lambda: len(rig.numbers()) >= count)
    assert sorted(rig.numbers()) == list(range(count))


async def test_changes_are_noticed_without_polling(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place) as rig:
        for turn in range(1, 4):
            writer.write()
            await read(rig, turn)


async def test_new_directories_and_files_are_noticed(place: Path) -> None:
    async with follow(place) as rig:
        (place / "new" / "deeper").mkdir(parents=True)
        LogWriter(place / "new" / "deeper" / "a.log").write(2)
        await read(rig, 2)


async def test_rotation_is_noticed(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place) as rig:
        for turn in range(1, 6):
            writer.write(2)
            writer.rotate()
            await read(rig, 2 * turn)


async def test_a_directory_that_comes_again_is_watched_again(place: Path) -> None:
    logs = place / "logs"
    logs.mkdir()
    LogWriter(logs / "a.log").write()
    async with follow(logs, "*.log") as rig:
        await read(rig, 1)
        shutil.rmtree(logs)
        await rig.advance(30)
        logs.mkdir()
        await rig.advance(30)
        writer = LogWriter(logs / "a.log", first=1)
        writer.write()
        await read(rig, 2)
        writer.write()
        await read(rig, 3)


async def test_a_root_that_is_a_link(place: Path) -> None:
    (place / "real").mkdir()
    os.symlink("real", place / "logs")
    writer = LogWriter(place / "logs" / "a.log")
    async with follow(place / "logs", "*.log") as rig:
        writer.write()
        await read(rig, 1)


async def test_more_changes_than_can_be_held(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_NAMES", 1)
    writers = [LogWriter(place / f"{i}.log", first=i) for i in range(6)]
    async with follow(place) as rig:
        for writer in writers:
            writer.write()
        await read(rig, 6)


async def test_a_few_lines_are_read_as_they_come(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place, gather=0.5) as rig:
        for turn in range(1, 11):
            writer.write()
            await read(rig, turn)


async def test_a_trickle_that_goes_on_is_gathered(place: Path) -> None:
    writer = LogWriter(place / "a.log")
    async with follow(place, gather=0.5) as rig:
        for turn in range(1, int(BURST) + 2):
            writer.write()
            await read(rig, turn)
        await rig.settle()
        writer.write()
        await rig.settle()
        assert len(rig.numbers()) == BURST + 1
        await rig.advance(0.5)
        await read(rig, int(BURST) + 2)


@pytest.mark.parametrize("way", ["poll", "overflow"])
async def test_quiet_files_are_looked_at_in_every_poll_where_notices_are_wanting(
    place: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """What is written through another name of a file, in a directory nobody watches, no notice tells of."""
    logs, elsewhere = place / "logs", place / "elsewhere"
    logs.mkdir()
    elsewhere.mkdir()
    if way == "overflow":
        monkeypatch.setattr(watch, "MAX_NAMES", 1)
    writers = [LogWriter(logs / f"{i}.log", first=i) for i in range(6)]
    os.link(logs / "0.log", elsewhere / "0.log")
    hidden = LogWriter(elsewhere / "0.log", first=6)
    async with follow(logs, watch="poll" if way == "poll" else "auto") as rig:
        for writer in writers:
            writer.write()
        if way == "overflow":
            await rig.when(lambda: bool(rig.notes("polling")))
        await rig.advance(120)  # long after the last change
        await read(rig, 6)
        hidden.write()
        await rig.advance(1)
        await read(rig, 7)
