"""A log of the demo application, with times that are always the same."""

from __future__ import annotations

from alogd.demo.incidents import INCIDENTS
from alogd.demo.shop import Shop

START = 1_790_000_000  # log time of the first line, seconds


def app_log(hours: float, *, incident_at: float | None = None) -> str:
    """The demo application's log, with its stack traces for a while after `incident_at` hours."""
    shop, lines = Shop(7), []
    for second in range(int(hours * 3600)):
        since = second - int(incident_at * 3600) if incident_at is not None else -1
        odd = INCIDENTS[0].lines(shop, since) if 0 <= since < 120 else ()
        lines += [line.text for line, _ in shop.at(START + second, odd) if line.file == "app.log"]
    return "\n".join(lines) + "\n"
