"""The `kafka` collector under a clock of the test's, and messages for it."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer

from tests.collectors.rig import Rig
from tests.kafka_broker import Broker
from tests.log_writer import line


def reading(address: str, positions: object = (), **options: object) -> Rig:
    return Rig("kafka", {"brokers": [address], "topics": ["logs"], "settle": 0.05, **options}, positions)  # type: ignore[arg-type]


async def produce(
    broker: Broker, *values: bytes | None, partition: int = 0, topic: str = "logs", longest: int = 1 << 20
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, max_request_size=longest)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"k", partition=partition)
    finally:
        await producer.stop()


def messages(first: int, end: int) -> list[bytes]:
    return [line(number) for number in range(first, end)]


class entered:
    """A rig whose collector waits for the network, not for the rig's clock."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def __aenter__(self) -> Rig:
        self._rig._task = asyncio.create_task(self._rig._pump())
        return self._rig

    async def __aexit__(self, *error: object) -> None:
        await self._rig.__aexit__(*error)
