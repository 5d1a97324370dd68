"""The links that go with an alert to a sink; a secret that cannot be read costs the signed ones, never the alert."""

from __future__ import annotations

import asyncio
import time

from alogd.alerts.links import ACTIONS, Unusable, page_of, signature, signed
from alogd.config.tree import read_secret
from alogd.event import Alert
from alogd.logs import get_logger

log = get_logger("links")


class Links:
    """Of one sink."""

    def __init__(self, base: str | None, secret_file: str | None) -> None:
        self._base = base
        self._secret_file = secret_file if base else None
        self._secret = ""
        self._problem = ""

    async def refresh(self) -> None:
        """Read the secret anew, so that it may be rotated; said once when that fails."""
        if self._secret_file is None:
            return
        try:
            self._secret = await asyncio.to_thread(_usable, self._secret_file)
            problem = ""
        except (OSError, ValueError) as error:
            self._secret, problem = "", str(error)
        if problem and problem != self._problem:
            log.warning("alerts are sent without signed links", reason=problem)
        self._problem = problem

    def page(self, alert: Alert) -> str | None:
        """Where people see the alert; None where it is not known how they reach this daemon."""
        return page_of(self._base, alert.id) if self._base else None

    def actions(self, alert: Alert) -> dict[str, str]:
        """What may be done about it, by name."""
        if not self._base or not self._secret:
            return {}
        names = ACTIONS if alert.status == "firing" else [name for name in ACTIONS if name != "ack"]
        return {name: signed(self._base, self._secret, alert.id, name, time.time()) for name in names}

    def all(self, alert: Alert) -> dict[str, str]:
        """`link` to the alert, and its actions as `link_ACTION`."""
        page = self.page(alert)
        told = {} if page is None else {"link": page}
        return told | {f"link_{name}": url for name, url in self.actions(alert).items()}


def _usable(path: str) -> str:
    secret = read_secret(path)
    try:
        signature(secret, "", "", 0)
    except Unusable as error:
        raise ValueError(f"{path}: {error}") from None
    return secret
