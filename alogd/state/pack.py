"""Arrays to bytes and back: how learned state is laid down, without pickle.

Layout: magic, header length, CRC32 of all that follows, JSON header, raw little-endian buffers one after the
other. What `unpack` returns was checked first: a damaged or hostile input gives ValueError, never wrong arrays.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from functools import reduce
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAGIC = b"ALOGARR1"
PREFIX = struct.Struct("<8sII")  # magic, header bytes, CRC32
DTYPES = frozenset({"|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"})
MAX_ARRAYS = 4096
MAX_DIMENSIONS = 8
MAX_HEADER_BYTES = 1 << 20


class _Entry(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    name: str
    dtype: str
    shape: tuple[int, ...]


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Lay arrays down in the order given. Raises ValueError for a dtype that is not plain numbers or booleans."""
    entries, buffers = [], []
    for name, array in arrays.items():
        plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        if plain.dtype.str not in DTYPES:
            raise ValueError(f"array {name!r} has dtype {array.dtype}, which is not stored")
        entries.append(_Entry(name, plain.dtype.str, array.shape))
        buffers.append(plain.reshape(-1).view(np.uint8).data)
    header = msgspec.json.encode(entries)
    if len(entries) > MAX_ARRAYS or len(header) > MAX_HEADER_BYTES:
        raise ValueError(f"{len(entries)} arrays are more than one part holds")
    checksum = reduce(lambda crc, buffer: zlib.crc32(buffer, crc), buffers, zlib.crc32(header))
    return b"".join((PREFIX.pack(MAGIC, len(header), checksum), header, *buffers))  # copied here, and only here


def unpack(data: bytes) -> dict[str, Array]:
    """Arrays of `pack`, each with memory of its own. Raises ValueError when anything about the bytes is wrong."""
    entries, at = _header(data)
    arrays: dict[str, Array] = {}
    for entry in entries:
        count, size = _extent(entry)
        if at + size > len(data):
            raise ValueError(f"array {entry.name!r} is cut short")
        if entry.name in arrays:
            raise ValueError(f"array {entry.name!r} is there twice")
        arrays[entry.name] = _array(data, at, entry, count)
        at += size
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes follow the last array")
    return arrays


def _header(data: bytes) -> tuple[list[_Entry], int]:
    if len(data) < PREFIX.size:
        raise ValueError("too short for packed arrays")
    magic, length, crc = PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise ValueError("not packed arrays")
    if length > min(MAX_HEADER_BYTES, len(data) - PREFIX.size):
        raise ValueError("header is cut short")
    if zlib.crc32(memoryview(data)[PREFIX.size :]) != crc:
        raise ValueError("checksum differs")
    end = PREFIX.size + length
    try:
        entries = msgspec.json.decode(data[PREFIX.size : end], type=list[_Entry])
    except msgspec.MsgspecError as error:
        raise ValueError(f"header is not readable: {error}") from error
    if len(entries) > MAX_ARRAYS:
        raise ValueError(f"{len(entries)} arrays are too many")
    return entries, end


def _array(data: bytes, at: int, entry: _Entry, count: int) -> Array:
    if not count:
        return np.empty(entry.shape, entry.dtype)
    if entry.dtype == "|b1":  # a byte of 2 is not a boolean numpy can be trusted with
        return np.not_equal(np.frombuffer(data, np.uint8, count, at), 0).reshape(entry.shape)
    return np.frombuffer(data, np.dtype(entry.dtype), count, at).reshape(entry.shape).copy()


def _extent(entry: _Entry) -> tuple[int, int]:
    """Number of items and bytes of an array, in Python integers so that nothing overflows."""
    if entry.dtype not in DTYPES:
        raise ValueError(f"array {entry.name!r} has dtype {entry.dtype!r}, which is not stored")
    if len(entry.shape) > MAX_DIMENSIONS or any(not 0 <= n < 1 << 48 for n in entry.shape):
        raise ValueError(f"array {entry.name!r} has an impossible shape")
    count = math.prod(entry.shape)
    size = count * np.dtype(entry.dtype).itemsize
    if size >= 1 << 48:
        raise ValueError(f"array {entry.name!r} has an impossible shape")
    return count, size
