"""One journal entry, from journalctl's JSON to an RFC 5424 line that the engine reads like any other.

Invariant: an entry becomes exactly one record: the further lines of its message are indented, so that nothing a
program writes can pass for the header of another.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

FIELDS = "MESSAGE,PRIORITY,SYSLOG_FACILITY,SYSLOG_IDENTIFIER,_COMM,SYSLOG_PID,_PID,_HOSTNAME,_SYSTEMD_CGROUP"
_DAEMON = 3  # facility of what names none
_INFO = 6
_MAX_IDENT = 48  # RFC 5424, APP-NAME
_MAX_HOST = 255
_MAX_PID = 128

# journald gives text as a string, other bytes as an array of numbers, a field set twice as an array of these,
# and null for what it finds too long to show.
Field = Any


class _Raw(msgspec.Struct):
    cursor: str = msgspec.field(name="__CURSOR")
    realtime: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    message: Field = msgspec.field(name="MESSAGE", default=None)
    priority: Field = msgspec.field(name="PRIORITY", default=None)
    facility: Field = msgspec.field(name="SYSLOG_FACILITY", default=None)
    identifier: Field = msgspec.field(name="SYSLOG_IDENTIFIER", default=None)
    comm: Field = msgspec.field(name="_COMM", default=None)
    syslog_pid: Field = msgspec.field(name="SYSLOG_PID", default=None)
    pid: Field = msgspec.field(name="_PID", default=None)
    host: Field = msgspec.field(name="_HOSTNAME", default=None)
    cgroup: Field = msgspec.field(name="_SYSTEMD_CGROUP", default=None)


_decode = msgspec.json.Decoder(_Raw).decode


class Entry(NamedTuple):
    """An entry as it is handed on."""

    cursor: str
    realtime: int  # microseconds since 1970 UTC
    line: bytes  # with its last newline
    cgroup: bytes = b""  # of the process that wrote it


def parse(json: bytes) -> Entry:
    """Reads one line of `journalctl -o json`. Raises ValueError when it is not an entry."""
    try:
        raw = _decode(json)
        realtime = int(raw.realtime)
        stamp = _stamp(realtime)
    except (msgspec.MsgspecError, OverflowError, OSError) as error:
        raise ValueError(str(error)) from error
    pri = 8 * _number(raw.facility, 23, _DAEMON) + _number(raw.priority, 7, _INFO)
    head = b"<%d>1 %b %b %b %b - - " % (
        pri,
        stamp,
        _word(raw.host, _MAX_HOST),
        _word(raw.identifier or raw.comm, _MAX_IDENT),
        _word(raw.pid or raw.syslog_pid, _MAX_PID),
    )
    message = _bytes(raw.message).rstrip(b"\n").replace(b"\n", b"\n    ")
    return Entry(raw.cursor, realtime, head + message + b"\n", _bytes(raw.cgroup))


def own_cgroup() -> bytes:
    """The control group of the service this process is, when its standard error goes to the journal; else b"".

    What comes from there is alogd's own log, its alerts among them: reading it back would be a loop.
    """
    try:
        error = os.fstat(2)
        if os.environ.get("JOURNAL_STREAM") != f"{error.st_dev}:{error.st_ino}":
            return b""
        lines = Path("/proc/self/cgroup").read_bytes().splitlines()
    except OSError:
        return b""
    return next((line[3:] for line in lines if line.startswith(b"0::") and line.endswith(b".service")), b"")


def boot(cursor: str) -> str:
    """The boot a cursor's entry was written in; "" when it does not tell."""
    return next((part[2:] for part in cursor.split(";") if part.startswith("b=")), "")


def _bytes(field: Field) -> bytes:
    if isinstance(field, str):
        return field.encode("utf-8", "backslashreplace")
    if not isinstance(field, list):
        return b""
    if all(isinstance(part, int) for part in field):
        return bytes(field)
    return b"\n".join(_bytes(part) for part in field)


def _number(field: Field, most: int, default: int) -> int:
    text = _bytes(field)
    return int(text) if text.isdigit() and len(text) < 4 and int(text) <= most else default


@lru_cache(maxsize=1024)
def _cleaned(text: bytes, most: int) -> bytes:
    word = bytes(byte if 32 < byte < 127 else 95 for byte in text[:most])
    return word or b"-"


def _word(field: Field, most: int) -> bytes:
    """A header field: printable ASCII without spaces, "-" when there is none."""
    return _cleaned(_bytes(field), most)


@lru_cache(maxsize=64)
def _second(seconds: int) -> bytes:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _stamp(realtime: int) -> bytes:
    seconds, micros = divmod(realtime, 1_000_000)
    return b"%b.%06dZ" % (_second(seconds), micros)
