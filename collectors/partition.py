"""One partition of a topic as text: a message is a line or several, and each byte of it has a place.

Invariant: a place is (offset of a message, bytes into its text). Kept are the places of the last messages, so that
what was acted upon can be told to the byte; older ones are never asked for, as little is read ahead.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alogd.collectors.base import Position

MARKS = 65_536  # messages whose places are kept


@dataclass(frozen=True, slots=True)
class Saved:
    """Where an earlier run stood."""

    source: str
    offset: int  # of the message to be read next
    skip: int  # bytes of its text that were acted upon
    handed: int  # bytes of the source before it, as text

    @classmethod
    def of(cls, position: Mapping[str, Any]) -> Saved | None:
        """Reads what Partition.position() wrote; None when it is not that."""
        source, numbers = position.get("source"), [position.get(key) for key in ("offset", "skip", "handed")]
        if not isinstance(source, str) or "/" not in source or "cursor" in position:
            return None
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            return None
        return cls(source, *numbers)  # type: ignore[arg-type]


class Partition:
    """What is known of one partition."""

    def __init__(self, source: str, saved: Saved, resumed: bool) -> None:
        self.source = source
        self.resumed = resumed
        self.opened = False
        self.unsettled = False  # data came since the last Idle
        self.last_data = 0.0  # monotonic seconds
        self.year: int | None = None  # as told in Opened
        self.next = saved.offset  # of the message to be fetched next
        self.begin = self.handed = saved.handed + saved.skip  # bytes of text handed out, counted from the first run
        self._skip = saved.skip  # bytes of the next message that are not handed out again
        # The text of message _offsets[i] begins at byte _starts[i].
        self._starts, self._offsets = array("q"), array("q")
        self._end = saved.handed  # where the next message's text begins
        self._read = self._bytes = 0

    @property
    def handed_any(self) -> bool:
        return self.handed > self.begin

    def take(self, records: Sequence[Any]) -> tuple[bytes, int]:
        """The text of messages that were fetched, in order. Returns it, and how many messages are none."""
        lines: list[bytes] = []
        passed_over = 0
        if not records:
            return b"", 0
        if self._skip and records[0].offset != self.next:  # compacted away meanwhile
            self.jump(records[0].offset)
        for record in records:
            line = rendered(record.value)
            if line is None:
                passed_over += 1
            elif line:
                self._starts.append(self._end)
                self._offsets.append(record.offset)
                self._end += len(line)
                lines.append(line)
        self.next = records[-1].offset + 1
        self._read += len(records)
        text = b"".join(lines)
        self._bytes += len(text)
        skipped = min(self._skip, len(text))
        self._skip -= skipped
        if len(self._starts) > 2 * MARKS:
            del self._starts[:-MARKS], self._offsets[:-MARKS]
        return text[skipped:], passed_over

    def hand(self, length: int, now: float) -> None:
        self.handed += length
        self.unsettled, self.last_data = True, now

    def jump(self, offset: int) -> None:
        """What was to be read next is not to be had: another message follows."""
        self._end, self._skip = self.handed, 0
        self.next = offset

    def position(self, consumed: int) -> Position:
        """Where reading resumes once all bytes before `consumed` were acted upon."""
        if consumed >= self._end or not self._starts:
            return self._place(self.next, consumed - self._end, consumed)
        at = max(0, bisect_right(self._starts, consumed) - 1)
        return self._place(self._offsets[at], consumed - self._starts[at], consumed)

    def _place(self, offset: int, skip: int, consumed: int) -> Position:
        return {"source": self.source, "offset": offset, "skip": skip, "handed": consumed - skip}

    def waiting(self, end: int | None) -> int:
        """Bytes that wait, when messages up to `end` (excluded) are there."""
        messages = max(0, (end or 0) - self.next)
        return messages * self._bytes // self._read if self._read else 0


def rendered(value: bytes | None) -> bytes | None:
    """A message as whole lines: b"" for one without text (a tombstone, blanks), None for what is not text."""
    if not value:
        return b""
    if b"\0" in value:
        return None
    text = value.rstrip(b"\r\n")
    return text + b"\n" if text else b""
