"""Random histories of two logs, and the model they are held against: which lines a collector has to read, once each.

The model knows contents, not files: a content begins when a log is made, truncated or swapped, and ends when something
else stands under the log's name. All of its lines have to be read, unless what held them was destroyed before they
could be: then they are loose, and may be read once or not at all. Nothing is read twice.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alogd.collectors.base import Closed
from alogd.collectors.followed import Identity, identify
from tests.collectors.following import follow
from tests.collectors.rig import Rig
from tests.log_writer import LogWriter, numbers

STEPS = 14
KEPT = 60  # rotated files; more than a history makes


@dataclass(eq=False)
class Content:
    """What stood under a log's name for a while."""

    read_as: Identity  # of the log's file
    lies_in: Identity | None  # the file that has it now: the log's, or its copy; None: destroyed
    lines: list[int] = field(default_factory=list)
    current: bool = True
    known: bool = False  # a saved position speaks of it


def identity_of(path: Path) -> Identity:
    """Of any file, also one that was forbidden to its owner."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    fd = os.open(path, os.O_RDONLY)
    path.chmod(mode & 0o777)
    try:
        return identify(fd)
    finally:
        os.close(fd)


class Log:
    """One log and its contents."""

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        self.writer = LogWriter(path, first)
        self.contents: list[Content] = []
        self.torn = False
        self.begin()

    @property
    def now(self) -> Content:
        return self.contents[-1]

    def begin(self) -> None:
        """Another content is under the name from now on."""
        for content in self.contents:
            content.current = False
        here = identify(self.writer.fd)
        self.contents.append(Content(here, here))

    def write(self, count: int) -> None:
        self.finish()
        self.now.lines += self.writer.write(count)

    def partial(self) -> None:
        if not self.torn:
            self.writer.partial()
            self.torn = True

    def finish(self) -> None:
        if self.torn:
            self.now.lines.append(self.writer.next)
            self.writer.finish()
            self.torn = False


class History:
    """Two logs (the second a symbolic link), a collector with many lives, and what was acted upon."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place = place
        self.random = random.Random(seed)
        (place / "real").mkdir()
        (place / "b.log").symlink_to("real/0")
        self.logs = [Log(place / "a.log", 0), Log(place / "b.log", 1_000_000)]
        self.targets = 0
        self.rig: Rig | None = None  # None: down
        self.positions: list[dict[str, Any]] = []
        self.before: list[int] = []  # acted upon in earlier lives
        self.acted: list[int] = []  # ... as of the last checkpoint
        self.loose: set[int] = set()
        self.told: list[str] = []

    async def run(self) -> int:
        """Lives it through. Returns the number of lines."""
        for _ in range(self.random.randint(1, 4)):
            await self.live()
            for _ in range(self.random.randint(0, 3)):
                await self.step()
            self.after_the_fall()
        for log in self.logs:
            log.finish()
        for path in self.place.rglob("*.log*"):
            path.chmod(0o644)
        async with follow(self.place, self.positions) as self.rig:
            await self.rig.advance(130, step=5)  # the longest back-off, twice
            self.checkpoint()
        self.compare()
        return sum(len(content.lines) for log in self.logs for content in log.contents)

    async def live(self) -> None:
        """One life of the collector; it ends in order, or as if killed: with the last checkpoint."""
        async with follow(self.place, self.positions) as self.rig:
            for _ in range(STEPS):
                await self.step()
                if self.random.random() < 0.2:
                    self.checkpoint()
            if self.chance("killed", "stopped") == "stopped":
                self.checkpoint()
        self.rig = None
        self.before = list(self.acted)

    def chance(self, *choices: str) -> str:
        self.told.append(self.random.choice(choices))
        return self.told[-1]

    async def step(self) -> None:
        a, b = self.logs
        log = self.random.choice(self.logs)
        often: list[tuple[Callable[[Log], None], Log]] = [(self.write, log)] * 4 + [(self.tear, log)]
        rare = (self.rotate, self.rotate_late, self.copytruncate, self.delete, self.truncate, self.regrow)
        on_a = [(action, a) for action in rare]
        either = [(self.swap, b), (self.truncate, b), (self.regrow, b), (self.forbid, log), (self.permit, log)]
        action, log = self.random.choice([*often, *on_a, *either])
        self.told.append(f"{action.__name__} {log.path.name}")
        action(log)
        if self.rig is not None and self.random.random() < 0.6:
            seconds = self.random.choice([1, 1, 3, 15])
            self.told.append(f"{seconds} s")
            await self.rig.advance(seconds)

    # What the daemon does

    def checkpoint(self) -> None:
        assert self.rig is not None
        rig, given = self.rig, self.positions
        gone = {event.source for event in rig.of(Closed)}
        kept = [one for one in given if "ended" not in one and one["source"] not in {*rig.begins, *gone}]
        ended = [*(one for one in given if "ended" in one), *rig.ends()]
        self.positions = [*rig.positions(), *kept, *ended]
        self.acted = list(self.before)
        for text in rig.text.values():
            read = whole(text)
            assert read == sorted(read), "out of order"
            self.acted += read
        saved = {(one["inode"], one["generation"]) for one in self.positions if "ended" not in one}
        for log in self.logs:
            for content in log.contents:
                acted = content.lines[-1] in self.acted if content.lines else not content.current
                content.known = acted or (content.current and content.read_as[1:] in saved) or self.followed(content)

    def after_the_fall(self) -> None:
        """What was not acted upon is found again under its name, or by a position; else it is loose."""
        there = {identity_of(path) for path in self.place.rglob("*") if path.is_file()}
        for log in self.logs:
            for content in log.contents:
                found = content.known and content.lies_in in there and content.read_as in there
                if content.lies_in != content.read_as:  # a copy is known by the 64 bytes that were read last
                    found = found and len({*content.lines} & {*self.acted}) >= 4
                if not (content.current or found):
                    self.loose |= {*content.lines} - {*self.acted}

    def followed(self, content: Content) -> bool:
        """Whether the collector has a source whose bytes are this content's."""
        if self.rig is None:
            return False
        begun = "{:x}-{:x}-{:x}-".format(*content.read_as)
        texts = [self.rig.text[source] for source in self.rig.open if source.startswith(begun)]
        return any(not text or not content.lines or {*whole(text)} & {*content.lines} for text in texts)

    def compare(self) -> None:
        written = [number for log in self.logs for content in log.contents for number in content.lines]
        count = Counter(self.acted)
        missing = [number for number in written if not count[number] and number not in self.loose]
        assert not missing, f"lost {missing[:5]} of {len(missing)}: {self.told}"
        twice = [number for number, times in count.items() if times > 1]
        assert not twice, f"twice {twice[:5]} of {len(twice)}: {self.told}"
        assert not set(count) - set(written)

    # What happens to the logs

    def unread(self, content: Content) -> set[int]:
        """Lines of a content that were not handed out in this life, nor acted upon before."""
        read = set(self.before)
        for text in self.rig.text.values() if self.rig else ():
            read |= {*whole(text)}
        return {*content.lines} - read

    def write(self, log: Log) -> None:
        log.write(self.random.choice([1, 2, 30]))

    def tear(self, log: Log) -> None:
        log.partial()

    def rotate(self, log: Log) -> None:
        log.finish()
        log.writer.rotate(keep=KEPT)
        log.begin()

    def rotate_late(self, log: Log) -> None:
        """The service goes on writing to the renamed file for a while."""
        log.finish()
        for number in range(KEPT - 1, -1, -1):
            old = self.place / (f"a.log.{number}" if number else "a.log")
            if old.exists():
                old.rename(self.place / f"a.log.{number + 1}")
        log.write(3)
        log.writer.reopen()
        log.begin()

    def copytruncate(self, log: Log) -> None:
        log.finish()
        self.permit(log)
        for number in range(KEPT - 1, 0, -1):
            old = self.place / f"a.log.{number}"
            if old.exists():
                old.rename(self.place / f"a.log.{number + 1}")
        shutil.copyfile(f"/proc/self/fd/{log.writer.fd}", self.place / "a.log.1")
        log.writer.truncate()
        log.now.lies_in = identity_of(self.place / "a.log.1")
        log.begin()

    def truncate(self, log: Log) -> None:
        log.finish()
        self.loose |= self.unread(log.now)
        log.writer.truncate()
        log.now.lies_in = None
        log.begin()

    def regrow(self, log: Log) -> None:
        self.truncate(log)
        log.write(200)

    def delete(self, log: Log) -> None:
        log.finish()
        if not self.followed(log.now):
            self.loose |= self.unread(log.now)
        log.writer.unlink()
        log.now.lies_in = None
        log.writer.reopen()
        log.begin()

    def swap(self, log: Log) -> None:
        """The link leads to another file; the old one lies where no pattern looks."""
        log.finish()
        if not self.followed(log.now):
            self.loose |= self.unread(log.now)
        log.now.lies_in = None
        self.targets += 1
        (self.place / "link").symlink_to(f"real/{self.targets}")
        os.rename(self.place / "link", log.path)
        log.writer.reopen()
        log.begin()

    def forbid(self, log: Log) -> None:
        os.fchmod(log.writer.fd, 0)

    def permit(self, log: Log) -> None:
        os.fchmod(log.writer.fd, 0o644)


def whole(text: bytes) -> list[int]:
    """Numbers of whole lines; of a line that was truncated away half-read there may be a torn end."""
    return numbers(text[: text.rfind(b"\n") + 1])
