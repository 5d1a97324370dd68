"""/api/v1/events: what changes, told to those who look on, as server-sent events.

There are never more than `MAX_LISTENERS`, and never more than `MAX_WAITING` events for each: whoever reads slower is
let go of and counted, and begins anew with where it was. Nothing is looked at while nobody listens.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections import Counter
from typing import Any

import msgspec
from aiohttp import web

from alogd.escape import json_safe
from alogd.feedback.mute import active
from alogd.web.access import EVENTS, HEADERS
from alogd.web.brief import brief
from alogd.web.guard import Guard
from alogd.web.overview import overview
from alogd.web.query import query_of
from alogd.web.source import Source

MAX_LISTENERS = 16
MAX_WAITING = 64  # events for one listener
MAX_ALERTS = 50  # alerts told at once; of more it is told to load them
EVERY = 1.0  # seconds between looks
HEARTBEAT = 15.0  # seconds without an event until a comment is sent
SLOWEST = 10.0  # seconds one write may take
AGAIN_MS = 3000  # how long a browser waits before it comes back


class Events:
    """Those who listen, and the one look a second that is for all of them."""

    def __init__(self, source: Source, refused: Counter[str]) -> None:
        self._source = source
        self._refused = refused
        self._epoch = f"{id(self):x}"  # ids of another run, or another server, are not ours
        self._listeners: set[_Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._told = 0  # changes of alerts that were told
        self._last = b""  # overview
        self._firing: tuple[int, dict[str, int], int, int] | None = None  # changes then, by level, taken on, told of

    def routes(self) -> list[web.RouteDef]:
        return [web.get(EVENTS, self.listen), web.get("/api/v1/overview", self.now)]

    async def now(self, request: web.Request) -> web.Response:
        """The same, asked for once."""
        query_of(request)
        return web.Response(body=await self._overview(), content_type="application/json", charset="utf-8")

    async def listen(self, request: web.Request) -> web.StreamResponse:
        query_of(request)
        if len(self._listeners) >= MAX_LISTENERS:
            self._refused["too_many_listeners"] += 1
            raise web.HTTPServiceUnavailable(text="too many listen already\n", headers={"Retry-After": "30"})
        listener = _Listener()
        self._listeners.add(listener)
        try:
            return await self._serve(request, listener)
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._rest()

    def close(self) -> None:
        """No more events; those who listen are sent away."""
        for listener in list(self._listeners):
            listener.leave()
        self._rest()

    async def _serve(self, request: web.Request, listener: _Listener) -> web.StreamResponse:
        response = web.StreamResponse(headers={**HEADERS, "X-Accel-Buffering": "no"})
        response.content_type, response.charset = "text/event-stream", "utf-8"
        await response.prepare(request)
        if self._task is None:
            self._told = self._source.store.changes
            self._task = asyncio.get_running_loop().create_task(self._look(), name="events")
        listener.put(f"retry: {AGAIN_MS}\n\n".encode())
        listener.put(self._event("overview", await self._overview()))
        await self._resume(request.headers.get("Last-Event-ID"), listener)
        while (data := await listener.next()) is not None and not _is_gone(request):
            try:
                async with asyncio.timeout(SLOWEST):
                    await response.write(data)
            except TimeoutError:
                listener.was_slow = True
                break
            except ConnectionError:
                break
        if listener.was_slow and request.transport is not None:
            self._refused["slow_listener"] += 1
            request.transport.abort()
        return response

    async def _resume(self, last: str | None, listener: _Listener) -> None:
        """What changed since the last event it had; without one it has just loaded everything."""
        if last is None:
            return
        found = re.fullmatch(r"([0-9a-f]{1,32})\.(\d{1,18})", last, re.ASCII)
        missed = self._source.store.changed_since(int(found[2])) if found and found[1] == self._epoch else None
        for event in await self._alerts(missed):
            listener.put(event)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            before = self._told
            try:
                await self._tell_what_changed()
            except sqlite3.Error:  # which says itself that the disk does not answer; what was missed is told then
                self._told = before

    async def _tell_what_changed(self) -> None:
        changes = self._source.store.changes
        if changes != self._told:
            missed, self._told = self._source.store.changed_since(self._told), changes
            for event in await self._alerts(missed):
                self._tell(event)
        now = await self._overview()
        if now != self._last:
            self._last = now
            self._tell(self._event("overview", now))

    async def _alerts(self, changed: list[str] | None) -> list[bytes]:
        if changed is None or len(changed) > MAX_ALERTS:
            return [self._event("reload", b"{}")]
        found = [await self._source.store.alert(alert_id) for alert_id in changed]
        return [
            self._event("alert", _json(brief(alert, self._source.store.acks.of(alert))))
            for alert in found
            if alert is not None
        ]

    async def _overview(self) -> bytes:
        changes = self._source.store.changes
        if self._firing is None or self._firing[0] != changes:
            store = self._source.store
            self._firing = (changes, await store.firing(), await store.acked(), await store.below())
        muted = len(active(self._source.store.mutes.all, time.time()))
        return _json(overview(await self._source.view(), *self._firing[1:], muted=muted))

    def _event(self, name: str, data: bytes) -> bytes:
        """One event; JSON has no line breaks, so it is one line of data."""
        return f"event: {name}\nid: {self._epoch}.{self._told}\ndata: ".encode() + data + b"\n\n"

    def _tell(self, event: bytes) -> None:
        for listener in list(self._listeners):
            listener.put(event)

    def _rest(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


class _Listener:
    """What waits for one of them; None at its end."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)
        self._left = False
        self._silent = 0.0  # seconds since something was sent
        self.was_slow = False

    def put(self, event: bytes) -> None:
        if self._waiting.full():
            self.was_slow = True
            self.leave()
        elif not self._left:
            self._waiting.put_nowait(event)

    def leave(self) -> None:
        """What waits is not sent any more."""
        self._left = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self) -> bytes | None:
        """The next event; a comment when there is none for long, nothing after a look's time; None when it is over."""
        try:
            async with asyncio.timeout(EVERY):
                event = await self._waiting.get()
        except TimeoutError:
            self._silent += EVERY
            event = b""
        if event != b"" or self._silent >= HEARTBEAT:
            self._silent = 0.0
        return b": nothing new\n\n" if event == b"" and not self._silent else event


def _is_gone(request: web.Request) -> bool:
    """Whether nobody is there; a browser that left only says that nothing more comes from it."""
    if request.transport is None or request.transport.is_closing():
        return True
    guard = request.transport.get_protocol()
    return isinstance(guard, Guard) and guard.has_ended


def _json(value: Any) -> bytes:
    return json_safe(msgspec.json.encode(value))
