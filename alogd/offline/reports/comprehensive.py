"""COMPREHENSIVE_ANALYSIS_REPORT.md: many analysed logs in one page, the oddest first, each with a link to its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from alogd.offline import tables

SHOWN = 3  # oddest windows of a log
LONGEST = 160  # characters of a line
ABOUT_ODD = (
    "Odd are the windows above a quantile of each log's own scores, so that every log has some; the score says how far",
    "they stand out. Of each the line is shown that is the first of its kind, else the most severe.",
)


@dataclass(frozen=True, slots=True)
class Window:
    """One of the oddest."""

    line: int
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Log:
    """What one analysis found."""

    path: str
    folder: str
    failed: str | None  # the step that did
    lines: int = 0
    templates: int = 0
    windows: int = 0
    odd: int = 0
    first_time: str | None = None
    last_time: str | None = None
    worst: tuple[Window, ...] = ()


def folder(path: str, logs: Path) -> str:
    """The name of a log's own directory: its path below the one analysed, flat."""
    name = str(Path(path).relative_to(logs)) if logs.is_dir() else Path(path).name
    return name.replace("%", "%25").replace("/", "%2F")


def look(path: str, out: Path, failed: str | None) -> Log:
    """Reads what an analysis left in its directory."""
    if failed:
        return Log(path, out.name, failed)
    preview = msgspec.json.decode((out / "preview.json").read_bytes())
    scores = tables.read(out, tables.BASELINE_SCORES)
    score, first = scores.column("score").to_numpy(), scores.column("window_start_line").to_numpy()
    odd = scores.column("is_anomaly").to_numpy()
    order = [int(i) for i in np.argsort(-score, kind="stable") if odd[i]][:SHOWN]
    last = scores.column("window_end_line").to_numpy()
    shown = _telling(out, [(int(first[i]), int(last[i])) for i in order])
    return Log(
        path,
        out.name,
        None,
        preview["lines"],
        preview["templates_known"],
        len(score),
        int(odd.sum()),
        preview["first_time"],
        preview["last_time"],
        tuple(Window(line, float(score[i]), text) for i, (line, text) in zip(order, shown, strict=True)),
    )


def _telling(out: Path, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, str]]:
    """(line_no, text) of the record of each range that created a template, else of the most severe, else the first."""
    best: list[tuple[tuple[bool, int], int, str]] = [((False, -1), first, "") for first, _ in ranges]
    columns = ["line_no", "raw", "is_new", "severity"]
    for part in tables.batches(out, tables.PARSED, columns) if ranges else ():
        line = part.column("line_no").to_numpy()
        for number, (first, last) in enumerate(ranges):
            begin, end = np.searchsorted(line, [first, last + 1])
            for row in part.slice(begin, end - begin).select(columns).to_pylist():
                rank = (row["is_new"], row["severity"])
                if rank > best[number][0]:
                    best[number] = (rank, row["line_no"], row["raw"].split("\n")[0][:LONGEST])
    return [(line, text) for _, line, text in best]


def report(logs: Path, done: Sequence[Log]) -> str:
    """The page, Markdown."""
    good = sorted((one for one in done if not one.failed), key=lambda one: -_worst(one))
    total = sum(one.lines for one in good)
    page = [f"# Logs in {_cell(str(logs))}", "", f"{len(good)} of {len(done)} logs analysed, {total:,} lines.", ""]
    page += [
        "| log | lines | templates | windows | odd | oddest score | from | to |",
        "|---|--:|--:|--:|--:|--:|---|---|",
    ]
    for one in good:
        page.append(
            f"| [{_cell(one.path)}](<{_link(one)}/report.md>) | {one.lines:,} | {one.templates:,} | {one.windows:,} "
            f"| {one.odd:,} | {_worst(one):.1f} | {(one.first_time or '-')[:19]} | {(one.last_time or '-')[:19]} |"
        )
    page += ["", *ABOUT_ODD, ""]
    for one in good:
        page += [f"## {_cell(one.path)}", ""]
        page += [f"- line {seen.line:,}, score {seen.score:.1f}: `{_code(seen.text)}`" for seen in one.worst]
        page += [] if one.worst else ["Nothing odd."]
        page.append("")
    page += [f"Not analysed: {_cell(one.path)}, `{one.failed}` failed." for one in done if one.failed]
    return "\n".join(page).rstrip() + "\n"


def _worst(one: Log) -> float:
    return max((seen.score for seen in one.worst), default=0.0)


def _link(one: Log) -> str:
    return one.folder.replace("%", "%25").replace(">", "%3E").replace("<", "%3C")


def _cell(text: str) -> str:
    return _code(text).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")


def _code(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).replace("`", "'")
