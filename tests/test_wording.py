"""Texts of an operator's own: a closed list of fields, and whatever logs hold stays text."""

import json
import string

import pytest

from alogd.cli.main import main
from alogd.sinks.base import build
from alogd.sinks.wording import FIELDS, LINKS, WordedOptions, Wording, parsed
from tests.alerts import alert
from tests.bad_server import BadServer

HOSTILE = "<!channel> @here *x* {level} \x1b[31m"


def told(template, entry=None, links=None, lines=False):
    options = WordedOptions(text=template, lines=lines)
    return Wording(options).text(entry or alert(), links or {}, lambda text: text)


def test_every_field_is_filled():
    for name in FIELDS:
        assert isinstance(told(f"<{{{name}}}>", lines=True), str)
    assert told("{level} on {stream}: {title}, {risk}") == "CRITICAL on sshd: incident 1, 85"
    assert told("{{{id}}}") == f"{{{alert().id}}}"
    assert told("{lines}", lines=True) == "Out of memory"
    assert told("{link}|{link_ack}", links={"link": "http://x"}) == "http://x|"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{streams}", 'did you mean "stream"'),
        ("{title.__class__}", "is no field"),
        ("{title!r}", "no format"),
        ("{title:>99999999}", "no format"),
        ("{}", "is no field"),
        ("{0}", "is no field"),
        ("{title", "a brace stands alone"),
        ("}", "a brace stands alone"),
        ("{lines}", "lines: true"),
    ],
)
def test_what_is_no_field_is_refused(template, why):
    with pytest.raises(ValueError, match=why):
        parsed(template, lines=False)


def test_values_are_never_read_as_fields():
    assert told("{title}", alert(title="{level} {reasons}")) == "{level} {reasons}"


def test_the_configuration_says_where_it_is_wrong(tmp_path, capsys):
    config = tmp_path / "alogd.yaml"
    config.write_text(
        "streams: [{name: a, collect: [{kind: stdin}]}]\nsinks:\n  - kind: slack\n    url: https://x.example/y\n"
        '    title: "{levels}"\n'
    )
    assert main(["check", "--config", str(config)]) == 78
    said = capsys.readouterr()
    assert 'title: {levels} is no field; did you mean "level"?' in said.out + said.err
    assert "alogd.yaml:3" in said.out + said.err or "alogd.yaml:5" in said.out + said.err


@pytest.mark.parametrize("kind", ["webhook", "slack", "pagerduty", "alertmanager"])
async def test_each_sink_sends_them_and_logs_stay_text(kind, tmp_path):
    key = tmp_path / "key"
    key.write_text("k" * 32)
    async with BadServer() as server:
        where = {"urls": [server.url]} if kind == "alertmanager" else {"url": server.url}
        more = {"routing_key_file": str(key)} if kind == "pagerduty" else {}
        words = {"title": "*{level}* {title}", "text": "because {reasons}\nof {stream} {link}"}
        link = {"external_url": "https://logs.example"}
        sink = build({"kind": kind, **where, **more, **words, **link}).sink
        await sink.send([alert(title=HOSTILE, reasons=[HOSTILE])])
        await sink.close()
    body = server.requests[0].json()
    seen = json.dumps(body)
    if kind == "slack":
        text = body["blocks"][0]["text"]["text"]
        assert text.startswith("*CRITICAL* &lt;!channel&gt;")
        assert "of sshd https://logs.example/#/alerts/" in text
        assert "<!" not in text
    else:
        if kind == "pagerduty":
            notes = body["payload"]["custom_details"]
            assert body["payload"]["summary"] == notes["summary"]
        else:
            notes = (body[0] if kind == "alertmanager" else body["alerts"][0])["annotations"]
        assert notes["summary"].startswith("*CRITICAL* ")
        assert notes["description"].startswith("because ")
        assert notes["description"].endswith("of sshd https://logs.example/#/alerts/" + alert().id)
        assert "<!channel>" not in seen
    assert "\\u001b" not in seen
    assert "{level}" in seen


@pytest.mark.parametrize("kind", ["webhook", "slack"])
async def test_however_long_they_get_they_are_bounded(kind):
    async with BadServer() as server:
        words = {"title": "{reasons}" * 200, "text": "{templates}{reasons}" * 90}
        sink = build({"kind": kind, "url": server.url, **words}).sink
        await sink.send([alert(reasons=[string.ascii_letters * 400])])
        await sink.close()
    body = server.requests[0].json()
    if kind == "slack":
        assert 0 < len(body["blocks"][0]["text"]["text"]) <= 3000
        assert 0 < len(body["text"]) <= 40_000
    else:
        assert all(len(text) <= 4100 for text in body["alerts"][0]["annotations"].values())


def test_links_are_those_there_are():
    assert LINKS == ("link", "link_ack", "link_silence", "link_expected", "link_real")
