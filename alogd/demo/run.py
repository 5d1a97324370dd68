"""The demo from its first line to its tally: stage, daemon and show together in a folder that is removed afterwards."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from alogd.cli.failures import Failed
from alogd.cli.output import paint
from alogd.demo.daemon import BUDGET, Daemon
from alogd.demo.score import Score, Tail
from alogd.demo.shop import FILES
from alogd.demo.show import Facts, Live, Plain, tally
from alogd.demo.stage import HISTORY, SPEED, Stage

STEP = 0.1  # seconds between looks
START_LIMIT = 60.0  # seconds for the daemon to read the history


def demo(seconds: float, seed: int, keep: bool, color: bool) -> int:
    """Run it for about `seconds`. Raises Failed when the daemon cannot run."""
    folder = Path(tempfile.mkdtemp(prefix="alogd-demo-"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C: the daemon and the folder must not stay behind
    try:
        return _play(folder, seconds, seed, color)
    finally:
        if keep:
            print(f"\nkept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _play(folder: Path, seconds: float, seed: int, color: bool) -> int:
    stage, score, facts = Stage(folder, seed, seconds), Score(), Facts()
    _introduce(folder, seed, color)
    stage.write_history()
    daemon = Daemon(folder)
    try:
        with Live() if color else Plain() as show:
            _learn(stage, daemon, facts, show)
            _perform(stage, daemon, score, facts, show, seconds)
    finally:
        daemon.stop()
        stage.close()
    print("\n".join(tally(stage, score, color)))
    print("\nYours next: alogd run FILE, alogd explain FILE, or `make run` for all of /var/log.")
    return 0


def _introduce(folder: Path, seed: int, color: bool) -> None:
    print(paint("alogd demo", "bold", color), f"- a web shop writes five logs in {folder} (seed {seed})")
    print(f"First {HISTORY // 3600} hours of ordinary lines, from which the daemon learns. Then things go wrong.")
    print(f"Log time runs {SPEED} times as fast as the clock; the lines' own timestamps say so too. Nothing else is")
    print(f"helped along: the daemon is `alogd run` with defaults, but for a budget of {BUDGET} of log time.\n")
    sys.stdout.flush()


def _learn(stage: Stage, daemon: Daemon, facts: Facts, show: Live | Plain) -> None:
    """Until the daemon has read the history."""
    limit = time.monotonic() + START_LIMIT
    while facts.lines < stage.lines - 2 * len(FILES):  # the last line of a file waits for the next one
        if time.monotonic() > limit:
            raise Failed(f"the daemon read {facts.lines:,} of {stage.lines:,} lines in {START_LIMIT:.0f} s")
        time.sleep(STEP)
        _ask(daemon, facts)
        show.learning(stage, facts)


def _perform(stage: Stage, daemon: Daemon, score: Score, facts: Facts, show: Live | Plain, seconds: float) -> None:
    tail = Tail(daemon.alerts)
    stage.start()
    end = time.monotonic() + seconds
    asked = 0.0
    while (now := time.monotonic()) < end:
        for struck in stage.step():
            show.injected(struck)
        for alert in tail.read():
            if found := score.add(alert, stage.struck, stage.opens, now):
                show.alerted(found)
        if now - asked > 1:
            asked = now
            _ask(daemon, facts)
        show.draw(stage, score, facts)
        time.sleep(STEP)


def _ask(daemon: Daemon, facts: Facts) -> None:
    if failure := daemon.failure():
        raise Failed(failure)
    if cores := [stream["core"] for stream in daemon.streams() if stream["core"]]:
        facts.lines = sum(int(core["engine"]["lines"]) for core in cores)
        facts.templates = sum(int(core["templates"]) for core in cores)
