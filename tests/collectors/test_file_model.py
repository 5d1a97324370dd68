"""Random histories of a log against a model that fits in a sentence: every line that was written is read, once.

What may lose lines by its nature (truncating or deleting what was not read yet) is done only when all is read.
"""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.rig import Rig
from tests.log_writer import LogWriter, numbers

HISTORIES = 300
STEPS = 14


class History:
    """One log, one collector that is stopped and started, and what was acted upon so far."""

    def __init__(self, place: Path, random: random.Random) -> None:
        self.place = place
        self.random = random
        self.writer = LogWriter(place / "a.log")
        self.positions: list[dict[str, Any]] = []
        self.acted: list[int] = []
        self.torn = False  # the last line is unfinished
        self.told: list[str] = []

    async def run(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            rig = Rig("file", {"include": [str(self.place / "*.log")], "watch": "poll", "gather": 0}, self.positions)
            async with rig:
                for _ in range(STEPS):
                    await self.step(rig)
                await rig.advance(3)
                self.stop(rig)
            self.while_down()
        async with Rig("file", {"include": [str(self.place / "*.log")], "watch": "poll"}, self.positions) as rig:
            self.finish()
            await rig.advance(30)
            self.stop(rig)
        assert sorted(self.acted) == list(range(self.writer.next)), self.told

    async def step(self, rig: Rig) -> None:
        choices = [self.write, self.write, self.write, self.partial, self.finish, self.rotate, self.rotate_late]
        gentle = [self.copytruncate, self.truncate, self.regrow, self.recreate]
        action = self.random.choice([*choices, *gentle])
        self.told.append(action.__name__)
        if action in gentle:
            self.finish()
            await rig.advance(13)
        action()
        if self.random.random() < 0.5:
            self.told.append("wait")
            await rig.advance(self.random.choice([1, 1, 3, 15]))

    def stop(self, rig: Rig) -> None:
        """A checkpoint: what an engine would have acted upon, and where it would resume."""
        self.told.append("stop")
        self.positions = rig.positions()
        for source, text in rig.text.items():
            whole = text[: text.rfind(b"\n") + 1] if source in rig.open else text
            self.acted += numbers(whole)

    def while_down(self) -> None:
        if self.random.random() < 0.5:
            self.write()
        if self.random.random() < 0.5:  # once: what is rotated twice while down is beyond reach
            self.rotate()
        self.write()

    def write(self) -> None:
        self.finish()
        self.writer.write(self.random.choice([1, 2, 30]))

    def partial(self) -> None:
        if not self.torn:
            self.writer.partial()
            self.torn = True

    def finish(self) -> None:
        if self.torn:
            self.writer.finish()
            self.torn = False

    def rotate(self) -> None:
        self.finish()
        self.writer.rotate(keep=40)

    def rotate_late(self) -> None:
        """The service goes on writing to the renamed file for a while."""
        self.finish()
        number = 40
        while number > 0:
            old = self.place / (f"a.log.{number - 1}" if number > 1 else "a.log")
            if old.exists():
                old.rename(self.place / f"a.log.{number}")
            number -= 1
        self.write()
        self.writer.reopen()

    def copytruncate(self) -> None:
        self.writer.copytruncate()

    def truncate(self) -> None:
        self.writer.truncate()

    def regrow(self) -> None:
        self.writer.truncate()
        self.writer.write(200)

    def recreate(self) -> None:
        self.writer.unlink()
        self.writer.reopen()
        self.write()


@pytest.mark.parametrize("part", range(6))
async def test_every_line_is_read_once(place: Path, part: int) -> None:
    for seed in range(part, HISTORIES, 6):
        here = place / str(seed)
        here.mkdir()
        history = History(here, random.Random(seed))
        try:
            await history.run()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        finally:
            history.writer.close()
            shutil.rmtree(here)
