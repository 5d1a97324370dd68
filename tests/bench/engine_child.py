"""A process of its own for the engine, or for the whole core: prints the seconds it took on a file.

CPU seconds of the engine; of the whole core those on the wall in which no other process had its core.

usage: python -m tests.bench.engine_child FILE [core]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.contestants import engine, whole_core
from tests.bench.corpus import Corpus
from tests.bench.timing import undisturbed


def main(name: str, what: str = "engine") -> float:
    """Seconds."""
    path = Path(name)
    if what == "core":
        data = path.read_bytes()
        begun = undisturbed()
        whole_core(path, data)
        return undisturbed() - begun
    return engine(Corpus(path.stem, path)).run()


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
