"""What the HTTP face asks of the daemon; the tests stand in for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from alogd.alerts.filter import AlertFilter
from alogd.daemon.view import View
from alogd.event import Alert, Template
from alogd.feedback.acks import Acks
from alogd.feedback.mute import Mute, Mutes
from alogd.judging.scores import Point


class History(Protocol):
    """Alerts as they were committed; the store."""

    @property
    def changes(self) -> int:
        """Moments of alerts committed so far."""

    @property
    def mutes(self) -> Mutes:
        """What people asked not to be told of."""

    async def set_mutes(self, change: Callable[[Mutes], tuple[Mute, ...] | None]) -> bool: ...
    @property
    def acks(self) -> Acks:
        """Which incidents somebody has taken on."""

    async def set_acks(self, alert_id: str, change: Callable[[Acks], Acks | None]) -> bool: ...
    async def acked(self) -> int: ...
    async def below(self) -> int: ...
    async def alerts(self, wanted: AlertFilter) -> list[Alert]: ...
    async def alert(self, alert_id: str) -> Alert | None: ...
    async def firing(self) -> dict[str, int]: ...
    def changed_since(self, changes: int) -> list[str] | None: ...


class Source(Protocol):
    """The daemon."""

    @property
    def store(self) -> History: ...

    async def view(self) -> View: ...
    async def templates(self, stream: str) -> list[Template] | None: ...
    async def scores(
        self, stream: str, begin_ns: int | None, end_ns: int | None, points: int
    ) -> list[Point] | None: ...
