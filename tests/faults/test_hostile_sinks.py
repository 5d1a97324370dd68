"""X4, X8, sink by sink: markup in what each sends, to the letter, and lines only from where they were asked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from alogd.alerts import as_json
from alogd.event import Alert
from alogd.registry import names
from alogd.sinks.base import build
from tests.alerts import alert
from tests.bad_server import BadServer
from tests.faults.conftest import Tally
from tests.faults.test_hostile import MARKUP
from tests.kafka_broker import Broker

FORMULA = "=cmd|'/c calc'!A1"
LINE = "Out of memory"  # of the alert's evidence
UNREAD = "<script>alert(1)</script> <!channel> <@U123> @here @channel [x](http://evil) *b* _i_ ~e mail =cmd|'/c'!A1"
BROKEN = UNREAD.replace("<!", "< !").replace("<@", "< @").replace("@here", "@ here").replace("@ch", "@ ch")
ZERO = "\u200b"
SLACK = (
    "&lt;script&gt;alert(1)&lt;/script&gt; &lt;!channel&gt; &lt;@U123&gt; @here @channel [x](http://evil) "
    f"{ZERO}*{ZERO}b{ZERO}*{ZERO} {ZERO}_{ZERO}i{ZERO}_{ZERO} {ZERO}~{ZERO}e mail =cmd|'/c'!A1"
)


def hostile() -> Alert:
    return alert(1, title=MARKUP, reasons=[MARKUP], key=FORMULA)


async def sent(kind: str, directory: Path, **options: Any) -> Any:
    """What a receiver gets of the hostile alert, as the JSON it is."""
    (directory / "key").write_text("0123456789abcdef" * 2)
    if kind == "kafka":
        return await through_kafka(**options)
    async with BadServer() as server:
        where: dict[str, Any] = {"urls": [server.url]} if kind == "alertmanager" else {"url": server.url}
        if kind == "pagerduty":
            where["routing_key_file"] = str(directory / "key")
        sink = build({"kind": kind, **where, **options}).sink
        await sink.send([hostile()])
        await sink.close()
        return server.requests[0].json()


async def through_kafka(**options: Any) -> Any:
    from aiokafka import AIOKafkaConsumer

    broker = Broker()
    try:
        sink = build({"kind": "kafka", "brokers": [broker.address], "topic": "alerts", **options}).sink
        await sink.send([hostile()])
        await sink.close()
        consumer = AIOKafkaConsumer("alerts", bootstrap_servers=[broker.address], auto_offset_reset="earliest")
        await consumer.start()
        try:
            return json.loads((await consumer.getone()).value)
        finally:
            await consumer.stop()
    finally:
        broker.close()


def shown(kind: str, told: Any) -> list[str]:
    """What a person would read: title and reason, where the sink puts them."""
    if kind == "alertmanager":
        return [told[0]["annotations"][name] for name in ("summary", "description")]
    if kind == "pagerduty":
        return [told["payload"]["summary"], told["payload"]["custom_details"]["description"]]
    if kind == "slack":
        first, _, reason = told["blocks"][0]["text"]["text"].split("\n")
        return [first, reason]
    if kind == "webhook":
        return [told["alerts"][0]["annotations"][name] for name in ("summary", "description")]
    return [told["title"], *told["reasons"]]


GOLDEN = {  # to the letter; the receiver of a kafka topic is a program, as is that of jsonl, and gets what was written
    "alertmanager": [BROKEN, BROKEN],
    "kafka": [UNREAD, UNREAD],
    "pagerduty": [BROKEN, BROKEN],
    "slack": [f":red_circle: *CRITICAL* {SLACK}", f"- {SLACK}"],
    "webhook": [BROKEN, BROKEN],
}
LOCAL = {"jsonl", "log"}  # what never leaves the host


@pytest.mark.parametrize("kind", GOLDEN)
async def test_x4_markup_in_what_each_sink_sends(kind: str, tmp_path: Path, tally: Tally) -> None:
    assert shown(kind, await sent(kind, tmp_path)) == GOLDEN[kind]
    tally.add()


async def test_x4_markup_in_a_file_and_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {*GOLDEN, *LOCAL} == set(names("sinks"))  # each kind there is has its golden text
    path = tmp_path / "alerts.jsonl"
    for entry in ({"kind": "jsonl", "path": str(path)}, {"kind": "log"}):
        sink = build(entry).sink
        await sink.send([hostile()])
        await sink.close()
    (line,) = path.read_bytes().splitlines()
    assert line == as_json.encode(hostile())
    assert shown("jsonl", json.loads(line)) == [UNREAD, UNREAD]


@pytest.mark.parametrize("kind", GOLDEN)
async def test_x8_lines_leave_the_host_only_when_asked_for(kind: str, tmp_path: Path, tally: Tally) -> None:
    """Templates, whose variable parts are masked, are what is sent; what stays on the host has the lines too."""
    without, with_lines = [json.dumps(await sent(kind, tmp_path, **more)) for more in ({}, {"lines": True})]
    assert LINE not in without
    assert LINE in with_lines
    if kind != "slack":  # which has room for reasons only
        assert "Out of <*>" in without
    tally.add()


def test_x4_what_a_spreadsheet_reads_is_no_formula(tmp_path: Path, tally: Tally) -> None:
    """In each table `alog-detect` writes of templates and sessions, with formulas and escapes in the log itself."""
    pytest.importorskip("pyarrow")
    from alogd.offline.main import main
    from alogd.offline.reports import spreadsheet
    from alogd.offline.verdicts import comparison

    evil = ["=cmd|'/c calc'!A1 x", "+cmd|x y", "-cmd|x z", "@SUM(1+1) w", "\x1b]0;evil\x07 v"]
    quiet = [f"2026-05-04T00:{n // 60:02d}:{n % 60:02d}.000Z INFO  [h] a - request served\n" for n in range(3000)]
    for number in range(3):
        (tmp_path / f"base{number}.log").write_text("".join(quiet))
    bad = [line.replace("request served", evil[n % 5]) if n % 3 == 0 else line for n, line in enumerate(quiet)]
    (tmp_path / "target.log").write_text("".join(bad))
    bases = [str(tmp_path / f"base{number}.log") for number in range(3)]
    words = ["analyze-comparative", "--target", str(tmp_path / "target.log"), "--baselines", *bases]
    assert main([*words, "--out-dir", str(tmp_path)]) == 0
    text = (tmp_path / comparison.TABLE).read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["template"].lstrip("'")[0] for row in rows} >= set("=+-@\\")
    for row in rows:
        for value in row.values():
            assert not value.lstrip().startswith(("=", "+", "-", "@")), row
    assert "\x1b" not in text
    for value in ("=1", " =1", "\u00a0@x", "+1", "-1", "@x", "\t=1", "\r\n=1", "'=1", "a=1", ""):
        safe = spreadsheet.cell(value)
        assert not safe.lstrip(" \u00a0").startswith(("=", "+", "-", "@"))
        assert "\n" not in safe
    tally.add(lines=len(rows))
