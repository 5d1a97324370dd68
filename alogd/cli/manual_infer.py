"""The man page of alog-infer, the C program: from the text its `--help` prints, as it stands in its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "engine_c" / "infer_options.c"
OPTION = re.compile(r"^  (?:(-\w), |    )(--[\w-]+)(?: ([A-Z]+))? +(\S.*)$")


def help_text() -> str:
    """What `alog-infer --help` prints. Raises ValueError when its source does not say so where it did."""
    literal = re.search(r'help\[\] =\n((?:    "(?:[^"\\]|\\.)*"\n?)+);', SOURCE.read_text())
    if literal is None:
        raise ValueError(f"{SOURCE}: no `help[] =` of string literals")
    return "".join(ast.literal_eval(line.strip()) for line in literal[1].splitlines())


def paragraphs() -> tuple[str, str, list[str], list[tuple[str, str, str]], list[str]]:
    """(usage, what it is, examples, options as (names, value, help), what follows them)."""
    usage, about, *rest = help_text().strip("\n").split("\n\n")
    examples, options, *after = rest
    return usage.removeprefix("usage: "), about, examples.split("\n"), list(_options(options)), after


def _options(block: str) -> Iterator[tuple[str, str, str]]:
    """An option may go on in lines that are indented further."""
    joined = re.sub(r"\n {10,}", " ", block)
    for line in joined.split("\n"):
        found = OPTION.match(line)
        if found is None:
            raise ValueError(f"{SOURCE}: no option: {line}")
        short, name, value, about = found.groups("")
        yield ", ".join(filter(None, (short, name))), value, about
