"""Writes report.md: what is in a log, when it was odd and why, with pictures beside it.

Everything shown is bounded, whatever the log holds; what is left out is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from alogd.amounts import count
from alogd.event import NO_TIME
from alogd.offline import atomic, tables
from alogd.offline.reports import pictures
from alogd.offline.reports.anomalies import Anomaly, anomalies
from alogd.offline.reports.markdown import code, table, when
from alogd.offline.reports.risks import LEVELS
from alogd.offline.reports.telling import described, lines_of, number_of, sample, title, wanted
from alogd.offline.verdicts.processed import ENSEMBLE, Judged, Processed, decades

FILE = "report.md"
TEMPLATES = 20
ODDEST = 25  # anomalies in the table
SAMPLES = 10  # of them with their lines
NAMES = 8  # hosts, programs, levels


def write(logs: Processed, budget_per_day: float, *, with_samples: bool) -> Path:
    """report.md and its pictures, in the processed directory. Raises BadData, OSError."""
    found = anomalies(logs, budget_per_day)
    lines = ["# What the log says, and when it was odd", ""]
    lines += [*_glance(logs, found), *_odd(logs, found)]
    if with_samples:
        lines += _samples(logs, found)
    lines += [*_detectors(logs), *_templates(logs), *_contents(logs)]
    place = logs.folder / FILE
    atomic.write(place, "\n".join(lines) + "\n")
    return place


def _glance(logs: Processed, found: list[Anomaly]) -> Iterator[str]:
    known = logs.time_ns[logs.time_ns != NO_TIME]
    span = f", from {when(int(known.min()))} to {when(int(known.max()))}" if len(known) else ", without times"
    records, templates = count(len(logs), "record"), count(len(np.unique(logs.template)), "template")
    yield f"**{records}**{span}; **{templates}**; **{number_of(len(found))}**: {_levels(found)}."
    yield ""
    one = logs.ensemble() if len(logs.detectors) > 1 else logs.detectors[0]
    name = "all detectors together" if one.name == ENSEMBLE else one.name
    score = one.score if one.name == ENSEMBLE else decades(one)
    ends = (when(int(logs.time_ns[one.first[0]])), when(int(logs.time_ns[one.last[-1]])))
    drawn = pictures.over_time(
        f"How rare each window is ({name}; powers of ten; red: called odd)", score, one.odd, ends
    )
    yield from _picture(logs, "score.svg", drawn, "How rare each window is, over time")


def _levels(found: list[Anomaly]) -> str:
    of = Counter(one.level for one in found)
    return ", ".join(f"{of[name]:,} {name}" for name in LEVELS if of[name]) or "none"


def _odd(logs: Processed, found: list[Anomaly]) -> Iterator[str]:
    yield "## When it was odd, and why"
    if not found:
        yield from ("", "No detector calls anything odd.", "")
        return
    worst = sorted(sorted(found, key=lambda one: -one.risk)[:ODDEST], key=lambda one: one.first)
    rows = [
        (
            when(one.time_ns),
            lines_of(one, logs),
            f"{one.risk:.0f} {one.level}",
            " ".join(one.found_by),
            title(logs, one),
        )
        for one in worst
    ]
    yield from table(("time", "where", "risk", "found by", "why"), rows)
    if len(found) > len(worst):
        yield f"These are the {len(worst)} of largest risk, in the order they came; `alog-detect risk` lists all."
        yield ""


def _samples(logs: Processed, found: list[Anomaly]) -> Iterator[str]:
    worst = sorted(found, key=lambda one: -one.risk)[:SAMPLES]
    texts = logs.texts(wanted(worst, logs)) if worst else {}
    for number, one in enumerate(worst, 1):
        yield f"### {number}. {title(logs, one)}"
        yield ""
        yield from described(logs, one)
        yield from sample(one, logs, texts)


def _detectors(logs: Processed) -> Iterator[str]:
    yield "## Detectors"
    rows = [
        (one.name, len(one), int(one.odd.sum()), f"{one.odd.mean():.2%}", _oddest(logs, one)) for one in logs.detectors
    ]
    yield from table(("detector", "windows", "odd", "share", "its oddest"), rows, right=(1, 2, 3))


def _oddest(logs: Processed, one: Judged) -> str:
    at = int(np.argmax(one.score))
    return f"line {int(logs.line_no[one.first[at]]):,}, score {one.score[at]:.3g}"


def _templates(logs: Processed) -> Iterator[str]:
    seen = np.bincount(logs.template)
    order = [int(t) for t in np.argsort(-seen, kind="stable") if seen[t]]
    top = order[:TEMPLATES]
    rows = [(logs.templates[t], float(seen[t]), f"{seen[t]:,}  {seen[t] / len(logs):.1%}") for t in top]
    yield "## Templates"
    yield ""
    yield from _picture(logs, "templates.svg", pictures.bars("The most frequent templates", rows), "Template counts")
    once = [t for t in order if seen[t] == 1]
    yield f"{len(order):,} templates; the {len(top)} above are {seen[top].sum() / len(logs):.1%} of the log. "
    yield f"{len(once):,} came only once" + (", among them:" if once else ".")
    yield ""
    yield from (f"- {code(logs.templates[t])}" for t in once[:TEMPLATES])
    yield ""


def _contents(logs: Processed) -> Iterator[str]:
    yield "## Where the lines come from"
    rows = []
    for column in ("app", "host", "level", "file"):
        names: Counter[str] = Counter()
        for part in tables.batches(logs.folder, tables.PARSED, [column]):
            for one in part[column].value_counts().to_pylist():
                names[one["values"] or ""] += one["counts"]
        told = [f"{code(name, 40) if name else '(none)'} {number:,}" for name, number in names.most_common(NAMES)]
        rows.append((column, len(names), ", ".join(told) + (" ..." if len(names) > NAMES else "")))
    yield from table(("column", "values", "the most frequent"), rows, right=(1,))


def _picture(logs: Processed, name: str, drawn: str, about: str) -> Iterator[str]:
    atomic.write(logs.folder / pictures.FOLDER / name, drawn)
    yield f"![{about}]({pictures.FOLDER}/{name})"
    yield ""
