"""Sinks and their deliveries for tests, and text that tries to be more than text."""

import asyncio
import contextlib
import dataclasses
import random

from alogd.clock import LoopWaker, SystemClock
from alogd.registry import BUILT_IN, find
from alogd.sinks.base import build
from alogd.sinks.client import HttpOptions
from alogd.sinks.delivery import Delivery
from alogd.state.database import Snapshot
from alogd.state.store import Store
from tests.alerts import alert

HOSTILE = '\x1b]52;c;ZXZpbA==\x07\u202e${jndi:ldap://x} %s%n {a.__init__} {{7*7}} $(id)\n{"level":"forged"}\x9b'
CANARY = "canary-7f3a9"  # in place of a secret
HTTP_KINDS = sorted(kind for kind in BUILT_IN["sinks"] if issubclass(find("sinks", kind).Options, HttpOptions))


def hostile(number=1):
    base = alert(number)
    line = dataclasses.replace(base.lines[0], text=HOSTILE, source=f"/var/log/{HOSTILE}")
    return alert(number, title=HOSTILE, key=HOSTILE, reasons=[HOSTILE], lines=[line])


def risky(text):
    return any(char in text for char in "\x1b\x07\u202e\x9b")


@contextlib.asynccontextmanager
async def hook(server, **options):
    sink = build({"kind": "webhook", "name": "pager", "url": server.url, "timeout": 5.0, **options}).sink
    try:
        yield sink
    finally:
        await sink.close()


@contextlib.asynccontextmanager
async def delivery(tmp_path, entry, alerts, clock=None, waker=None):
    """A store with these alerts waiting, and the sink's delivery running."""
    store = Store()
    await store.open(str(tmp_path / "state"))
    sink = build(entry)
    await store.route([sink.name], lambda one: [sink.name] if sink.wants(one) else [])
    way = Delivery(sink, store, clock or SystemClock(), waker or LoopWaker(), random.Random(1))
    for begin in range(0, len(alerts), 500):
        assert await store.commit([Snapshot("sshd", 1, alerts=alerts[begin : begin + 500])])
    try:
        yield store, way
    finally:
        await sink.sink.close()
        await store.close()


class Leap:
    """A clock that stands still but for those who wait: each wait is over at once, and took all its time."""

    def __init__(self):
        self.now = 0.0
        self.waits = []

    def monotonic(self):
        return self.now

    def time(self):
        return 1.7e9 + self.now

    async def wait(self, timeout):  # noqa: ASYNC109
        await asyncio.sleep(0)
        self.waits.append(timeout)
        self.now += timeout
        return False

    def wake(self):
        pass


def http_sink(kind, url, directory):
    """Of each kind that speaks HTTP."""
    (directory / "key").write_text(f"{CANARY}-key\n")
    where = {"urls": [url]} if kind == "alertmanager" else {"url": url}
    key = {"routing_key_file": str(directory / "key")} if kind == "pagerduty" else {}
    return build({"kind": kind, "timeout": 1.0, **where, **key}).sink
