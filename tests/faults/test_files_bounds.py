"""F17, F18, F24, F27, F28: what a log can cost: memory, descriptors, watches, looks."""

from __future__ import annotations

from pathlib import Path

from tests.collectors.following import check, follow, held
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter


async def test_f27_few_descriptors(disk: Path, tally: Tally) -> None:
    writers = [LogWriter(disk / f"{i:04}.log", first=1000 * i) for i in range(300)]
    expected = [number for writer in writers for number in writer.write(2)]
    for writer in writers:
        writer.close()
    async with follow(disk, max_open_files=8) as rig:
        for turn in range(3):
            for writer in writers[turn::3]:
                writer.reopen()
                expected += writer.write(1)
                writer.close()
            await rig.advance(12)
            assert len(held(disk)) <= 8
        check(tally, sorted(rig.numbers()), sorted(expected))
