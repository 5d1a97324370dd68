"""Slack, PagerDuty and `alogd sinks` against an HTTP receiver that holds them to the documented rules."""

import asyncio
import json
import re

import pytest

from alogd.cli.main import main
from alogd.sinks.base import Missed, NotConnected, Rejected, build
from tests.alerts import alert
from tests.bad_server import BadServer
from tests.outlets import hostile, risky

NO = "HTTP/1.1 {} No\r\n{}Content-Length: 0\r\n\r\n"


def slack_judges(body):
    """https://docs.slack.dev/reference/block-kit/blocks: what an incoming webhook takes."""
    message = json.loads(body)
    good = 0 < len(message["blocks"]) <= 50 and 0 < len(message["text"]) <= 40_000
    for block in message["blocks"]:
        texts = [block["text"]] if block["type"] == "section" else block["elements"]
        good = good and all(one["type"] == "mrkdwn" and 0 < len(one["text"]) <= 3000 for one in texts)
    return "200 OK" if good else "400 invalid_blocks"


def pagerduty_judges(body):
    """Events API v2: required fields, closed sets, bounds."""
    event = json.loads(body)
    good = len(event["routing_key"]) == 32 and 0 < len(event["dedup_key"]) <= 255 and len(body) <= 512 * 1024
    if event["event_action"] == "trigger":
        payload = event["payload"]
        good = good and payload["severity"] in {"critical", "error", "warning", "info"} and bool(payload["source"])
        good = good and 0 < len(payload["summary"]) <= 1024
    return "202 Accepted" if good and event["event_action"] in {"trigger", "resolve"} else "400 Bad"


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    path.write_text("0123456789abcdef" * 2 + "\n")
    return str(path)


async def sent(kind, server, alerts, missed=None, **more):
    sink = build({"kind": kind, "url": server.url, **more}).sink
    try:
        await sink.send(alerts, missed or Missed())
    finally:
        await sink.close()
    return [request.json() for request in server.requests]


async def test_slack_takes_a_full_batch_of_the_longest_texts():
    long = {"title": "<&>*" * 5000, "reasons": ["&" * 9000] * 40}
    async with BadServer(judge=slack_judges) as server:
        (message,) = await sent("slack", server, [alert(n, **long) for n in range(32)], Missed(3, 4), lines=True)
    assert message["blocks"][-1]["elements"][0]["text"].startswith("7 earlier changes")
    assert not re.search(r"&(?!amp;|lt;|gt;)", message["text"] + message["blocks"][0]["text"]["text"])


async def test_slack_calls_nobody_and_shows_nothing_that_steers():
    calling = alert(1, title="<!channel> <@U1> <http://evil|click> *bold*", reasons=["`x`"])
    async with BadServer(judge=slack_judges) as server:
        (message,) = await sent("slack", server, [calling, hostile(2)], lines=True)
    text = json.dumps(message, ensure_ascii=False)
    assert "&lt;!channel&gt; &lt;@U1&gt;" in text
    assert "<!" not in text
    assert "<http" not in text
    assert not risky(text)
    assert all(block["text"]["verbatim"] for block in message["blocks"])


async def test_slack_says_when_it_is_over_and_links():
    over = alert(1, status="resolved", resolved_ns=alert(1).updated_ns)
    async with BadServer(judge=slack_judges) as server:
        (message,) = await sent("slack", server, [over], external_url="https://alogd.example/")
    text = message["blocks"][0]["text"]["text"]
    assert "*RESOLVED* incident 1" in text
    assert f"<https://alogd.example/#/alerts/{over.id}|details>" in text


async def test_pagerduty_triggers_and_resolves(key):
    levels = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]
    moments = [alert(n, level=level, title="x" * 5000) for n, level in enumerate(levels)]
    moments.append(alert(1, status="resolved"))
    async with BadServer(judge=pagerduty_judges) as server:
        events = await sent("pagerduty", server, moments, routing_key_file=key, external_url="https://a.example")
    assert [one["payload"]["severity"] for one in events[:5]] == ["critical", "error", "warning", "info", "info"]
    assert [one["event_action"] for one in events] == ["trigger"] * 5 + ["resolve"]
    assert events[1]["dedup_key"] == events[5]["dedup_key"] == alert(1).id
    assert events[0]["links"][0]["href"] == f"https://a.example/#/alerts/{alert(0).id}"


@pytest.mark.parametrize("kind", ["slack", "pagerduty"])
@pytest.mark.parametrize(
    ("code", "error"), [(400, Rejected), (404, Rejected), (429, NotConnected), (500, NotConnected)]
)
async def test_what_answers_mean(kind, code, error, key):
    more = {"routing_key_file": key} if kind == "pagerduty" else {}
    async with BadServer(NO.format(code, "Retry-After: 9\r\n")) as server:
        with pytest.raises(error) as caught:
            await sent(kind, server, [alert(1)], **more)
    assert getattr(caught.value, "retry_after", 9.0) == 9.0


def configured(tmp_path, url):
    path = tmp_path / "alogd.yaml"
    path.write_text(
        "streams: [{name: web, collect: [{kind: file, include: [/x]}]}]\n"
        f"sinks: [{{kind: slack, name: chat, url: '{url}', min_level: HIGH, when: {{streams: [web]}}}}, log]\n"
    )
    return str(path)


@pytest.mark.parametrize(("reply", "code"), [(NO.format(200, ""), 0), (NO.format(403, ""), 1)])
async def test_the_command_says_what_came_of_it(tmp_path, capsys, reply, code):
    async with BadServer(reply) as server:
        config = configured(tmp_path, server.url)
        assert await asyncio.to_thread(main, ["sinks", "test", "chat", "--config", config]) == code
    assert "TEST: " in str(server.requests[0].body)
    said = capsys.readouterr()
    assert "chat: took test alert" in said.out if code == 0 else "answered 403" in said.err


def test_the_command_lists(tmp_path, capsys):
    config = configured(tmp_path, "http://127.0.0.1:9/")
    assert main(["sinks", "list", "--config", config, "-o", "json"]) == 0
    chat, other = json.loads(capsys.readouterr().out)
    assert chat == {"name": "chat", "kind": "slack", "min_level": "HIGH", "when": "streams web"}
    assert other["name"] == "log"
    assert main(["sinks", "test", "chta", "--config", config]) == 2
    assert main(["sinks", "test"]) == 2
