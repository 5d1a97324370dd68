"""Reads the headers of log lines in plain Python: the oracle of engine_c/header.c, the fallback without a compiler.

One reader follows one source: its kind is voted on by its first lines and then tried first, as the C engine does.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

from alogd.reference.header_body import MOST_JOINED
from alogd.reference.header_columns import read_audit, read_clf, read_columns, read_klog
from alogd.reference.header_fields import read_json, read_logfmt
from alogd.reference.header_lead import read_app
from alogd.reference.header_line import Fields, Line, Source
from alogd.reference.header_syslog import read_dmesg, read_rfc5424, read_syslog
from alogd.reference.header_times import Calendar

__all__ = ["KINDS", "Fields", "HeaderReader"]

KINDS: Final = (
    "auto", "none", "rfc3164", "rfc5424", "iso8601", "log4j", "klog", "clf", "dmesg", "json", "logfmt", "docker", "cri",
)  # fmt: skip
VOTES: Final = 20
MOST_MISSES: Final = 100

_CRI = re.compile(rb" (?:stdout|stderr) ([FP])(?: |\Z)")
_COLOUR = re.compile(rb"\x1b\[[\x20-\x3f]*[\x40-\x7e]")


class HeaderReader:
    """Follows one source. `year` is for stamps without one; `utc_offset_s` for stamps without a zone."""

    def __init__(
        self, kind: str = "auto", year: int = 1970, utc_offset_s: int = 0, key_field: str | None = None
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown kind of header: {kind}; one of {', '.join(KINDS)}")
        self._fixed = kind != "auto"
        self._source = Source(kind, Calendar(year), utc_offset_s, (key_field or "").encode())
        self._votes: Counter[str] = Counter()
        self._misses = 0

    @property
    def kind(self) -> str:
        """What the source is known to be; "auto" while votes are counted."""
        return self._source.kind

    @property
    def year(self) -> int:
        """The year given to the next stamp without one, but for a turn of the year."""
        return self._source.calendar.year

    def read(self, line: bytes) -> Fields:
        """Read one line, without its newline. Never fails: a line it cannot read is all message."""
        source = self._source
        if source.kind == "none":
            source.body.note(line)
            return Fields(message=line)
        text = line.removeprefix(b"\xef\xbb\xbf")
        coloured = b"\x1b" in text
        text = _COLOUR.sub(b"", text) if coloured else text
        found, fits, out = self._read_kinds(Line(source, text, in_place=coloured))
        if not found:
            out = Fields(message=text)
            if source.kind == "auto":
                source.body.note(text)
            else:
                source.body.joins = True
        elif found in ("cri", "docker"):
            source.body.joins = not out.begins
        else:
            out.begins = True
            source.body.begins()
        self._vote(fits, found)
        return out

    def continues(self, joined: int = 0) -> bool:
        """Whether the line last read, which began nothing, goes on its record of `joined` lines so far."""
        headed = self._source.kind not in ("auto", "none")
        return joined < MOST_JOINED and (headed or self._source.body.joins)

    def _read_kinds(self, line: Line) -> tuple[str, bool, Fields]:
        kind = line.source.kind
        if kind != "auto":
            for read in _READERS[kind]:
                line.out = Fields()
                if line.text and (found := read(line)):
                    return found, True, line.out
            if self._fixed:
                return "", False, Fields()
        found = read_any(line)
        if kind != "auto" and found != "dmesg" and line.out.timestamp_ns is None:
            return "", False, Fields()
        return found, False, line.out

    def _vote(self, fits: bool, found: str) -> None:
        source = self._source
        if source.kind != "auto":
            self._misses = 0 if fits else self._misses + 1
            if not self._fixed and self._misses >= MOST_MISSES:
                source.kind, self._misses = "auto", 0
            return
        if not found and source.body.joins:
            return
        self._votes[found or "none"] += 1
        if self._votes.total() < VOTES:
            return
        if self._votes["none"] * 2 <= VOTES:
            source.kind = max(KINDS[2:], key=lambda kind: (self._votes[kind], -KINDS.index(kind)))
        self._votes.clear()


def _read_wrapped(line: Line, text: bytes, in_place: bool) -> None:
    """What a container runtime wrapped is read as a line of its own; the outer time stays."""
    if in_place:
        text = _COLOUR.sub(b"", text)
    out = line.out
    inner = Line(line.source, text, wrapped=True, in_place=in_place)
    if not read_any(inner):
        inner.message(0)
        out.message = inner.out.message
        out.begins = not line.source.body.note(text)
        return
    found = inner.out
    out.otel = found.otel or out.otel
    out.host, out.program, out.pid = found.host or out.host, found.program or out.program, found.pid or out.pid
    out.key = out.key or found.key
    out.timestamp_ns = found.timestamp_ns if out.timestamp_ns is None else out.timestamp_ns
    out.message, out.begins = found.message, True
    line.source.body.begins()


def _read_json(line: Line) -> str:
    kind, wrapped = read_json(line)
    if kind != "docker":
        return kind
    goes_on, line.source.partial = line.source.partial, not wrapped.endswith(b"\n")
    if line.in_place and line.source.key_field == b"log":
        line.out.key = b""
    _read_wrapped(line, wrapped.removesuffix(b"\n"), True)
    if goes_on:
        line.out.begins = False
    return kind


def _read_cri(line: Line) -> str:
    if line.wrapped or len(line.text) < 29 or line.text[10:11] != b"T":
        return ""
    stamp = line.stamp(0, "iso")
    found = _CRI.match(line.text, stamp.length) if stamp else None
    if not stamp or stamp.zone == "none" or not found:
        return ""
    goes_on, line.source.partial = line.source.partial, found[1] == b"P"
    line.use(stamp)
    _read_wrapped(line, line.text[found.end() :], line.in_place)
    if goes_on:
        line.out.begins = False
    return "cri"


Reader = Callable[[Line], str]
_LOG4J: Final[tuple[Reader, ...]] = (read_app, read_columns)
_READERS: Final[dict[str, tuple[Reader, ...]]] = {
    "rfc3164": (read_syslog,),
    "rfc5424": (read_rfc5424,),
    "iso8601": _LOG4J,
    "log4j": _LOG4J,
    "klog": (read_klog,),
    "clf": (read_clf,),
    "dmesg": (read_dmesg,),
    "json": (_read_json,),
    "logfmt": (read_logfmt,),
    "docker": (_read_json,),
    "cri": (_read_cri,),
}


def _readers_for(first: bytes) -> tuple[Reader, ...]:
    if first == b"{":
        return (_read_json,)
    if first == b"<":
        return (read_rfc5424, read_syslog, read_dmesg)
    if first == b"[":
        return (read_dmesg, read_app)
    if first.isdigit():
        return (_read_cri, read_syslog, read_app, read_columns, read_clf)
    if first.isalpha() or first in (b"@", b"_"):
        return (read_syslog, read_klog, read_app, read_columns, read_clf, read_audit, read_logfmt)
    return () if first in (b"", b" ", b"\t") else (read_app, read_columns, read_clf)


def read_any(line: Line) -> str:
    """Read with whatever kind fits; empty when none does, and then the fields are as new."""
    for read in _readers_for(line.text[:1]):
        line.out = Fields()
        if found := read(line):
            return found
    line.out = Fields()
    return ""
