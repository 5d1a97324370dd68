"""N4: what is secret about a receiver is in no output."""

from __future__ import annotations

import asyncio

import pytest

from alogd.sinks.base import NotConnected
from tests.alerts import alert
from tests.bad_server import NO, BadServer
from tests.daemon_process import log_lines
from tests.outlets import CANARY, HTTP_KINDS, hook, http_sink


async def test_n4_secrets_are_in_no_output(daemon, tally):
    """Everything a daemon says while its receiver fails in several ways, and everything it can be asked."""
    secrets = {}
    for name in ("url_file", "secret_file", "bearer_token_file", "routing_key_file", "link_secret_file"):
        secrets[name] = str(daemon.directory / name)
    token = daemon.directory / "token"
    token.write_text(f"{CANARY}-token\n")
    (daemon.directory / "secret_file").write_text(f"{CANARY}-hmac\n")
    (daemon.directory / "bearer_token_file").write_text(f"{CANARY}-bearer\n")
    (daemon.directory / "routing_key_file").write_text(f"{CANARY}-key\n")
    (daemon.directory / "link_secret_file").write_text(f"{CANARY}-of-links\n")
    async with BadServer(NO.format(500, "")) as server:
        (daemon.directory / "url_file").write_text(f"{server.url}/{CANARY}-path?key={CANARY}\n")
        away = {"kind": "webhook", "name": "away", "max_age": None, "url": f"http://user:{CANARY}@127.0.0.1:9/{CANARY}"}
        failing = {"kind": "webhook", "max_age": None, **{name: secrets[name] for name in list(secrets)[:3]}}
        others = [
            {"kind": "slack", "url_file": secrets["url_file"], "max_age": None},
            {"kind": "pagerduty", "url": server.url, "routing_key_file": secrets["routing_key_file"], "max_age": None},
            {
                "kind": "alertmanager",
                "urls": [f"{server.url}/{CANARY}-am"],
                "bearer_token_file": secrets["bearer_token_file"],
                "max_age": None,
            },
        ]
        local = [{"kind": "log", "max_age": None}, {"kind": "jsonl", "path": str(daemon.directory / "alerts.jsonl")}]
        daemon.configure(
            sinks=[failing, away, *others, *local],
            http={
                "listen": f"127.0.0.1:{daemon.port}",
                "token_file": str(token),
                "external_url": "https://logs.example",
                "link_secret_file": secrets["link_secret_file"],
            },
        )
        daemon.write(log_lines(6000))
        daemon.start()
        await server.wait_for(8)  # each of the four, and again
        server.reply = ""
        await server.wait_for(12)
        used = "".join(f"{request.line}{request.headers}{request.body!r}" for request in server.requests)
        for name in ("bearer", "key", "path", "am"):
            assert f"{CANARY}-{name}" in used  # it is in use
        (daemon.directory / "bearer_token_file").write_text(f"{CANARY}\nsecond line\n")
        (daemon.directory / "url_file").write_text(f"gopher://{CANARY}/\n")
        asked = await asyncio.to_thread(everything, daemon)
        assert await asyncio.to_thread(daemon.stop) == 0
    said = daemon.said()
    assert "answered 500" in said
    kept = b"".join(path.read_bytes() for path in daemon.state.iterdir() if path.is_file())
    for place, text in {
        "log": said.encode(),
        "state": kept,
        "alerts": str(daemon.delivered()).encode(),
        **asked,
    }.items():
        assert CANARY.encode() not in text, place
        tally.add(lines=text.count(b"\n"))


async def test_n4_nothing_that_could_be_printed_shows_one(tmp_path):
    """What a sink holds is names of files; a url with a password in it is shown by nothing but the configuration."""
    async with BadServer(NO.format(500, "")) as server:
        for kind in HTTP_KINDS:
            url = server.url.replace("http://", f"http://user:{CANARY}@")
            sink = http_sink(kind, f"{url}/{CANARY}", tmp_path)
            with pytest.raises(NotConnected) as caught:
                await sink.send([alert(1)])
            assert CANARY not in f"{sink!r} {sink} {caught.value!r} {caught.value.__context__!r}"
            await sink.close()
        assert all(CANARY in request.line for request in server.requests)
        assert len(server.requests) == len(HTTP_KINDS)


def everything(daemon):
    paths = ["/", "/metrics", "/-/ready", "/-/healthy", "/api/v1/alerts", "/api/v1/status", "/api/v1/streams"]
    asked = {path: daemon.get(path)[1] for path in [*paths, "/api/v1/templates?limit=1000", f"/{CANARY[:3]}"]}
    asked["refused reload"] = daemon.post("/-/reload", Authorization="Bearer wrong")[1]
    assert all(asked.values())
    daemon.config.write_text(daemon.config.read_text().replace('"webhook"', '"webhok"'))
    asked["bad reload"] = daemon.post("/-/reload", Authorization=f"Bearer {CANARY}-token")[1]
    assert b"webhok" in asked["bad reload"]
    return asked


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty or not text"),
        ("a\nb\n", "more than one line"),
        ("a\x00b", "more than one line"),
        (None, "No such file"),
    ],
)
async def test_n4_a_secret_that_is_being_written_anew_is_waited_for(tmp_path, content, message):
    """Not given up after a few attempts, as what is wrong with the sink itself would be."""
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    async with BadServer() as server, hook(server, bearer_token_file=str(path)) as sink:
        with pytest.raises(NotConnected, match=message) as caught:
            await sink.send([alert(1)])
        assert str(tmp_path) not in str(caught.value)
        path.write_text("good\n")
        await sink.send([alert(1)])
        assert server.requests[0].headers["authorization"] == "Bearer good"
