"""K1-K8: the `kafka` collector while its broker hangs or dies, its messages are bad, and others read beside it."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Iterator

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Consumer

from tests.collectors.kafka_rig import entered, messages, produce, reading
from tests.faults.conftest import Tally
from tests.kafka_broker import Broker
from tests.log_writer import line

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    yield one
    one.close()


async def test_k5_what_is_no_text_is_passed_over_and_counted(broker: Broker, tally: Tally) -> None:
    await produce(broker, line(0), b"\0\1\2", None, b"", line(1), b"no end of line", b"\n")
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: b"no end" in rig.text.get("logs/0", b""))
        assert rig.text["logs/0"] == line(0) + line(1) + b"no end of line\n"
        (note,) = rig.notes("malformed")
        assert note.count == 1
        assert re.search(r"logs/0 up to offset [1-6]: not text", note.text)
    tally.add(lines=3)


async def test_k5_a_message_of_four_megabytes(broker: Broker, tally: Tally) -> None:
    """More than a fetch asks for of one partition; it is a line like any other. This broker keeps no larger ones."""
    long = b"x" * 4_000_000
    await produce(broker, line(0), long, line(1), longest=2 * len(long))
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: rig.text.get("logs/0", b"").endswith(line(1)))
        assert rig.text["logs/0"] == line(0) + long + b"\n" + line(1)
        assert not rig.notes("malformed")
        assert rig.collector.status().up
    tally.add(lines=3)


async def produce_damaged(broker: Broker, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch into partition 1: with a wrong checksum, or with junk that claims to be packed by a codec."""
    build = BatchBuilder._build

    def damaged(builder: BatchBuilder) -> bytearray:
        whole = bytearray(build(builder))
        if how == "checksum":
            whole[17] ^= 0xFF
        else:
            whole[22] = (whole[22] & 0xF8) | CODECS[how]
            whole[17:21] = struct.pack(">I", calc_crc32c(bytes(whole[21:])))
        builder._buffer = whole
        return whole

    with monkeypatch.context() as patch:
        patch.setattr(BatchBuilder, "_build", damaged)
        await produce(broker, b"never seen", partition=1)


@pytest.mark.parametrize("how", ["checksum", "gzip", "snappy", "lz4", "zstd"])
async def test_k5_a_damaged_batch_is_passed_over_and_nothing_beside_it(
    broker: Broker, how: str, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    for partition in range(4):
        await produce(broker, *messages(10 * partition, 10 * partition + 5), partition=partition)
    await produce_damaged(broker, how, monkeypatch)
    for partition in range(4):
        await produce(broker, *messages(10 * partition + 5, 10 * partition + 10), partition=partition)
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 40)
        assert sorted(rig.numbers()) == list(range(40))
        (note,) = rig.notes("malformed")
        assert (note.source, note.count) == ("logs/1", 1)
        assert rig.collector.status().up
    tally.add(lines=40)


async def test_k1_no_broker_is_said_once_and_tried_again(tally: Tally) -> None:
    async with entered(reading("127.0.0.1:9")) as rig:
        await rig.when(lambda: bool(rig.notes("unavailable")))
        assert not rig.collector.status().up
        for _ in range(3):
            await rig.settle()
            rig.clock.now += 120
            rig.waker.changed()
        assert "127.0.0.1:9" in rig.collector.status().reason
        assert len(rig.notes("unavailable")) == 1
    tally.add(rounds=3)


async def test_k2_a_broker_that_hangs_is_left_and_found_again(broker: Broker, tally: Tally) -> None:
    await produce(broker, *messages(0, 10))
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 10)
        broker.hang()
        rig.clock.now += 60
        await rig.when(lambda: not rig.collector.status().up)
        broker.go_on()
        await produce(broker, *messages(10, 20))
        while len(rig.numbers()) < 20:
            rig.clock.now += 60
            rig.waker.changed()
            await asyncio.sleep(0.05)
        assert rig.numbers() == list(range(20))
        await rig.when(lambda: bool(rig.notes("recovered")))
        assert rig.collector.status().up
    tally.add(lines=20)


async def test_k2_a_broker_that_dies_is_said_and_what_was_read_stands(broker: Broker, tally: Tally) -> None:
    """For good, here; a daemon that was stopped in between goes on at the same place of the same topic (K6)."""
    await produce(broker, *messages(0, 10))
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 10)
        broker.close()
        rig.clock.now += 60
        await rig.when(lambda: bool(rig.notes("unavailable")))
        assert not rig.collector.status().up
        assert rig.positions()[0]["offset"] == 10
        assert rig.numbers() == list(range(10))
    assert not [task for task in asyncio.all_tasks() if "aiokafka" in repr(task.get_coro())]
    tally.add(lines=10)


class Member:
    """Of a consumer group on the same topic, with librdkafka; alogd is in none."""

    def __init__(self, broker: Broker) -> None:
        known = {"bootstrap.servers": broker.address, "group.id": "others", "auto.offset.reset": "earliest"}
        interval = {"session.timeout.ms": 6000, "max.poll.interval.ms": 6000}  # the least this broker bears
        self.consumer = Consumer({**known, **interval, "heartbeat.interval.ms": 100, "log_level": 0})
        self.consumer.subscribe(["logs"])

    @property
    def partitions(self) -> int:
        return len(self.consumer.assignment())

    async def poll(self) -> str:
        """What it is told, if anything went wrong."""
        message = await asyncio.to_thread(self.consumer.poll, 0.05)
        error = message.error() if message is not None else None
        return error.name() if error is not None else ""


async def share(partitions: int, *members: Member) -> None:
    """Until each of these has so many; they read meanwhile."""
    async with asyncio.timeout(20):
        while any(one.partitions != partitions for one in members):
            for one in members:
                await one.poll()


@pytest.mark.slow
async def test_k3_rebalances_of_others_move_nothing(broker: Broker, tally: Tally) -> None:
    """The matrix has a reader that gives partitions up when a second one joins. This one is in no group.

    It takes all partitions and keeps its places itself, beside what they led to, so nothing is ever revoked, there is
    no acknowledgement that could come late, and groups that read the same topic neither move nor lose anything by it.
    """
    for partition in range(4):
        await produce(broker, *messages(10 * partition, 10 * partition + 10), partition=partition)
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 40)
        first = Member(broker)
        await share(4, first)
        second = Member(broker)
        await share(0, first, second)  # they are taken from it, to be dealt out anew
        await produce(broker, *messages(40, 50), partition=1)
        await asyncio.to_thread(second.consumer.close)
        await produce(broker, *messages(50, 60), partition=3)
        await rig.when(lambda: len(rig.numbers()) == 60)
        await asyncio.to_thread(first.consumer.close)
        assert sorted(rig.numbers()) == list(range(60))
        assert len(rig.open) == 4
        assert not rig.notes("lost")
        assert not rig.notes("unavailable")
    tally.add(rounds=3, lines=60)


@pytest.mark.slow
async def test_k8_a_pipeline_that_is_slow_is_not_put_out(broker: Broker, tally: Tally) -> None:
    """Nothing is taken from the collector for longer than a group allows its members: one of those loses its place."""
    for partition in range(4):
        await produce(broker, *messages(10 * partition, 10 * partition + 10), partition=partition)
    rig = reading(broker.address)
    events = rig.collector.events()
    read = b""
    while not read:  # from here on the pipeline is busy with the first block
        read += getattr(await asyncio.wait_for(anext(events), 20), "block", b"")
    slow = Member(broker)
    await share(4, slow)
    other = Member(broker)
    await share(4, other)  # all of them, since the slow one does not ask any more
    assert await slow.poll() == "_MAX_POLL_EXCEEDED"
    await produce(broker, *messages(40, 50), partition=2)
    while read.count(b"\n") < 50:
        read += getattr(await asyncio.wait_for(anext(events), 20), "block", b"")
    assert sorted(read.splitlines()) == sorted(b"".join(messages(0, 50)).splitlines())
    assert rig.collector.status().up
    await rig.collector.close()
    await events.aclose()  # type: ignore[attr-defined]
    for one in (slow, other):
        await asyncio.to_thread(one.consumer.close)
    tally.add(lines=50)


async def test_k7_what_is_gone_is_counted(broker: Broker, tally: Tally) -> None:
    await produce(broker, *messages(0, 3))
    far = {"source": "logs/0", "offset": 1000, "skip": 0, "handed": 5}
    async with entered(reading(broker.address, [far])) as rig:
        await rig.when(lambda: len(rig.numbers()) == 3)
        assert rig.notes("lost")
        assert rig.begins["logs/0"] == 5
    tally.add(lines=3)


async def test_k7_what_retention_took_is_a_gap_of_so_many(broker: Broker, tally: Tally) -> None:
    """While alogd was away; from what there still is on, each message once."""
    await produce(broker, *messages(0, 3))
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 3)
        (place,) = (one for one in rig.positions() if one["source"] == "logs/0")
    for _ in range(8):  # more than this broker keeps
        await produce(broker, b"\0" * 900_000)
    await produce(broker, *messages(3, 6))
    async with entered(reading(broker.address, [place])) as rig:
        await rig.when(lambda: len(rig.numbers()) == 3)
        assert rig.numbers() == [3, 4, 5]
        (note,) = rig.notes("lost")
        passed_over = sum(one.count for one in rig.notes("malformed"))  # of the large ones those that are left
        assert note.count + passed_over == 8
        assert note.count > 0
    tally.add(lines=6)
