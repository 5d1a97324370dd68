"""The thread on which networks are asked, for all streams of the daemon, beside the core's thread.

Bounded: of each stream one batch is being asked about and at most one more waits; what was given up ends between two
batches of the network. Only the core's thread takes what was answered, in the order of the log.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from alogd.judging.cascade import Looked

PATIENCE = 10.0  # seconds a batch is waited for at most in a stream that may skip, however few windows wait behind it


@dataclass(slots=True)
class Spent:
    """What asking one network took, since the daemon started."""

    seconds: float = 0.0
    batches: int = 0
    rows: int = 0


@dataclass
class Batch:
    """One batch, as alogd.judging.waiting.Asking has it."""

    looked: Looked
    spent: dict[str, Spent]
    until: float  # monotonic; given up then
    ended: threading.Event = field(default_factory=threading.Event)
    unwanted: bool = False

    @property
    def is_done(self) -> bool:
        return self.ended.is_set() or time.monotonic() > self.until

    def wait(self) -> None:
        self.ended.wait()

    def give_up(self) -> None:
        self.unwanted = True

    def run(self) -> None:
        """On the networks' thread."""
        try:
            for asked in self.looked.asked:
                if asked.left and not self.unwanted:
                    self._ask(asked.detector, asked.run, asked.left)
        finally:
            self.ended.set()

    def _ask(self, detector: str, run: Callable[[Callable[[], bool]], None], rows: int) -> None:
        began = time.perf_counter()
        run(lambda: self.unwanted)
        spent = self.spent.setdefault(detector, Spent())
        spent.seconds += time.perf_counter() - began
        spent.batches += 1
        spent.rows += rows


class Answerer:
    """The networks of one stream (alogd.judging.waiting.Answering)."""

    def __init__(self, thread: ThreadPoolExecutor, on_answer: Callable[[], None], *, may_skip: bool) -> None:
        """on_answer: called on the networks' thread, each time a batch is done."""
        self.may_skip = may_skip
        self.spent: dict[str, Spent] = {}
        self._thread = thread
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._next: Batch | None = None
        self._now: Batch | None = None

    def ask(self, looked: Looked) -> Batch:
        """What was asked before must be done, or given up."""
        until = time.monotonic() + PATIENCE if self.may_skip else float("inf")
        batch = Batch(looked, self.spent, until)
        if not looked.left:
            batch.ended.set()
            return batch
        with self._lock:
            self._next = batch
            if self._now is not None:
                self._now.give_up()
                return batch
            self._now = batch
        self._thread.submit(self._work)
        return batch

    def close(self) -> None:
        """Nothing of what is being asked is wanted any more."""
        with self._lock:
            for batch in (self._now, self._next):
                if batch is not None:
                    batch.give_up()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._now, self._next = self._next, None
            if self._now is None:
                return
            self._now.run()
            self._on_answer()


class Networks:
    """All of them; made on the event loop."""

    def __init__(self, on_answer: Callable[[], None], *, may_skip: bool) -> None:
        """on_answer: called on the event loop, each time a batch is done."""
        self._thread = ThreadPoolExecutor(1, "alogd-networks")
        self._on_answer = on_answer
        self._may_skip = may_skip
        self._loop = asyncio.get_running_loop()

    def answerer(self) -> Answerer:
        """For a stream that begins."""
        loop = self._loop

        def heard() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._on_answer)

        return Answerer(self._thread, heard, may_skip=self._may_skip)

    def close(self) -> None:
        """Without waiting for what is being asked."""
        self._thread.shutdown(wait=False, cancel_futures=True)
