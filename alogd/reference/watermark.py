"""Log time of a stream: the largest plausible stamp so far (engine_c/watermark.h, in plain Python).

It moves only forward, but for one case: a jump that the records after it contradict is undone.
"""

from __future__ import annotations

from alogd.event import NO_TIME

HOUR = 3600 * 10**9
WEEK = 7 * 24 * HOUR
MAX_SUSPECTS = 64  # sources whose last stamp was too far ahead and waits for a witness
SETTLED = 1000  # records near a watermark after which it is never undone
PATIENCE = 16  # contradicting records, at least, before the first undo; doubles with each
MAX_PATIENCE = 1 << 30
MAX_NS = 2**63 - 1
MIN_NS = -(2**63)


def add(a: int, b: int) -> int:
    """Sum held inside 64 bits."""
    return max(MIN_NS, min(MAX_NS, a + b))


class Watermark:
    """`see` each stamp in turn; `ns` is the watermark, NO_TIME before the first."""

    def __init__(self) -> None:
        self.ns: int = NO_TIME
        self.support = 0  # records near it since its last jump
        self.against = 0  # records far behind it since then ...
        self.against_ns: int = NO_TIME  # ... and the largest stamp among them
        self.patience = PATIENCE
        self.suspects: dict[int, int] = {}  # source -> stamp, oldest first
        self.late = 0
        self.outliers = 0
        self.undone = 0

    def see(self, source: int, stamp: int, open_keys: int) -> bool:
        """Take one stamp. True when time began or went back: what was armed before then must be armed again."""
        if stamp == NO_TIME:
            return False
        if self.ns == NO_TIME:
            self._jump(stamp)
            return True
        suspect = self.suspects.pop(source, NO_TIME)
        if suspect != NO_TIME and stamp >= add(suspect, -HOUR):
            self._advance(suspect)
        if stamp > add(self.ns, WEEK):
            self._suspect(source, stamp)
            return False
        if stamp >= add(self.ns, -HOUR):
            self._advance(stamp)
            return False
        self.late += 1
        return self._contradict(stamp, open_keys)

    def vouch(self, stamp: int) -> bool:
        """Move to a time the caller answers for. True when time began with it."""
        began = self.ns == NO_TIME
        if stamp > self.ns:
            self.ns = stamp
            self.support, self.against, self.against_ns = SETTLED, 0, NO_TIME
        return began and self.ns != NO_TIME

    def _jump(self, stamp: int) -> None:
        self.ns = stamp
        self.support, self.against, self.against_ns = 1, 0, NO_TIME

    def _advance(self, stamp: int) -> None:
        if stamp > add(self.ns, HOUR):
            self._jump(stamp)
            return
        self.support = min(self.support + 1, SETTLED)
        self.ns = max(self.ns, stamp)

    def _suspect(self, source: int, stamp: int) -> None:
        self.outliers += 1
        if len(self.suspects) == MAX_SUSPECTS:
            del self.suspects[next(iter(self.suspects))]
        self.suspects[source] = stamp

    def _contradict(self, stamp: int, open_keys: int) -> bool:
        if self.support >= SETTLED:
            return False
        self.against += 1
        self.against_ns = max(self.against_ns, stamp)
        # Going back touches every open key: the last condition keeps that cheap per record.
        if self.against < max(self.patience, 4 * self.support, open_keys // 4):
            return False
        self.undone += 1
        self.patience = min(2 * self.patience, MAX_PATIENCE)
        support = min(self.against, SETTLED)
        self._jump(self.against_ns)
        self.support = support
        return True
