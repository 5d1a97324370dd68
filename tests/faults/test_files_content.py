"""F14, F15, F17-F21, F24: what stands in a log: torn, endless, empty, binary."""

from __future__ import annotations

import os
from pathlib import Path

from alogd.collectors.base import Opened
from tests.collectors.following import check, follow
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter, numbers


async def test_f14_handed_out_once(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.partial()
    async with follow(disk) as rig:
        await rig.advance(3)
        writer.finish()
        await rig.advance(1)
        check(tally, rig.numbers(), [0])


async def test_f15_resumes_at_what_was_acted_upon(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(7)
    writer.partial()
    async with follow(disk) as rig:
        positions = rig.positions()
    writer.finish()
    writer.write(3)
    async with follow(disk, positions, start="end") as rig:
        check(tally, rig.numbers(), list(range(7, 11)))
        assert rig.of(Opened)[0].resumed
        assert rig.open == [positions[0]["source"]]


async def test_f18_a_hole_at_the_beginning_is_skipped(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    os.ftruncate(writer.fd, 1 << 30)
    writer.write(5)
    async with follow(disk) as rig:
        assert numbers(next(iter(rig.text.values())).lstrip(b"\0")) == list(range(5))
        assert rig.of(Opened)[0].offset >= (1 << 30) - 4096
        assert len(rig.notes("hole")) == 1
