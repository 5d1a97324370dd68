"""A process of its own for the engine, or for the whole core: prints the CPU seconds it took on a file.

usage: python -m tests.bench.engine_child FILE [core]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.contestants import engine, whole_core
from tests.bench.corpus import Corpus


def main(name: str, what: str = "engine") -> float:
    """CPU seconds."""
    path = Path(name)
    if what == "core":
        return whole_core(path, path.read_bytes())
    return engine(Corpus(path.stem, path)).run()


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
