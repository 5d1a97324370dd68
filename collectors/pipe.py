"""Reading a pipe, terminal or socket through the event loop, with the wait in the hands of a Waker.

Invariant: the descriptor's flags are left alone (another process may share them), and nothing is read before it is
asked for.
"""

from __future__ import annotations

import asyncio
import os
import select

from alogd.clock import Waker


class PipeReader:
    """One descriptor that can be polled."""

    def __init__(self, fd: int, waker: Waker) -> None:
        self._fd = fd
        self._waker = waker
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self.closed = False  # its number may then be another's

    async def read(self, size: int, wait: float | None) -> bytes | None:
        """Up to `size` bytes; b"" at the end; None when none came in `wait` seconds, or the waker was woken.

        Raises OSError.
        """
        await asyncio.sleep(0)  # a pipe that is never empty must not keep the loop to itself
        if not self.closed and not self._poll.poll(0):
            loop = asyncio.get_running_loop()
            loop.add_reader(self._fd, self._ready)
            try:
                await self._waker.wait(wait)
            finally:
                if not self.closed:
                    loop.remove_reader(self._fd)
        if self.closed:
            return b""
        return os.read(self._fd, size) if self._poll.poll(0) else None

    def close(self) -> None:
        """Closes the descriptor, and ends a read that waits for it."""
        if not self.closed:
            asyncio.get_running_loop().remove_reader(self._fd)
            self.closed = True
            os.close(self._fd)

    def _ready(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)  # level-triggered: once is enough
        self._waker.wake()
