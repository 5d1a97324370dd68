"""Alerts as records of a Kafka topic: the incident's id as the key, the alert as JSON as the value.

Every moment of an incident is one record, in its order, so a compacted topic keeps the last state of each. The brokers
take a batch whole (acks=all); one that is sent again after a doubtful attempt repeats its records, keys included.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from alogd import alert_json
from alogd.event import Alert, EvidenceLine
from alogd.registry import register
from alogd.sinks.base import NONE_MISSED, MaxRate, Missed, NotConnected, Rejected, SinkOptions
from alogd.sinks.client import secret

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

Broker = Annotated[str, Meta(pattern=r"^[^\s,/]+:[0-9]{1,5}$", max_length=300)]
Topic = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class KafkaOptions(SinkOptions, frozen=True, kw_only=True):
    """A topic, and how its brokers are reached."""

    brokers: Annotated[tuple[Broker, ...], Meta(min_length=1, max_length=64)]  # host:port, some of the cluster
    topic: Topic
    max_per_minute: MaxRate = 600
    timeout: Annotated[float, Meta(gt=0, le=300, extra={"unit": "duration"})] = 10.0  # of a whole attempt
    tls: bool = False
    ca_file: str | None = None  # whose certificates are believed; by default the system's
    sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password_file: str | None = None
    lines: bool = False  # send the lines themselves, not only their templates and where they stand

    def __post_init__(self) -> None:
        if bool(self.sasl) != bool(self.username and self.password_file):
            raise ValueError("sasl needs a username and a password_file, and they need sasl")
        if self.sasl == "PLAIN" and not self.tls:
            raise ValueError("sasl PLAIN shows the password to the network; set tls: true, or use SCRAM-SHA-256")
        if self.ca_file and not self.tls:
            raise ValueError("ca_file is for tls: true")


@register("sinks", "kafka")
class KafkaSink:
    """One topic."""

    Options = KafkaOptions
    latest_only = False

    def __init__(self, options: KafkaOptions) -> None:
        try:
            import aiokafka  # noqa: F401
        except ModuleNotFoundError:
            raise ValueError("the kafka sink needs the package aiokafka: pip install 'alogd[kafka]'") from None
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

        options = self._options
        password = (
            await asyncio.to_thread(secret, "password_file", options.password_file) if options.password_file else None
        )
        producer = AIOKafkaProducer(
            bootstrap_servers=list(options.brokers),
            client_id="alogd",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(options.timeout * 1000),
            security_protocol=f"{'SASL_' if options.sasl else ''}{'SSL' if options.tls else 'PLAINTEXT'}",
            ssl_context=ssl.create_default_context(cafile=options.ca_file) if options.tls else None,
            sasl_mechanism=options.sasl or "PLAIN",
            sasl_plain_username=options.username,
            sasl_plain_password=password,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer


def _without_lines(alert: Alert) -> Alert:
    """Where its lines stand, not what they say."""
    return replace(alert, lines=[EvidenceLine(line.source, line.offset, "", line.marked) for line in alert.lines])
