"""K1, K4, K6: the daemon beside Kafka. Stopped or killed at any time, it learns every message once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.kafka_broker import Broker

LINES = 4000


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    yield one
    one.close()


def produce(broker: Broker, values: list[bytes]) -> None:
    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker.address, linger_ms=5)
        await producer.start()
        for number, value in enumerate(values):
            await producer.send("logs", value, partition=number % 3)
        await producer.stop()

    asyncio.run(send())


def daemon_on(disk: Path, *addresses: str) -> DaemonProcess:
    streams = [
        {"name": f"s{i}", "collect": [{"kind": "kafka", "brokers": [address], "topics": ["logs"], "settle": "100ms"}]}
        for i, address in enumerate(addresses)
    ]
    return DaemonProcess(disk, streams=streams)


def test_k4_stopped_every_message_is_learned_once(disk: Path, tally: Tally, broker: Broker) -> None:
    """There is no group to leave and nothing to acknowledge: where to go on is saved with what was learned."""
    learned_once(disk, tally, broker, kill=False)


def test_k6_killed_every_message_is_learned_once(disk: Path, tally: Tally, broker: Broker) -> None:
    """Better than the matrix has it: nothing is repeated either."""
    learned_once(disk, tally, broker, kill=True)


def learned_once(disk: Path, tally: Tally, broker: Broker, *, kill: bool) -> None:
    daemon = daemon_on(disk, broker.address)
    lines = log_lines(LINES)
    chance = random.Random(6)
    try:
        for turn in range(4):
            daemon.start().wait_ready()
            produce(broker, lines[turn * LINES // 4 : (turn + 1) * LINES // 4])
            time.sleep(chance.uniform(0, 1))
            if kill:
                daemon.kill()
            else:
                assert daemon.stop() == 0
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines("s0") >= LINES, "every message")
        assert daemon.stop() == 0
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines("s0") >= LINES, "what was saved")
        assert daemon.lines("s0") == LINES
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=4, lines=LINES)


def test_k1_without_a_broker_the_others_go_on(disk: Path, tally: Tally, broker: Broker) -> None:
    daemon = daemon_on(disk, "127.0.0.1:9", broker.address)
    produce(broker, log_lines(100))
    try:
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines("s1") == 100, "the stream that has a broker")
        wait_until(lambda: "127.0.0.1:9" in daemon.get("/-/ready")[1].decode(), "a word about the other")
        for stream, up in (("s0", 0), ("s1", 1)):
            assert daemon.metric(f'alogd_component_up{{component="collector/{stream}/kafka#0"}}') == up
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(lines=100)
