"""What the watch over silence finds: that something stays away, or is back. A value between it and its alerts."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from alogd.silence.rhythm import Place

Kind: TypeAlias = Literal["source", "beat", "rate"]
KINDS: dict[str, Kind] = {"source": "source", "beat": "beat", "rate": "rate"}


class Quiet(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
):
    """Something stayed away, or came back."""

    found: int  # log time, at its furthest, when it was found
    at: int  # log time
    back: bool
    kind: Kind
    name: str  # of the source
    slot: int = 0  # of the template that beats; 0 for a source
    last: int = 0  # when it was there last
    usual: int = 0  # ns: the interval or the longest silence that is usual; records an hour for a rate
    count: int = 0  # records in the hour, for a rate
    place: Place | None = None  # of its last record

    @property
    def order(self) -> tuple[int, int, bool, str]:
        return self.found, self.at, self.back, self.key

    @property
    def key(self) -> str:
        return f"{self.kind} {self.name} {self.slot}" if self.kind == "beat" else f"{self.kind} {self.name}"
