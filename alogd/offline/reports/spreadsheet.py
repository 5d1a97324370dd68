"""How the reports write CSV: rows that a spreadsheet takes for text, whoever wrote the lines they come from.

No cell begins as a formula does, and none has a character that steers a terminal or a line break.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from alogd.escape import escape

_FORMULA = ("=", "+", "-", "@")
_BLANK = " \u3000\u00a0"  # which some leave out before they look


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Numbers as they are; every other cell made safe."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(heads)
    for row in rows:
        lines.writerow([value if isinstance(value, int | float) else cell(str(value)) for value in row])
    return text.getvalue()


def cell(word: str) -> str:
    """What would be taken for a formula becomes text, by the sign that spreadsheets know for it."""
    safe = escape(word)
    return f"'{safe}" if safe.lstrip(_BLANK).startswith(_FORMULA) else safe
