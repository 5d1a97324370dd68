"""preview.json: what a person looks at before anything else: how much, since when, from whom, and what it says most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alogd.detectors._sequences import I32

ROWS = 20  # records shown
MOST = 50  # templates, hosts and apps shown
LONGEST = 500  # characters of a text
KEPT = 10_000  # distinct hosts and apps counted; of one row group, the commonest
OFTEN = 1000


class Preview:
    """Sees every row group as it passes."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._counts = np.zeros(len(texts), np.int64)
        self._examples: dict[int, str] = {}
        self._names: dict[str, Counter[str]] = {name: Counter() for name in ("level", "host", "app")}
        self.records: list[dict[str, Any]] = []
        self._times: list[int] = []

    def add(self, table: pa.Table) -> None:
        """The next rows of parsed.parquet."""
        if len(self.records) < ROWS:
            self.records += _shown(table.slice(0, ROWS - len(self.records)))
        ids: I32 = table.column("template_id").to_numpy()
        counts = np.bincount(ids, minlength=len(self._texts))
        self._counts += counts
        for number in np.flatnonzero(counts).tolist():
            if number not in self._examples:
                row = int(np.argmax(ids == number))
                self._examples[number] = table.column("raw")[row].as_py()[:LONGEST]
        for name, seen in self._names.items():
            self._count(table.column(name), seen)
        times = pc.min_max(table.column("timestamp").cast(pa.int64())).as_py()
        self._times += [time for time in times.values() if time is not None]
        self._times = [min(self._times), max(self._times)] if self._times else []

    def _count(self, column: pa.ChunkedArray, seen: Counter[str]) -> None:
        for part in column.chunks:
            counts = np.bincount(part.indices.drop_null().to_numpy(zero_copy_only=False))
            often = np.argsort(-counts, kind="stable")[:OFTEN]
            for name, count in zip(
                part.dictionary.take(pa.array(often)).to_pylist(), counts[often].tolist(), strict=True
            ):
                if count and (len(seen) < KEPT or name in seen):
                    seen[name] += count

    def to_json(self, facts: dict[str, Any]) -> bytes:
        """The file; `facts` stand at its top."""
        order = [int(i) for i in np.argsort(-self._counts, kind="stable")[:MOST] if self._counts[i]]
        total = max(1, int(self._counts.sum()))
        templates = [
            {
                "template_id": i,
                "count": int(self._counts[i]),
                "share": round(float(self._counts[i]) / total, 6),
                "template": self._texts[i][:LONGEST],
                "example": self._examples[i],
            }
            for i in order
        ]
        first, last = map(_text, self._times or (None, None))
        names = {f"{name}s": dict(seen.most_common(MOST)) for name, seen in self._names.items()}
        whole = {**facts, "first_time": first, "last_time": last, **names, "templates": templates}
        return msgspec.json.format(msgspec.json.encode({**whole, "first_records": self.records}), indent=1) + b"\n"


def _text(time_ns: int | None) -> str | None:
    return None if time_ns is None else np.datetime_as_string(np.datetime64(time_ns, "ns")) + "Z"


def _shown(table: pa.Table) -> list[dict[str, Any]]:
    at = table.column_names.index("timestamp")
    rows = table.set_column(at, "timestamp", table.column(at).cast(pa.int64())).to_pylist()
    for row in rows:
        row["timestamp"] = _text(row["timestamp"])
    return [{name: value[:LONGEST] if isinstance(value, str) else value for name, value in row.items()} for row in rows]
