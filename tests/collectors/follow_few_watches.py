"""Run inside a user namespace that allows few inotify watches or instances: follows files in more directories.

Usage: follow_few_watches.py PLACE watches|instances LIMIT. Prints the numbers read and the kinds of notes, as JSON.
"""

import asyncio
import json
import sys
from pathlib import Path

from alogd.clock import LoopWaker, SystemClock
from alogd.collectors.base import Data, Note, Opened
from alogd.registry import find
from tests.log_writer import LogWriter, numbers

DIRECTORIES = 12


async def follow(place: Path) -> None:
    writers = []
    for i in range(DIRECTORIES):
        (place / f"d{i:02}").mkdir()
        writers.append(LogWriter(place / f"d{i:02}" / "a.log", first=100 * i))
    options = {"include": [str(place / "**")], "poll": 0.02, "idle_poll": 0.05, "gather": 0.01}
    collector = find("collectors", "file")(options, [], SystemClock(), LoopWaker())
    read, opened, notes, turns = b"", 0, [], 0
    async with asyncio.timeout(30):
        async for event in collector.events():
            if isinstance(event, Note):
                notes.append(event.kind)
            opened += isinstance(event, Opened)
            read += event.block if isinstance(event, Data) else b""
            if opened == DIRECTORIES and len(numbers(read)) == DIRECTORIES * turns:
                if turns == 4:
                    break
                turns += 1
                for writer in writers:
                    writer.write()
    await collector.close()
    print(json.dumps({"numbers": sorted(numbers(read)), "notes": notes}))


limit = Path(f"/proc/sys/user/max_inotify_{sys.argv[2]}")
limit.write_text(sys.argv[3])
asyncio.run(follow(Path(sys.argv[1])))
