"""Writes the lists of anomalies by risk, for spreadsheets and scripts: one for all, one for each level, a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from alogd.amounts import count
from alogd.event import NO_TIME
from alogd.offline import atomic
from alogd.offline.reports import spreadsheet
from alogd.offline.reports.anomalies import Anomaly, anomalies
from alogd.offline.reports.markdown import when
from alogd.offline.reports.telling import number_of, title
from alogd.offline.verdicts.processed import Processed

LEVELS = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
HEADS = ("risk", "level", "anomaly", "severity", "time", "first_line", "last_line", "session", "found_by", "why")
ALL, SUMMARY = "anomalies_with_risk.csv", "risk_summary.txt"
WORST = 10


def write(logs: Processed, budget_per_day: float) -> str:
    """The files, in the processed directory; the summary. Raises BadData, OSError."""
    found = sorted(anomalies(logs, budget_per_day), key=lambda one: (-one.risk, one.first))
    atomic.write(logs.folder / ALL, _table(logs, found))
    for level in LEVELS:
        atomic.write(logs.folder / f"risk_{level.lower()}.csv", _table(logs, (o for o in found if o.level == level)))
    summary = _summary(logs, found, budget_per_day)
    atomic.write(logs.folder / SUMMARY, summary)
    return summary


def _table(logs: Processed, found: Iterable[Anomaly]) -> str:
    return spreadsheet.table(HEADS, (_row(logs, one) for one in found))


def _row(logs: Processed, one: Anomaly) -> tuple[object, ...]:
    time = "" if one.time_ns == NO_TIME else when(one.time_ns)
    lines = int(logs.line_no[one.first]), int(logs.line_no[one.last])
    numbers = f"{one.risk:.1f}", one.level, f"{one.anomaly:.1f}", one.severity
    return (*numbers, time, *lines, one.session, " ".join(one.found_by), title(logs, one))


def _summary(logs: Processed, found: list[Anomaly], budget_per_day: float) -> str:
    of = Counter(one.level for one in found)
    days = f" in {logs.days:.2f} days" if logs.days else ""
    lines = [
        f"{number_of(len(found))} in {count(len(logs), 'record')}{days}; budget {budget_per_day:g} alerts a day",
        "",
    ]
    lines += [f"  {level:<9}{of[level]:>7,}   risk_{level.lower()}.csv" for level in LEVELS]
    if found:
        lines += ["", "The worst"]
    for one in found[:WORST]:
        where = f"line {int(logs.line_no[one.first]):,}"
        lines.append(f"  {one.risk:3.0f} {one.level:<9} {when(one.time_ns)}  {where:<13} {title(logs, one)}")
    return "\n".join(lines) + "\n"
