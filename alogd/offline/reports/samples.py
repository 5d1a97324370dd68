"""Writes anomaly_analysis_report.md: every anomaly with the lines before and after it, like ones together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alogd.amounts import count
from alogd.offline import atomic
from alogd.offline.reports.anomalies import Anomaly, anomalies, groups
from alogd.offline.reports.markdown import table, when
from alogd.offline.reports.telling import described, lines_of, number_of, sample, title, wanted
from alogd.offline.verdicts.processed import Processed

FILE = "anomaly_analysis_report.md"
GROUPS = 50  # in full
EXAMPLES = 2  # of each group with their lines
LISTED = 20  # of each group by time and place


def write(logs: Processed, budget_per_day: float) -> tuple[Path, int, int]:
    """The file; how many anomalies, in how many groups. Raises BadData, OSError."""
    found = anomalies(logs, budget_per_day)
    together = list(groups(found).values())
    worst = [sorted(group, key=lambda one: -one.risk) for group in together[:GROUPS]]
    texts = logs.texts(wanted([one for group in worst for one in group[:EXAMPLES]], logs)) if worst else {}
    lines = ["# Anomalies, like ones together", ""]
    lines += [
        f"{number_of(len(found))} in {count(len(together), 'group')}, the gravest group first. `>` marks what is odd."
    ]
    lines += _contents(logs, worst)
    for number, group in enumerate(worst, 1):
        lines += _group(logs, number, group, texts)
    if len(together) > GROUPS:
        lines += ["", f"{len(together) - GROUPS:,} more groups are not shown; `alog-detect risk` lists all anomalies."]
    place = logs.folder / FILE
    atomic.write(place, "\n".join(lines) + "\n")
    return place, len(found), len(together)


def _contents(logs: Processed, worst: list[list[Anomaly]]) -> Iterator[str]:
    rows = [
        (i, len(group), f"{group[0].risk:.0f} {group[0].level}", title(logs, group[0]))
        for i, group in enumerate(worst, 1)
    ]
    yield from table(("group", "anomalies", "largest risk", "what"), rows, right=(0, 1))


def _group(logs: Processed, number: int, group: list[Anomaly], texts: dict[int, str]) -> Iterator[str]:
    yield f"## {number}. {title(logs, group[0])}"
    for one in group[:EXAMPLES]:
        yield ""
        yield from described(logs, one)
        yield from sample(one, logs, texts)
    if others := sorted(group[EXAMPLES:], key=lambda one: one.first):
        yield f"{len(others):,} more like it:"
        yield ""
        yield from (f"- {when(one.time_ns)}, {lines_of(one, logs)}, risk {one.risk:.0f}" for one in others[:LISTED])
        if len(others) > LISTED:
            yield f"- and {len(others) - LISTED:,} more"
        yield ""
