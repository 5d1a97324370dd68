"""Which incidents somebody has taken on, by whom and when; asked when a moment of one is about to be told.

Invariant: what is found, learned and kept is the same with and without. An acknowledgement is of the level the
incident had: one that gets worse needs somebody again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from alogd.event import Alert
from alogd.feedback.mute import Text
from alogd.sinks.routes import LEVELS

MAX_ACKS = 2000  # the oldest go first

Change = Callable[["Acks"], "Acks | None"]


class Ack(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One acknowledgement; the same struct is stored, listed and exported, so it is its own audit record."""

    alert: Annotated[str, Meta(max_length=64)]
    level: Annotated[str, Meta(max_length=16)]  # of the alert at that moment
    at: float  # seconds since 1970
    by: Text = ""
    why: Text = ""
    undone: float | None = None  # when somebody took it back
    undone_by: Text = ""


_decode = msgspec.json.Decoder(tuple[Ack, ...]).decode


class Acks:
    """All of them, oldest first; never changed, but replaced whole: two threads look at it."""

    def __init__(self, entries: Iterable[Ack] = ()) -> None:
        self.entries = tuple(entries)[-MAX_ACKS:]
        self._last = {one.alert: one for one in self.entries}

    def of(self, alert: Alert) -> Ack | None:
        """That of an incident as bad as it is now."""
        found = self._last.get(alert.id)
        if found is None or found.undone is not None or _rank(alert.level) > _rank(found.level):
            return None
        return found

    def quiets(self, alert: Alert) -> bool:
        """Whether people need not be told of this moment again; of its end they are."""
        return alert.status == "firing" and self.of(alert) is not None

    def ranks(self) -> dict[str, int]:
        """Incident: the worst level, as a number, at which it counts as acknowledged."""
        return {one.alert: _rank(one.level) for one in self._last.values() if one.undone is None}

    def with_ack(self, alert: Alert, by: str, why: str, now: float) -> Acks | None:
        """None when it is acknowledged already."""
        if self.of(alert) is not None:
            return None
        return Acks((*self.entries, Ack(alert=alert.id, level=alert.level, at=now, by=by, why=why)))

    def with_undone(self, alert_id: str, by: str, now: float) -> Acks | None:
        """None when it is not acknowledged."""
        found = self._last.get(alert_id)
        if found is None or found.undone is not None:
            return None
        taken_back = msgspec.structs.replace(found, undone=now, undone_by=by)
        return Acks(taken_back if one is found else one for one in self.entries)

    def save(self) -> bytes:
        """JSON of everything."""
        return msgspec.json.encode(self.entries)

    @classmethod
    def load(cls, data: bytes) -> Acks:
        """Raises ValueError when damaged."""
        return cls(_decode(data))


def _rank(level: str) -> int:
    return LEVELS.get(level, 0)
