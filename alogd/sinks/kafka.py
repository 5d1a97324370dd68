"""Alerts as records of a Kafka topic: the incident's id as the key, the alert as JSON as the value.

Every moment of an incident is one record, in its order, so a compacted topic keeps the last state of each. The brokers
take a batch whole (acks=all); one that is sent again after a doubtful attempt repeats its records, keys included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from alogd.alerts import as_json as alert_json
from alogd.event import Alert, EvidenceLine
from alogd.kafka import Broker, Sasl, Topic, check_installed, check_login, login
from alogd.registry import register
from alogd.sinks.base import NONE_MISSED, MaxRate, Missed, NotConnected, Rejected, SinkOptions

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer


class KafkaOptions(SinkOptions, frozen=True, kw_only=True):
    """A topic, and how its brokers are reached."""

    brokers: Annotated[tuple[Broker, ...], Meta(min_length=1, max_length=64)]  # host:port, some of the cluster
    topic: Topic
    max_per_minute: MaxRate = 600
    timeout: Annotated[float, Meta(gt=0, le=300, extra={"unit": "duration"})] = 10.0  # of a whole attempt
    tls: bool = False
    ca_file: str | None = None  # whose certificates are believed; by default the system's
    sasl: Sasl | None = None
    username: str | None = None
    password_file: str | None = None
    lines: bool = False  # send the lines themselves, not only their templates and where they stand

    def __post_init__(self) -> None:
        check_login(self)


@register("sinks", "kafka")
class KafkaSink:
    """One topic."""

    Options = KafkaOptions
    latest_only = False

    def __init__(self, options: KafkaOptions) -> None:
        check_installed("kafka sink")
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def send(self, alerts: Sequence[Alert], missed: Missed = NONE_MISSED) -> None:
        from aiokafka.errors import KafkaError, MessageSizeTooLargeError

        where = f"topic {self._options.topic} of {self._options.brokers[0]}"
        try:
            async with asyncio.timeout(self._options.timeout):
                await self._send(alerts)
        except MessageSizeTooLargeError:
            raise Rejected("refused", f"{where}: larger than the brokers take") from None
        except TimeoutError:
            await self.close()  # what it still holds is sent again, in order
            raise NotConnected(f"{where}: no answer within {self._options.timeout:g} s") from None
        except (KafkaError, OSError) as error:
            await self.close()
            raise NotConnected(f"{where}: {type(error).__name__}") from None

    async def close(self) -> None:
        """Lets go of the connections; what was not taken is not waited for."""
        if (producer := self._producer) is None:
            return
        self._producer = None
        stopping = asyncio.ensure_future(producer.stop())
        await asyncio.wait([stopping], timeout=1.0)
        if not stopping.done():
            stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)

    async def _send(self, alerts: Sequence[Alert]) -> None:
        if self._producer is None:
            self._producer = await self._connected()
        taken = []
        for alert in alerts:
            shown = alert if self._options.lines else _without_lines(alert)
            taken.append(await self._producer.send(self._options.topic, alert_json.encode(shown), alert.id.encode()))
        await asyncio.gather(*taken)

    async def _connected(self) -> AIOKafkaProducer:
        from aiokafka import AIOKafkaProducer

        try:
            known = await asyncio.to_thread(login, self._options)
        except (OSError, ValueError) as error:  # a file that may be about to be written anew
            raise NotConnected(f"its certificates or password: {error}") from None
        wait = int(self._options.timeout * 1000)
        producer = AIOKafkaProducer(acks="all", enable_idempotence=True, request_timeout_ms=wait, **known)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer


def _without_lines(alert: Alert) -> Alert:
    """Where its lines stand, not what they say."""
    return replace(alert, lines=[EvidenceLine(line.source, line.offset, "", line.marked) for line in alert.lines])
