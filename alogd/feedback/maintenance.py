"""From the configuration's `maintenance` to silences that are always there: alerts are held back while one is on.

They are in force with the configuration that names them, and are nobody's to delete but its author's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from zoneinfo import ZoneInfo

from alogd.config.tree import Maintenance
from alogd.feedback.mute import Mute

FOREVER = datetime.fromisoformat("9999-12-31T23:59:59+00:00").timestamp()


def planned(windows: Sequence[Maintenance]) -> tuple[Mute, ...]:
    """As silences. Raises ValueError where `problems` finds one."""
    return tuple(_mute(window) for window in windows)


def problems(window: Maintenance) -> Iterator[tuple[str, str]]:
    """What is wrong with one: key and message."""
    if (window.begins is None) != (window.ends is None):
        yield ("ends" if window.begins else "begins"), "a window that comes once has both `begins` and `ends`"
    if not (window.days or window.hours or window.begins or window.ends):
        yield "", "it would hold back alerts for ever: give it `days`, `hours`, or `begins` and `ends`"
    for key in ("begins", "ends"):
        try:
            _moment(getattr(window, key), "UTC")
        except (ValueError, OverflowError):
            yield key, f"{getattr(window, key)!r} is no moment; write it like 2026-05-01T22:00"
            return
    try:
        mute = _mute(window)
        _ = mute.tests
        mute.is_on(0.0)
    except (ValueError, OverflowError) as error:
        yield "", str(error)
        return
    if mute.begins >= mute.ends:
        yield "ends", "it has to end after it begins"


def _mute(window: Maintenance) -> Mute:
    """Raises ValueError."""
    streams = (f"stream=~{'|'.join(window.streams)}",) if window.streams else ()
    return Mute(
        id=blake2b(window.name.encode(), digest_size=8).hexdigest(),
        kind="maintenance",
        matchers=(*streams, *window.matchers) or ("stream=~.+",),
        begins=_moment(window.begins, window.timezone) or 0.0,
        ends=_moment(window.ends, window.timezone) or FOREVER,
        days=window.days,
        hours=window.hours,
        timezone=window.timezone,
        by="configuration",
        why=f"{window.name}: {window.why}" if window.why else window.name,
    )


def _moment(text: str | None, zone: str) -> float | None:
    """Seconds since 1970 of a moment, which is in that time zone unless it says another."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp()
    except (OSError, KeyError):
        raise ValueError(f"no time zone {zone!r} on this host") from None
