"""The life of the HTTP server: begun, tried again while its port is taken, moved by a reload, closed.

What it serves is the daemon's; that it cannot be served never keeps logs from being read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from alogd.config.tree import Http
from alogd.logs import get_logger

if TYPE_CHECKING:
    from alogd.web.guard import Gate
    from alogd.web.server import Daemon, Server

AGAIN = 30.0  # seconds until a port that could not be had is tried again

log = get_logger("daemon")


class Serving:
    """The one server of a run."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._server: Server | None = None
        self.url = ""  # where it is served, once it is
        self.problem = ""  # why it is not

    @property
    def gate(self) -> Gate | None:
        return self._server.gate if self._server else None

    async def begin(self, options: Callable[[], Http]) -> None:
        """Returns when it is served; `options` are asked at each try, for a reload may have changed them."""
        while problem := await self._problem(options()):
            if problem != self.problem:
                log.error(problem, until_then="no metrics, no API", else_choose="another in http.listen")
            self.problem = problem
            await asyncio.sleep(AGAIN)
        self.problem = ""
        log.debug("listening", url=self.url)

    async def move(self, options: Http, before: Http) -> None:
        """Raises OSError when the new address cannot be had; then the old one serves on."""
        if self._server is None:
            return
        await self._server.close()
        try:
            await self._listen(options)
        except OSError:
            await self._listen(before)
            raise

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()

    async def _problem(self, options: Http) -> str | None:
        try:
            await self._listen(options)
        except OSError as error:
            cause = os.strerror(error.errno).lower() if error.errno else str(error)  # without asyncio's preface
            return f"cannot listen on {options.listen}: {cause}"
        return None

    async def _listen(self, options: Http) -> None:
        from alogd.web.server import Server

        server = Server(options, self._daemon)
        self.url, self._server = await server.start(), server
