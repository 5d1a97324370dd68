"""F1, F3, F5, F9, F10 with the real logrotate, under a service that writes 50,000 lines a second: the exact sequence.

`copytruncate` loses by its nature what is written between its copy and its truncation: that is measured from the copies
themselves (what is neither in a copy nor in the log), and nothing else may be missing.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alogd.clock import LoopWaker, SystemClock
from alogd.collectors.base import Closed, Collector, Data, Note, Opened
from alogd.collectors.file import FileCollector
from tests.daemon_process import ROOT, DaemonProcess, wait_until
from tests.faults.conftest import Tally
from tests.faults.log_storm import line

pytestmark = pytest.mark.skipif(not shutil.which("logrotate"), reason="logrotate is not here; on Debian: apt install")

RATE = 50_000  # lines a second
LENGTH = len(line(0))
DEADLINE = 60.0  # seconds without progress; long, since it only matters when something is wrong
CREATE = "create 0644\n  postrotate\n    kill -HUP {pid} || true  # it may have ended\n  endscript"
WAYS = {
    "create": CREATE,
    "create, compress, delaycompress": f"compress\n  delaycompress\n  {CREATE}",
    "create, compress": f"compress\n  {CREATE}",
    "create, dateext": f"dateext\n  dateformat -%Y%m%d-%s\n  {CREATE}",
    "create, a slow service": "create 0644\n  postrotate\n    (sleep 0.3; kill -HUP {pid} || true) &\n  endscript",
    "size": f"size 1M\n  {CREATE}",
    "copytruncate": "copytruncate",
    "copytruncate, compress, delaycompress": "copytruncate\n  compress\n  delaycompress",
    "copytruncate, size": "copytruncate\n  size 1M",
}
# Seconds between two rotations. What is packed soon has to be seen before; of dates there is one a second.
PAUSES = [(way, 1.1) for way in WAYS] + [(way, 0.05) for way in ("create", "create, a slow service", "size")]
# A copy that ends before what was read of the log, and is renamed at once, is not known for one yet.
PAUSES_NOT_MET = [(way, 0.05) for way in WAYS if "copytruncate" in way]


class Reader:
    """What a collector has read: line numbers in order of reading, source by source."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.text: dict[str, bytearray] = {}
        self.open: set[str] = set()
        self.kinds: list[str] = []
        self.size = 0

    async def run(self) -> None:
        async for event in self.collector.events():
            if isinstance(event, Opened):
                self.text.setdefault(event.source, bytearray())
                self.open.add(event.source)
            elif isinstance(event, Data):
                self.text[event.source] += event.block
                self.size += len(event.block)
            elif isinstance(event, Closed):
                self.open.discard(event.source)
            elif isinstance(event, Note):
                self.kinds.append(event.kind)

    def has(self, lines: set[int]) -> bool:
        """Whether all of these were read; there may be more, which are not on the disk any more."""
        return self.size >= LENGTH * len(lines) and lines <= {*self.numbers()}

    def numbers(self) -> list[int]:
        """Of whole lines. A copytruncate may cut one, of which the end is then lost, or begin within one."""
        return [number for text in self.text.values() for number in numbers(bytes(text))]


def runs(found: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each row of numbers."""
    rows: list[tuple[int, int]] = []
    for number in sorted(found):
        rows = [*rows[:-1], (rows[-1][0], number)] if rows and rows[-1][1] == number - 1 else [*rows, (number, number)]
    return rows


def numbers(text: bytes) -> list[int]:
    whole = [one for one in text.splitlines() if len(one) == LENGTH - 1 and one.startswith(b"msgnum:")]
    return [int(one[7:15]) for one in whole]


@asynccontextmanager
async def reading(pattern: Path, **options: object) -> AsyncIterator[Reader]:
    """A collector with the real clock, which reads as the daemon's does."""
    collector = FileCollector({"include": [str(pattern)], **options}, [], SystemClock(), LoopWaker())
    reader = Reader(collector)
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        await collector.close()
        await asyncio.wait_for(task, DEADLINE)


class Logrotate:
    """logrotate on one log, with a state file of its own."""

    def __init__(self, disk: Path, log: Path, how: str, pid: int) -> None:
        self.state, self.config = disk / "logrotate.state", disk / "logrotate.conf"
        self.force = [] if "size" in how else ["--force"]
        user = "su root root\n  " if Path("/proc/self").stat().st_uid == 0 else ""
        self.config.write_text(f"{log} {{\n  rotate 1000\n  missingok\n  {user}{how.format(pid=pid)}\n}}\n")
        self.config.chmod(0o644)

    async def run(self) -> None:
        command = ["logrotate", *self.force, "--state", str(self.state), str(self.config)]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = (await process.communicate())[0]
        assert process.returncode == 0, said.decode()


def on_disk(disk: Path) -> set[int]:
    """All lines that are in the log, in its copies and in what was packed."""
    found: set[int] = set()
    for path in disk.glob("logs/*"):
        text = subprocess.run(["zcat", "--force", str(path)], capture_output=True, check=True).stdout
        found |= {*numbers(text)}
    return found


async def until(condition: Callable[[], bool], progress: Callable[[], int] = int) -> None:
    """As long as there is progress: how fast that is tells of the machine, not of the collector."""
    loop = asyncio.get_running_loop()
    last, since = progress(), loop.time()
    while not condition():
        if progress() != last:
            last, since = progress(), loop.time()
        assert loop.time() - since < DEADLINE, "nothing happens any more"
        await asyncio.sleep(0.05)


async def rotate_under_a_storm(disk: Path, how: str, lines: int, pause: float) -> tuple[Reader, set[int]]:
    """A service that writes, logrotate now and then, a collector. Returns what it read, and what the disk has."""
    log = disk / "logs" / "a.log"
    log.parent.mkdir()
    log.touch()
    async with reading(log.parent / "*.log", rotate_grace=1.0) as reader:
        storm = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "tests/faults/log_storm.py"), str(log), str(lines), str(RATE)),
            stdout=subprocess.PIPE,
        )
        rotation = Logrotate(disk, log, how, storm.pid)
        done = asyncio.create_task(storm.wait())
        await until(lambda: log.stat().st_size > 0)  # before that, SIGHUP would end it
        while not done.done():
            await asyncio.wait([done], timeout=pause)
            if not done.done():
                await rotation.run()
        kept = on_disk(disk)
        await until(lambda: reader.has(kept), lambda: reader.size)
        return reader, kept


async def check_way(disk: Path, tally: Tally, way: str, lines: int, pause: float) -> None:
    reader, kept = await rotate_under_a_storm(disk, WAYS[way], lines, pause)
    read = reader.numbers()
    rounds = sum(kind in ("rotated", "truncated") for kind in reader.kinds)
    assert rounds >= 2, "logrotate did nothing"
    assert not (twice := runs(number for number, times in Counter(read).items() if times > 1)), f"twice: {twice}"
    for text in reader.text.values():
        assert numbers(bytes(text)) == sorted(numbers(bytes(text))), "out of order"
    if "copytruncate" in way:
        lost = lines - len({*read})
        assert not (missing := runs(kept - {*read})), f"on the disk and not read: {missing}"
        assert lost <= lines - len(kept), "more is lost than logrotate itself loses"
    else:
        assert sorted(read) == list(range(lines))
    tally.add(rounds=rounds, lines=len(read))


@pytest.mark.parametrize("way", ["create, compress, delaycompress", "size"])
async def test_f1_logrotate(disk: Path, tally: Tally, way: str) -> None:
    await check_way(disk, tally, way, 3 * RATE, 0.3)


async def test_f5_logrotate_copytruncate(disk: Path, tally: Tally) -> None:
    await check_way(disk, tally, "copytruncate, compress, delaycompress", 3 * RATE, 0.3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "pause"), [*PAUSES, *(pytest.param(*one, marks=pytest.mark.soak) for one in PAUSES_NOT_MET)]
)
async def test_f10_logrotate_for_long(disk: Path, tally: Tally, way: str, pause: float) -> None:
    await check_way(disk, tally, way, 10 * RATE, pause)


def test_f9_logrotate_around_a_daemon_that_is_restarted(disk: Path, tally: Tally) -> None:
    """The real daemon, killed and started while logrotate and the service go on: every line is counted once."""
    log = disk / "logs" / "a.log"
    log.parent.mkdir()
    log.touch()
    collect = [{"kind": "file", "include": [str(log)], "rotate_grace": "500ms"}]
    daemon = DaemonProcess(disk, streams=[{"name": "host", "collect": collect}]).start().wait_ready()
    lines, runs = 4 * RATE, 0
    storm = subprocess.Popen([sys.executable, str(ROOT / "tests/faults/log_storm.py"), str(log), str(lines), str(RATE)])
    try:
        rotation = Logrotate(disk, log, WAYS["create"], storm.pid)
        wait_until(lambda: log.stat().st_size, "the service to write")  # before that, SIGHUP would end it
        while storm.poll() is None:
            asyncio.run(rotation.run())
            daemon.signal(signal.SIGKILL if runs % 2 else signal.SIGTERM)
            daemon.wait()
            daemon.start().wait_ready()
            wait_until(lambda: daemon.lines() > 0, "some lines")
            runs += 1
            if runs == 6:  # what is rotated more often than once in a life of the daemon is test_c2's
                storm.wait()
        wait_until(lambda: daemon.lines() >= lines, "every line")
        assert daemon.stop() == 0
        assert daemon.start().wait_ready().lines() == lines
        assert daemon.stop() == 0
    finally:
        storm.kill()
        storm.wait()
        daemon.kill()
    tally.add(rounds=runs, lines=lines)
