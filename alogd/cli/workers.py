"""Several streams replayed at once: a process each, what they find told in the order of the streams.

Invariant: what comes out is what one process gives that takes the streams one after another. A stream whose turn
has not come is replayed meanwhile, and what it found waits here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait

import msgspec

from alogd.cli.failures import Failed, cause
from alogd.cli.inputs import Input, open_all
from alogd.cli.share import Found, Outcome, Share, replay

TELL_EVERY = 0.1  # seconds between words about progress
GONE = 5.0  # seconds a process told to end is waited for

Told = Found | Outcome
Show = Callable[[int, Found], None]


class _Failure(msgspec.Struct, frozen=True, tag=True):
    """What ended a worker."""

    code: int
    text: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Found | Outcome | _Failure).decode


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0))


def replay_all(shares: Sequence[Share], inputs: Sequence[Sequence[Input]], jobs: int, show: Show) -> Iterator[Told]:
    """What each share gives, in order: any number of Found, then its Outcome. `show` hears of all as it happens.

    Raises Failed, of the first share in order that could not be replayed; then no process is left.
    """
    again = all(one.seekable for opened in inputs for one in opened)  # a pipe's bytes come once, and to us
    if jobs > 1 and len(shares) > 1 and again:
        yield from _Crew(shares, jobs, show).results()
        return
    for index, (share, opened) in enumerate(zip(shares, inputs, strict=True)):
        for told in replay(share, opened):
            if isinstance(told, Found):
                show(index, told)
            yield told


class _Crew:
    """The processes."""

    def __init__(self, shares: Sequence[Share], jobs: int, show: Show) -> None:
        self._shares = shares
        self._jobs = jobs
        self._show = show
        self._started = 0
        self._told: list[deque[Told | _Failure]] = [deque() for _ in shares]
        self._working: dict[Connection, tuple[int, multiprocessing.process.BaseProcess]] = {}

    def results(self) -> Iterator[Told]:
        try:
            for told in self._told:
                yield from self._results_of(told)
        finally:
            self._end()

    def _results_of(self, told: deque[Told | _Failure]) -> Iterator[Told]:
        while True:
            while not told:
                self._start()
                self._listen()
            one = told.popleft()
            if isinstance(one, _Failure):
                raise _failed(one)
            yield one
            if isinstance(one, Outcome):
                return

    def _start(self) -> None:
        """As many as there are cores for."""
        fork = _is_single_thread()
        context = multiprocessing.get_context("fork") if fork else multiprocessing.get_context("spawn")
        while len(self._working) < self._jobs and self._started < len(self._shares):
            mine, theirs = context.Pipe(duplex=False)
            ours = (mine, *self._working) if fork else ()
            worker = context.Process(target=_work, args=(self._shares[self._started], theirs, ours), daemon=True)
            _start_deaf(worker)
            theirs.close()
            self._working[mine] = (self._started, worker)
            self._started += 1

    def _listen(self) -> None:
        for connection in wait(list(self._working)):
            if isinstance(connection, Connection):
                self._hear(connection)

    def _hear(self, connection: Connection) -> None:
        index, worker = self._working[connection]
        try:
            told = _decode(connection.recv_bytes())
        except (EOFError, OSError):
            worker.join()
            told = _Failure(1, f"{self._shares[index].title}: its process ended unexpectedly ({worker.exitcode})")
        if isinstance(told, Found):
            self._show(index, told)
        else:
            del self._working[connection]
            connection.close()
        if not isinstance(told, Found) or told.alerts:
            self._told[index].append(told)

    def _end(self) -> None:
        """Nothing is left behind, whatever happened."""
        for connection, (_, worker) in self._working.items():
            worker.terminate()
            worker.join(GONE)
            connection.close()
        self._working.clear()


def _is_single_thread() -> bool:
    """Whether this process may be copied: that saves a worker a quarter of a second of imports.

    A copy has the locks that other threads held, and nobody to release them.
    """
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _failed(failure: _Failure) -> Failed:
    error = Failed(failure.text)
    error.exit_code = failure.code
    return error


def _start_deaf(worker: multiprocessing.process.BaseProcess) -> None:
    """Ctrl-C reaches every process of a terminal; this one ends the others, which inherit not to hear it.

    It is heard here after the start: in the middle of it a worker would be left with half of what it is to do. The
    mask alone does not see to that, for the signal may come to another thread of ours.
    """
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        worker.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if heard:
        signal.raise_signal(signal.SIGINT)


def _work(share: Share, connection: Connection, ours: Sequence[Connection]) -> None:
    """In the worker: all there is to say goes through the connection. ours: copies of what only the parent reads."""
    for one in ours:  # or a worker would not notice that the parent is gone
        one.close()
    with suppress(BrokenPipeError):  # nobody wants to know any more
        try:
            _tell_all(share, connection)
        except Exception as error:
            known = cause(error)
            if known is None:
                raise
            connection.send_bytes(_encode(_Failure(*known)))


def _tell_all(share: Share, connection: Connection) -> None:
    last = 0.0
    for told in replay(share, open_all(share.paths)):
        now = time.monotonic()
        if isinstance(told, Outcome) or told.alerts or now - last >= TELL_EVERY:
            last = now
            connection.send_bytes(_encode(told))
