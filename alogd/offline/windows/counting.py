"""window_counts.parquet as models of counts take it, whichever way the counts were written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from alogd.cli.failures import BadData
from alogd.event import I64
from alogd.offline import tables
from alogd.offline.models.series import Counts, CountSample


def read_counts(path: Path, known: int) -> Counts:
    """Windows of window_counts.parquet, those of one program a series; of too many whole stretches are left out.

    Raises BadData when the file has other numbers than the vocabulary.
    """
    sample = CountSample(alone=stand_alone(path))
    names: dict[str, int] = {}
    for dense, keys in count_tables(path, known):
        rows, number = np.nonzero(dense)
        start = np.searchsorted(rows, np.arange(len(dense) + 1)).astype(np.int64)
        group = np.array([names.setdefault(key, len(names)) for key in keys], np.uint64)
        sample.put(start, number.astype(np.int32), dense[rows, number].astype(np.int32), group)
    return sample.counts(np.arange(known, dtype=np.int32))


def count_tables(path: Path, known: int) -> Iterator[tuple[I64, list[str]]]:
    """(counts (n, known), each row's series) of window_counts.parquet, some rows at a time. Raises BadData."""
    noted = tables.metadata(path, tables.WINDOW_COUNTS)
    sparse = noted.get("alogd.counts") == "sparse"
    if (theirs := int(noted.get("alogd.vocabulary", known))) != known:
        raise BadData(f"{path} counts {theirs} entries, the vocabulary has {known}: they do not belong together")
    for table in tables.batches(path, tables.WINDOW_COUNTS, size=1024):
        lists = table.column("counts").combine_chunks()
        keyed = "session" in table.column_names
        yield _dense(lists, known, sparse, path), table.column("session").to_pylist() if keyed else [""] * len(table)


def _dense(lists: Any, known: int, sparse: bool, path: Path) -> I64:
    values, sizes = lists.flatten().to_numpy().astype(np.int64), lists.value_lengths().to_numpy()
    if not sparse:
        if (sizes != known).any():
            raise BadData(f"{path}: a row has {int(sizes[sizes != known][0])} counts, the vocabulary has {known}")
        return np.asarray(values.reshape(-1, known))
    made = np.zeros((len(sizes), known), np.int64)
    pairs = values.reshape(-1, 2)
    if len(pairs) and not 0 <= pairs[:, 0].min() <= pairs[:, 0].max() < known:
        raise BadData(f"{path} counts template {pairs[:, 0].max()}, which the vocabulary does not know")
    made[np.repeat(np.arange(len(sizes)), sizes // 2), pairs[:, 0]] = pairs[:, 1]
    return made


def stand_alone(path: Path) -> bool:
    """Whether the windows are sessions, which have no order."""
    return tables.metadata(path, tables.WINDOW_COUNTS).get("alogd.windows", "").startswith("session")
