"""Which logs a kept corpus was read from, and whether what is named now are still those."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from alogd.cli.inputs import Input
from alogd.config.tree import Strict


class Origin(Strict, frozen=True, kw_only=True):
    """One log as it was when it was read. A log that only grew since then is still the same."""

    name: str
    size: int  # bytes on the disk; 0 for what has none
    head: int  # of its text, so many bytes had been looked at
    sha256: str  # of those


def pack(inputs: Sequence[Input]) -> bytes:
    """Of all inputs, in order."""
    return msgspec.json.encode([_of(one, len(one.head)) for one in inputs])


def fits(kept: bytes, inputs: Sequence[Input]) -> bool:
    """Whether these are the logs it was packed of: the same names, beginnings, and nothing cut off."""
    try:
        were = msgspec.json.decode(kept, type=list[Origin])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if len(were) != len(inputs):
        return False
    now = [_of(one, was.head) for one, was in zip(inputs, were, strict=True)]
    same = [(one.name, one.head, one.sha256) for one in now] == [(one.name, one.head, one.sha256) for one in were]
    return same and all(one.size >= was.size for one, was in zip(now, were, strict=True))


def grown(kept: bytes, inputs: Sequence[Input]) -> int:
    """Bytes that were written since."""
    return sum(one.size for one in inputs) - sum(was.size for was in msgspec.json.decode(kept, type=list[Origin]))


def _of(one: Input, head: int) -> Origin:
    looked_at = one.head[:head]
    return Origin(name=one.name, size=one.size, head=len(looked_at), sha256=hashlib.sha256(looked_at).hexdigest())
