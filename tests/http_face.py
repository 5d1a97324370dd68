"""The real HTTP server with a real store behind it, and raw sockets to ask it with."""

import asyncio
import contextlib

from alogd.config.tree import Http
from alogd.daemon.view import SinkView, SourceView, StreamView, View
from alogd.event import Template
from alogd.judging.scores import Scores
from alogd.state.database import Snapshot
from alogd.state.store import Store
from alogd.web.server import Server
from tests.alerts import START, alert

HOSTILE = "\x1b]0;x\x07\u202e<script>alert(1)</script>"
CORE = {
    "templates": 5,
    "windows": 40,
    "warmup": 0.4,
    "risk": 12.5,
    "watermark_ns": START,
    "open_incidents": 1,
    "open_windows": 2,
    "suppressed_incidents": 3,
    "detector_failures": {"ewma": 1},
    "engine": {"lines": 1000, "records": 990, "empty": 10, "evicted": 2, "memory": 4096, "created": 7},
    "window": {"closed_full": 30, "late": 4},
}


def view(**changes):
    stream = StreamView(
        name="sshd",
        up=True,
        problem="",
        caught_up=True,
        collectors={"file#0": ""},
        sources=[SourceView(f"/var/log/{HOSTILE}", "idle", 10, 10, "")],
        source_count=1,
        size_bytes=10,
        resumed=False,
        lines_read=1000,
        bytes_read=50_000,
        backlog_bytes=7,
        last_read=4.0,
        restarts=0,
        alerts_given_up=0,
        opened={"ewma HIGH": 2},
        notes={"rotated": 1},
        unread=[],
        delays=[0, 3, 0, 0, 0, 0, 1],
        delay_sum=12.5,
        core=CORE,
    )
    values = {
        "version": "9.9",
        "started": 1.0,
        "ready": True,
        "reasons": [],
        "streams": [stream],
        "sinks": [SinkView("pager", 3, {"sent": 2, "dropped_refused": 1}, "answered 503")],
        "state_problem": "",
        "state_last_commit": 2.0,
        "state_failed_commits": 0,
        "state_recovered": {},
        "save_pauses": [5, 0, 2, 0, 0, 0, 0],
        "save_pause_sum": 0.1,
        "config_ok": True,
        "config_time": 3.0,
        "log_lines_dropped": 0,
        "core_jobs": 11,
        "http": {"connections": 1, "slow_header": 2},
    }
    return View(**(values | changes))


class FakeDaemon:
    """The daemon's answers, with a real store behind the alerts."""

    def __init__(self, store):
        self.store = store
        self.now = view()
        self.problem = None
        self.reloads = 0
        self.points = Scores()

    async def view(self):
        return self.now

    async def templates(self, stream):
        if stream != "sshd":
            return None
        return [Template(n, f"template {n} {HOSTILE if n == 3 else ''}", f"{n:016x}", 100 - n) for n in range(1, 6)]

    async def scores(self, stream, begin_ns, end_ns, points):
        return self.points.between(begin_ns, end_ns, points) if stream == "sshd" else None

    async def reload(self):
        self.reloads += 1
        return self.problem


@contextlib.asynccontextmanager
async def serving(tmp_path, **options):
    store = Store()
    await store.open(str(tmp_path / "state"))
    moments = [alert(n, level="LOW" if n == 1 else "HIGH", title=HOSTILE) for n in range(1, 6)]
    await store.commit([Snapshot("sshd", 1, alerts=moments)])
    daemon = FakeDaemon(store)
    server = Server(Http(listen="127.0.0.1:0", **options), daemon)
    url = await server.start()
    try:
        yield daemon, server, int(url.rpartition(":")[2])
    finally:
        await server.close()
        await store.close()


async def raw(port, data, *, all_of_it=True):
    """What the server says to these bytes, until it closes (or has answered)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        said = b""
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):  # a reset after the answer does not take the answer back
                while all_of_it and (more := await reader.read(1 << 16)):
                    said += more
                return said if all_of_it else await reader.readuntil(b"\r\n\r\n")
        return said
    finally:
        writer.close()


async def ask(port, path, method="GET", **headers):
    """Status, headers and body."""
    head = {"Host": f"127.0.0.1:{port}", "Connection": "close"} | {k.replace("_", "-"): v for k, v in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    reply = await raw(port, "\r\n".join(lines).encode())
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


async def gone(server):
    await until(lambda: not server.gate.open)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the server under test has no event for it
            await asyncio.sleep(0.01)
