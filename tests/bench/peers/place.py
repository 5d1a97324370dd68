"""Where peers are looked for: on the host first, then where `make bench-peers` has put them, without root."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.bench.corpus import KEPT
from tests.bench.timing import Absent

PLACE = KEPT / "peers"
UNPACKED = PLACE / "root"  # Debian packages
PYTHON = PLACE / "venv" / "bin" / "python"
AMINER = Path("usr/lib/logdata-anomaly-miner")
HINT = "`make bench-peers` fetches it, or on Debian: apt install "


def program(name: str, package: str) -> str:
    """Path of a program. Raises Absent."""
    if found := shutil.which(name) or shutil.which(str(UNPACKED / "usr/bin" / name)):
        return found
    raise Absent(f"{name} is not installed; {HINT}{package}")


def environment() -> dict[str, str]:
    """The environment in which unpacked programs find their libraries."""
    libraries = [str(path) for path in UNPACKED.glob("usr/lib/*-linux-gnu")]
    before = os.environ.get("LD_LIBRARY_PATH")
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(libraries + ([before] if before else []))}


def aminer() -> Path:
    """The folder that holds the package `aminer`. Raises Absent."""
    for root in (Path("/"), UNPACKED):
        if (root / AMINER / "aminer").is_dir():
            return root / AMINER
    raise Absent(f"AMiner is not installed; {HINT}logdata-anomaly-miner")


def python() -> Path:
    """The Python that has logparser3. Raises Absent."""
    if PYTHON.exists():
        return PYTHON
    raise Absent("logparser3 is not installed; `make bench-peers` installs it into build/bench/peers/venv")
