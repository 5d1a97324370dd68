"""Third-party plugins that stall, installed beside the product as any plugin is."""

from __future__ import annotations

from pathlib import Path

from tests.daemon_process import ROOT, DaemonProcess

PLUGINS = """
import asyncio, os, time
from alogd.collectors.base import Data, Opened, Options, Status

class Holding:
    "A detector that never returns."
    class Options(Options): pass
    def __init__(self, options): pass
    def __getattr__(self, name):
        time.sleep(3600)

class Blocking:
    "A collector that holds the event loop, once its log is there."
    name = "blocking"
    Options = Options
    def __init__(self, options, positions, clock, waker, *, exclude_paths=()):
        self.opened = False
    async def events(self):
        while not os.path.exists(os.environ["OPEN_WHEN"]):
            await asyncio.sleep(0.01)
        yield Opened("it", "it", 0, None, None, False)
        self.opened = True
        while not os.path.exists(os.environ["BLOCK_WHEN"]):
            yield Data("it", b"a line\\n")
            await asyncio.sleep(0.01)
        time.sleep(3600)
    def position(self, source, consumed): return {}
    def text(self, source, offset, length): return None
    def lag(self): return {}
    def status(self): return Status(self.opened, "" if self.opened else "has nothing to read yet", ())
    async def close(self): pass

class Counting(Blocking):
    "A collector that tells how many tasks there are."
    name = "counting"
    async def events(self):
        yield Opened("it", "it", 0, None, None, False)
        self.opened = True
        while True:
            await asyncio.sleep(0.02)
            with open(os.environ["TASKS"] + ".new", "w") as file:
                file.write(str(len(asyncio.all_tasks())))
            os.replace(os.environ["TASKS"] + ".new", os.environ["TASKS"])
"""
POINTS = """
[alogd.collectors]
counting = stalling_plugins:Counting
blocking = stalling_plugins:Blocking
[alogd.detectors]
holding = stalling_plugins:Holding
"""


def install(daemon: DaemonProcess) -> tuple[Path, Path]:
    """For this daemon only. Returns the files whose presence lets `blocking` open, and makes it block."""
    site = daemon.directory / "site"
    about = site / "stalling-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "stalling_plugins.py").write_text(PLUGINS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stalling\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    open_when, block_when = daemon.directory / "open", daemon.directory / "block"
    daemon.environment |= {
        "PYTHONPATH": f"{ROOT}:{site}",
        "OPEN_WHEN": str(open_when),
        "BLOCK_WHEN": str(block_when),
        "TASKS": str(open_when.with_name("tasks")),
    }
    return open_when, block_when
