"""An anomaly in words, and its lines with what stands around them; both reports say it the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from alogd.escape import escape
from alogd.offline.reports.anomalies import Anomaly, Reason
from alogd.offline.reports.markdown import block, code, when
from alogd.offline.verdicts.processed import Processed

CONTEXT = 3  # records before and after
SHOWN = 12  # records of one anomaly, beside its context;
EACH = 3  # of each template
BAD = 60  # severity from which a record is shown whatever its template


def number_of(anomalies: int) -> str:
    """So many anomalies."""
    return f"{anomalies:,} {'anomaly' if anomalies == 1 else 'anomalies'}"


def title(logs: Processed, one: Anomaly) -> str:
    """What is odd about it, in one line."""
    if not one.reasons:
        return "an unusual mixture of templates"
    return clause(logs, one.reasons[0])


def clause(logs: Processed, reason: Reason) -> str:
    """One template and what is not usual about it."""
    name = code(logs.templates.get(reason.template, f"template {reason.template}"), 90)
    if reason.is_new:
        return f"never seen before: {name}" + (f", {reason.seen} times" if reason.seen > 1 else "")
    if not reason.in_order:
        return f"not expected where it stands: {name}"
    if not reason.seen:
        return f"missing: {name}, about {reason.expected:.0f} are usual"
    word = "more" if reason.seen > reason.expected else "fewer"
    usual = "next to none" if reason.expected < 0.1 else f"about {reason.expected:.2g}"
    return f"{word} than usual: {name}, {reason.seen} instead of {usual}"


def lines_of(one: Anomaly, logs: Processed) -> str:
    """Where it stands in the log."""
    first, last = int(logs.line_no[one.first]), int(logs.line_no[one.last])
    where = f"line {first:,}" if first == last else f"lines {first:,} to {last:,}"
    return f"{where}, session {code(one.session, 60)}" if one.session else where


def described(logs: Processed, one: Anomaly) -> Iterator[str]:
    """When, how bad, who found it and why, as Markdown."""
    found = ", ".join(f"{name} ({_rare(decades)})" for name, decades in one.found_by.items())
    yield f"{when(one.time_ns)}, {lines_of(one, logs)}. **Risk {one.risk:.0f} {one.level}**: anomaly {one.anomaly:.0f},"
    yield f"severity {one.severity}. Found by {found}."
    yield ""
    yield from (f"- {clause(logs, reason)}" for reason in one.reasons)


def chosen(one: Anomaly, logs: Processed) -> list[int]:
    """The records that show it: the first of each template that came too often, then the most severe; in order."""
    often = [reason.template for reason in one.reasons if reason.seen > reason.expected or not reason.in_order]
    marks: list[int] = []
    for template in often:
        marks += one.records[logs.template[one.records] == template][:EACH].tolist()
    worst = one.records[np.argsort(-logs.severity[one.records].astype(np.int64), kind="stable")]
    marks += [int(at) for at in worst[:EACH] if not marks or logs.severity[at] >= BAD]
    return sorted(dict.fromkeys(marks[:SHOWN]))


def _rare(decades: float) -> str:
    """How often windows like it come when nothing is wrong."""
    return "1 in a million or rarer" if decades >= 6 else f"1 in {10**decades:,.0f}"


def wanted(found: Sequence[Anomaly], logs: Processed) -> set[int]:
    """Records whose text `sample` needs."""
    return {at for one in found for mark in chosen(one, logs) for at in _around(mark, logs)}


def sample(one: Anomaly, logs: Processed, texts: dict[int, str]) -> Iterator[str]:
    """Its lines, marked with >, and those before and after; what is left out is said."""
    marks = chosen(one, logs)
    shown = sorted({at for mark in marks for at in _around(mark, logs)})
    lines, before = [], None
    for at in shown:
        if before is not None and at > before + 1:
            lines.append(f"{'...':>9}")
        lines += _record(at, int(logs.line_no[at]), texts[at], at in set(marks))
        before = at
    yield from block(lines)
    if (left := len(one.records) - len(marks)) > 0:
        yield f"({left:,} more of its records are not marked.)"
        yield ""


def _around(mark: int, logs: Processed) -> range:
    return range(max(0, mark - CONTEXT), min(len(logs), mark + CONTEXT + 1))


def _record(at: int, number: int, text: str, marked: bool) -> list[str]:
    first, *more = text.split("\n")
    sign = ">" if marked else " "
    return [f"{number:>7} {sign} {escape(first)}", *(f"{'':>7} {sign}   {escape(line)}" for line in more[:6])]
