"""Tells what differs between a log and others: templates that are new, gone, risen or fallen, beyond what is chance.

Every log is read by one engine, so a template is the same in all. A template's share of the target is set beside its
share of the baselines by a G-test, divided by how much more its counts scatter within and between logs than those of
independent lines would (lines come in bursts: a plain test would find everything significant); of all templates that
pass, the share of false ones is held to `q` (Benjamini & Hochberg 1995).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import erfc, log, sqrt
from pathlib import Path

import numpy as np

from alogd.amounts import count
from alogd.cli.failures import BadData
from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from alogd.event import F64, I64
from alogd.offline import atomic
from alogd.offline.reports import spreadsheet
from alogd.offline.reports.markdown import code, table

REPORT, TABLE = "comparative_analysis.md", "comparative_analysis.csv"
CHUNK = 200  # records, whose counts tell how much a template scatters
FEWEST_LOGS = 3  # baselines from which their differences count as scatter
SHOWN = 40  # templates of each kind
KINDS = ("new", "gone", "risen", "fallen")


@dataclass(slots=True)
class Counts:
    """How often each template (by slot) occurs in one log, and the sum of squares of its counts in chunks."""

    name: str
    total: F64 = field(default_factory=lambda: np.zeros(0))
    whole: F64 = field(default_factory=lambda: np.zeros(0))  # of whole chunks alone
    squares: F64 = field(default_factory=lambda: np.zeros(0))
    chunks: int = 0
    _open: I64 = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, slots: I64) -> None:
        """Records in log order."""
        size = max(len(self.total), int(slots.max(initial=0)) + 1)
        self.total, self.whole, self.squares = (_grown(a, size) for a in (self.total, self.whole, self.squares))
        self.total += np.bincount(slots, minlength=size)
        pending = np.concatenate([self._open, slots])
        for at in range(0, len(pending) - CHUNK + 1, CHUNK):
            part = np.bincount(pending[at : at + CHUNK], minlength=size)
            self.whole += part
            self.squares += part * part
            self.chunks += 1
        self._open = pending[len(pending) - len(pending) % CHUNK :]

    @property
    def records(self) -> float:
        """Of the log."""
        return float(self.total.sum())


@dataclass(frozen=True, slots=True)
class Difference:
    """One template in the target beside the baselines."""

    template: str
    kind: str  # of KINDS
    target: int
    baseline: int
    ratio: float  # of the shares, half a record added to each
    p: float
    adjusted: float  # Benjamini-Hochberg
    found: bool  # adjusted <= q


def read(
    sources: Sequence[tuple[str, Iterable[bytes]]], config: EngineConfig, tell: Callable[[int], None]
) -> tuple[list[Counts], list[str]]:
    """Counts of each log (name, blocks of its text), and the templates' final texts by slot.

    Raises BadData for a log without records.
    """
    engine, logs = Engine(config), []
    for number, (name, blocks) in enumerate(sources):
        counts = Counts(name)
        engine.open(number)
        for block in blocks:
            counts.add(engine.feed(block, number).slot.astype(np.int64))
            tell(engine.counters()["lines"])
        counts.add(engine.flush(number).slot.astype(np.int64))
        engine.close(number)
        if not counts.records:
            raise BadData(f"{name}: there is no record in it")
        logs.append(counts)
    size = max(len(one.total) for one in logs)
    for one in logs:
        one.add(np.zeros(0, np.int64))
        one.total, one.whole, one.squares = (_grown(a, size) for a in (one.total, one.whole, one.squares))
    texts = [""] * size
    for slot in engine.slots():
        if (known := engine.template(slot)) is not None and slot < size:
            texts[slot] = known.text
    return logs, [text or "<lines beyond the most templates>" for text in texts]


def compare(target: Counts, baselines: Sequence[Counts], texts: Sequence[str], q: float) -> list[Difference]:
    """Every template that occurs, the surest difference first."""
    theirs = np.sum([one.total for one in baselines], axis=0)
    n, m = target.records, float(theirs.sum())
    scatter = np.maximum(_within([target, *baselines]), _between(baselines))
    found = []
    for slot in np.flatnonzero(target.total + theirs):
        a, b = float(target.total[slot]), float(theirs[slot])
        p = erfc(sqrt(max(0.0, _g(a, n, b, m)) / float(scatter[slot]) / 2))
        found.append((int(slot), a, b, ((a + 0.5) / n) / ((b + 0.5) / m), p))
    adjusted = benjamini_hochberg(np.array([p for *_, p in found]))
    told = [
        Difference(texts[slot], _kind(a, b, ratio), int(a), int(b), ratio, p, float(fair), bool(fair <= q))
        for (slot, a, b, ratio, p), fair in zip(found, adjusted, strict=True)
    ]
    return sorted(told, key=lambda one: (one.p, -abs(log(one.ratio)), one.template))


def benjamini_hochberg(p: F64) -> F64:
    """Adjusted p-values, shape (n,): the smallest share of false findings at which each would still be found."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted


def _g(a: float, n: float, b: float, m: float) -> float:
    """G of the table ((a, n - a), (b, m - b))."""
    cells = ((a, n, a + b), (n - a, n, n + m - a - b), (b, m, a + b), (m - b, m, n + m - a - b))
    return 2 * sum(seen * log(seen * (n + m) / (row * column)) for seen, row, column in cells if seen > 0)


def _within(logs: Sequence[Counts]) -> F64:
    """Variance over mean of a template's counts in chunks about each log's own rate; 1 or more."""
    above = sum((one.chunks * one.squares / np.maximum(one.whole, 1) - one.whole) * (one.whole > 0) for one in logs)
    freedom = sum((one.chunks - 1) * (one.whole > 0) for one in logs if one.chunks > 1)
    return np.asarray(
        np.maximum(1.0, np.divide(above, freedom, out=np.ones_like(logs[0].total), where=np.asarray(freedom) > 0))
    )


def _between(baselines: Sequence[Counts]) -> F64:
    """The same of its counts in the baselines about their common rate, where they are enough to tell."""
    if len(baselines) < FEWEST_LOGS:
        return np.ones_like(baselines[0].total)
    records = np.array([one.records for one in baselines])
    total = np.array([one.total for one in baselines])
    expected = records[:, None] * (total.sum(0) / records.sum())
    above = np.divide((total - expected) ** 2, expected, out=np.zeros_like(total), where=expected > 0).sum(0)
    return np.asarray(np.maximum(1.0, above / (len(baselines) - 1)))


def _kind(a: float, b: float, ratio: float) -> str:
    if not b:
        return "new"
    if not a:
        return "gone"
    return "risen" if ratio > 1 else "fallen"


def _grown(array: F64, size: int) -> F64:
    return np.concatenate([array, np.zeros(size - len(array))]) if len(array) < size else array


# -- telling


def write(folder: Path, logs: Sequence[Counts], found: Sequence[Difference], q: float) -> Path:
    """The report and the table of all templates; the report. logs: the target, then the baselines."""
    target, *baselines = logs
    lines = ["# What differs", "", *_head(target, baselines, found, q)]
    for kind in KINDS:
        lines += _section(kind, [one for one in found if one.kind == kind])
    atomic.write(folder / TABLE, _csv(found))
    atomic.write(folder / REPORT, "\n".join(lines) + "\n")
    return folder / REPORT


def _head(target: Counts, baselines: Sequence[Counts], found: Sequence[Difference], q: float) -> Iterator[str]:
    yield f"Target: {code(target.name)}, {count(int(target.records), 'record')}."
    yield ""
    yield from (f"- beside {code(one.name)}, {count(int(one.records), 'record')}" for one in baselines)
    sure = sum(one.found for one in found)
    yield ""
    yield f"{count(len(found), 'template')} in all; {sure:,} differ beyond chance (at most {q:.0%} of these falsely;"
    yield "G-test corrected for bursts, Benjamini-Hochberg). Shares are of each log's own records, whatever its length."
    yield ""


_HEADING = {
    "new": "## New: not in the baselines",
    "gone": "## Gone: only in the baselines",
    "risen": "## Risen",
    "fallen": "## Fallen",
}


def _section(kind: str, mine: Sequence[Difference]) -> Iterator[str]:
    """What is sure; of what is new or gone also the rest, which may be chance."""
    shown = [one for one in mine if one.found or kind in ("new", "gone")]
    yield _HEADING[kind]
    if not shown:
        yield from ("", "None.", "")
        return
    rows = [
        (
            one.target,
            one.baseline,
            _times(one),
            f"{one.adjusted:.2g}" if one.found else "may be chance",
            code(one.template),
        )
        for one in shown[:SHOWN]
    ]
    yield from table(("target", "baselines", "share", "adjusted p", "template"), rows, right=(0, 1, 2))
    if len(shown) > SHOWN:
        yield f"{len(shown) - SHOWN:,} more: {TABLE}."
        yield ""


def _times(one: Difference) -> str:
    return f"{one.ratio:,.1f} x" if one.ratio >= 1 else f"1/{1 / one.ratio:,.1f}"


def _csv(found: Sequence[Difference]) -> str:
    heads = ("kind", "differs", "target", "baselines", "ratio", "p", "adjusted_p", "template")
    return spreadsheet.table(heads, map(_row, found))


def _row(one: Difference) -> tuple[object, ...]:
    numbers = f"{one.ratio:.4g}", f"{one.p:.4g}", f"{one.adjusted:.4g}"
    return (one.kind, int(one.found), one.target, one.baseline, *numbers, one.template)
