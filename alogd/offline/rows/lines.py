"""The text of records and the numbers of their lines, read back from the log by the offsets the engine gave."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from alogd.cli.inputs import BLOCK, Input
from alogd.event import I64, Batch

NEWLINE = 10
APART = BLOCK  # bytes between two records from which they are read one by one: the rest of an endless line


@dataclass(frozen=True, slots=True)
class Read:
    """Of n records."""

    raw: pa.Array  # (n,) string
    line_no: I64  # (n,) of the first line, from 1
    lines: I64  # (n,) from the first line to the last, empty ones between included


class Lines:
    """One input, forwards. `first`: lines in the inputs before it; `size`: bytes of it that are read."""

    def __init__(self, one: Input, first: int, size: int) -> None:
        self._one = one
        self._size = size
        self._line = first  # newlines up to `offset`, and those of the inputs before
        self.offset = 0

    def read(self, batch: Batch) -> Read:
        """The records of a batch, which follow those read before."""
        begin = batch.offset.astype(np.int64)
        end = begin + batch.length
        cuts = [0, *(np.flatnonzero(begin[1:] - end[:-1] > APART) + 1).tolist(), len(batch)]
        parts = [self._part(begin[a:b], end[a:b]) for a, b in itertools.pairwise(cuts)]
        if len(parts) == 1:
            return parts[0]
        return Read(
            pa.concat_arrays([one.raw for one in parts]),
            np.concatenate([one.line_no for one in parts]),
            np.concatenate([one.lines for one in parts]),
        )

    def to_the_end(self) -> int:
        """The lines of this input and all before it; a last one without newline counts."""
        if not self._size:
            return self._line
        self._skip(self._size)
        return self._line + (self._text(self._size - 1, self._size) != b"\n")

    def _part(self, begin: I64, end: I64) -> Read:
        self._skip(int(begin[0]))
        text = self._text(self.offset, int(end[-1]))
        before, lines, newlines = _places(text, begin - self.offset, end - self.offset)
        raw = _alternate(text, begin - self.offset, end - self.offset)
        line_no = self._line + 1 + before
        self._line += newlines
        self.offset = int(end[-1])
        return Read(raw.view(pa.string()) if text.isascii() else strings(raw), line_no, lines)

    def _skip(self, to: int) -> None:
        while self.offset < to:
            text = self._text(self.offset, min(to, self.offset + BLOCK))
            self._line += text.count(b"\n")
            self.offset += len(text)

    def _text(self, begin: int, end: int) -> bytes:
        return self._one.piece(begin, end)


def _places(text: bytes, begin: I64, end: I64) -> tuple[I64, I64, int]:
    """Newlines before each record, the lines it has, and all newlines."""
    if text.count(b"\n") == len(begin) - 1:  # one between every two: no record has a second line
        return np.arange(len(begin)), np.ones(len(begin), np.int64), len(begin) - 1
    newlines = np.flatnonzero(np.frombuffer(text, np.uint8) == NEWLINE)
    before = np.searchsorted(newlines, begin)
    return before, 1 + np.searchsorted(newlines, end) - before, len(newlines)


def _alternate(text: bytes, begin: I64, end: I64) -> pa.Array:
    """text[begin:end] of each, copied into one piece: every second of the pieces that records and gaps are."""
    edges = np.empty(2 * len(begin) + 1, np.int32)
    edges[0:-1:2], edges[1:-1:2], edges[-1] = begin, end, end[-1]
    pieces = pa.Array.from_buffers(pa.binary(), 2 * len(begin), [None, pa.py_buffer(edges), pa.py_buffer(text)])
    return pieces.take(pa.array(np.arange(0, 2 * len(begin), 2)))


def strings(texts: pa.Array) -> pa.Array:
    """Bytes as a string array; what is no UTF-8 as \\xNN."""
    array = texts.view(pa.string())
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([text.decode("utf-8", "backslashreplace") for text in texts.to_pylist()], pa.string())
    return array
