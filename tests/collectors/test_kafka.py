"""The `kafka` collector and a broker in a process of its own; what may go wrong: tests/faults/test_kafka_reading.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from alogd.collectors.base import Idle
from alogd.collectors.partition import Partition, Saved, rendered
from tests.collectors.kafka_rig import entered, messages, produce, reading
from tests.kafka_broker import Broker
from tests.log_writer import line


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    yield one
    one.close()


async def test_partitions_are_sources_and_messages_are_lines(broker: Broker):
    await produce(broker, *messages(0, 5))
    await produce(broker, *messages(5, 9), partition=1)
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 9)
        rig.clock.now += 1
        await rig.when(lambda: len(rig.of(Idle)) == 2)
        assert rig.text["logs/0"] == b"".join(messages(0, 5))
        assert rig.text["logs/1"] == b"".join(messages(5, 9))
        assert rig.collector.status().up


async def test_it_goes_on_where_what_was_acted_upon_ends(broker: Broker):
    await produce(broker, *messages(0, 20))
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 20)
        some = rig.collector.position("logs/0", len(b"".join(messages(0, 7))))
        every = rig.positions()
    async with entered(reading(broker.address, [some])) as rig:
        await rig.when(lambda: len(rig.numbers()) == 13)
        assert rig.numbers() == list(range(7, 20))
        assert rig.begins["logs/0"] == len(b"".join(messages(0, 7)))
    await produce(broker, *messages(20, 22))
    async with entered(reading(broker.address, every)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 2)
        assert rig.numbers() == [20, 21]


async def test_a_place_within_a_message_of_several_lines(broker: Broker):
    await produce(broker, b"".join(messages(0, 3)), b"".join(messages(3, 6)))
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 6)
        within = rig.collector.position("logs/0", len(b"".join(messages(0, 4))))
        assert within == {
            "source": "logs/0",
            "offset": 1,
            "skip": len(line(3)),
            "handed": len(b"".join(messages(0, 3))),
        }
    async with entered(reading(broker.address, [within])) as rig:
        await rig.when(lambda: "logs/0" in rig.begins)
        assert rig.collector.position("logs/0", rig.begins["logs/0"]) == within
        await rig.when(lambda: len(rig.numbers()) == 2)
        assert rig.numbers() == [4, 5]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_packed_messages_are_read(broker: Broker, codec: str):
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, compression_type=codec, linger_ms=20)
    await producer.start()
    sent = [await producer.send("logs", value, partition=0) for value in messages(0, 50)]
    await asyncio.gather(*sent)
    await producer.stop()
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: len(rig.numbers()) == 50)
        assert rig.numbers() == list(range(50))


async def test_what_is_there_is_left_and_what_comes_is_read_from_the_end(broker: Broker):
    await produce(broker, *messages(0, 5))
    async with entered(reading(broker.address, start="end")) as rig:
        await rig.when(lambda: "logs/0" in rig.begins)
        await produce(broker, *messages(5, 8))
        await rig.when(lambda: len(rig.numbers()) == 3)
        assert rig.numbers() == [5, 6, 7]


def test_places_are_kept_to_the_byte():
    class Record:
        def __init__(self, offset: int, value: bytes | None) -> None:
            self.offset, self.value = offset, value

    one = Partition("logs/0", Saved("logs/0", 0, 0, 0), False)
    text, passed_over = one.take([Record(0, b"ab"), Record(1, None), Record(2, b"\0"), Record(5, b"c\nd\r\n")])
    assert (text, passed_over) == (b"ab\nc\nd\n", 1)
    one.hand(len(text), 0)
    for consumed in range(len(text) + 1):
        place = one.position(consumed)
        again = Partition("logs/0", Saved.of(place) or Saved("", 0, 0, 0), True)
        left = [record for record in (Record(0, b"ab"), Record(5, b"c\nd\r\n")) if record.offset >= place["offset"]]
        assert again.begin == consumed
        assert (again.take(left)[0] if left else b"") == text[consumed:]


@pytest.mark.parametrize(
    ("value", "text"), [(None, b""), (b"", b""), (b"\r\n", b""), (b"a", b"a\n"), (b"a\n\n", b"a\n"), (b"\0", None)]
)
def test_a_message_is_whole_lines(value: bytes | None, text: bytes | None):
    assert rendered(value) == text
