"""How things are, live in this terminal: streams with risk, rate and learning, and the newest alerts with evidence.

  alogd top                     the daemon of the configuration, or the one at http://127.0.0.1:9178
  alogd top --url http://127.0.0.1:9999
  alogd top --once              one look, as text; also where the output is no terminal

Arrows (or j and k) choose an alert, Enter opens it, Escape goes back, q ends. Of alerts that began together in several
streams the first is listed, with (+2) where two more stand below it; Space unfolds them. It asks once a second.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec

from alogd.cli.ask import add_daemon, ask
from alogd.cli.failures import OK, Failed
from alogd.cli.groups import of_briefs
from alogd.cli.output import paint, use_color
from alogd.cli.screen import BLOCKS, PLAIN, Place, Row, Seen, rows
from alogd.event import Alert

EVERY = 1.0  # seconds between two looks at the daemon
MAX_ALERTS = 100
MAX_STREAMS = 50  # whose risk is drawn
AROUND = 1800  # seconds before and after an alert that its chart shows
_UP, _DOWN, _OPEN, _BACK, _FOLD, _END = "up", "down", "open", "back", "fold", "end"
_KEYS = {
    b"\x1b[A": _UP, b"\x1bOA": _UP, b"k": _UP,
    b"\x1b[B": _DOWN, b"\x1bOB": _DOWN, b"j": _DOWN,
    b"\r": _OPEN, b"\n": _OPEN, b"\x1b[C": _OPEN,
    b"\x1b": _BACK, b"\x1b[D": _BACK, b"\x7f": _BACK,
    b" ": _FOLD,
    b"q": _END, b"Q": _END, b"\x03": _END, b"\x04": _END,
}  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd top`."""
    parser.add_argument("--once", action="store_true", help="one look, then end")
    parser.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR)")
    add_daemon(parser)


def main(args: argparse.Namespace) -> int:
    """Draw until q."""
    feed = Feed(args)
    blocks = BLOCKS if (sys.stdout.encoding or "").lower().startswith("utf") else PLAIN
    if args.once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        feed.look()
        if feed.seen.problem:
            raise Failed(feed.seen.problem)
        width, height = shutil.get_terminal_size((120, 50))
        for row in rows(feed.seen, Place(), width, height, blocks)[:-1]:
            print(paint(row.text, row.style, use_color(args.no_color)).rstrip())
        return OK
    with feed.running(), _screen():
        _drive(feed, blocks, use_color(args.no_color))
    return OK


class Feed:
    """Asks the daemon, on a thread of its own, so that a slow answer never keeps a key waiting."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.seen = Seen()
        self.wanted: str | None = None  # id of the alert that is opened
        self._read: dict[str, tuple[float, int]] = {}  # stream: when it was asked, lines read then
        self._again = threading.Event()
        self._over = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Looks again and again meanwhile."""
        thread = threading.Thread(target=self._run, name="alogd-top", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over = True
            self._again.set()

    def open(self, identifier: str | None) -> None:
        """Has an alert fetched whole; None: no more."""
        self.wanted = identifier
        self._again.set()

    def _run(self) -> None:
        while not self._over:
            self.look()
            self._again.wait(EVERY)
            self._again.clear()

    def look(self) -> None:
        """One look; what fails is told in `seen.problem`, and what was known stays."""
        try:
            self.seen = self._look()
        except Failed as error:
            self.seen = _with_problem(self.seen, error)

    def _look(self) -> Seen:
        told = ask(self._args, "GET", "/api/v1/overview")
        alerts = ask(self._args, "GET", f"/api/v1/alerts?brief=true&limit={MAX_ALERTS}")["alerts"]
        now = time.monotonic()
        names = [stream["name"] for stream in told["streams"]]
        risks = {name: self._risks(name, "points=16") for name in names[:MAX_STREAMS]}
        rates = {stream["name"]: rate for stream in told["streams"] if (rate := self._rate(stream, now)) is not None}
        return Seen(told, alerts, risks, rates, *self._opened())

    def _rate(self, stream: dict[str, Any], now: float) -> float | None:
        before = self._read.get(stream["name"])
        self._read[stream["name"]] = (now, stream["lines_read"])
        if before is None or now <= before[0] or stream["lines_read"] < before[1]:
            return None
        return float(stream["lines_read"] - before[1]) / (now - before[0])

    def _risks(self, name: str, query: str) -> list[float]:
        try:
            found = ask(self._args, "GET", f"/api/v1/streams/{quote(name, safe='')}/scores?{query}")
        except Failed:  # a stream that went down meanwhile
            return []
        return [point[1] for point in found["points"]]

    def _opened(self) -> tuple[Alert | None, dict[str, Any] | None, Alert | None, list[float]]:
        if self.wanted is None:
            return None, None, None, []
        found = self._alert(self.wanted)
        if found is None:
            self.wanted = None
            return None, None, None, []
        alert = msgspec.convert(found, Alert)
        first = self._alert(alert.cause) if alert.cause else None
        root = None if first is None else msgspec.convert(first, Alert)
        begin, end = alert.opened_ns // 10**9 - AROUND, alert.updated_ns // 10**9 + AROUND
        return alert, found.get("ack"), root, self._risks(alert.stream, f"since={begin}&until={end}&points=60")

    def _alert(self, identifier: str) -> dict[str, Any] | None:
        try:
            return ask(self._args, "GET", f"/api/v1/alerts/{quote(identifier, safe='')}")
        except Failed:  # it is no longer kept
            return None


def _with_problem(seen: Seen, error: Failed) -> Seen:
    return replace(seen, rates={}, problem=str(error))


@contextmanager
def _screen() -> Iterator[None]:
    """The terminal's other screen, keys as they are pressed; all is put back, whatever happens."""
    before = termios.tcgetattr(0)
    handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        tty.setcbreak(0)
        sys.stdout.write("\x1b[?1049h\x1b[?25l")
        yield
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, handler)


def _drive(feed: Feed, blocks: str, color: bool) -> None:
    place, drawn = Place(), None
    while True:
        width, height = shutil.get_terminal_size((80, 24))
        frame = (width, rows(feed.seen, place, width, height, blocks))
        if frame != drawn:
            _draw(frame[1], color)
            drawn = frame
        for key in _keys(0.2):
            if key == _END:
                return
            _act(key, feed, place)


def _draw(frame: list[Row], color: bool) -> None:
    lines = [paint(row.text, row.style, color) + "\x1b[K" for row in frame]
    sys.stdout.write("\x1b[H" + "\r\n".join(lines) + "\x1b[J")
    sys.stdout.flush()


def _keys(wait: float) -> list[str]:
    """What was pressed within so many seconds."""
    if not select.select([0], [], [], wait)[0]:
        return []
    pressed = os.read(0, 1024)
    if not pressed:
        return [_END]  # the terminal is gone
    if pressed in _KEYS:
        return [_KEYS[pressed]]
    parts = pressed.replace(b"\x1b", b"\0\x1b").split(b"\0")
    single = [part[i : i + 1] for part in parts if not part.startswith(b"\x1b") for i in range(len(part))]
    return [_KEYS[one] for one in [*single, *(part for part in parts if part.startswith(b"\x1b"))] if one in _KEYS]


def _act(key: str, feed: Feed, place: Place) -> None:
    step = {_UP: -1, _DOWN: 1}.get(key, 0)
    if place.opened is not None:
        place.scrolled = max(0, place.scrolled + step)
        if key == _BACK:
            place.opened = None
            feed.open(None)
        return
    place.chosen = max(0, place.chosen + step)
    listed = of_briefs(feed.seen.alerts, place.unfolded)
    if place.chosen >= len(listed):
        return
    chosen = listed[place.chosen][0]["id"]
    if key == _FOLD:
        place.unfolded ^= {chosen}
    if key == _OPEN:
        place.opened, place.scrolled = chosen, 0
        feed.open(place.opened)
