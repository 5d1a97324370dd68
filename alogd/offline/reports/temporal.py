"""Writes temporal_analysis.md: how volume and oddness go with hour and weekday, and where a log changes for good.

Changes are found by binary segmentation of counts in equal bins: where cutting a stretch in two explains more than
chance would. A daily rhythm that the log spans often enough to know is taken out first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np

from alogd.amounts import count, duration
from alogd.cli.failures import BadData
from alogd.event import F64, I64, NO_TIME
from alogd.offline import atomic
from alogd.offline.reports import pictures
from alogd.offline.reports.anomalies import anomalies
from alogd.offline.reports.markdown import code, table, when
from alogd.offline.reports.telling import number_of
from alogd.offline.verdicts.processed import Processed

FILE = "temporal_analysis.md"
WIDTHS = (1, 10, 60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400)  # seconds of a bin, the first that needs few bins
MOST_BINS = 600
SHORTEST = 5  # bins between two changes
LEAST = 0.1  # share of itself by which a template's rate has to change
MOST_CHANGES = 8  # of one template
SHOWN = 30  # changes, those of largest weight
SERIES = 20  # templates that are looked at, the most frequent ones
EVIDENCE = 6.0  # times log(bins) that a cut has to explain, in variances of the noise
RHYTHM_DAYS = 3  # from which a daily rhythm is known
SECOND = 10**9
DAY, HOUR = 86_400, 3600


@dataclass(frozen=True, slots=True)
class Change:
    """A count that is another from here on."""

    time_ns: int
    template: int | None  # None: all records
    before: float  # a bin, on average since the change before
    after: float
    weight: float  # how much more it explains than no change, in variances of the noise


def write(logs: Processed, budget_per_day: float) -> Path:
    """The file and its pictures. Raises BadData where the log carries no times."""
    known = logs.time_ns != NO_TIME
    if not known.any():
        raise BadData(f"{logs.folder}: none of its records carries a time, so nothing can be said of when")
    seconds = logs.time_ns[known] // SECOND
    template = logs.template[known]
    lines = ["# When", "", *_extent(logs, seconds), *_week(logs, seconds)]
    lines += [*_changes(logs, seconds, template), *_odd(logs, budget_per_day)]
    place = logs.folder / FILE
    atomic.write(place, "\n".join(lines) + "\n")
    return place


def bin_width(span: int) -> int:
    """Seconds of a bin, for so many seconds of log."""
    return next((width for width in WIDTHS if span / width <= MOST_BINS), max(WIDTHS[-1], -(-span // MOST_BINS)))


def change_points(counts: F64, rhythm: int = 0, usual: F64 | None = None) -> list[tuple[int, float]]:
    """(bin, weight) where the level of counts changes, in order.

    rhythm: bins of a period to take out, 0 for none. usual: what would be expected of each bin if nothing changed.
    """
    steady = 2 * np.sqrt(counts + 0.375)  # Anscombe: the noise of counts as that of a normal with variance 1
    if usual is not None:
        steady = steady - 2 * np.sqrt(usual + 0.375)
    if rhythm:
        steady = steady - _profile(steady, rhythm)
    noise = max(1.0, float(np.median(np.abs(np.diff(steady)))) / 0.6745 / 2**0.5) if len(steady) > 1 else 1.0
    least = EVIDENCE * log(max(2, len(steady)))
    found: dict[int, float] = {}
    open_stretches = [(0, len(steady))]
    while open_stretches and len(found) < MOST_CHANGES:
        best = max((_cut(steady / noise, *stretch), stretch) for stretch in open_stretches)
        (weight, at), (begin, end) = best
        if weight < least:
            break
        found[at] = weight
        open_stretches.remove((begin, end))
        open_stretches += [(begin, at), (at, end)]
    return sorted(found.items())


def _cut(values: F64, begin: int, end: int) -> tuple[float, int]:
    """How much the best cut of a stretch explains, and where it is."""
    size = end - begin
    if size < 2 * SHORTEST:
        return 0.0, begin
    sums = np.cumsum(values[begin:end])
    left = np.arange(SHORTEST, size - SHORTEST + 1)
    means = sums[left - 1] / left - (sums[-1] - sums[left - 1]) / (size - left)
    weight = left * (size - left) / size * means**2
    best = int(np.argmax(weight))
    return float(weight[best]), begin + int(left[best])


def _profile(values: F64, period: int) -> F64:
    """The median of each place in the period, about the whole's."""
    place = np.arange(len(values)) % period
    typical = np.array([np.median(values[place == i]) if (place == i).any() else 0.0 for i in range(period)])
    return np.asarray(typical[place] - np.median(values))


def _extent(logs: Processed, seconds: I64) -> Iterator[str]:
    first, last = int(seconds.min()), int(seconds.max())
    missing = len(logs) - len(seconds)
    yield f"{count(len(seconds), 'record')} from {when(first * SECOND)} to {when(last * SECOND)},"
    left_out = f"; {missing:,} records without a time are left out" if missing else ""
    yield f"{duration(last - first)} of log time (UTC){left_out}."
    yield ""
    width = bin_width(last - first)
    counts = _binned(seconds, first, width, last)
    counts = counts[:-1] if len(counts) > 1 else counts  # the last bin is cut short
    drawn = pictures.over_time(
        f"Records in {duration(width)}",
        counts,
        np.zeros(len(counts), bool),
        (when(first * SECOND), when(last * SECOND)),
    )
    yield from _picture(logs, "volume.svg", drawn, "Records over time")


def _week(logs: Processed, seconds: I64) -> Iterator[str]:
    yield "## By hour and weekday"
    yield ""
    cells, hours = by_week(seconds)
    rate = np.divide(cells, hours, out=np.zeros((7, 24)), where=hours > 0)
    yield from _picture(logs, "week.svg", pictures.week("Records an hour (UTC), on average", rate), "Records by hour")
    hour = rate.sum(0) / np.maximum(1, (hours > 0).sum(0))
    seen = (hours > 0).any(0)
    busy, calm = int(np.argmax(np.where(seen, hour, -1))), int(np.argmin(np.where(seen, hour, np.inf)))
    yield f"Busiest from {busy:02d}:00, {hour[busy]:,.0f} an hour; calmest from {calm:02d}:00, {hour[calm]:,.0f}."
    if not seen.all():
        yield f"The log covers {int(seen.sum())} of the day's 24 hours."
    yield ""


def by_week(seconds: I64) -> tuple[F64, F64]:
    """(7, 24) records by weekday (Monday first) and hour, and hours of log time that the log spans in each."""
    cells, hours = np.zeros((7, 24)), np.zeros((7, 24))
    np.add.at(cells, ((seconds // DAY + 3) % 7, seconds % DAY // HOUR), 1)
    first, last = int(seconds.min()), int(seconds.max()) + 1
    edges = np.arange(first // HOUR, -(-last // HOUR))
    if len(edges) > 10 * 366 * 24:  # a stray stamp decades away: each hour counts as seen, none oftener
        return cells, (cells > 0).astype(np.float64)
    part = np.minimum(last, (edges + 1) * HOUR) - np.maximum(first, edges * HOUR)
    np.add.at(hours, ((edges // 24 + 3) % 7, edges % 24), part / HOUR)
    return cells, hours


def changes(seconds: I64, template: I64) -> tuple[list[Change], int]:
    """Those of all records and of the most frequent templates, in time order; seconds of a bin."""
    first, last = int(seconds.min()), int(seconds.max())
    width = bin_width(last - first)
    rhythm = DAY // width if width < DAY and last - first >= RHYTHM_DAYS * DAY else 0
    frequent = np.argsort(-np.bincount(template), kind="stable")[:SERIES].tolist()
    every = _binned(seconds, first, width, last)[:-1]  # the last bin is cut short
    found = []
    for which in (None, *frequent):
        mine = seconds if which is None else seconds[template == which]
        counts = _binned(mine, first, width, last)[:-1]
        usual = None if which is None else every * (counts.sum() / max(1.0, every.sum()))  # of its share of the log
        points = change_points(counts, rhythm, usual)
        edges = [0, *(at for at, _ in points), len(counts)]
        means = [float(counts[a:b].mean()) for a, b in pairwise(edges) if b > a]
        for i, (at, weight) in enumerate(points):
            if which is not None and abs(means[i + 1] - means[i]) < LEAST * max(means[i], means[i + 1]):
                continue  # it stayed, while the rest of the log changed
            found.append(Change((first + at * width) * SECOND, which, means[i], means[i + 1], weight))
    return sorted(found, key=lambda one: one.time_ns), width


def _changes(logs: Processed, seconds: I64, template: I64) -> Iterator[str]:
    found, width = changes(seconds, template)
    yield "## Where it changes"
    yield ""
    if not found:
        yield "No template's rate changes for longer than a moment."
        yield ""
        return
    yield f"How often something comes in {duration(width)}, where that changes for {SHORTEST} times as long or longer;"
    yield "of a template, only what the volume of the whole log does not explain."
    shown = sorted(sorted(found, key=lambda one: -one.weight)[:SHOWN], key=lambda one: one.time_ns)
    rows = [
        (when(one.time_ns), _name(logs, one), f"{one.before:,.1f}", f"{one.after:,.1f}", f"{one.weight:,.0f}")
        for one in shown
    ]
    yield from table(("time", "what", "before", "after", "weight"), rows, right=(2, 3, 4))
    if len(found) > len(shown):
        yield f"{len(found) - len(shown):,} lesser changes are not shown."
        yield ""


def _name(logs: Processed, one: Change) -> str:
    return "**all records**" if one.template is None else code(logs.templates[one.template], 90)


def _odd(logs: Processed, budget_per_day: float) -> Iterator[str]:
    try:
        found = [one for one in anomalies(logs, budget_per_day) if one.time_ns != NO_TIME]
    except BadData:  # nothing was judged yet: the rest stands without it
        return
    yield "## When it was odd"
    yield ""
    yield f"{number_of(len(found))} with a time."
    yield ""
    if found:
        cells, _ = by_week(np.array([one.time_ns // SECOND for one in found]))
        yield from _picture(
            logs, "odd_week.svg", pictures.week("Anomalies, by weekday and hour (UTC)", cells), "Anomalies"
        )


def _binned(seconds: I64, first: int, width: int, last: int) -> F64:
    return np.bincount((seconds - first) // width, minlength=(last - first) // width + 1).astype(np.float64)


def _picture(logs: Processed, name: str, drawn: str, about: str) -> Iterator[str]:
    atomic.write(logs.folder / pictures.FOLDER / name, drawn)
    yield f"![{about}]({pictures.FOLDER}/{name})"
    yield ""
