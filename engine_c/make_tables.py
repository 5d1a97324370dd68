"""Writes unicode_table.h from Python's own Unicode data: what str.split() cuts at and what str.isdigit() accepts.

Run it by hand when Unicode data change: `python engine_c/make_tables.py > engine_c/unicode_table.h`.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator


def ranges(accept: Callable[[str], bool], first: int = 0x80) -> Iterator[tuple[int, int]]:
    """Runs of code points from `first` on that are accepted, ends included."""
    begin = None
    for point in range(first, sys.maxunicode + 2):
        inside = point <= sys.maxunicode and accept(chr(point))
        if inside and begin is None:
            begin = point
        elif not inside and begin is not None:
            yield begin, point - 1
            begin = None


def table(name: str, accept: Callable[[str], bool]) -> str:
    """One C array of {first, last}."""
    rows = [f"{{0x{begin:x}, 0x{end:x}}}" for begin, end in ranges(accept)]
    lines = [", ".join(rows[at : at + 5]) for at in range(0, len(rows), 5)]
    body = ",\n    ".join(lines)
    return f"static const uint32_t {name}[{len(rows)}][2] = {{\n    {body},\n}};\n"


def header() -> str:
    """The text of unicode_table.h."""
    return "\n".join(
        [
            "/* unicode_table.h: written by make_tables.py from Unicode "
            f"{unicodedata.unidata_version}; code points from U+0080 on. */",
            "#ifndef ALOG_UNICODE_TABLE_H",
            "#define ALOG_UNICODE_TABLE_H",
            "",
            "#include <stdint.h>",
            "",
            "/* clang-format off */",
            "",
            "/* str.isspace(): str.split() cuts here. */",
            table("alog_space_ranges", str.isspace),
            "/* str.isdigit() */",
            table("alog_digit_ranges", str.isdigit),
            "#endif",
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(header())
