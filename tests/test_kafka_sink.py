"""The `kafka` sink against a broker: records in order, nothing taken twice by chance, brokers down, hung and back."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from alogd.event import Alert, EvidenceLine
from alogd.sinks.base import NamedSink, NotConnected, build
from tests.alerts import alert
from tests.kafka_broker import Broker
from tests.outlets import Leap, delivery

LINE = EvidenceLine("/var/log/app.log", 4711, "password=hunter2", True)


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    yield one
    one.close()


def sink(address: str, **options: object) -> NamedSink:
    return build({"kind": "kafka", "brokers": [address], "topic": "alerts", "timeout": 2.0, **options})


async def records(broker: Broker, number: int) -> list[tuple[str, dict[str, object]]]:
    """So many, from the first; none must follow. By key, for only records of one key keep their order."""
    consumer = AIOKafkaConsumer("alerts", bootstrap_servers=[broker.address], auto_offset_reset="earliest")
    await consumer.start()
    try:
        found = [await asyncio.wait_for(consumer.getone(), 10) for _ in range(number)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(consumer.getone(), 0.3)
    finally:
        await consumer.stop()
    return sorted(((record.key.decode(), json.loads(record.value)) for record in found), key=lambda one: one[0])


def moments() -> list[Alert]:
    first = replace(alert(1), lines=[LINE])
    return [first, alert(2), replace(first, status="resolved", resolved_ns=first.updated_ns)]


async def test_every_moment_is_a_record_under_its_incident(broker: Broker):
    one = sink(broker.address).sink
    sent = moments()
    await one.send(sent[:2])
    await one.send(sent[2:])
    await one.close()
    found = await records(broker, 3)
    assert [(key, value["status"]) for key, value in found] == [
        (sent[0].id, "firing"),
        (sent[0].id, "resolved"),
        (sent[1].id, "firing"),
    ]
    assert found[0][1]["lines"] == [{"source": LINE.source, "offset": LINE.offset, "text": "", "marked": True}]


async def test_lines_only_where_they_are_wanted(broker: Broker):
    one = sink(broker.address, lines=True).sink
    await one.send(moments())
    await one.close()
    found = await records(broker, 3)
    assert found[0][1]["lines"][0]["text"] == LINE.text  # type: ignore[index]


async def test_it_goes_so_many_times_a_minute_and_nothing_is_left_out(broker: Broker, tmp_path: Path):
    clock = Leap()
    sent = [alert(1, at=n, windows=n) for n in range(1, 151)]  # one incident: a topic takes every moment of it
    entry = {"kind": "kafka", "brokers": [broker.address], "topic": "alerts", "max_per_minute": 6}
    async with delivery(tmp_path, entry, sent, clock, clock) as (store, way):
        running = asyncio.create_task(way.run())
        while store.lengths:  # noqa: ASYNC110 - the delivery has no event for it
            await asyncio.sleep(0.01)
        way.finish()
        await asyncio.wait_for(running, 20)
    assert [value["windows"] for _, value in await records(broker, 150)] == list(range(1, 151))
    assert clock.waits[:3] == pytest.approx([10.0, 10.0, 10.0])  # five attempts of 32, the first two at once


async def test_no_broker_is_a_reason_to_try_again():
    one = sink("127.0.0.1:9").sink
    with pytest.raises(NotConnected, match=r"topic alerts of 127\.0\.0\.1:9"):
        await one.send(moments())
    await one.close()


async def test_a_broker_that_hangs_is_left_in_time_and_tried_again(broker: Broker):
    one = sink(broker.address).sink
    await one.send([alert(1)])
    broker.hang()
    with pytest.raises(NotConnected, match="topic alerts of"):
        await one.send([alert(2)])
    broker.go_on()
    await one.send([alert(2)])
    await one.close()
    consumer = AIOKafkaConsumer("alerts", bootstrap_servers=[broker.address], auto_offset_reset="earliest")
    await consumer.start()
    keys = [(await asyncio.wait_for(consumer.getone(), 10)).key.decode() for _ in range(2)]
    await consumer.stop()
    assert sorted(keys) == [alert(1).id, alert(2).id]


async def test_closing_beside_a_broker_that_hangs_ends(broker: Broker):
    one = sink(broker.address).sink
    await one.send([alert(1)])
    broker.hang()
    async with asyncio.timeout(10):
        await one.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"brokers": ["kafka"]}, "brokers"),
        ({"brokers": []}, "brokers"),
        ({"topic": "a b"}, "topic"),
        ({"sasl": "SCRAM-SHA-256"}, "username and a password_file"),
        ({"username": "u", "password_file": "/p"}, "they need sasl"),
        ({"sasl": "PLAIN", "username": "u", "password_file": "/p"}, "shows the password"),
        ({"ca_file": "/ca"}, "ca_file is for tls"),
    ],
)
def test_what_makes_no_sense_is_said(options: dict[str, object], said: str):
    with pytest.raises(ValueError, match=said):
        sink("127.0.0.1:9", **options)


async def test_a_missing_password_is_waited_for(tmp_path: Path):
    options = {"sasl": "SCRAM-SHA-256", "username": "u", "password_file": str(tmp_path / "none")}
    one = sink("127.0.0.1:9", **options).sink
    with pytest.raises(NotConnected, match=r"certificates or password: .*No such file"):
        await one.send(moments())


def test_sinks_test_says_what_came_of_it(broker: Broker, tmp_path: Path):
    config = tmp_path / "alogd.yaml"
    config.write_text(
        "streams: [{name: app, collect: [{kind: file, include: [/x]}]}]\n"
        f"sinks: [{{kind: kafka, brokers: ['{broker.address}'], topic: alerts}}]\n"
    )
    command = [sys.executable, "-m", "alogd", "sinks", "test", "kafka", "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "took test alert" in done.stdout
