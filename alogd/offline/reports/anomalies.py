"""From verdicts to anomalies a person can look at: odd windows side by side are one, with why it is odd and how bad.

Why is told by templates: which come more often in it, less often, or in another order than the rest of the log leads
one to expect. How bad is alogd/judging/risk.py's: anomaly from the detectors' rarities, fused as the daemon does, and
severity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log10

import numpy as np

from alogd.config.tree import Risk
from alogd.event import F64, I64, Bool
from alogd.judging.risk import anomaly, level, risk_of
from alogd.offline import tables
from alogd.offline.verdicts.processed import Judged, Processed, decades

DEFAULT_BUDGET = 5.0  # alerts a day
REASONS = 5  # templates that are told of one anomaly
LONGEST = 5000  # records of one anomaly; also those of a session's span that are looked through for its own
WIDE = 500  # records that a window spans among those of other programs, from which it is not joined with theirs
NOTABLE = 10.0  # deviance from which a count is told: one in a thousand windows has it by chance
GROUPED_BY = 1  # reasons that anomalies of one group have in common


@dataclass(frozen=True, slots=True)
class Reason:
    """One template that is not as usual in an anomaly."""

    template: int
    seen: int
    expected: float  # in as many records, by the rest of the log
    is_new: bool  # it came up here
    in_order: bool = True  # False: a model did not expect it where it stands


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Records first to last, or those of a session among them."""

    first: int
    last: int
    session: str  # "" for windows
    records: I64  # indexes
    found_by: Mapping[str, float]  # detector: decades of rarity, only those that call it odd
    reasons: tuple[Reason, ...]
    anomaly: float  # 0-100
    severity: int  # 0-100
    risk: float  # 0-100
    level: str
    time_ns: int  # of its first record; event.NO_TIME where it has none


@dataclass(slots=True)
class _Span:
    first: int
    last: int
    session: str
    odd: dict[str, list[int]]  # detector: its windows called odd
    within: dict[str, set[str]]  # column ("app", "host"): whose records alone these windows hold


def anomalies(logs: Processed, budget_per_day: float = DEFAULT_BUDGET, weights: Risk | None = None) -> list[Anomaly]:
    """All of them in time order."""
    found = {one.name: one for one in logs.detectors}
    rare = {name: decades(one) for name, one in found.items()}
    weighed, bearable = weights or Risk(), _bearable(logs, budget_per_day)
    cache: dict[tuple[str, ...], I64] = {}
    missed = _missed(logs, found.get("deeplog"))
    told = []
    spans = sorted([*_windows(found), *_sessions(found)], key=lambda one: (one.first, one.last))
    for span, records in zip(spans, _records(logs, spans), strict=True):
        fused = _fused_at(span, found, rare)
        severity = int(logs.severity[records].max(initial=0))
        value = risk_of(fused, bearable, severity, weighed)
        surprising = {t for at in span.odd.get("deeplog", ()) for t in missed.get(at, ())}
        told.append(
            Anomaly(
                span.first,
                span.last,
                span.session,
                records,
                {name: float(rare[name][at].max()) for name, at in span.odd.items()},
                _reasons(logs, records, _usual(logs, span, cache), surprising),
                float(anomaly(np.array([fused]), bearable)[0]),
                severity,
                value,
                level(value, weighed),
                int(logs.time_ns[span.first]),
            )
        )
    return told


def groups(found: list[Anomaly]) -> dict[tuple[int, ...], list[Anomaly]]:
    """Like ones together: those with the same first reason. Largest risk first, then the larger group."""
    by: dict[tuple[int, ...], list[Anomaly]] = defaultdict(list)
    for one in found:
        by[tuple(reason.template for reason in one.reasons[:GROUPED_BY])].append(one)
    return dict(sorted(by.items(), key=lambda item: (-max(one.risk for one in item[1]), -len(item[1]))))


# -- which records


def _windows(found: Mapping[str, Judged]) -> Iterator[_Span]:
    """Odd windows of all detectors; those that share records, touch, or lie but one window apart are one.

    A program that says little has windows that span hours: those are joined with its own only.
    """
    groups: dict[tuple[str, str], list[tuple[int, int, Judged, int]]] = defaultdict(list)
    for one in found.values():
        for i in np.flatnonzero(one.odd) if not one.session else ():
            first, last = int(one.first[i]), int(one.last[i])
            long = one.within and last - first >= WIDE
            groups[(one.column, one.within[i]) if long else ("", "")].append((first, last, one, int(i)))
    for windows in groups.values():
        yield from _joined(sorted(windows, key=lambda window: (window[0], window[1], window[2].name)))


def _joined(windows: list[tuple[int, int, Judged, int]]) -> Iterator[_Span]:
    span: _Span | None = None
    for first, last, one, at in windows:
        apart = last - first + 1
        if span is None or first > span.last + 1 + apart or last - span.first >= max(LONGEST, apart):
            if span is not None:
                yield span
            span = _Span(first, last, "", {}, {})
        span.last = max(span.last, last)
        span.odd.setdefault(one.name, []).append(at)
        span.within.setdefault(one.column, set()).update([one.within[at]] if one.within else [])
    if span is not None:
        yield span


def _sessions(found: Mapping[str, Judged]) -> Iterator[_Span]:
    spans: dict[str, _Span] = {}
    for one in found.values():
        for i in np.flatnonzero(one.odd) if one.session else ():
            span = spans.setdefault(one.session[i], _Span(int(one.first[i]), int(one.last[i]), one.session[i], {}, {}))
            span.odd.setdefault(one.name, []).append(int(i))
    yield from spans.values()


def _records(logs: Processed, spans: list[_Span]) -> list[I64]:
    """Indexes of each span's records: all of a window's; of a session's those that name its key, in one pass."""
    mine: list[list[int]] = [[] for _ in spans]
    named = [i for i, span in enumerate(spans) if span.session]
    begin = 0
    for part in tables.batches(logs.folder, tables.PARSED, ["raw"]) if named else ():
        texts = part["raw"].to_pylist()
        for i in named:
            span = spans[i]
            last = min(span.last, span.first + LONGEST, begin + len(texts) - 1)
            every = range(max(span.first, begin), last + 1)
            mine[i] += [at for at in every if span.session in texts[at - begin]]
        begin += len(texts)
    return [
        np.array(found or [span.first], np.int64) if span.session else _held(logs, span)
        for span, found in zip(spans, mine, strict=True)
    ]


def _held(logs: Processed, span: _Span) -> I64:
    """Those of its programs, where its windows hold no others."""
    every = np.arange(span.first, span.last + 1)
    column = _column(span)
    return every if not column else every[_of_programs(logs, column, span.within[column])[every]]


def _column(span: _Span) -> str:
    """What its windows are kept apart by; "" where one of them holds all records."""
    return next(iter(span.within)) if len(span.within) == 1 else ""


def _of_programs(logs: Processed, column: str, names: set[str]) -> Bool:
    codes, number = logs.codes(column)
    return np.isin(codes, [number.get(name, -1) for name in names])


# -- how odd


def _bearable(logs: Processed, budget_per_day: float) -> float:
    """Decades of rarity at which the alert budget begins, as the daemon has it; one window a hundred without times."""
    days = logs.days
    windows = max(len(one) for one in logs.detectors)
    return max(1.0, -log10(min(1.0, budget_per_day * days / windows))) if days else 2.0


def _fused_at(span: _Span, found: Mapping[str, Judged], rare: Mapping[str, F64]) -> float:
    """Root of the sum of squares of each detector's largest rarity there, whether it calls it odd or not."""
    total = 0.0
    for name, one in found.items():
        if at := span.odd.get(name):
            total += float(rare[name][at].max()) ** 2
        elif not one.session and not span.session:
            begin, end = np.searchsorted(one.last, span.first, "left"), np.searchsorted(one.first, span.last, "right")
            total += float(rare[name][begin:end].max(initial=0.0)) ** 2
    return float(total**0.5)


# -- why


def _reasons(logs: Processed, records: I64, totals: I64, surprising: set[int]) -> tuple[Reason, ...]:
    """Templates by how unlikely their number of occurrences is (deviance of a Poisson count)."""
    seen = np.bincount(logs.template[records], minlength=len(totals))
    rest = max(1, int(totals.sum()) - len(records))
    expected = np.maximum(totals - seen, 0.5) * (len(records) / rest)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = 2 * (np.where(seen > 0, seen * np.log(seen / expected), 0.0) - seen + expected)
    fresh = set(logs.template[records[logs.is_new[records]]].tolist())
    order = np.argsort(-weight, kind="stable").tolist()
    told = [t for t in order if weight[t] >= NOTABLE or t in fresh | surprising] or order[:1]
    told.sort(key=lambda t: t not in fresh | surprising)  # what is new or out of order comes first
    return tuple(
        Reason(t, int(seen[t]), 0.0 if t in fresh else float(expected[t]), t in fresh, t not in surprising)
        for t in told[:REASONS]
    )


def _usual(logs: Processed, span: _Span, cache: dict[tuple[str, ...], I64]) -> I64:
    """How often each template occurs in all records of the programs in question."""
    column = _column(span)
    names = tuple(sorted(span.within[column])) if column else ()
    if (column, *names) not in cache:
        of = _of_programs(logs, column, set(names)) if column else slice(None)
        cache[(column, *names)] = np.bincount(logs.template[of], minlength=int(logs.template.max()) + 1)
    return cache[(column, *names)]


def _missed(logs: Processed, deeplog: Judged | None) -> dict[int, list[int]]:
    """Of each session that DeepLog calls odd (place among those judged), the templates it did not expect."""
    if deeplog is None:
        return {}
    infer = tables.read(logs.folder, tables.DEEPLOG_INFER, ["idx", "target", "in_topk"])
    idx, target = infer["idx"].to_numpy(), infer["target"].to_numpy()
    out = ~infer["in_topk"].to_numpy()
    place = {int(deeplog.row[i]): int(i) for i in np.flatnonzero(deeplog.odd)}
    missed: dict[int, list[int]] = defaultdict(list)
    for row, event in zip(idx[out].tolist(), target[out].tolist(), strict=True):
        if row in place:
            missed[place[row]].append(event)
    return missed
