"""Messages of a topic that cannot be read: found partition by partition, tried again, then passed over and counted.

aiokafka raises for a whole fetch, having drained what lies beside the damage. So every partition goes back to where it
stood, and is read message by message until the damaged one is the next.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from alogd.collectors.base import Event, Note
from alogd.collectors.partition import Partition

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

TRIES = 3  # at a message that cannot be read, before it is passed over
MAX_SINGLES = 10_000  # messages of a partition read one by one in a row
MAX_PASSED_OVER = 1_000  # in a row, before others have their turn
WAIT_MS = 1_000  # for a message that is there

Take = Callable[["TopicPartition", list[Any]], Iterator[Event]]


def is_damage(error: Exception) -> bool:
    """Whether an error says that bytes are not what they should be, rather than that there are none to be had."""
    from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, IllegalStateError, KafkaError

    if isinstance(error, CorruptRecordException | gzip.BadGzipFile):
        return True
    return not isinstance(error, KafkaError | OSError | ConsumerStoppedError | IllegalStateError)


def rewind(consumer: AIOKafkaConsumer, partitions: Mapping[TopicPartition, Partition]) -> None:
    """Nothing that was fetched and not taken counts as read."""
    for one, partition in partitions.items():
        consumer.seek(one, partition.next)


async def read_around(
    consumer: AIOKafkaConsumer, partitions: Mapping[TopicPartition, Partition], take: Take
) -> list[Event]:
    """What can be read, and a note for what cannot. Raises what getmany raises for other reasons."""
    rewind(consumer, partitions)
    events: list[Event] = []
    for one, partition in partitions.items():
        end = consumer.highwater(one)
        if end is None or partition.next < end:
            events += await _singles(consumer, one, partition, take)
    return events


async def _singles(consumer: AIOKafkaConsumer, one: TopicPartition, partition: Partition, take: Take) -> list[Event]:
    events: list[Event] = []
    passed_over = tries = read = 0
    first = partition.next
    while read < MAX_SINGLES and passed_over < MAX_PASSED_OVER:
        try:
            fetched = await consumer.getmany(one, timeout_ms=WAIT_MS, max_records=1)
        except Exception as error:
            if not is_damage(error):
                raise
            tries += 1
            if tries >= TRIES:  # its neighbours in the same batch are not tried so often
                first = first if passed_over else partition.next
                partition.jump(partition.next + 1)
                passed_over += 1
            consumer.seek(one, partition.next)
            continue
        if not fetched.get(one) or passed_over:
            events += take(one, fetched.get(one, []))
            break
        tries, read = 0, read + 1
        events += take(one, fetched[one])
    if passed_over:
        text = f"passed over {passed_over} messages of {partition.source} from offset {first} on: damaged"
        events.append(Note(partition.source, "malformed", text, passed_over))
    return events
