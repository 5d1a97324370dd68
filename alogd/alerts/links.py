"""Links in notifications: to an alert's page, and, signed, to what may be done about it by whoever was sent it.

Invariant: a signed link is good for one action on one alert until one moment; without the secret none can be made.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from urllib.parse import quote

ACTIONS = ("ack", "silence", "expected", "real")
DAY = 86400
DAYS = 7  # a link is good for, at least; at most a day longer, so that it stays the same when it is sent again
MIN_SECRET = 16  # characters


class Unusable(ValueError):
    """The secret cannot be one."""


def page_of(base: str, alert_id: str) -> str:
    """Where people see the alert."""
    return f"{base.rstrip('/')}/#/alerts/{quote(alert_id, safe='')}"


def signed(base: str, secret: str, alert_id: str, action: str, now: float) -> str:
    """A link to a page that asks whether to do it. Raises Unusable for a secret that is too short."""
    until = (int(now) // DAY + 1 + DAYS) * DAY
    path = f"act/{quote(alert_id, safe='')}/{action}/{until}/{signature(secret, alert_id, action, until)}"
    return f"{base.rstrip('/')}/{path}"


def signature(secret: str, alert_id: str, action: str, until: int) -> str:
    """HMAC-SHA256 of all that the link says, 43 characters. Raises Unusable."""
    if len(secret) < MIN_SECRET:
        raise Unusable(f"a secret for links has at least {MIN_SECRET} characters")
    said = f"alogd link 1\n{alert_id}\n{action}\n{until}".encode("utf-8", "surrogateescape")
    return urlsafe_b64encode(hmac.new(secret.encode(), said, hashlib.sha256).digest()).rstrip(b"=").decode()


def is_signed(secret: str, alert_id: str, action: str, until: int, given: str) -> bool:
    """Whether the signature is that of these, in a time that does not tell how far it is right. Raises Unusable."""
    return hmac.compare_digest(
        signature(secret, alert_id, action, until).encode(), given.encode("utf-8", "surrogateescape")
    )
