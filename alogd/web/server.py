"""The HTTP face: metrics, health, reload, the API; one listening socket with a guard before every connection."""

from __future__ import annotations

import asyncio
from html import escape as html_escape
from typing import Protocol

from alogd import metrics
from alogd.config import Http
from alogd.view import View
from alogd.web.access import SAFE, Access, guarded
from alogd.web.api import Api, Source
from alogd.web.guard import Gate, Guard
from alogd.web.http import Connection, Handler, Refused, Request, Response

CLOSE_SECONDS = 1.0  # for answers under way, when it closes

ENDPOINTS = (
    ("/metrics", "for Prometheus"),
    ("/-/healthy", "whether the process answers"),
    ("/-/ready", "whether logs are followed, and what is amiss"),
    ("/api/v1/alerts", "alerts, newest first (stream, status, min_level, since, limit, after)"),
    ("/api/v1/templates", "what was learned (stream, order=count|newest|id, contains, limit)"),
    ("/api/v1/streams", "streams and their sources"),
    ("/api/v1/status", "the daemon at this moment"),
)


class Daemon(Source, Protocol):
    """What is served."""

    async def reload(self) -> str | None:
        """None when the configuration was read again and is in force, else why not."""


class Server:
    """Listens until closed."""

    def __init__(self, options: Http, daemon: Daemon) -> None:
        self._options = options
        self._daemon = daemon
        self._connections: set[Connection] = set()
        self._gets: dict[str, Handler] = {**self._pages(), **Api(daemon).routes()}
        self._server: asyncio.Server | None = None
        self.gate = Gate(options.max_connections)

    async def start(self) -> str:
        """Listen; the address as a URL. Raises OSError when the port cannot be had."""
        host, port = split(self._options.listen)
        answer = guarded(Access(host, self._options.token_file), self._answer)

        def connection() -> Connection:
            return Connection(answer, self._connections, self._malformed)

        self._server = await asyncio.get_running_loop().create_server(
            lambda: Guard(self.gate, connection),
            host or None,
            port,
            backlog=64,
        )
        address = self._server.sockets[0].getsockname()
        return f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"

    async def close(self) -> None:
        """Stop listening; answers under way have a moment."""
        if self._server is not None:
            self._server.close()
        answering = [one.task for one in self._connections if one.task is not None]
        if answering:
            await asyncio.wait(answering, timeout=CLOSE_SECONDS)
        self.gate.close()

    def _malformed(self) -> None:
        """Counted and not logged: who sends what is no HTTP would write our log."""
        self.gate.refused["malformed"] += 1

    def _pages(self) -> dict[str, Handler]:
        return {
            "/": self._index,
            "/metrics": self._metrics,
            "/-/healthy": self._healthy,
            "/-/ready": self._ready,
        }

    async def _answer(self, request: Request) -> Response:
        """Find who answers. Raises Refused."""
        reloads = request.path == "/-/reload"
        handler: Handler | None = self._reload if reloads else self._found(request)
        allowed = frozenset({"POST"}) if reloads else SAFE
        if handler is None:
            raise Refused(404, "there is nothing here; / lists what there is\n")
        if request.method not in allowed:
            raise Refused(405, "this method does nothing here\n", Allow=", ".join(sorted(allowed)))
        return await handler(request)

    def _found(self, request: Request) -> Handler | None:
        folder, _, name = request.raw_path.rpartition("/")
        under = self._gets.get(f"{folder}/") if folder and name else None  # /api/v1/alerts/ID
        return self._gets.get(request.path) or under

    async def _index(self, _request: Request) -> Response:
        rows = "".join(f'<li><a href="{path}">{path}</a> {html_escape(what)}</li>' for path, what in ENDPOINTS)
        title = "<!doctype html><html lang=en><meta charset=utf-8><title>alogd</title><h1>alogd</h1>"
        page = f"{title}<ul>{rows}</ul><p>POST /-/reload reads the configuration again.</p></html>\n"
        return Response(page.encode(), content_type="text/html; charset=utf-8")

    async def _metrics(self, _request: Request) -> Response:
        view = await self._daemon.view()
        return Response(metrics.render(view, process=True), content_type=metrics.CONTENT_TYPE)

    async def _healthy(self, _request: Request) -> Response:
        return Response(b"alogd is healthy\n")

    async def _ready(self, _request: Request) -> Response:
        view = await self._daemon.view()
        return Response(_bytes(ready_text(view)), 200 if view.ready else 503)

    async def _reload(self, _request: Request) -> Response:
        problem = await self._daemon.reload()
        if problem is not None:
            return Response(_bytes(f"the old configuration stays: {problem}\n"), 400)
        return Response(b"the configuration was read again\n")


def ready_text(view: View) -> str:
    """The state of readiness, a line a reason; learning is a field of its own, not a reason."""
    lines = ["ready" if view.ready else "not ready", *view.reasons]
    lines += [f"warm-up {stream.name}: {stream.warmup:.0%}" for stream in view.streams]
    return "\n".join(lines) + "\n"


def split(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[::1]:PORT` or `:PORT`."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _bytes(text: str) -> bytes:
    """Names of files may hold bytes that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace")
