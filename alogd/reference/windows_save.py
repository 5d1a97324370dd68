"""The open windows as bytes and back, as engine_c/window_save.c writes them: the same state, the same bytes."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from alogd.event import NO_TIME
from alogd.reference.watermark import MAX_PATIENCE, MAX_SUSPECTS, SETTLED
from alogd.reference.window_types import Open, Record

if TYPE_CHECKING:
    from alogd.reference.windows import Windows

MAGIC, VERSION = b"ALGW", 1
UNARMED = 2**32 - 1
LIMITS = struct.Struct("<BIIqqqII")
TIME = struct.Struct("<qIIqIQQQ")
COUNTERS = struct.Struct("<7Q")
COUNTS = struct.Struct("<II")
SUSPECT = struct.Struct("<Iq")
KEY = struct.Struct("<QIIIqq")
RECORD = struct.Struct("<QqIIIBB")


def dump(windows: Windows) -> bytes:
    """State as bytes: header, limits, log time, counters, suspects, keys with their records, checksum."""
    time = windows.time
    suspects = list(time.suspects.items())
    armed = sorted((item for item in windows.keys.values() if item.fresh), key=lambda item: item.armed_seq)
    rank = {item.key: i for i, item in enumerate(armed)}
    parts = [
        MAGIC + struct.pack("<I", VERSION),
        LIMITS.pack(*windows.limits),
        TIME.pack(
            time.ns, time.support, time.against, time.against_ns, time.patience, time.late, time.outliers, time.undone
        ),
        COUNTERS.pack(windows.taken, windows.forgotten, *windows.closed),
        COUNTS.pack(len(suspects), len(windows.keys)),
        *(SUSPECT.pack(*suspect) for suspect in suspects),
    ]
    for item in windows.keys.values():
        armed_ns = item.armed_ns if item.fresh else NO_TIME
        used_ns = item.used_ns if windows.kind == "session" else NO_TIME
        parts.append(KEY.pack(item.key, len(item.records), item.fresh, rank.get(item.key, UNARMED), armed_ns, used_ns))
        parts += (
            RECORD.pack(r.offset, r.timestamp_ns, r.source, r.slot, r.length, r.severity, r.is_new)
            for r in item.records
        )
    body = b"".join(parts)
    return body + struct.pack("<Q", checksum(body))


def checksum(data: bytes) -> int:
    """64-bit FNV-1a."""
    total = 0xCBF29CE484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return total


def restore(windows: Windows, data: bytes) -> None:
    """Fill new windows from `dump`. Raises ValueError when the bytes are damaged or were saved under other limits."""
    body = data[:-8]
    if data[:8] != MAGIC + struct.pack("<I", VERSION) or struct.pack("<Q", checksum(body)) != data[-8:]:
        raise ValueError("windows: the saved state is damaged")
    if body[8 : 8 + LIMITS.size] != LIMITS.pack(*windows.limits):
        raise ValueError("windows: saved under other options")
    try:
        _read(windows, body, 8 + LIMITS.size)
    except struct.error as error:
        raise ValueError("windows: the saved state is damaged") from error


def _read(windows: Windows, body: bytes, at: int) -> None:
    time = windows.time
    (time.ns, time.support, time.against, time.against_ns, time.patience, *totals) = TIME.unpack_from(body, at)
    time.late, time.outliers, time.undone = totals
    at += TIME.size
    windows.taken, windows.forgotten, *windows.closed = COUNTERS.unpack_from(body, at)
    at += COUNTERS.size
    suspects, keys = COUNTS.unpack_from(body, at)
    at += COUNTS.size
    for _ in range(suspects):
        source, stamp = SUSPECT.unpack_from(body, at)
        time.suspects[source] = stamp
        at += SUSPECT.size
    ranks: list[int] = []
    for _ in range(keys):
        at, rank = _read_key(windows, body, at)
        ranks += [] if rank == UNARMED else [rank]
    _check(windows, suspects, keys, ranks, whole=at == len(body))


def _read_key(windows: Windows, body: bytes, at: int) -> tuple[int, int]:
    key, count, fresh, rank, armed_ns, used_ns = KEY.unpack_from(body, at)
    at += KEY.size
    item = Open(key, fresh=fresh, armed_ns=armed_ns, used_ns=used_ns, armed_seq=rank)
    for _ in range(count):
        offset, stamp, source, slot, length, severity, is_new = RECORD.unpack_from(body, at)
        item.records.append(Record(source, slot, severity, bool(is_new), offset, length, stamp))
        at += RECORD.size
    windows.keys[key] = item
    windows.held += count
    item.used_seq = len(windows.keys)
    return at, rank


def _check(windows: Windows, suspects: int, keys: int, ranks: list[int], *, whole: bool) -> None:
    """Raise ValueError when the state cannot be; go on numbering after it."""
    limits, time = windows.limits, windows.time
    armed = sorted((item for item in windows.keys.values() if item.fresh), key=lambda item: item.armed_seq)
    used = [item.used_ns for item in windows.keys.values()] if windows.kind == "session" else []
    possible = (
        whole
        and len(time.suspects) == suspects <= MAX_SUSPECTS
        and len(windows.keys) == keys <= limits.max_keys
        and windows.held <= limits.max_records
        and time.support <= SETTLED
        and time.against <= MAX_PATIENCE
        and 1 <= time.patience <= MAX_PATIENCE
        and sorted(ranks) == list(range(len(armed)))
        and all(_is_possible(windows, item) for item in windows.keys.values())
        and all(a.armed_ns <= b.armed_ns for a, b in pairwise(armed))
        and all(item.armed_ns <= time.ns for item in armed)
        and used == sorted(used)
        and all(ns <= time.ns for ns in used)
    )
    if not possible:
        raise ValueError("windows: the saved state is damaged")
    windows.restarted(after=max(len(armed), keys))


def _is_possible(windows: Windows, item: Open) -> bool:
    count, limits = len(item.records), windows.limits
    if count < 1 or item.fresh > count or (item.fresh > 0) != (item.armed_seq != UNARMED):
        return False
    if windows.kind != "count":
        return item.fresh == count and (windows.kind == "time" or count < limits.size)
    if count < limits.size:
        return item.fresh == count
    return count == limits.size and item.fresh < limits.stride
