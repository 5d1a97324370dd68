"""The bench's table: rows that compare two contestants, on every corpus, as text or as markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import geometric_mean, median

from tests.bench.corpus import Corpus
from tests.bench.timing import Contestant, Timed, times

Maker = Callable[[Corpus], Contestant]  # raises Absent, or OSError
HEADS = ("geo-mean", "worst", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """How many times as fast `fast` is as `slow`; without `slow`, thousands of lines a second.

    A target is met by the geometric mean over the corpora.
    """

    title: str
    fast: str
    slow: str = ""
    form: str = "{:.2f}"
    target: float | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.fast, self.slow) if self.slow else (self.fast,)

    def value(self, timed: Timed) -> float:
        return times(timed[self.fast], timed[self.slow]) if self.slow else 1e6 / median(timed[self.fast])


@dataclass
class Measured:
    """What one run found out."""

    timed: dict[str, Timed] = field(default_factory=dict)  # by corpus
    absent: dict[tuple[str, str], str] = field(default_factory=dict)  # (contestant, corpus): why
    notes: dict[tuple[str, str], str] = field(default_factory=dict)  # (contestant, corpus): what to know

    def figures(self, row: Row) -> Mapping[str, float]:
        """By corpus; without those on which a contestant was absent."""
        return {
            corpus: row.value(timed) for corpus, timed in self.timed.items() if all(name in timed for name in row.needs)
        }

    def why(self, row: Row) -> str:
        """Why a row has no figure."""
        return next((why for (name, _), why in self.absent.items() if name in row.needs), "not measured")


def table(measured: Measured, rows: Sequence[Row]) -> list[list[str]]:
    """Cells: title, each corpus, geometric mean, worst, target, verdict; or title and why there is no figure."""
    out = [["", *measured.timed, *HEADS]]
    for row in rows:
        values = measured.figures(row)
        if not values:
            out.append([row.title, f"not measured: {measured.why(row)}"])
            continue
        mean = geometric_mean(values.values())
        cells = [row.form.format(values[corpus]) if corpus in values else "-" for corpus in measured.timed]
        out.append([row.title, *cells, row.form.format(mean), row.form.format(min(values.values())), *_goal(row, mean)])
    return out


def _goal(row: Row, mean: float) -> tuple[str, str]:
    if row.target is None:
        return "", ""
    share = mean / row.target
    return row.form.format(row.target), "met" if share >= 1 else f"{share:.0%} of it"


def verdicts(measured: Measured, rows: Sequence[Row]) -> Iterator[str]:
    """Sentences: which targets are met, which are not and by how much, which could not be measured."""
    aimed = [row for row in rows if row.target is not None]
    shares = {
        row: geometric_mean(values.values()) / (row.target or 1) for row in aimed if (values := measured.figures(row))
    }
    met = [row.title for row, share in shares.items() if share >= 1]
    missed = [f"{row.title} ({share:.0%} of it)" for row, share in shares.items() if share < 1]
    absent = [row.title for row in aimed if row not in shares]
    for text, found in (("Target met", met), ("Target not met", missed), ("Not measured", absent)):
        if found:
            yield f"{text}: {'; '.join(found)}."


def as_text(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with aligned columns."""
    full = [row for row in rows if len(row) > 2]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    widths[0] = max(len(row[0]) for row in rows)
    for row in rows:
        if len(row) == 2:
            yield f"{row[0].ljust(widths[0])}  {row[1]}"
            continue
        cells = [row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()


def as_markdown(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The same as a markdown table."""
    width = max(map(len, rows))
    yield _markdown(rows[0])
    yield _markdown(["---"] + ["--:"] * (width - 1))
    for row in rows[1:]:
        yield _markdown([*row, *[""] * (width - len(row))])


def _markdown(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def notes(measured: Measured) -> Iterator[str]:
    """What a reader has to know about contestants: their notes, and where they were left out."""
    told: dict[str, list[str]] = {}
    for (name, corpus), note in [*measured.notes.items(), *measured.absent.items()]:
        told.setdefault(name, []).append(f"{corpus}: {note}")
    for name, parts in told.items():
        whole = {part.split(": ", 1)[1] for part in parts}
        alike = len(whole) == 1 and len(parts) == len(measured.timed)
        yield f"{name} - {whole.pop() if alike else '; '.join(parts)}"
