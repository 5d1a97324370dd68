"""Windows in, sequences.parquet and window_counts.parquet out: what models are trained on and judged by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from alogd.config.tree import WindowOptions
from alogd.event import I64, IDLE, WindowBatch
from alogd.offline import tables
from alogd.offline.windows.windowing import Key, Tell, check_numbers, closed, lines_of, nothing

DENSE = 4096  # entries of a vocabulary up to which counts are written densely


def sequences(
    parsed: Path, out: Path, known: int, options: WindowOptions, key: Key, longest: int = 0, tell: Tell = lambda _: None
) -> int:
    """Rows of out/sequences.parquet; `longest` > 0 cuts sessions into pieces of so many templates at most."""
    kind, rows = tables.SEQUENCES, 0
    with tables.writer(out / kind.file, kind.schema, _notes(options)) as file:
        for windows, names in closed(parsed, options, key, tell):
            check_numbers(windows.slot, known, parsed, "vocab.json")
            table = _sequence_rows(windows, names, longest)
            if len(table):
                file.write_table(table)
                rows += len(table)
        if not rows:
            raise nothing(parsed, "no session ended")
    return rows


def _sequence_rows(windows: WindowBatch, names: list[str], longest: int) -> pa.Table:
    owner, begin, end = _pieces(windows.start, longest)
    fresh_from = windows.start[1:] - windows.fresh
    fresh = np.maximum(0, end - np.maximum(begin, fresh_from[owner]))
    kept = fresh > 0
    owner, begin, end, fresh = owner[kept], begin[kept], end[kept], fresh[kept]
    whole = (windows.reason == IDLE) & (windows.group == 0)
    place = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)]) if len(begin) else begin
    starts = np.concatenate([[0], np.cumsum(end - begin)]).astype(np.int32)
    line = windows.offset.astype(np.int64)
    return tables.table(
        tables.SEQUENCES,
        session=[names[i] for i in owner.tolist()],
        sequence=pa.ListArray.from_arrays(pa.array(starts), pa.array(windows.slot[place].astype(np.int32))),
        fresh=fresh.astype(np.int32),
        ends=whole[owner] & (end == windows.start[1:][owner]),
        first_line=line[begin],
        last_line=line[end - 1] + windows.length[end - 1] - 1,
    )


def _pieces(start: I64, longest: int) -> tuple[I64, I64, I64]:
    """(window, begin, end) of every piece, in order."""
    sizes = np.diff(start)
    parts = np.maximum(1, -(-sizes // longest)) if longest else np.ones(len(sizes), np.int64)
    owner = np.repeat(np.arange(len(sizes)), parts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    begin = start[:-1][owner] + number * longest
    end = np.minimum(begin + longest, start[1:][owner]) if longest else start[1:][owner]
    return owner, begin, end


def counts(parsed: Path, out: Path, known: int, options: WindowOptions, key: Key, tell: Tell = lambda _: None) -> int:
    """Rows of out/window_counts.parquet."""
    kind, rows = tables.WINDOW_COUNTS, 0
    dense = known <= DENSE
    form = {"alogd.counts": "dense" if dense else "sparse", "alogd.vocabulary": str(known)}
    schema = pa.schema([*kind.schema, pa.field("session", pa.string())])
    with tables.writer(out / kind.file, schema, {**_notes(options), **form}) as file:
        for windows, names in closed(parsed, options, key, tell):
            check_numbers(windows.slot, known, parsed, "vocab.json")
            if not len(windows):
                continue
            first, last = lines_of(windows)
            number = np.arange(rows, rows + len(windows)).astype(np.int32)
            rows += len(windows)
            lists = _dense(windows, known) if dense else _sparse(windows)
            file.write_table(
                tables.table(kind, window_idx=number, start_line=first, end_line=last, counts=lists, session=names)
            )
        if not rows:
            raise nothing(parsed, "no window closed")
    return rows


def _windows_of(windows: WindowBatch) -> I64:
    return np.repeat(np.arange(len(windows)), np.diff(windows.start))


def _dense(windows: WindowBatch, known: int) -> pa.Array:
    cells = _windows_of(windows) * known + windows.slot
    table = np.bincount(cells, minlength=len(windows) * known).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(np.arange(len(windows) + 1, dtype=np.int32) * known), pa.array(table))


def _sparse(windows: WindowBatch) -> pa.Array:
    """number, count, number, count ... of those that occur."""
    cells, counts = np.unique(_windows_of(windows) << 32 | windows.slot.astype(np.int64), return_counts=True)
    starts = np.searchsorted(cells >> 32, np.arange(len(windows) + 1))
    pairs = np.column_stack([cells & 0xFFFFFFFF, counts]).astype(np.int32).ravel()
    return pa.ListArray.from_arrays(pa.array((2 * starts).astype(np.int32)), pa.array(pairs))


def _notes(options: WindowOptions) -> dict[str, str]:
    kind = options.kind
    what = {"count": f"{options.size}/{options.stride}", "time": f"{options.width:g}s"}
    return {"alogd.windows": what.get(kind, f"session:{options.idle:g}s")}
