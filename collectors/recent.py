"""The last bytes that were handed out, kept so that an alert can show its lines after their file is gone.

Invariant: never holds more than `limit` bytes, however many sources there are. May be asked from any thread.
"""

from __future__ import annotations

import threading
from collections import deque

_MERGE = 8192  # bytes: smaller neighbours become one block, so that a trickle does not make a long list


def _end(block: tuple[int, bytes]) -> int:
    return block[0] + len(block[1])


class Recent:
    """Blocks of all sources of a collector, oldest forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._lock = threading.Lock()
        self._order: deque[str] = deque()
        self._blocks: dict[str, list[tuple[int, bytes]]] = {}  # few of each; an empty deque takes 600 bytes

    def add(self, source: str, offset: int, block: bytes) -> None:
        """Keeps a block that begins at an absolute offset."""
        with self._lock:
            self._append(source, offset, block)
            while self._held > self._limit:
                self._forget()

    def _append(self, source: str, offset: int, block: bytes) -> None:
        blocks = self._blocks.setdefault(source, [])
        self._held += len(block)
        if blocks and len(blocks[-1][1]) + len(block) <= _MERGE and _end(blocks[-1]) == offset:
            start, before = blocks.pop()
            blocks.append((start, before + block))
        else:
            self._order.append(source)
            blocks.append((offset, block))

    def _forget(self) -> None:
        source = self._order.popleft()
        blocks = self._blocks[source]
        self._held -= len(blocks.pop(0)[1])
        if not blocks:
            del self._blocks[source]

    def text(self, source: str, offset: int, length: int) -> bytes | None:
        """The bytes from `offset`, at most `length`; None when the first of them is not here any more."""
        parts: list[bytes] = []
        with self._lock:
            blocks = list(self._blocks.get(source, ()))
        for start, block in blocks:
            if length > 0 and start <= offset < start + len(block):
                part = block[offset - start : offset - start + length]
                parts.append(part)
                offset += len(part)
                length -= len(part)
        return b"".join(parts) if parts else None
