"""Rows of parsed.parquet in, the daemon's own windows out: alogd/windows/gather.py decides what a window is here too.

What a window carries of a record is told in the table's words: its slot is the template's number in vocab.json, its
offset the record's line_no and its length the lines it has. Memory holds the windows that are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alogd.cli.failures import BadData, Usage
from alogd.config.tree import WindowOptions
from alogd.event import NO_TIME, U32, U64, Batch, WindowBatch
from alogd.offline import tables
from alogd.offline.models.corpus import LONGEST_QUIET_NS
from alogd.windows.gather import Windows

MOST_NAMES = 2_000_000  # of keys: twice as many as sessions may be open
ROWS = 4096  # pushed at once: a detector learns between two pushes, as the daemon's does between two blocks
COLUMNS = ("line_no", "timestamp", "severity", "template_id", "is_new", "lines")

Tell = Callable[[int], None]  # rows so far


@dataclass(slots=True)
class Key:
    """What keeps interleaved records apart: a column of the table, the find of a pattern in `raw`, or nothing."""

    column: str = ""
    pattern: str = ""
    _names: dict[int, str] = field(default_factory=dict)

    @property
    def reads(self) -> list[str]:
        """Columns it is made of."""
        return ["raw"] if self.pattern else [self.column] if self.column else []

    def of(self, table: pa.Table) -> U64:
        """Of each row, shape (n,); 0 where there is none."""
        if not self.reads:
            return np.zeros(len(table), np.uint64)
        texts = self._texts(table).dictionary_encode().combine_chunks()
        names = texts.dictionary.to_pylist()
        hashes = np.array([_hash(name) for name in names] + [0], np.uint64)
        self._remember(hashes[:-1].tolist(), names)
        keys: U64 = hashes[texts.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)]
        return keys

    def _texts(self, table: pa.Table) -> pa.ChunkedArray:
        if not self.pattern:
            return table.column(self.column).cast(pa.string())
        found = pc.extract_regex(table.column("raw"), self.pattern)
        return pc.struct_field(found, [0])

    def _remember(self, hashes: list[int], names: list[str]) -> None:
        for key, name in zip(hashes, names, strict=True):
            self._names.pop(key, None)
            self._names[key] = name  # last seen, last to go
        while len(self._names) > MOST_NAMES:
            del self._names[next(iter(self._names))]

    def name(self, key: int) -> str:
        """The text behind a key, "" for none; its hash where that was seen too long ago to be remembered."""
        return self._names.get(key, f"{key:016x}") if key else ""


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big") or 1


def key_of(column: str, pattern: str, path: Path) -> Key:
    """Raises Usage for a column that is not there, or a pattern that is none."""
    if pattern:
        return Key(pattern=_named(pattern))
    if column == "none":
        return Key()
    there = tables.read_schema(path, tables.PARSED).names
    if column not in there:
        raise Usage(f"--key {column}: {path} has no such column; there are: none, {', '.join(there)}")
    return Key(column=column)


def _named(pattern: str) -> str:
    """The whole find, unless a named group says which part of it."""
    whole = pattern if "(?P<" in pattern else f"(?P<key>{pattern})"
    try:
        pc.extract_regex(pa.array(["x"]), whole)
    except pa.ArrowInvalid as error:
        raise Usage(f"--session-regex {pattern!r}: {error}; one group at most, written (?P<key>...)") from None
    return whole


def closed(
    parsed: str | Path, options: WindowOptions, key: Key, tell: Tell = lambda _: None
) -> Iterator[tuple[WindowBatch, list[str]]]:
    """Windows in the order they close, some at a time, and the text of each one's key."""
    windows = Windows(options)
    rows = 0
    for table in tables.batches(parsed, tables.PARSED, [*COLUMNS, *(k for k in key.reads if k not in COLUMNS)], ROWS):
        done = windows.push(_batch(table, key.of(table)))
        yield done, [key.name(one) for one in done.key.tolist()]
        rows += len(table)
        tell(rows)
    last = 0 if windows.watermark == NO_TIME else windows.watermark
    for done in (windows.tick(last + LONGEST_QUIET_NS), windows.flush()):
        yield done, [key.name(one) for one in done.key.tolist()]


def _batch(table: pa.Table, key: U64) -> Batch:
    column = {name: table.column(name) for name in COLUMNS}
    ids = column["template_id"].to_numpy()
    return Batch(
        source=0,
        offset=column["line_no"].to_numpy().astype(np.uint64),
        length=column["lines"].to_numpy().astype(np.uint32),
        timestamp_ns=column["timestamp"].cast(pa.int64()).fill_null(NO_TIME).to_numpy(),
        severity=column["severity"].to_numpy(),
        template_id=ids.astype(np.uint32),
        slot=ids.astype(np.uint32),
        is_new=column["is_new"].to_numpy(),
        key=key,
    )


def lines_of(windows: WindowBatch) -> tuple[Any, Any]:
    """(first, last) line_no of each window, shape (n,)."""
    order = windows.offset.astype(np.int64)
    first = np.minimum.reduceat(order, windows.start[:-1]) if len(windows) else np.empty(0, np.int64)
    end = order + windows.length - 1
    return first, np.maximum.reduceat(end, windows.start[:-1]) if len(windows) else np.empty(0, np.int64)


def nothing(parsed: object, what: str) -> BadData:
    """No window closed."""
    return BadData(f"{parsed}: {what} in it; parse a longer log, or choose smaller windows")


def check_numbers(numbers: U32, known: int, parsed: object, vocabulary: object) -> None:
    """Raises BadData when a row's template is none of the vocabulary's."""
    most = int(numbers.max(initial=0))
    if most >= known:
        raise BadData(f"{parsed} has template {most}, and {vocabulary} {known} entries: they do not belong together")
