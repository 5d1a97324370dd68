"""What the state keeps that belongs to no stream: what people asked for, and what sinks were not told.

A part that was damaged is as good as none; whoever asked for it begins anew and says so.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter

import msgspec

from alogd.alerts.across import Across
from alogd.feedback.acks import Acks
from alogd.feedback.mute import Mutes


class Own:
    """These parts, in the table of parts, under a stream that has no name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.notes: list[str] = []  # what could not be used, for the log

    def get(self, name: str) -> bytes | None:
        """None where there is none, or a damaged one."""
        for found, data in self._db.execute("SELECT digest, data FROM part WHERE stream = '' AND name = ?", (name,)):
            if digest(data) == found:
                return bytes(data)
        return None

    def put(self, name: str, data: bytes) -> None:
        """Within a transaction of the caller's. Raises sqlite3.Error."""
        self._db.execute("INSERT OR REPLACE INTO part VALUES ('', ?, ?, ?)", (name, digest(data), data))

    def untold(self) -> Counter[str]:
        data = self.get("untold")
        return Counter(msgspec.json.decode(data, type=dict[str, int])) if data else Counter()

    def put_untold(self, untold: Counter[str]) -> None:
        self.put("untold", msgspec.json.encode(dict(untold)))

    def mutes(self) -> Mutes:
        mutes, data = Mutes(), self.get("mutes")
        try:
            if data:
                mutes.load(data)
        except ValueError as error:
            self.notes.append(f"silences and feedback begin anew: {error}")
        return mutes

    def acks(self) -> Acks:
        data = self.get("acks")
        try:
            return Acks.load(data) if data else Acks()
        except ValueError as error:
            self.notes.append(f"acknowledgements begin anew: {error}")
            return Acks()

    def across(self) -> Across:
        data = self.get("across")
        try:
            return Across.load(data) if data else Across()
        except ValueError as error:
            self.notes.append(f"incidents of several streams begin anew: {error}")
            return Across()


def digest(data: bytes) -> bytes:
    """What tells whether a part is as it was written."""
    return hashlib.blake2b(data, digest_size=16).digest()
