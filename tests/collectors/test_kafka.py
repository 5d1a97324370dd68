"""K1-K7: the `kafka` collector against a broker in a process of its own, which hangs, dies and comes back."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from alogd.collectors.base import Idle
from alogd.collectors.partition import Partition, Saved, rendered
from tests.collectors.rig import Rig
from tests.kafka_broker import Broker
from tests.log_writer import line

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    yield one
    one.close()


def reading(address: str, positions: object = (), **options: object) -> Rig:
    return Rig("kafka", {"brokers": [address], "topics": ["logs"], "settle": 0.05, **options}, positions)  # type: ignore[arg-type]


async def produce(broker: Broker, *values: bytes | None, partition: int = 0, topic: str = "logs") -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"k", partition=partition)
    finally:
        await producer.stop()


def messages(first: int, end: int) -> list[bytes]:
    return [line(number) for number in range(first, end)]


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


async def test_k5_what_is_no_text_is_passed_over_and_counted(broker: Broker):
    await produce(broker, line(0), b"\0\1\2", None, b"", line(1), b"no end of line", b"\n")
    async with entered(reading(broker.address)) as rig:
        await rig.when(lambda: b"no end" in rig.text.get("logs/0", b""))
        assert rig.text["logs/0"] == line(0) + line(1) + b"no end of line\n"
        (note,) = rig.notes("malformed")
        assert note.count == 1
        assert "logs/0" in note.text


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
    broker: Broker, how: str, monkeypatch: pytest.MonkeyPatch
):
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


async def test_k1_no_broker_is_said_once_and_tried_again(tmp_path: Path):
    async with entered(reading("127.0.0.1:9")) as rig:
        await rig.when(lambda: bool(rig.notes("unavailable")))
        assert not rig.collector.status().up
        for _ in range(3):
            await rig.settle()
            rig.clock.now += 120
            rig.waker.changed()
        assert "127.0.0.1:9" in rig.collector.status().reason
        assert len(rig.notes("unavailable")) == 1


async def test_k2_a_broker_that_hangs_is_left_and_found_again(broker: Broker):
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


async def test_k7_what_is_gone_is_counted(broker: Broker):
    await produce(broker, *messages(0, 3))
    far = {"source": "logs/0", "offset": 1000, "skip": 0, "handed": 5}
    async with entered(reading(broker.address, [far])) as rig:
        await rig.when(lambda: len(rig.numbers()) == 3)
        assert rig.notes("lost")
        assert rig.begins["logs/0"] == 5


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


class entered:
    """A rig whose collector waits for the network, not for the rig's clock."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def __aenter__(self) -> Rig:
        self._rig._task = asyncio.create_task(self._rig._pump())
        return self._rig

    async def __aexit__(self, *error: object) -> None:
        await self._rig.__aexit__(*error)
