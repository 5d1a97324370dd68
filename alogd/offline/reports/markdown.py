"""How the reports write Markdown: tables, code and samples in which no log line can pass for anything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from alogd.cli.output import time_text
from alogd.escape import escape

LONGEST = 300  # characters of a line that is shown


def code(text: str, most: int = 120) -> str:
    """Inline code of one line, also in a table's cell."""
    shown = cut(escape(text), most).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`" if shown.strip() else "(empty)"


def block(lines: Iterable[str]) -> Iterator[str]:
    """A code block by indentation, which nothing inside can end."""
    yield ""
    yield from (f"    {cut(line, LONGEST)}" for line in lines)
    yield ""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> Iterator[str]:
    """Rows whose cells are Markdown already; columns in `right` are numbers."""
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield "|" + "|".join("---:" if i in right else "---" for i in range(len(heads))) + "|"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"
    yield ""


def when(time_ns: int) -> str:
    """Log time, or "-"."""
    return time_text(time_ns)


def cut(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
