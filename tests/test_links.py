"""Signed links: they go with notifications, ask before they do anything, and are good for what they say and no more."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from alogd.alerts.links import ACTIONS, DAY, Unusable, is_signed, signature, signed
from alogd.config.load import load
from alogd.sinks import links
from alogd.sinks.base import build, entries
from alogd.web.act import MOST_VERDICTS
from tests.alerts import alert
from tests.bad_server import BadServer
from tests.http_face import ask, raw, serving

SECRET = "correct horse battery staple"
OUTSIDE = "https://logs.example/alogd"
ID = alert(3).id


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return str(path)


def link(action="ack", alert_id=ID, until=None, key=SECRET):
    until = int(time.time()) + 3600 if until is None else until
    return f"/act/{alert_id}/{action}/{until}/{signature(key, alert_id, action, until)}"


async def post(port, path, form="", *headers, host="localhost"):
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}", "", ""]
    reply = await raw(port, ("\r\n".join(lines) + form).encode())
    return int(reply.split(b" ", 2)[1]), reply


def asked_for(store):
    return (len(store.acks.entries), len(store.mutes.mutes))


# The signature


def test_it_is_of_all_a_link_says():
    good = signature(SECRET, ID, "ack", 1000)
    assert is_signed(SECRET, ID, "ack", 1000, good)
    for other in ((SECRET, ID, "silence", 1000), (SECRET, ID, "ack", 1001), (SECRET, "f" * 16, "ack", 1000)):
        assert not is_signed(*other, good)
    assert not is_signed(SECRET + "x", ID, "ack", 1000, good)
    for bad in ("", good[:-1], good + "=", good.lower(), "\udcff", "x" * 10_000):
        assert not is_signed(SECRET, ID, "ack", 1000, bad)
    with pytest.raises(Unusable, match="16"):
        signature("short", ID, "ack", 1000)


def test_it_stays_the_same_for_a_day_and_is_good_for_a_week():
    noon = 20_000 * DAY + DAY / 2
    assert signed("https://a", SECRET, ID, "ack", noon) == signed("https://a/", SECRET, ID, "ack", noon + DAY / 3)
    until = int(signed("https://a", SECRET, ID, "ack", noon).split("/")[-2])
    assert 7 * DAY <= until - noon <= 8 * DAY


# The page


async def test_looking_changes_nothing_and_one_post_does(tmp_path, secret):
    async with serving(tmp_path, link_secret_file=secret, external_url=OUTSIDE) as (daemon, _, port):
        for action in ACTIONS:
            for method in ("GET", "HEAD"):
                status, headers, body = await ask(port, link(action), method)
                assert status == 200
                assert "script" not in headers["Content-Security-Policy"]
                assert headers["X-Frame-Options"] == "DENY"
            assert b"<script>alert" not in body
        assert asked_for(daemon.store) == (0, 0)
        assert (await post(port, link("ack"), "by=ann"))[0] == 200
        assert asked_for(daemon.store) == (1, 0)
        assert daemon.store.acks.entries[0].by == "ann (by link)"
        assert (await post(port, link("silence"), "hours=8"))[0] == 200
        assert (await post(port, link("expected")))[0] == 200
        silence, expected = daemon.store.mutes.mutes
        assert (silence.kind, silence.alert, silence.by) == ("silence", ID, "(by link)")
        assert silence.ends - silence.begins == pytest.approx(8 * 3600, abs=5)
        assert (expected.kind, expected.alert) == ("expected", ID)
        assert (await post(port, link("ack"), "by=bob"))[0] == 200  # again: who was first stays
        assert [one.by for one in daemon.store.acks.entries] == ["ann (by link)"]
        assert (await post(port, link("silence"), "hours=9999"))[0] == 400
        for again in ("hours=8", "hours=1"):
            assert (await post(port, link("silence"), again))[0] == 200
        assert (await post(port, link("expected")))[0] == 200
        assert asked_for(daemon.store) == (1, 2)  # a link cannot fill the list
        assert (await post(port, link("silence"), "hours=24"))[0] == 200
        assert (await post(port, link("real")))[0] == 200
        assert [one.kind for one in daemon.store.mutes.mutes] == ["silence", "expected", "silence", "real"]


async def test_what_was_expected_says_where_and_until_when(tmp_path, secret):
    async with serving(tmp_path, link_secret_file=secret, external_url=OUTSIDE) as (daemon, _, port):
        mutes, path = daemon.store.mutes, link("expected")
        _, _, body = await ask(port, path)
        assert b'value="template"' in body
        assert b'value="host"' not in body  # no line of it names one
        assert (await post(port, path, "scope=template&days=30"))[0] == 200
        first = mutes.mutes[-1]
        assert not any(one.startswith("stream=") for one in first.matchers)
        assert first.ends - first.begins == pytest.approx(30 * DAY, abs=5)
        assert (await post(port, path, "scope=template&days=30"))[0] == 200
        assert len(mutes.mutes) == 1  # the button was pressed twice
        day = datetime.now(UTC).date() + timedelta(days=3)
        assert (await post(port, path, f"scope=template&days=7&until={day}"))[0] == 200
        before, after = mutes.mutes
        assert before.undone is not None  # the later one counts, though it is shorter
        assert datetime.fromtimestamp(after.ends, UTC).isoformat() == f"{day}T23:59:59+00:00"
        for bad in ("scope=all", "scope=host", "days=9999", "until=soon", "until=2020-01-01", "until=9999-12-31"):
            assert (await post(port, path, bad))[0] == 400, bad
        assert len(mutes.mutes) == 2
        for days in range(4, 30):
            status, _ = await post(port, path, f"until={datetime.now(UTC).date() + timedelta(days=days)}")
        assert (status, len(mutes.mutes)) == (409, MOST_VERDICTS)


async def test_what_is_no_form_is_an_error(tmp_path, secret):
    async with serving(tmp_path, link_secret_file=secret, external_url=OUTSIDE) as (daemon, server, port):
        path = link("silence")
        for kind, data in (
            (b"application/x-www-form-urlencoded; charset=nonsense", b"by=a"),
            (b"application/x-www-form-urlencoded", b"by=%ff%00&hours=\xff"),
            (b"multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ):
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
            more = b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(data)
            assert (await raw(port, head + more + data)).split(b" ", 2)[1] in (b"200", b"400"), kind
        assert server.gate.refused["bad_link"] == 0
        assert len(daemon.store.mutes.mutes) <= 1


async def test_what_is_not_signed_is_refused_and_counted(tmp_path, secret):
    good = link("ack")
    bad = [
        good.replace("/ack/", "/silence/"),
        good.replace(ID, alert(4).id),
        link("ack", until=int(time.time()) + 60).replace("/ack/", "/ack/1"),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        link("ack", key="another secret altogether"),
        link("drop"),
        good.rpartition("/")[0] + "/x",
        f"/act/{ID}/ack/-1/{signature(SECRET, ID, 'ack', -1)}",
    ]
    async with serving(tmp_path, link_secret_file=secret, external_url=OUTSIDE) as (daemon, server, port):
        for path in bad:
            assert (await ask(port, path))[0] == 403, path
            assert (await post(port, path))[0] == 403, path
        assert server.gate.refused["bad_link"] == 2 * len(bad)
        old = link("ack", until=int(time.time()) - 1)
        assert (await ask(port, old))[0] == (await post(port, old))[0] == 410
        assert (await post(port, link("ack", alert_id="none")))[0] == 404
        assert asked_for(daemon.store) == (0, 0)


async def test_the_secret_may_be_rotated_and_without_it_there_are_no_links(tmp_path, secret):
    old = link("ack")
    async with serving(tmp_path, link_secret_file=secret, external_url=OUTSIDE) as (daemon, _, port):
        (tmp_path / "secret").write_text("an entirely different secret\n")
        assert (await post(port, old))[0] == 403
        for unusable in ("short\n", "\n"):
            (tmp_path / "secret").write_text(unusable)
            assert (await post(port, old))[0] == 503
        (tmp_path / "secret").unlink()
        assert (await post(port, old))[0] == 503
        assert asked_for(daemon.store) == (0, 0)


async def test_without_a_secret_there_is_nothing_there(tmp_path):
    async with serving(tmp_path) as (daemon, _, port):
        assert (await ask(port, link("ack")))[0] == 404
        assert (await post(port, link("ack")))[0] == 404
        assert asked_for(daemon.store) == (0, 0)


async def test_it_needs_no_token_and_what_else_there_is_still_does(tmp_path, secret):
    token = tmp_path / "token"
    token.write_text("t" * 20)
    options = {"link_secret_file": secret, "external_url": OUTSIDE, "token_file": str(token)}
    behind = "X-Forwarded-For: 203.0.113.9"
    async with serving(tmp_path, **options) as (daemon, _, port):
        # Through a proxy that passes on the name by which people reach it, from a browser that says where it is.
        origin = "Origin: https://logs.example"
        assert (await post(port, link("ack"), "", behind, origin, host="logs.example"))[0] == 200
        assert asked_for(daemon.store) == (1, 0)
        assert (await post(port, link("expected"), "", "Origin: https://evil.example"))[0] == 403
        assert (await post(port, link("expected"), "", "Origin: null"))[0] == 403
        assert (await post(port, link("expected"), "", "Sec-Fetch-Site: cross-site"))[0] == 403
        assert (await post(port, link("expected"), host="evil.example"))[0] == 421
        assert (await post(port, f"/act/../api/v1/alerts/{ID}/ack"))[0] in (401, 403, 404)
        assert (await post(port, f"/act/%2e%2e/api/v1/alerts/{ID}/ack"))[0] in (401, 403, 404)
        assert (await post(port, "/-/reload"))[0] == 401
        assert asked_for(daemon.store) == (1, 0)


# In notifications


def test_sinks_know_the_daemons_address_unless_they_say_otherwise(tmp_path, secret):
    path = tmp_path / "alogd.yaml"
    path.write_text(
        f"""
streams: [{{name: a, collect: [{{kind: file, include: [/x]}}]}}]
http: {{external_url: "{OUTSIDE}", link_secret_file: {secret}}}
sinks:
  - {{kind: slack, url: "http://127.0.0.1/"}}
  - {{kind: pagerduty, routing_key_file: {secret}, link_secret_file: null}}
  - {{kind: webhook, url: "http://127.0.0.1/", external_url: "https://other.example"}}
  - {{kind: jsonl, path: /tmp/x}}
"""
    )
    slack, pagerduty, webhook, jsonl = entries(load(path).config)
    assert (slack["external_url"], slack["link_secret_file"]) == (OUTSIDE, secret)
    assert (pagerduty["external_url"], pagerduty["link_secret_file"]) == (OUTSIDE, None)
    assert webhook["external_url"] == "https://other.example"
    assert "external_url" not in jsonl


def test_a_secret_without_an_address_is_an_error(tmp_path, secret):
    path = tmp_path / "alogd.yaml"
    path.write_text(
        f"streams: [{{name: a, collect: [{{kind: file, include: [/x]}}]}}]\nhttp: {{link_secret_file: {secret}}}\n"
    )
    with pytest.raises(ValueError, match="external_url"):
        load(path)


async def sent(tmp_path, kind, alerts, **more):
    async with BadServer() as server:
        where = {"urls": [server.url]} if kind == "alertmanager" else {"url": server.url}
        sink = build({"kind": kind, **where, "external_url": OUTSIDE, **more}).sink
        try:
            await sink.send(alerts)
        finally:
            await sink.close()
        return server.requests[0].json()


def links_in(document):
    return re.findall(r"https://logs\.example/alogd/(?:act|#)[^\s\"|>\\]*", json.dumps(document))


@pytest.mark.parametrize("kind", ["webhook", "slack", "pagerduty", "alertmanager"])
async def test_every_notification_has_them(tmp_path, secret, kind):
    key = tmp_path / "key"
    key.write_text("0123456789abcdef" * 2)
    more = {"routing_key_file": str(key)} if kind == "pagerduty" else {}
    told = await sent(tmp_path, kind, [alert(3)], **more)
    assert {url.removeprefix(OUTSIDE) for url in links_in(told)} == {f"/#/alerts/{ID}"}
    told = await sent(tmp_path, kind, [alert(3)], link_secret_file=secret, **more)
    acts = {url.removeprefix(OUTSIDE) for url in links_in(told)} - {f"/#/alerts/{ID}"}
    assert {path.split("/")[3] for path in acts} == set(ACTIONS)
    async with serving(tmp_path, link_secret_file=secret, external_url=OUTSIDE) as (daemon, _, port):
        for path in acts:
            assert (await post(port, path))[0] == 200
        assert asked_for(daemon.store) == (1, 3)


async def test_an_alert_is_sent_without_them_where_the_secret_cannot_be_read(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(links, "log", SimpleNamespace(warning=lambda text, **_more: said.append(text)))
    async with BadServer() as server:
        more = {"external_url": OUTSIDE, "link_secret_file": str(tmp_path / "gone")}
        sink = build({"kind": "slack", "url": server.url, **more}).sink
        for _ in range(2):
            await sink.send([alert(3)])
        await sink.close()
        assert [len(links_in(request.json())) for request in server.requests] == [1, 1]
    assert said == ["alerts are sent without signed links"]  # of the two


async def test_what_is_over_cannot_be_acknowledged(tmp_path, secret):
    told = await sent(tmp_path, "webhook", [alert(3, status="resolved", resolved_ns=1)], link_secret_file=secret)
    assert {url.split("/")[6] for url in links_in(told) if "/act/" in url} == {"silence", "expected", "real"}
