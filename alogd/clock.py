"""Time and wake-ups as things that are handed in, so that tests step them and nothing in the daemon sleeps.

Invariant: every wait in the rim goes through a Waker; every look at a clock through a Clock.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where the rim gets its time from."""

    def monotonic(self) -> float:
        """Seconds that never go back, for delays and timeouts."""
        ...

    def time(self) -> float:
        """Seconds since 1970 UTC, as the host has them; may jump."""
        ...


class Waker(Protocol):
    """One waiting task, woken by a timeout or by anybody who has news for it."""

    async def wait(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - the timeout is the point of it
        """Waits for `wake()`; True when woken (also by a wake before the call), False after `timeout` seconds."""
        ...

    def wake(self) -> None:
        """Ends the present wait, or the next one. From any thread; several wakes count as one."""
        ...


class SystemClock:
    """The host's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()


class LoopWaker:
    """A Waker on the running event loop. Build it inside the loop it serves."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()

    async def wait(self, timeout: float | None) -> bool:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return
