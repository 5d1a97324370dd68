"""Draws the curves of scaling.py as one SVG that reads on light and on dark ground."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tests.bench.scaling import Curve

WIDTH, HEIGHT = 420, 300  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 58, 48
STYLE = """
  .paper { fill: #ffffff } text { fill: #333333; font: 12px sans-serif } .title { font-weight: bold; font-size: 13px }
  .grid { stroke: #dddddd } .allowed { stroke: #888888; stroke-dasharray: 4 4; fill: none }
  .line0 { stroke: #1f5fa8; fill: none; stroke-width: 2 } .dot0 { fill: #1f5fa8 }
  .line1 { stroke: #c2571a; fill: none; stroke-width: 2 } .dot1 { fill: #c2571a }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #16181d } text { fill: #d6d6d6 } .grid { stroke: #3a3d44 } .allowed { stroke: #999999 }
    .line0 { stroke: #76aef0 } .dot0 { fill: #76aef0 } .line1 { stroke: #f0a06c } .dot1 { fill: #f0a06c }
  }
"""


def draw(curves: Sequence[Curve]) -> str:
    """A panel for templates and one for sources, side by side; both axes logarithmic."""
    subjects = list(dict.fromkeys(curve.of for curve in curves))
    panels = [_panel([c for c in curves if c.of == of], at * WIDTH) for at, of in enumerate(subjects)]
    width = WIDTH * len(subjects)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
            ' role="img" aria-label="Cost per line by number of templates and of sources">',
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{width}" height="{HEIGHT}"/>',
            *(line for panel in panels for line in panel),
            "</svg>\n",
        ]
    )


def _panel(curves: Sequence[Curve], left: int) -> Iterator[str]:
    numbers = list(curves[0].costs)
    costs = [cost for curve in curves for cost in curve.costs.values()]
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)) + 0.01)
    first, last = math.log10(numbers[0]), math.log10(numbers[-1])

    def x(number: float) -> float:
        return left + LEFT + (math.log10(number) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(cost: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(cost) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    yield f'<text class="title" x="{left + LEFT}" y="18">Cost per line by number of {curves[0].of}</text>'
    for power in range(low, high + 1):
        at = y(10**power)
        yield f'<line class="grid" x1="{x(numbers[0]):.1f}" x2="{x(numbers[-1]):.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text x="{left + LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_time(10**power)}</text>'
    for number in numbers:
        place = "end" if number == numbers[-1] else "middle"
        yield f'<text x="{x(number):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{place}">{number:,}</text>'
    for at, curve in enumerate(curves):
        points = [(x(n), y(cost)) for n, cost in curve.costs.items()]
        yield f'<polyline class="line{at}" points="{_points(points)}"/>'
        yield from (f'<circle class="dot{at}" cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in points)
        mark = left + LEFT + at * 190
        yield f'<line class="line{at}" x1="{mark}" x2="{mark + 18}" y1="36" y2="36"/>'
        yield f'<text x="{mark + 24}" y="40">{curve.title}</text>'
    yield from _allowed(curves[0], x, y, 10**high)
    yield f'<text x="{left + LEFT}" y="{HEIGHT - 8}">dashed: grows as log n</text>'


def _allowed(curve: Curve, x, y, most: float) -> Iterator[str]:  # type: ignore[no-untyped-def]
    """What the first curve would be if it grew as log n does, from its cost at ten."""
    begin = max(10, min(curve.costs))
    cost = {n: curve.costs[begin] * math.log10(n) for n in curve.costs if n >= begin}
    yield f'<polyline class="allowed" points="{_points([(x(n), y(min(c, most))) for n, c in cost.items()])}"/>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in points)


def _time(ns: float) -> str:
    return f"{ns:g} ns" if ns < 1000 else f"{ns / 1000:g} us" if ns < 1e6 else f"{ns / 1e6:g} ms"
