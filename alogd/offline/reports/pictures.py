"""Draws what the reports show as SVG that reads on light and on dark ground; no plotting library is needed.

Plain functions from numbers to text. Words from logs are made safe before they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

from alogd.escape import escape as safe
from alogd.event import F64, I64, Bool
from alogd.offline.verdicts.measures import Confusion

FOLDER = "pictures"  # beside the report that shows them
WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 34
POINTS = 700  # of a line: more than there are pixels show nothing more
STYLE = """
  .paper { fill: #ffffff } text { fill: #333333; font: 12px sans-serif } .title { font-weight: bold; font-size: 13px }
  .grid { stroke: #dddddd } .line { stroke: #1f5fa8; fill: none; stroke-width: 1.3 } .bar { fill: #1f5fa8 }
  .odd { fill: #c8301e } .oddline { stroke: #c8301e; stroke-width: 2; fill: none } .faint { fill: #888888 }
  .cell { fill: #1f5fa8 } .on { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #16181d } text { fill: #d6d6d6 } .grid { stroke: #3a3d44 } .line { stroke: #76aef0 }
    .bar { fill: #76aef0 } .odd { fill: #ff7a66 } .oddline { stroke: #ff7a66 } .faint { fill: #9a9a9a }
    .cell { fill: #76aef0 } .on { fill: #10131a }
  }
"""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def over_time(title: str, values: F64, odd: Bool, ends: tuple[str, str]) -> str:
    """A line with what is odd marked; values (n,) in order, ends: what is written below its first and last one."""
    height, plot = 190, WIDTH - LEFT - RIGHT
    most = float(values.max(initial=0.0)) or 1.0
    bottom = height - BOTTOM

    def place(at: int) -> str:
        across = LEFT + plot * at / max(1, len(values) - 1)
        return f"{across:.1f},{bottom - (bottom - TOP) * max(0.0, float(values[at])) / most:.1f}"

    marks = [place(at).split(",") for at in _largest(values, np.flatnonzero(odd))]
    body = [
        *_grid(most, height),
        f'<polyline class="line" points="{" ".join(map(place, _envelope(values)))}"/>',
        *(f'<circle class="odd" cx="{x}" cy="{y}" r="3"/>' for x, y in marks),
        f'<text x="{LEFT}" y="{height - 12}">{_text(ends[0])}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{height - 12}" text-anchor="end">{_text(ends[1])}</text>',
    ]
    return _picture(title, height, body)


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """One bar a row: (what, how much, as it is written)."""
    height, most = TOP + 24 * len(rows) + 8, max((value for _, value, _ in rows), default=1.0) or 1.0
    room = WIDTH - 396 - 130  # for the numbers behind the bars
    body = []
    for i, (what, value, written) in enumerate(rows):
        y, wide = TOP + 24 * i, max(1.0, room * value / most)
        body.append(f'<text x="388" y="{y + 13}" text-anchor="end">{_text(what, 48)}</text>')
        body.append(f'<rect class="bar" x="396" y="{y + 2}" width="{wide:.1f}" height="15" rx="2"/>')
        body.append(f'<text x="{402 + wide:.1f}" y="{y + 14}">{_text(written)}</text>')
    return _picture(title, height, body)


def week(title: str, cells: F64) -> str:
    """cells (7, 24): a shade for each weekday and hour, with its number when one is pointed at."""
    most, height, step = float(cells.max(initial=0.0)) or 1.0, TOP + 7 * 24 + 30, (WIDTH - LEFT - RIGHT) / 24
    body = []
    for day in range(7):
        body.append(f'<text x="{LEFT - 8}" y="{TOP + 24 * day + 16}" text-anchor="end">{DAYS[day]}</text>')
        for hour in range(24):
            value = float(cells[day, hour])
            about = f"<title>{DAYS[day]} {hour:02d}:00  {value:,.6g}</title>"
            where = f'x="{LEFT + step * hour:.1f}" y="{TOP + 24 * day}" width="{step - 2:.1f}" height="22"'
            body.append(f'<rect class="cell" {where} opacity="{0.06 + 0.94 * value / most:.3f}">{about}</rect>')
    for hour in range(0, 24, 3):
        body.append(f'<text x="{LEFT + step * hour:.1f}" y="{height - 10}">{hour:02d}:00</text>')
    return _picture(title, height, body)


def distribution(title: str, normal: F64, odd: F64, threshold: float | None) -> str:
    """How scores of normal and of odd things lie; each histogram as high as its own largest bin."""
    height, bins = 220, 60
    every = np.concatenate([normal, odd])
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    high = high if high > low else low + 1.0
    step, bottom = (WIDTH - LEFT - RIGHT) / bins, height - BOTTOM
    body = [*_grid(1.0, height, label=False)]
    for values, name, dx in ((normal, "bar", 0.0), (odd, "odd", 0.45)):
        count, _ = np.histogram(values, bins, (low, high))
        for i in np.flatnonzero(count):
            tall = max(1.5, (bottom - TOP) * float(count[i]) / float(count.max()))
            where = f'x="{LEFT + step * (i + dx):.1f}" y="{bottom - tall:.1f}" width="{step * 0.45:.1f}"'
            body.append(f'<rect class="{name}" {where} height="{tall:.1f}"><title>{count[i]:,}</title></rect>')
    if threshold is not None and low <= threshold <= high:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (threshold - low) / (high - low)
        body.append(
            f'<line class="oddline" stroke-dasharray="4 3" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        )
    body.append(f'<text x="{LEFT}" y="{height - 12}">{low:.3g}</text>')
    body.append(f'<text x="{WIDTH - RIGHT}" y="{height - 12}" text-anchor="end">{high:.3g}</text>')
    body.append(
        f'<text x="{WIDTH - RIGHT}" y="22" text-anchor="end">{len(normal):,} normal, {len(odd):,} odd (red)</text>'
    )
    return _picture(title, height, body)


def confusion(title: str, found: Mapping[str, Confusion]) -> str:
    """A square of four for each detector, shaded by its share of the row."""
    across = 190
    height = TOP + 150
    body = []
    for i, (name, told) in enumerate(found.items()):
        x = 20 + across * (i % 4)
        top = TOP + 150 * (i // 4)
        height = max(height, top + 150)
        body.append(f'<text class="title" x="{x + 52}" y="{top + 8}">{_text(name, 18)}</text>')
        for row, (real, cells) in enumerate((("odd", (told.tp, told.fn)), ("normal", (told.fp, told.tn)))):
            y = top + 18 + 50 * row
            body.append(f'<text x="{x + 46}" y="{y + 28}" text-anchor="end">{real}</text>')
            for column, value in enumerate(cells):
                share = value / max(1, sum(cells))
                where = f'x="{x + 52 + 56 * column}" y="{y}" width="54" height="48" rx="3"'
                body.append(f'<rect class="cell" {where} opacity="{0.06 + 0.9 * share:.2f}"/>')
                ink = ' class="on"' if share > 0.5 else ""
                middle = x + 79 + 56 * column
                body.append(f'<text{ink} x="{middle}" y="{y + 28}" text-anchor="middle">{value:,}</text>')
        body.append(f'<text class="faint" x="{x + 52}" y="{top + 134}">called odd | normal</text>')
    return _picture(title, height, body)


def roc_curves(title: str, curves: Mapping[str, tuple[F64, F64]]) -> str:
    """Recall over false alarm rate; a line to itself for each detector."""
    side, gap = 150, 36
    height = TOP + (side + 44) * (-(-len(curves) // 4)) + 6
    body = []
    for i, (name, (false, found)) in enumerate(curves.items()):
        x, y = 24 + (side + gap) * (i % 4), TOP + (side + 44) * (i // 4) + 14
        some = np.unique(np.linspace(0, len(false) - 1, min(len(false), 200)).astype(np.int64))
        points = " ".join(f"{x + side * false[at]:.1f},{y + side * (1 - found[at]):.1f}" for at in some)
        body.append(f'<text class="title" x="{x}" y="{y - 6}">{_text(name, 24)}</text>')
        body.append(f'<line class="grid" x1="{x}" y1="{y + side}" x2="{x + side}" y2="{y}"/>')
        body.append(f'<rect class="grid" fill="none" x="{x}" y="{y}" width="{side}" height="{side}"/>')
        body.append(f'<polyline class="line" points="{points}"/>')
    return _picture(title, height, body)


def matrices(title: str, left: F64, right: F64) -> str:
    """Two (n, n) matrices, the second in red; each shaded up to its own largest entry, places counted from 1."""
    n, side = len(left), 330.0
    step, height = side / max(1, n), TOP + int(side) + 40
    body = []
    for which, (values, name) in enumerate(((left, "cell"), (right, "odd"))):
        x, most = LEFT - 24 + which * (side + 40), float(values.max(initial=0.0)) or 1.0
        for i, j in np.argwhere(values > most / 200).tolist():
            value = float(values[i, j])
            where = f'x="{x + step * j:.1f}" y="{TOP + step * i:.1f}" width="{step:.1f}" height="{step:.1f}"'
            about = f"<title>{i + 1}, {j + 1}: {value:.3g}</title>"
            body.append(f'<rect class="{name}" {where} opacity="{max(0.05, value / most):.3f}">{about}</rect>')
        body.append(f'<rect class="grid" fill="none" x="{x}" y="{TOP}" width="{side}" height="{side}"/>')
        for at in range(0, n, max(1, n // 8)):
            middle = step * (at + 0.5)
            body.append(f'<text x="{x + middle:.1f}" y="{TOP + side + 16}" text-anchor="middle">{at + 1}</text>')
            body.append(f'<text x="{x - 4}" y="{TOP + middle + 4:.1f}" text-anchor="end">{at + 1}</text>')
        body.append(f'<text class="faint" x="{x}" y="{height - 6}">largest {most:.3g}</text>')
    return _picture(title, height, body)


def _picture(title: str, height: int, body: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'{head} role="img" aria-label="{_text(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{20}" y="22">{_text(title)}</text>',
        *body,
        "</svg>\n",
    ]
    return "\n".join(lines)


def _grid(most: float, height: int, *, label: bool = True) -> Iterator[str]:
    bottom = height - BOTTOM
    for part in (0.0, 0.5, 1.0):
        y = bottom - (bottom - TOP) * part
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        if label:
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * part:,.3g}</text>'


def _envelope(values: F64) -> I64:
    """Of each of POINTS stretches the largest and the smallest value, so that no peak is lost."""
    if len(values) <= 2 * POINTS:
        return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), POINTS)
    chosen = [at for part in parts for at in (part[np.argmax(values[part])], part[np.argmin(values[part])])]
    return np.unique(np.array(chosen, np.int64))


def _largest(values: F64, where: I64) -> list[int]:
    chosen = np.sort(where[np.argsort(-values[where], kind="stable")[:POINTS]])
    return [int(at) for at in chosen]


def _text(words: str, most: int = 200) -> str:
    shown = safe(words)
    return escape(shown if len(shown) <= most else shown[: most - 3] + "...")
