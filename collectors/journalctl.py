"""A journalctl process whose entries are read as they are wanted.

Invariant: journalctl is told everything through arguments of the form --name=value, never through a shell; what it
writes is held back by its pipe while nobody asks; what it says on standard error is bounded.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from alogd.clock import Waker
from alogd.collectors.pipe import PipeReader

CHUNK = 64 * 1024  # bytes asked for at a time
MAX_ENTRY = 4 * 1024 * 1024  # bytes of JSON; a longer entry is set aside
MAX_COMPLAINT = 4096  # bytes of standard error that are kept
_GONE = 5.0  # seconds a process may take to obey SIGTERM


class Journalctl:
    """One run of journalctl."""

    def __init__(self, process: asyncio.subprocess.Process, out: int, err: int, waker: Waker) -> None:
        self._process = process
        self._err = err
        self._reader = PipeReader(out, waker)
        self._rest = b""
        self._skipping = False
        self._ended = False
        self._complaint = b""
        self.oversized = 0  # entries set aside since it was last asked

    @classmethod
    async def start(cls, arguments: Sequence[str], waker: Waker) -> Journalctl:
        """Starts the process. Raises OSError when there is no journalctl."""
        out, child_out = os.pipe()
        err, child_err = os.pipe()
        os.set_blocking(err, False)
        try:
            process = await asyncio.create_subprocess_exec(
                "journalctl",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=child_out,
                stderr=child_err,
                env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""},
                start_new_session=True,  # an interrupt from the keyboard is for the daemon, which then ends this
            )
        except BaseException:
            os.close(out)
            os.close(err)
            raise
        finally:
            os.close(child_out)
            os.close(child_err)
        return cls(process, out, err, waker)

    async def entries(self, wait: float | None) -> list[bytes] | None:
        """The next entries' JSON; None when there was nothing in `wait` seconds. Raises EOFError at the end."""
        chunk = await self._reader.read(CHUNK, wait)
        self._listen()
        if chunk is None:
            return None
        if not chunk:
            self._ended = not self._reader.closed
            raise EOFError
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if lines and self._skipping:
            lines, self._skipping = lines[1:], False
        if len(self._rest) > MAX_ENTRY or self._skipping:
            self.oversized += not self._skipping
            self._rest, self._skipping = b"", True
        return [line for line in lines if line]

    def _listen(self) -> None:
        with suppress(BlockingIOError):
            while self._err >= 0 and (said := os.read(self._err, MAX_COMPLAINT)):
                self._complaint = (self._complaint + said)[:MAX_COMPLAINT]

    @property
    def complaint(self) -> str:
        """What it said on standard error, on one line."""
        self._listen()
        return " ".join(self._complaint.decode("utf-8", "backslashreplace").split())

    def _signal(self, number: int) -> None:
        # Not Process.send_signal(): that reaps a process that has just ended, and its exit status is lost.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def stop(self) -> int:
        """Ends the process and lets go of its pipes. Returns its exit status. May be called twice."""
        if not self._ended:
            self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_GONE):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()
        self._reader.close()
        if self._err >= 0:
            os.close(self._err)
            self._err = -1
        return self._process.returncode or 0
