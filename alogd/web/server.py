"""The HTTP face: metrics, health, reload, the API; one listening socket with a guard before every connection."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from alogd.config.tree import Http
from alogd.daemon.view import View
from alogd.web.access import Access, middleware
from alogd.web.acks import AcksApi
from alogd.web.act import Act
from alogd.web.api import Api
from alogd.web.events import Events
from alogd.web.guard import HEADER_SECONDS, Gate, Guard
from alogd.web.mutes import MutesApi
from alogd.web.openapi import OpenApi
from alogd.web.page import Page
from alogd.web.source import Source

MAX_BODY = 64 * 1024  # bytes of a request
MAX_LINE = 8190  # bytes of a request line or a header


class Daemon(Source, Protocol):
    """What is served."""

    async def reload(self) -> str | None:
        """None when the configuration was read again and is in force, else why not."""


class Server:
    """Listens until closed."""

    def __init__(self, options: Http, daemon: Daemon) -> None:
        self._options = options
        self._daemon = daemon
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._events: Events | None = None
        self.gate = Gate(options.max_connections)

    async def start(self) -> str:
        """Listen; the address as a URL. Raises OSError when the port cannot be had."""
        host, port = split(self._options.listen)
        app = web.Application(
            middlewares=[middleware(Access(host, self._options.token_file, self._options.external_url))],
            client_max_size=MAX_BODY,
        )
        app.add_routes(self._routes())
        self._events = Events(self._daemon, self.gate.refused)
        act = Act(self._daemon, self._options, self.gate.refused)
        parts = (Api(self._daemon), AcksApi(self._daemon), MutesApi(self._daemon), self._events, act, OpenApi(), Page())
        for part in parts:
            app.add_routes(part.routes())
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            logger=_logger(self.gate),
            keepalive_timeout=75.0,
            lingering_time=HEADER_SECONDS,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
        )
        await self._runner.setup()
        make = self._runner.server
        if make is None:
            raise RuntimeError("the HTTP application did not start")
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Guard(self.gate, make), host or None, port, backlog=64
        )
        address = self._server.sockets[0].getsockname()
        return f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"

    async def close(self) -> None:
        """Stop listening; answers under way have a moment."""
        if self._server is not None:
            self._server.close()
        if self._events is not None:
            self._events.close()
        if self._runner is not None:
            try:
                async with asyncio.timeout(1.0):
                    await self._runner.shutdown()
                    await self._runner.cleanup()
            except TimeoutError:
                pass
        self.gate.close()

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/metrics", self._metrics),
            web.get("/-/healthy", self._healthy),
            web.get("/-/ready", self._ready),
            web.post("/-/reload", self._reload),
        ]

    async def _metrics(self, _request: web.Request) -> web.Response:
        from alogd.web import metrics  # only now: who is never scraped does without the client library

        body = metrics.render(await self._daemon.view(), process=True)
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="alogd is healthy\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        view = await self._daemon.view()
        return web.Response(text=ready_text(view), status=200 if view.ready else 503)

    async def _reload(self, _request: web.Request) -> web.Response:
        problem = await self._daemon.reload()
        if problem is not None:
            return web.Response(status=400, text=f"the old configuration stays: {problem}\n")
        return web.Response(text="the configuration was read again\n")


class _Malformed(logging.Filter):
    """Counts what is no HTTP instead of logging it: who sends it would write our log, with whatever it holds."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def filter(self, record: logging.LogRecord) -> bool:
        malformed = record.exc_info is not None and isinstance(record.exc_info[1], HttpProcessingError)
        self._gate.refused["malformed"] += malformed
        return not malformed


def _logger(gate: Gate) -> logging.Logger:
    logger = logging.Logger("aiohttp.server")  # one of its own: another server counts for itself
    logger.parent = logging.getLogger("aiohttp")
    logger.addFilter(_Malformed(gate))
    return logger


def ready_text(view: View) -> str:
    """The state of readiness, a line a reason; learning is a field of its own, not a reason."""
    lines = ["ready" if view.ready else "not ready", *view.reasons]
    lines += [f"warm-up {stream.name}: {stream.warmup:.0%}" for stream in view.streams]
    return "\n".join(lines) + "\n"


def split(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[::1]:PORT` or `:PORT`."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
