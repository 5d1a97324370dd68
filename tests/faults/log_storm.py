"""A service that logs fast: `log_storm.py LOG LINES RATE` writes so many numbered lines, so many a second.

On SIGHUP it opens its log anew, as logrotate tells services to.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

TEXT = b" accepted a connection from 10.0.0.1 port 4711 for user anna, in 12 ms\n"
BATCH = 100  # lines in one write, as a buffered logger does


def line(number: int) -> bytes:
    return b"msgnum:%08d" % number + TEXT


def storm(path: Path, count: int, rate: int) -> None:
    again = [False]
    signal.signal(signal.SIGHUP, lambda *_: again.__setitem__(0, True))
    log = path.open("ab", buffering=0)
    began = time.monotonic()
    for first in range(0, count, BATCH):
        if again[0]:
            again[0] = False
            log.close()
            log = path.open("ab", buffering=0)
        log.write(b"".join(line(number) for number in range(first, min(count, first + BATCH))))
        time.sleep(max(0.0, began + first / rate - time.monotonic()))
    log.close()


if __name__ == "__main__":
    storm(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
