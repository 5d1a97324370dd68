"""Instructions a line of each stage of the engine, counted by valgrind's callgrind: `make bench-profile`.

Timing on a shared machine is noisy; instruction counts are not. The C program of feed.c runs on two heads of a corpus,
and the difference is what a line costs once templates are known. Cost is booked by source file, so that inlined
functions count where they were written.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import code_path
from tests.bench.contestants import feed_program
from tests.bench.corpus import KEPT, Corpus
from tests.bench.run import chosen_corpora, parser
from tests.bench.table import as_markdown, as_text
from tests.bench.timing import Absent, progress

SHORT, LONG = 20_000, 60_000  # lines

# The first pattern that a source file's name matches.
STAGES = (
    ("lines: split, join, columns", r"^(engine|feed|lines?|record|columns?|source|key|batch)\w*\.[ch]$"),
    ("header and timestamp", r"^header"),
    ("lines known but for their digits", r"^(alike|trial)"),
    ("masks and tokens", r"^(mask|token|lanes|dfa)"),
    ("severity rules", r"^severity"),
    ("hashes of tokens", r"^hash"),
    ("Drain: tree, similarity, learning", r"^(drain|cluster|tree|leaf|posting|arena|store|lru|template)"),
    ("libc (memchr, memcpy, malloc)", r"^$|\?\?\?"),
)
OTHER = "other files"
INTRINSICS = re.compile(r"/include/\w*intrin\.h$")  # count where they are used


def stage(file: str) -> str:
    """The stage a source file belongs to."""
    name = Path(file).name
    if "engine_c" not in file and "bench" not in file:
        return STAGES[-1][0]
    return next((title for title, pattern in STAGES if re.search(pattern, name)), OTHER)


def by_file(text: str) -> Counter[str]:
    """Self cost of each source file in a callgrind output: fl, fi and fe lines say where the following ones count."""
    names: dict[str, str] = {}
    cost: Counter[str] = Counter()
    here, called = "", False
    for line in text.splitlines():
        if match := re.match(r"(fl|fi|fe)=(\(\d+\))(?: (.*))?$", line):
            file = names.setdefault(match[2], match[3] or "")
            here = here if INTRINSICS.search(file) else file
        elif match := re.match(r"(?:cfi|cfl)=(\(\d+\))(?: (.*))?$", line):
            names.setdefault(match[1], match[2] or "")
        elif line.startswith("calls="):
            called = True
        elif match := re.match(r"[+\-*\d]\S* (\d+)$", line):
            cost[here] += 0 if called else int(match[1])
            called = False
    return cost


def instructions(program: Path, file: Path, path: str) -> Counter[str]:
    """By stage, of a whole run on a code path. Raises Absent without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Absent("valgrind is not installed; on Debian: apt install valgrind")
    out = KEPT / "callgrind.out"
    command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", str(program), str(file)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, code_path.VARIABLE: path})
    found: Counter[str] = Counter()
    for name, cost in by_file(out.read_text(encoding="utf-8", errors="replace")).items():
        found[stage(name)] += cost
    return found


def per_line(program: Path, corpus: Corpus, path: str) -> dict[str, float]:
    """Instructions a line by stage, of the lines from SHORT to LONG."""
    runs = []
    for lines in (SHORT, LONG):
        progress(f"{corpus.name}: callgrind on {lines:,} lines, {path}")
        runs.append(instructions(program, corpus.first(lines).path, path))
    return {name: (runs[1][name] - runs[0][name]) / (LONG - SHORT) for name in runs[1]}


def table(program: Path, corpora: Sequence[Corpus], path: str) -> list[list[str]]:
    """Cells of one code path's table: stage, each corpus."""
    found = {corpus.name: per_line(program, corpus, path) for corpus in corpora}
    progress("")
    titles = [title for title, _ in STAGES] + [OTHER]
    rows = [[title, *(f"{costs.get(title, 0):.0f}" for costs in found.values())] for title in titles]
    sums = ["all", *(f"{sum(costs.values()):.0f}" for costs in found.values())]
    return [[f"instructions a line, {path}", *found], *(row for row in rows if set(row[1:]) != {"0"}), sums]


def paths() -> list[str]:
    """The code paths that valgrind can run: it knows AVX2, and nothing wider."""
    if not code_path.known():
        return ["one code path"]
    return [path for path in ("avx2", "sse2", "plain") if code_path.asked_for(path) == path]


def tables(corpora: Sequence[Corpus]) -> Iterator[list[list[str]]]:
    """A table for each code path. Raises Absent without valgrind or a compiler."""
    program = feed_program("feed-profile", "-g", "-flto=auto")
    return (table(program, corpora, path) for path in paths())


def markdown(corpora: Sequence[Corpus]) -> str:
    return "\n\n".join("\n".join(as_markdown(cells)) for cells in tables(corpora))


def main() -> int:
    args = parser("make bench-profile", __doc__).parse_args()
    try:
        for cells in tables(chosen_corpora(args.full)):
            print("\n".join(as_text(cells)) + "\n")
    except Absent as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
