"""H3: requests that are wrong, over raw sockets: an error and the door."""

from __future__ import annotations

import asyncio
import random

import pytest

from alogd.web import access, guard
from alogd.web.server import MAX_BODY
from tests.http_face import ask, gone, raw, serving, until


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", (b"400", b"414", b"431")),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", (b"400", b"431")),
        (b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyy\r\n" * 2000, (b"400", b"431")),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", (b"400", b"405")),
        (b"GET /\r\n\r\n", (b"400",)),
        (b"GET / HTTP/0.9\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX\x00Y: 1\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\nConnection: close\r\n\r\n", (b"400",)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (b"400",)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (b"400", b"405", b"505")),
        (
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /-/reload HTTP/1.1\r\n\r\n",
            (b"400",),
        ),
        (
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 300_000,
            (b"413",),
        ),
        (
            b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"
            + b"x" * 300_000,
            (b"413",),
        ),
        (
            b"GET /metrics?"
            + b"&".join(b"%d" % n for n in range(1500))
            + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            (b"200", b"400"),
        ),
    ],
)
async def test_h3_malformed_requests_get_an_error_and_the_door(tmp_path, monkeypatch, data, statuses):
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.1)
    async with serving(tmp_path) as (_, server, port):
        reply = await raw(port, data)
        assert reply.partition(b" ")[2][:3] in statuses
        assert (await ask(port, "/-/healthy"))[0] == 200
        await gone(server)


async def test_h3_pipelined_requests_are_answered_in_order(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        one = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        reply = await raw(port, one * 3 + last)
        assert reply.count(b"alogd is healthy") == 3
        assert reply.index(b"warm-up") > reply.rindex(b"alogd is healthy")


async def test_h3_what_is_held_before_a_request_is_whole_is_bounded(tmp_path):
    """16 KiB are the most a head may have; a body, which only follows a whole head, may have 64."""
    async with serving(tmp_path) as (_, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" + (b"X: " + b"y" * 200 + b"\r\n") * 75)
        await until(lambda: any(one._held > 15_000 for one in server.gate.open))
        writer.write((b"X: " + b"y" * 200 + b"\r\n") * 10)
        async with asyncio.timeout(20):
            assert b"431" in await reader.read()
        writer.close()
        assert server.gate.refused["too_large"] == 1


def post(path, size, more=b""):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n".encode()
    return head + more + b"\r\n" + b" " * size


@pytest.mark.parametrize(("size", "status"), [(20_000, b"200"), (MAX_BODY, b"200"), (MAX_BODY + 1, b"413")])
@pytest.mark.parametrize("pieces", [1, 3])
async def test_h3_a_body_may_have_64_kib(tmp_path, size, status, pieces):
    """However it is cut. The 16 KiB are for the head: before, a body that came in one piece with it was part of it."""
    async with serving(tmp_path) as (daemon, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data = post("/-/reload", size, b"Connection: close\r\n")
        for at in range(pieces):
            writer.write(data[at * len(data) // pieces : (at + 1) * len(data) // pieces])
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"\r\n")).split(b" ")[1] == status
        writer.close()
        await gone(server)
        assert daemon.reloads == (status == b"200")


async def test_h3_a_body_of_a_megabyte_is_told_so_and_not_held(tmp_path):
    """The answer is one the client can read, not a reset: what is too much is thrown away as it comes."""
    async with serving(tmp_path) as (daemon, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/-/reload", 1 << 20))
        async with asyncio.timeout(20):
            await writer.drain()
            assert b" 413 " in await reader.readuntil(b"\r\n")
            held = [one._held for one in server.gate.open]
        writer.close()
        await gone(server)
        assert daemon.reloads == 0
        assert max(held, default=0) <= guard.MAX_REQUEST
        assert server.gate.refused["too_large"] == 1


@pytest.mark.parametrize("path", ["/-/reload", "/metrics", "/nothing"])
async def test_h3_a_body_is_not_taken_for_the_next_request(tmp_path, path):
    """Whoever asks, and whether or not the answer had to read it."""
    (tmp_path / "token").write_text("s3cret\n")
    async with serving(tmp_path, token_file=str(tmp_path / "token")) as (daemon, server, port):
        last = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        reply = await raw(port, post(path, 40_000) + last)
        assert reply.split(b" ", 2)[1] in {b"401", b"405", b"404"}
        assert reply.count(b"HTTP/1.1 ") == 2
        assert b"alogd is healthy" in reply
        assert server.gate.refused.total() == 0
        assert daemon.reloads == 0


async def test_h3_a_body_that_does_not_come_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(access, "BODY_SECONDS", 0.2)
    async with serving(tmp_path) as (daemon, server, port):
        head = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
        assert b" 408 " in await raw(port, head, all_of_it=False)
        await gone(server)
        assert server.gate.refused["slow_body"] == 1
        assert daemon.reloads == 0


GOOD_REQUEST = (
    b"POST /-/reload?x=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nContent-Type: application/json\r\n"
    b'Connection: close\r\n\r\n{"a": [1]}\n'
)
PIECES = (b"\r\n", b"\n", b"\x00", b"Transfer-Encoding: chunked\r\n", b"Content-Length: -1\r\n", b"%00", b"\xff", b": ")


def mangled(chance):
    """A request with some of its bytes changed, doubled, left out, or with a piece that does not belong there."""
    data = bytearray(GOOD_REQUEST)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data))
        how = chance.randrange(4)
        if how == 0:
            data[at] = chance.randrange(256)
        elif how == 1:
            del data[at : at + chance.randrange(1, 9)]
        elif how == 2:
            data[at:at] = chance.choice(PIECES)
        else:
            data[at:at] = data[at : at + 20]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_h3_mangled_requests(tmp_path, monkeypatch, tally, caplog, seed):
    """Answered or cut off, each of them; nothing is raised, nothing stays open, and the server goes on."""
    for name in ("HEADER_SECONDS", "IDLE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(guard, name, 0.3)
    monkeypatch.setattr(access, "BODY_SECONDS", 0.3)
    chance = random.Random(seed)
    known = {b"200", *(b"%d" % status for status in range(400, 432)), b"501", b""}
    async with serving(tmp_path) as (_, server, port):
        for _ in range(10):
            replies = await asyncio.gather(*(raw(port, mangled(chance)) for _ in range(25)))
            assert {reply.partition(b" ")[2][:3] for reply in replies} <= known
        await gone(server)
        assert (await ask(port, "/-/healthy"))[0] == 200
        assert server.gate.refused["malformed"] > 50
    assert caplog.text == ""
    tally.add(rounds=250)
