"""What the twin's readers share: the fields they fill, and the line they read."""

import re
from dataclasses import dataclass, field
from typing import Final

from alogd.reference.header_body import Body
from alogd.reference.header_times import Calendar, Stamp, read_stamp, read_stamp_as

BLANKS: Final = re.compile(rb"[ \t]*")
WORD: Final = re.compile(rb"[^ \t]*")


@dataclass
class Fields:
    """What one line says; texts are bytes, empty where the line names none."""

    begins: bool = False
    otel: int = 0
    timestamp_ns: int | None = None
    host: bytes = b""
    program: bytes = b""
    pid: bytes = b""
    message: bytes = b""
    key: bytes = b""


@dataclass
class Source:
    """The state of a source and what the caller set."""

    kind: str
    calendar: Calendar
    utc_offset_s: int
    key_field: bytes
    body: Body = field(default_factory=Body)
    partial: bool = False


@dataclass
class Line:
    """A line on its way through the readers. `in_place`: it is a copy; no message is put together from its parts."""

    source: Source
    text: bytes
    wrapped: bool = False
    in_place: bool = False
    out: Fields = field(default_factory=Fields)

    def stamp(self, at: int, layout: str | None = None, end: int | None = None) -> Stamp | None:
        """The stamp at `at`, in whatever layout or in the one named."""
        text, calendar, offset = self.text[at:end], self.source.calendar, self.source.utc_offset_s
        return read_stamp_as(layout, text, calendar, offset) if layout else read_stamp(text, calendar, offset)

    def use(self, stamp: Stamp) -> None:
        """Take the stamp's time."""
        self.out.timestamp_ns = stamp.ns
        if not self.wrapped:
            self.source.calendar.keep(stamp)

    def message(self, at: int) -> None:
        """The rest of the line, trimmed, is the message."""
        self.out.message = trimmed(self.text[at:])

    def skip(self, at: int) -> int:
        """Where the blanks at `at` end."""
        return end_of(BLANKS, self.text, at)


def trimmed(text: bytes) -> bytes:
    """Without blanks before, and without blanks and line ends behind."""
    return text.lstrip(b" \t").rstrip(b" \t\r\n")


def end_of(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    """The end of a pattern's match at `at`; `at` when it does not match."""
    found = pattern.match(text, at)
    return found.end() if found else at
