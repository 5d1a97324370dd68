"""Records made up for the tests of windows, and windows as they are read there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from alogd.event import Batch, WindowBatch
from alogd.reference.windows import Windows as Reference
from alogd.windows import gather as face

S = 10**9
HOUR = 3600 * S
DAY = 24 * HOUR
NOON = 1_700_000_000 * S // (60 * S) * (60 * S)  # on a whole minute
FAR = 4_102_444_800 * S  # the year 2100
LAST = 2**63 - 1

needs_c = pytest.mark.skipif(face.Windows is Reference, reason="the C extension is not built")
both = pytest.mark.parametrize("windows", [pytest.param(face.Windows, id="c", marks=needs_c), Reference])

Row = tuple[int, int]  # key, timestamp_ns


def batch(rows: Iterable[Row], source: int = 0, first: int = 0) -> Batch:
    """Records whose offset is their number."""
    rows = list(rows)
    number = np.arange(first, first + len(rows))
    return Batch(
        source=source,
        offset=number.astype(np.uint64),
        length=(number % 91).astype(np.uint32),
        timestamp_ns=np.array([stamp for _, stamp in rows], np.int64),
        severity=(number % 101).astype(np.uint8),
        template_id=np.ones(len(rows), np.uint32),
        slot=(number % 17).astype(np.uint32),
        is_new=number % 7 == 0,
        key=np.array([key for key, _ in rows], np.uint64),
    )


def shown(closed: WindowBatch) -> list[tuple[int, int, list[int]]]:
    """(key, reason, numbers of the records) of every window."""
    cuts = closed.start.tolist()
    rows = closed.offset.tolist()
    return [
        (key, reason, rows[begin:end])
        for key, reason, begin, end in zip(closed.key.tolist(), closed.reason.tolist(), cuts, cuts[1:], strict=False)
    ]


def seconds(key: int, *at: float) -> list[Row]:
    return [(key, NOON + round(second * S)) for second in at]
