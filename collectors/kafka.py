"""The `kafka` collector: reads the partitions of topics, each a source of its own, from the offsets alogd keeps itself.

Invariant: a message is rendered the same whenever it is read, so that a place within the rendered text is a message's
offset and a number of bytes. No consumer group takes part: what was read is known where what was learned is, and a
kill loses and repeats nothing. Kafka's own group offsets are neither used nor changed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from alogd.clock import Clock, Waker
from alogd.collectors.base import (
    MAX_BLOCK,
    Data,
    Event,
    Idle,
    Note,
    NoteKind,
    Opened,
    Options,
    Position,
    SourceStatus,
    Status,
)
from alogd.collectors.damaged import is_damage, read_around, rewind
from alogd.collectors.firstlook import PEEK, year_of
from alogd.collectors.partition import Partition, Saved
from alogd.collectors.recent import Recent
from alogd.kafka import Broker, Sasl, Topic, check_installed, check_login, login
from alogd.registry import register

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

RECENT = 4 * 1024 * 1024  # bytes of what was read last, kept for evidence
MAX_RECORDS = 10_000  # of one fetch
MAX_FETCH = 8 * 1024 * 1024  # bytes of one fetch, which is what waits here unread
MAX_PARTITIONS = 10_000
LOOK = 10.0  # seconds between two looks at which partitions there are, and whether a broker answers
ANSWER = 5.0  # seconds a broker has for it
MAX_BACKOFF = 60.0  # seconds between two attempts to connect

Seconds = Annotated[float, Meta(ge=0.01, le=86_400, extra={"unit": "duration"})]


class KafkaOptions(Options, frozen=True, kw_only=True):
    """Options of the `kafka` collector."""

    brokers: Annotated[tuple[Broker, ...], Meta(min_length=1, max_length=64)]  # host:port, some of the cluster
    topics: Annotated[tuple[Topic, ...], Meta(min_length=1, max_length=256)]
    start: Literal["beginning", "end"] = "beginning"  # of partitions that are there when alogd first looks
    tls: bool = False
    ca_file: str | None = None  # whose certificates are believed; by default the system's
    sasl: Sasl | None = None
    username: str | None = None
    password_file: str | None = None
    settle: Seconds = 1.0  # quiet after which a last record is taken as whole

    def __post_init__(self) -> None:
        check_login(self)


@register("collectors", "kafka")
class KafkaCollector:
    """Reads topics. See alogd.collectors.base.Collector for the contract."""

    name: ClassVar[str] = "kafka"
    Options: ClassVar[type[Options]] = KafkaOptions

    def __init__(
        self,
        options: Mapping[str, Any],
        positions: Sequence[Mapping[str, Any]],
        clock: Clock,
        waker: Waker,
        *,
        exclude_paths: Sequence[str] = (),
    ) -> None:
        self._options = msgspec.convert(dict(options), KafkaOptions)
        check_installed("kafka collector")
        self._clock = clock
        self._waker = waker
        self._saved = {one.source: one for one in map(Saved.of, positions) if one is not None}
        self._partitions: dict[str, Partition] = {}
        self._recent = Recent(RECENT)
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._first = not self._saved  # partitions that appear later are read from their beginning
        self._look_at = 0.0
        self._error = "has not looked yet"
        self._said = ""
        self._looked = self._missing = self._closing = False
        self._tries = 0
        self._jitter = random.Random()  # noqa: S311 - spreads attempts, protects nothing

    async def events(self) -> AsyncIterator[Event]:
        from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError

        while not self._closing:
            try:
                consumer = self._consumer or await self._connect()
                if self._clock.monotonic() >= self._look_at:
                    for event in await self._look(consumer):
                        yield event
                happened = await self._read(consumer)
            except (KafkaError, ConsumerStoppedError, IllegalStateError, OSError, ValueError) as error:
                if self._closing:
                    return
                for event in self._failed(error):
                    yield event
                await self._disconnect()
                await self._back_off()
                continue
            for event in happened:
                yield event

    async def _connect(self) -> AIOKafkaConsumer:
        from aiokafka import AIOKafkaConsumer
        from aiokafka.admin import AIOKafkaAdminClient

        known = await asyncio.to_thread(login, self._options)
        self._admin = AIOKafkaAdminClient(**known)
        self._consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",  # what is no longer there is said, then passed over
            isolation_level="read_committed",
            fetch_max_bytes=MAX_FETCH,
            **known,
        )
        await self._admin.start()
        await self._consumer.start()
        self._look_at = 0.0
        return self._consumer

    async def _disconnect(self) -> None:
        consumer, admin = self._consumer, self._admin
        self._consumer = self._admin = None
        if consumer is not None:
            await _ended(consumer.stop())
            await _ended(consumer._client.close())  # stop() does not come to it when a fetch was under way
        if admin is not None:
            await _ended(admin.close())

    # Which partitions there are

    async def _look(self, consumer: AIOKafkaConsumer) -> list[Event]:
        """Takes up new partitions. Raises KafkaError or TimeoutError when no broker answers."""
        from aiokafka import TopicPartition

        async with asyncio.timeout(ANSWER):
            numbers = await self._partitions_of()
            found = [TopicPartition(topic, number) for topic in numbers for number in numbers[topic]][:MAX_PARTITIONS]
            assigned = consumer.assignment()
            new = [one for one in found if one not in assigned]
            events = await self._assign(consumer, found, new) if new else []
        self._look_at = self._clock.monotonic() + LOOK
        missing = [topic for topic in self._options.topics if not numbers[topic]]
        events += self._say("unavailable", _missing(missing)) if missing else []
        self._missing = bool(missing)
        self._first = self._first and not found
        self._looked = True
        return events

    async def _partitions_of(self) -> dict[str, list[int]]:
        """Numbers of each topic's partitions; none for a topic that is not there, or not for us."""
        assert self._admin is not None
        described = await self._admin.describe_topics(list(self._options.topics))
        found = {one["topic"]: sorted(part["partition"] for part in one["partitions"]) for one in described}
        return {topic: found.get(topic, []) for topic in self._options.topics}

    async def _assign(
        self, consumer: AIOKafkaConsumer, found: list[TopicPartition], new: list[TopicPartition]
    ) -> list[Event]:
        places = {one: consumer.position(one) for one in consumer.assignment()}
        at = {one: await place for one, place in places.items()}
        first = await consumer.beginning_offsets(new)
        end = await consumer.end_offsets(new) if self._first and self._options.start == "end" else first
        consumer.assign(found)
        events: list[Event] = []
        for one in found:
            if one in at:
                consumer.seek(one, at[one])
                continue
            partition = self._partition(one, end[one])
            consumer.seek(one, partition.next)
            events += self._begin(partition)
        return events

    def _partition(self, one: TopicPartition, start: int) -> Partition:
        """As it was when the connection was lost, or as an earlier run left it, or from its start."""
        source = f"{one.topic}/{one.partition}"
        if (known := self._partitions.get(source)) is None:
            saved = self._saved.pop(source, None)
            known = self._partitions[source] = Partition(source, saved or Saved(source, start, 0, 0), saved is not None)
        return known

    def _begin(self, partition: Partition) -> Iterator[Event]:
        if not partition.opened:
            partition.opened = True
            partition.year = year_of(b"", self._clock.time())
            yield Opened(partition.source, partition.source, partition.begin, partition.year, None, partition.resumed)

    # Reading

    async def _read(self, consumer: AIOKafkaConsumer) -> list[Event]:
        from aiokafka.errors import OffsetOutOfRangeError

        if not consumer.assignment():
            await self._waker.wait(self._options.settle)
            return []
        wait = int(1000 * self._options.settle)
        try:
            fetched = await consumer.getmany(timeout_ms=wait, max_records=MAX_RECORDS)
        except OffsetOutOfRangeError as error:
            rewind(consumer, self._by_partition(consumer))
            return [await self._skip_gap(consumer, one, asked) for one, asked in dict(error.args[0]).items()]
        except Exception as error:
            if not is_damage(error):
                raise
            return await read_around(consumer, self._by_partition(consumer), self._take)
        taken = [event for one, records in fetched.items() for event in self._take(one, records)]
        return self._fine() + taken + self._quiet()

    def _take(self, one: TopicPartition, records: Sequence[Any]) -> Iterator[Event]:
        partition = self._partitions[f"{one.topic}/{one.partition}"]
        text, passed_over = partition.take(records)
        if passed_over:
            what = (
                f"passed over {passed_over} messages of {partition.source} up to offset {partition.next - 1}: not text"
            )
            yield Note(partition.source, "malformed", what, passed_over)
        year = year_of(text[:PEEK], self._clock.time()) if text and not partition.handed_any else partition.year
        if year != partition.year:
            partition.year = year
            yield Opened(partition.source, partition.source, partition.begin, year, None, partition.resumed)
        now = self._clock.monotonic()
        for begin in range(0, len(text), MAX_BLOCK):
            block = text[begin : begin + MAX_BLOCK]
            self._recent.add(partition.source, partition.handed, block)
            partition.hand(len(block), now)
            yield Data(partition.source, block)

    def _quiet(self) -> list[Event]:
        events: list[Event] = []
        since = self._clock.monotonic() - self._options.settle
        for partition in self._partitions.values():
            if partition.unsettled and partition.last_data <= since:
                partition.unsettled = False
                events.append(Idle(partition.source))
        return events

    async def _skip_gap(self, consumer: AIOKafkaConsumer, one: TopicPartition, asked: int) -> Event:
        """What was to be read next was deleted (retention), or the topic was made anew."""
        partition = self._partitions[f"{one.topic}/{one.partition}"]
        first = (await consumer.beginning_offsets([one]))[one]
        lost = max(1, first - asked)
        partition.jump(first)
        consumer.seek(one, first)
        text = f"offset {asked} of {partition.source} is gone (retention, or a topic made anew); read from {first}"
        return Note(partition.source, "lost", text, lost)

    def _by_partition(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, Partition]:
        return {one: self._partitions[f"{one.topic}/{one.partition}"] for one in consumer.assignment()}

    # When there is nothing to read from

    def _failed(self, error: Exception) -> Iterator[Event]:
        cause = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        yield from self._say(
            "unavailable", f"cannot read {', '.join(self._options.topics)} from {self._options.brokers[0]}: {cause}"
        )

    def _say(self, kind: NoteKind, text: str) -> list[Event]:
        self._error = text
        self._looked = True
        if text == self._said:
            return []
        self._said = text
        return [Note(None, kind, text, 1)]

    def _fine(self) -> list[Event]:
        """A fetch went well: only then is what was said before over."""
        if self._missing:
            return []
        before, self._error, self._said, self._tries = self._said, "", "", 0
        return [Note(None, "recovered", f"{', '.join(self._options.topics)} can be read again", 1)] if before else []

    async def _back_off(self) -> None:
        longest = min(MAX_BACKOFF, 0.5 * 2**self._tries)
        self._tries = min(self._tries + 1, 16)
        until = self._clock.monotonic() + longest * self._jitter.uniform(0.5, 1.0)
        while not self._closing and (left := until - self._clock.monotonic()) > 0:
            await self._waker.wait(left)

    # What it can be asked

    def position(self, source: str, consumed: int) -> Position:
        return self._partitions[source].position(consumed)

    def text(self, source: str, offset: int, length: int) -> bytes | None:
        return self._recent.text(source, offset, length)

    def lag(self) -> Mapping[str, int]:
        """Estimated: the messages that wait, by the mean length of those that were read."""
        return {source: partition.waiting(self._end(source)) for source, partition in self._partitions.items()}

    def _end(self, source: str) -> int | None:
        from aiokafka import TopicPartition

        topic, _, number = source.rpartition("/")
        one = TopicPartition(topic, int(number))
        consumer = self._consumer
        return consumer.highwater(one) if consumer is not None and one in consumer.assignment() else None

    def status(self) -> Status:
        lag = self.lag()
        sources = [
            SourceStatus(
                one.source,
                one.source,
                one.handed,
                one.handed + lag[one.source],
                "failing" if self._error else "reading" if one.unsettled else "idle",
                self._error,
            )
            for one in self._partitions.values()
        ]
        return Status(not self._error, self._error, sources, self._looked)

    async def close(self) -> None:
        self._closing = True
        self._waker.wake()
        await self._disconnect()


async def _ended(what: Awaitable[object]) -> None:
    """Given up, whatever it says, and in time.

    As a task of its own: aiokafka's stop() waits for fetches it cancelled and passes their CancelledError on, which
    here would pass for our being cancelled, and end the reading of a stream without a word.
    """
    ending = asyncio.ensure_future(what)
    try:
        await asyncio.wait([ending], timeout=ANSWER)
    finally:
        ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)


def _missing(topics: Sequence[str]) -> str:
    return f"no topic {' and no topic '.join(topics)} on the brokers; looked for again from time to time"
