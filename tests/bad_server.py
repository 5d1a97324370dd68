"""An HTTP server that behaves as badly as told."""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass

GOOD = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NO = "HTTP/1.1 {} No\r\n{}Content-Length: 0\r\n\r\n"  # to fill in: status, more header lines


@dataclass
class Request:
    headers: dict[str, str]
    body: bytes
    line: str = ""

    def json(self):
        return json.loads(self.body)


class BadServer:
    """Answers with `reply` ("" = closes), or by `behaviour`.

    silent; slow and trickle (a byte each `pause` seconds, of head, of body); endless (10 GB); reset (RST).
    """

    def __init__(self, reply=GOOD, *, behaviour="reply", judge=None, pause=1.0):
        self.reply = reply
        self.behaviour = behaviour
        self.judge = judge
        self.pause = pause
        self.requests = []
        self.connections = 0
        self.sent = 0
        self._news = asyncio.Condition()
        self._good = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        self._over = asyncio.Event()
        return self

    async def __aexit__(self, *_):
        self._over.set()
        self._server.close()

    async def wait_for(self, requests):
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(self.requests) >= requests)

    async def wait_for_good(self):
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: self._good)

    async def _serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await self._one(reader, writer)
                if not self.reply:
                    break
        writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) if i else ("", line) for i, line in enumerate(head) if line)
        exact = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if line}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        reply = f"HTTP/1.1 {self.judge(body)}\r\nContent-Length: 0\r\n\r\n" if self.judge else self.reply
        async with self._news:
            self.requests.append(Request(exact, body, head[0]))
            self._good += " 200 " in reply
            self._news.notify_all()
        await getattr(self, f"_{self.behaviour}")(writer, reply)

    async def _reply(self, writer, reply):
        writer.write(reply.encode())
        await writer.drain()

    async def _silent(self, writer, reply):
        await self._over.wait()

    async def _slow(self, writer, reply):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
            writer.write(bytes([byte]))
            self.sent += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self.pause)
                return

    async def _trickle(self, writer, reply):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        await self._slow(writer, reply)

    async def _reset(self, writer, reply):
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async def _endless(self, writer, reply):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        chunk = bytes(1 << 16)
        for _ in range(10_000_000_000 // len(chunk)):
            writer.write(chunk)
            await writer.drain()
            self.sent += len(chunk)
