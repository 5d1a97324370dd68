"""How commands write: tables for people, JSON for programs, and colours only where a terminal takes them.

Text that comes from logs goes through `safe` (alogd/escape.py) before it reaches a terminal.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from alogd.amounts import count, size
from alogd.escape import escape as safe
from alogd.escape import json_safe
from alogd.event import NO_TIME

__all__ = ["add_output", "count", "emit", "level_style", "paint", "safe", "size", "table", "time_text"]

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
    "alarm": "1;37;41",
}
_LEVELS = {"CRITICAL": "alarm", "HIGH": "red", "MEDIUM": "yellow", "LOW": "cyan", "INFO": "dim"}
_NUMBERS = (int, float)
_encode = msgspec.json.Encoder(enc_hook=str).encode


def add_output(parser: argparse.ArgumentParser) -> None:
    """The flags every command that prints data has."""
    forms = ("table", "json", "jsonl")  # "ndjson" is another name for the last
    parser.add_argument(
        "-o", "--output", "--format", choices=forms, type=_form, default="table", help="(table); ndjson is jsonl"
    )
    parser.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR, or not a terminal)")


def _form(name: str) -> str:
    return "jsonl" if name == "ndjson" else name


def use_color(no_color: bool, stream: TextIO | None = None) -> bool:
    """Whether colours are wanted and the stream (standard output) shows them."""
    return not no_color and not os.environ.get("NO_COLOR") and (stream or sys.stdout).isatty()


def paint(text: str, style: str, color: bool) -> str:
    """Text in a style, when colours are on."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color and style else text


def level_style(level: str) -> str:
    """The style an alert's level is shown in."""
    return _LEVELS.get(level, "")


def emit(rows: Iterable[Mapping[str, Any]], output: str) -> None:
    """Rows as one JSON array ("json") or one object a line ("jsonl"), safe for a terminal as all that is printed."""
    if output == "json":
        write(json_safe(msgspec.json.format(_encode(list(rows)))) + b"\n")
        return
    for row in rows:
        write(json_safe(_encode(row)) + b"\n")


def write(data: bytes) -> None:
    """Bytes to standard output, in order with what was printed."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def time_text(time_ns: int | None) -> str:
    """Log time as `2026-05-01 12:00:00` (UTC); "-" where there is none."""
    if time_ns is None or time_ns == NO_TIME or time_ns == 0:
        return "-"
    try:
        return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "-"


def width() -> int:
    """Columns of the terminal; more than a person reads where output goes to a file, but no line of 64 KiB."""
    return shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 1000


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], color: bool, styles: Sequence[str] = ()) -> None:
    """Columns under their heads, numbers to the right, the last column cut at the terminal's edge.

    `styles` holds one style a row for its `level`-like second cell; () for none. Cells are made safe here.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(head), *(len(row[i]) for row in cells)]) for i, head in enumerate(heads)]
    right = [all(isinstance(row[i], _NUMBERS) for row in rows) and bool(rows) for i in range(len(heads))]
    print(paint(_line(heads, widths, right), "bold", color))
    for index, row in enumerate(cells):
        line = _line(row, widths, right)
        print(paint(line, styles[index] if styles else "", color))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else safe(str(value))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    aligned = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True)]
    line = "  ".join(aligned).rstrip()
    limit = width()
    return line if len(line) <= limit else line[: limit - 1] + "~"
