"""lognormalizer and mtail, each with rules for the corpus: they match, they do not learn."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.corpus import Corpus
from tests.bench.peers.place import environment, program
from tests.bench.peers.shapes import Shapes, shapes
from tests.bench.timing import Contestant, beyond_start, child

LOGNORM_LINES = 100_000
MTAIL_PATTERNS = 10  # mtail tries every pattern on every line: with a hundred it would be ten times slower still


def lognormalizer(corpus: Corpus) -> Contestant:
    """A rule for each shape; output is the raw line, which costs it least."""
    binary, env = program("lognormalizer", "liblognorm-utils"), environment()
    found = shapes(corpus)
    rules = corpus.path.with_suffix(".rulebase")
    rules.write_text("version=2\n\n" + "".join(f"rule=:{rule}\n" for rule in lognorm_rules(found)))

    def run(path: Path, *flags: str) -> float:
        with path.open("rb") as file:
            return child(binary, "-r", str(rules), "-e", "raw", *flags, stdin=file.fileno(), env=env)

    with corpus.head_path.open("rb") as file:
        done = subprocess.run(
            [binary, "-r", str(rules), "-e", "raw", "-p"], stdin=file, stdout=subprocess.PIPE, env=env, check=True
        )
    matched = done.stdout.count(b"\n") / len(corpus.head)
    part = corpus.first(LOGNORM_LINES)
    timed = beyond_start(lambda: run(part.path), lambda: run(Path("/dev/null")))
    return Contestant(timed, part.lines, note=f"{len(found.messages)} rules, {matched:.0%} of the lines match")


def lognorm_rules(found: Shapes) -> Iterator[str]:
    """liblognorm, version 2."""
    for message in found.messages:
        pieces = ("%-:word%" if piece is None else piece.replace("%", "%%") for piece in message)
        yield "%-:word%%-:whitespace%" * found.header + "".join(pieces)


def mtail(corpus: Corpus) -> Contestant:
    """Counts lines by kind, as its manual shows, for the most frequent shapes."""
    binary, env = program("mtail", "mtail"), environment()
    rules = corpus.path.with_suffix(".mtail")
    found = shapes(corpus)
    rules.write_text(mtail_program(found))

    def command(path: Path) -> tuple[str, ...]:
        flags = {"progs": rules, "logs": path, "log_dir": rules.parent, "address": "127.0.0.1", "port": 0}
        return (binary, "-one_shot", *(f"-{name}={value}" for name, value in flags.items()))

    done = subprocess.run(command(corpus.head_path), stdout=subprocess.PIPE, env=env, check=True, text=True)
    matched = sum(map(int, re.findall(r'"Value":\s*(\d+)', done.stdout))) / len(corpus.head)
    empty = corpus.path.with_suffix(".empty")
    empty.touch()
    run = beyond_start(
        lambda: child(*command(corpus.head_path), env=env), lambda: child(*command(empty), env=env), times=3
    )
    count = min(MTAIL_PATTERNS, len(found.messages))
    return Contestant(run, len(corpus.head), note=f"{count} patterns, {matched:.0%} of the lines match")


def mtail_program(found: Shapes) -> str:
    """A counter with a label for each pattern; the first that matches ends the line."""
    text = "counter lines_total by kind\n"
    for number, message in enumerate(found.messages[:MTAIL_PATTERNS]):
        pattern = r"^" + r"\S+\s+" * found.header + "".join(_escaped(piece) for piece in message) + "$"
        text += f'/{pattern}/ {{\n  lines_total["k{number}"]++\n  stop\n}}\n'
    return text


def _escaped(piece: str | None) -> str:
    return r"\S+" if piece is None else re.sub(r"([^\w\s])", r"\\\1", piece, flags=re.ASCII)
