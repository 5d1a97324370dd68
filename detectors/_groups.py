"""Which row of a per-group table a window belongs to; windows of one group are comparable.

Bounded: groups beyond the limit share row 0.
"""

from __future__ import annotations

import numpy as np

from alogd.event import I64, U64, Bool
from alogd.windows.features import group_rows

MAX_GROUPS = 64


class Groups:
    """Numbers 64-bit group keys 1, 2, ... as they are learned; 0 = the groups beyond the limit or not learned yet."""

    def __init__(self, keys: U64 | None = None) -> None:
        self.keys: U64 = np.empty(0, np.uint64) if keys is None else keys
        self._sort()

    def _sort(self) -> None:
        self._order = np.argsort(self.keys, kind="stable")
        self._sorted = self.keys[self._order]

    def __len__(self) -> int:
        """Rows a table needs, row 0 included."""
        return len(self.keys) + 1

    def rows(self, groups: U64) -> I64:
        """Row of each group, shape (n,); 0 where unknown."""
        rows = np.empty(len(groups), np.int64)
        group_rows(self._sorted, self._order, groups, rows)
        return rows

    def adopt(self, groups: U64, keep: Bool) -> I64:
        """Row of each group, shape (n,), -1 where not keep; those not seen before get one, while there is room."""
        rows = self.rows(groups)
        if ((rows == 0) & keep).any():
            self.add(groups[keep])
            rows = self.rows(groups)
        return np.where(keep, rows, -1)

    def add(self, groups: U64) -> None:
        """Give rows to groups not seen before, in order of first appearance, while there is room."""
        room = MAX_GROUPS - len(self)
        if room <= 0:
            return
        fresh = list(dict.fromkeys(groups[self.rows(groups) == 0].tolist()))
        if fresh:
            self.keys = np.concatenate([self.keys, np.array(fresh[:room], np.uint64)])
            self._sort()
