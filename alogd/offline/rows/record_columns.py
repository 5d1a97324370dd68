"""Gathers what the engine says of records, batch by batch, into tables of parsed.parquet's columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alogd.detectors._sequences import I32
from alogd.engine.settings import TextColumn, Texts
from alogd.event import NO_TIME, Batch
from alogd.offline import tables
from alogd.offline.rows.lines import Read, strings

_LEVELS = pa.array(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], pa.string())  # four OTel numbers each


class Columns:
    """Rows that wait to be a row group."""

    def __init__(self, number_of_slot: I32, texts: Sequence[str]) -> None:
        self._number_of_slot = number_of_slot
        self._texts = strings(pa.array([text.encode("utf-8", "backslashreplace") for text in texts], pa.binary()))
        self._parts: dict[str, list[Any]] = {}
        self._forget()

    def _forget(self) -> None:
        self._parts = {name: [] for name in tables.PARSED.schema.names}
        self.rows = self.bytes = 0

    def add(self, batch: Batch, texts: Texts, read: Read, file: str) -> None:
        """Records of one input, in order."""
        self.rows += len(batch)
        self.bytes += read.raw.nbytes
        for name, column in self._columns(batch, texts, read, file).items():
            self._parts[name].append(column)

    def _columns(self, batch: Batch, texts: Texts, read: Read, file: str) -> dict[str, Any]:
        rows = len(batch)
        return {
            "line_no": pa.array(read.line_no, pa.int64()),
            "offset": pa.array(batch.offset.astype(np.int64)),
            "raw": read.raw,
            "masked": strings(_binary(texts.masked, rows)),
            "template_id": pa.array(self._number_of_slot[batch.slot]),
            "timestamp": pa.array(batch.timestamp_ns, mask=batch.timestamp_ns == NO_TIME).view(
                tables.PARSED.schema.field("timestamp").type
            ),
            "host": _named(texts.host, rows),
            "app": _named(texts.program, rows),
            "level": _level(texts.otel),
            "is_new": pa.array(batch.is_new),
            "lines": pa.array(read.lines.astype(np.int32)),
            "severity": pa.array(batch.severity),
            "file": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([file])),
        }

    def take(self) -> pa.Table:
        """All rows so far, which are forgotten here."""
        columns = {name: pa.chunked_array(parts) for name, parts in self._parts.items() if parts}
        used = columns["template_id"].combine_chunks().dictionary_encode()
        columns["template"] = pa.DictionaryArray.from_arrays(used.indices, self._texts.take(used.dictionary))
        for name in ("host", "app"):
            columns[name] = columns[name].dictionary_encode()
        for name in ("level", "file"):
            columns[name] = columns[name].unify_dictionaries()
        self._forget()
        return tables.table(tables.PARSED, **columns)


def _binary(column: TextColumn, rows: int) -> pa.Array:
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(column.offsets), pa.py_buffer(column.data)])


def _named(column: TextColumn, rows: int) -> pa.Array:
    """Null where it is empty."""
    texts = strings(_binary(column, rows))
    return pc.if_else(pc.equal(pc.binary_length(texts), 0), pa.scalar(None, pa.string()), texts)


def _level(otel: bytes) -> pa.Array:
    number = np.frombuffer(otel, np.uint8)
    index = ((number.astype(np.int32) - 1) // 4).clip(0, len(_LEVELS) - 1)
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32), mask=number == 0), _LEVELS)
