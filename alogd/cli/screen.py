"""What `alogd top` shows, as rows of text for a screen of some width and height. Pure: no terminal, no daemon.

Invariant: never more rows than there is room for, none wider than the screen, and text of logs made safe.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple
from unicodedata import east_asian_width

from alogd.amounts import count, size
from alogd.cli.alert_view import lines_of
from alogd.cli.groups import of_briefs
from alogd.cli.output import level_style, safe, time_text
from alogd.event import Alert

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", ".:-=+*%#"
KEYS = "up/down choose   enter open   q end   space unfold what began together"
KEYS_OPEN = "up/down scroll   esc back   q end"
MIN_WIDTH, MIN_HEIGHT = 40, 8
_STATES = {"bad": "alarm", "amiss": "yellow", "learning": "cyan", "ok": "green"}
_SPARK = 16  # columns
_PICTURE = "\ufe0f"  # makes the character before it one, which may then take a column more


class Row(NamedTuple):
    """A line, and the style of all of it ("" for none; see alogd/cli/output.py)."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a daemon said last."""

    overview: Mapping[str, Any] | None = None
    alerts: Sequence[Mapping[str, Any]] = ()  # in brief, newest change first
    risks: Mapping[str, Sequence[float]] = field(default_factory=dict)  # 0-100 by stream, oldest first
    rates: Mapping[str, float] = field(default_factory=dict)  # lines a second by stream
    opened: Alert | None = None
    ack: Mapping[str, Any] | None = None  # of the opened alert
    root: Alert | None = None  # the one that tells of it
    around: Sequence[float] = ()  # risk of the opened alert's stream around it
    problem: str = ""  # why nothing newer is known


@dataclass(slots=True)
class Place:
    """Where the reader is: the row of the alert chosen, the id of the one opened, and how far it is scrolled."""

    chosen: int = 0
    opened: str | None = None
    scrolled: int = 0
    unfolded: set[str] = field(default_factory=set)  # ids of alerts below which the others are shown


def rows(seen: Seen, place: Place, width: int, height: int, blocks: str = BLOCKS) -> list[Row]:
    """The whole screen, at most `height` rows of at most `width` characters."""
    width, height = max(MIN_WIDTH, width), max(MIN_HEIGHT, height)
    foot = Row(KEYS_OPEN if place.opened is not None else KEYS, "dim")
    body = (
        _opened(seen, place, width, height - 1, blocks)
        if place.opened is not None
        else _all(seen, place, width, height - 1, blocks)
    )
    body += [Row("")] * (height - 1 - len(body))
    return [Row(_cut(row.text, width), row.style) for row in [*body[: height - 1], foot]]


def _cut(text: str, width: int) -> str:
    """As many characters as have room: those of East Asia and pictures take two columns."""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + "~"
    ends = list(accumulate(2 if east_asian_width(char) in "WF" or char == _PICTURE else 1 for char in text))
    return text if ends[-1] <= width else text[: bisect_right(ends, width - 1)] + "~"


def _head(seen: Seen) -> list[Row]:
    if seen.problem:
        return [Row(f"alogd top: {safe(seen.problem)}; trying again", "red"), Row("")]
    if seen.overview is None:
        return [Row("alogd top: asking the daemon ..."), Row("")]
    told = seen.overview
    style = level_style(told.get("level") or "") if told["state"] == "alert" else _STATES.get(told["state"], "")
    return [Row(safe(f"{told['sentence']}. {told['more']}"), style), Row("")]


def _all(seen: Seen, place: Place, width: int, height: int, blocks: str) -> list[Row]:
    streams = list(seen.overview["streams"]) if seen.overview else []
    room = max(1, min(len(streams), (height - 6) // 2))
    body = _head(seen)
    if streams:
        body += [Row(_stream_line("stream", "risk", "", "lines/s", "waits", "learned", "sources"), "bold")]
        body += [_stream(one, seen, blocks) for one in streams[:room]]
        if len(streams) > room:
            body.append(Row(f"  and {count(len(streams) - room, 'stream')} more", "dim"))
        body.append(Row(""))
    sinks = [sink for sink in (seen.overview or {}).get("sinks", ()) if sink["problem"]]
    body += [Row(safe(f"sink {sink['name']}: {sink['problem']}"), "yellow") for sink in sinks[:2]]
    if seen.overview is not None:
        body += _alerts(of_briefs(seen.alerts, place.unfolded), place, max(1, height - len(body) - 1))
    return body


def _stream_line(name: str, risk: str, spark: str, rate: str, waits: str, learned: str, sources: str) -> str:
    return f"{_cut(name, 18):<18} {risk:>4} {spark:<{_SPARK}} {rate:>9} {waits:>9} {learned:>8} {sources:>9}"


def _stream(one: Mapping[str, Any], seen: Seen, blocks: str) -> Row:
    name, failing = one["name"], one["sources_failing"]
    learned = "yes" if one["warmup"] >= 1 else f"{one['warmup']:.0%}"
    sources = f"{one['sources'] - failing}/{one['sources']}" if failing else str(one["sources"])
    rate = f"{seen.rates[name]:,.0f}" if name in seen.rates else "-"
    spark = sparkline(seen.risks.get(name, ())[-_SPARK:], blocks)
    waits = size(one["backlog_bytes"]) if one["backlog_bytes"] else "-"
    text = _stream_line(safe(name), f"{one['risk']:.0f}", spark, rate, waits, learned, sources)
    if not one["up"] or one["problem"]:
        return Row(f"{text}  {safe(one['problem'] or 'down')}", "red")
    return Row(text, "yellow" if failing else "")


def sparkline(values: Sequence[float], blocks: str = BLOCKS) -> str:
    """Risks, 0-100, a character each."""
    top = len(blocks) - 1
    return "".join(blocks[round(max(0.0, min(100.0, value)) / 100 * top)] for value in values)


def _alerts(alerts: Sequence[tuple[Mapping[str, Any], str]], place: Place, room: int) -> list[Row]:
    if not alerts:
        return [Row("no alerts", "dim")]
    place.chosen = max(0, min(place.chosen, len(alerts) - 1))
    first = max(0, min(place.chosen - room // 2, len(alerts) - room))
    shown = [Row(f"  {'changed (UTC)':<15} {'level':<8} {'risk':>4}  {'stream':<12} alert", "bold")]
    for index, (one, group) in enumerate(alerts[first : first + room], first):
        mark = ">" if index == place.chosen else " "
        when = time_text(one["updated_ns"])[5:]
        firing, acked = one["status"] == "firing", one.get("ack") is not None
        title = group + (("" if not acked else "(acked) ") if firing else "(over) ") + safe(one["title"])
        text = f"{mark} {when:<15} {one['level']:<8} {one['risk']:>4.0f}  {_cut(safe(one['stream']), 12):<12} {title}"
        shown.append(Row(text, level_style(one["level"]) if firing and not acked else "dim"))
    return shown


def _opened(seen: Seen, place: Place, width: int, height: int, blocks: str) -> list[Row]:
    if seen.problem:
        return _head(seen)
    if seen.opened is None or seen.opened.id != place.opened:
        return [Row("asking for the alert ...")]
    lines = [
        line
        for told in lines_of(seen.opened, False, ack=seen.ack, root=seen.root)
        for line in (told.split("\n") or [""])
    ]
    if seen.around:
        at = lines.index("") + 1
        lines[at:at] = [f"  risk around it  {sparkline(seen.around[-(width - 20) :], blocks)}"]
    room = height
    place.scrolled = max(0, min(place.scrolled, len(lines) - room))
    style = level_style(seen.opened.level)
    every = [Row(line, style if index == 0 else "") for index, line in enumerate(lines)]
    return every[place.scrolled : place.scrolled + room]
