"""Measures everything anew and writes it into docs/performance.md, between its markers: `make bench-docs`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from tests.bench import picture, profile, rows, scaling
from tests.bench.corpus import ROOT, Corpus
from tests.bench.run import chosen_corpora, circumstances, measure, parser
from tests.bench.table import as_markdown, table, verdicts
from tests.bench.timing import Absent, progress

DOCUMENT = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance-scaling.svg"


def main_table(corpora: list[Corpus], rounds: int, minutes: float) -> str:
    """The table of `make bench`, with what has to be known about it."""
    measured = measure(corpora, rows.ROWS, rounds, minutes)
    day = f"Measured {datetime.now(UTC):%Y-%m-%d}."
    facts = [day, *verdicts(measured, rows.ROWS), *circumstances(measured, corpora, rounds)]
    return "\n".join([*as_markdown(table(measured, rows.ROWS)), "", *(f"* {fact}" for fact in facts)])


def scaling_tables(corpora: list[Corpus], rounds: int, _minutes: float) -> str:
    """The tables of `make bench-scaling`; the picture is written beside the document, whatever else."""
    curves = scaling.measure(corpora[0], rounds)
    PICTURE.write_text(picture.draw(curves), encoding="utf-8")
    return scaling.markdown(curves)


def profile_table(corpora: list[Corpus], _rounds: int, _minutes: float) -> str:
    """The table of `make bench-profile`."""
    return profile.markdown(corpora)


def daemon_table(_corpora: list[Corpus], _rounds: int, _minutes: float) -> str:
    """What the programs tests/bench/daemon_*.py find out about a real daemon; each has `rows`. Raises Absent."""
    cells = [["of the daemon", "measured"]]
    for path in sorted(Path(__file__).parent.glob("daemon_*.py")):
        progress(path.stem)
        module = import_module(f"tests.bench.{path.stem}")
        cells += [list(row) for row in module.rows()] if hasattr(module, "rows") else []
    if len(cells) == 1:
        raise Absent("there is nothing that measures the daemon")
    return "\n".join(as_markdown(cells))


PARTS: dict[str, Callable[[list[Corpus], int, float], str]] = {
    "profile": profile_table,
    "scaling": scaling_tables,
    "table": main_table,
    "daemon": daemon_table,
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
    flags.add_argument("--show", action="store_true", help="print it, and leave the document as it is")
    args = flags.parse_args()
    corpora = chosen_corpora(args.full)
    every = os.sched_getaffinity(0)
    for part in args.part or PARTS:
        os.sched_setaffinity(0, every if part == "daemon" else {args.core})
        try:
            content = PARTS[part](corpora, args.rounds, args.minutes)
            if args.show:
                print(content)
            else:
                write(DOCUMENT, part, content)
        except Absent as error:
            print(f"{part}: left as it was; {error}", file=sys.stderr)
        progress("")
    return 0


if __name__ == "__main__":
    sys.exit(main())
