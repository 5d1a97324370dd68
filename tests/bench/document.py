"""Measures everything anew and writes it into docs/performance.md, between its markers: `make bench-docs`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import picture, profile, rows, scaling
from tests.bench.corpus import ROOT, Corpus
from tests.bench.run import chosen_corpora, circumstances, measure, parser
from tests.bench.table import as_markdown, table
from tests.bench.timing import Absent, progress

DOCUMENT = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance-scaling.svg"


def main_table(corpora: list[Corpus], rounds: int) -> str:
    """The table of `make bench`, with what has to be known about it."""
    measured = measure(corpora, rows.ROWS, rounds)
    facts = [f"* {fact}" for fact in circumstances(measured, corpora, rounds)]
    return "\n".join([*as_markdown(table(measured, rows.ROWS)), "", f"* {datetime.now(UTC):%Y-%m-%d}", *facts])


def scaling_tables(corpora: list[Corpus], rounds: int) -> str:
    """The tables of `make bench-scaling`; the picture is written beside the document."""
    curves = scaling.measure(corpora[0], rounds)
    PICTURE.write_text(picture.draw(curves), encoding="utf-8")
    return scaling.markdown(curves)


def profile_table(corpora: list[Corpus], _rounds: int) -> str:
    """The table of `make bench-profile`."""
    return profile.markdown(corpora)


PARTS: dict[str, Callable[[list[Corpus], int], str]] = {
    "profile": profile_table,
    "scaling": scaling_tables,
    "table": main_table,
}


def replaced(text: str, part: str, content: str) -> str:
    """The document with a part's content between its markers. Raises ValueError when they are not there."""
    marks = re.compile(rf"(<!-- bench: {part} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not marks.search(text):
        raise ValueError(f"no place for {part}: it stands between <!-- bench: {part} --> and <!-- end -->")
    return marks.sub(lambda found: found[1] + content + found[2], text, count=1)


def write(path: Path, part: str, content: str) -> None:
    path.write_text(replaced(path.read_text(encoding="utf-8"), part, content), encoding="utf-8")


def main() -> int:
    flags = parser("make bench-docs", __doc__)
    flags.add_argument("--part", choices=PARTS, action="append", help="this part only")
    args = flags.parse_args()
    corpora = chosen_corpora(args.full)
    os.sched_setaffinity(0, {args.core})
    for part in args.part or PARTS:
        try:
            write(DOCUMENT, part, PARTS[part](corpora, args.rounds))
        except Absent as error:
            print(f"{part}: left as it was; {error}", file=sys.stderr)
        progress("")
    return 0


if __name__ == "__main__":
    sys.exit(main())
