"""Whichever allocation fails, the engine goes on or was never made, and nothing leaks (E8)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from alogd.engine import dfa
from tests.faults.conftest import Tally

ROOT = Path(__file__).parents[2]
WRAPPED = ",".join(f"--wrap={name}" for name in ("malloc", "calloc", "realloc", "free"))


def test_e8_every_allocation_may_fail(tmp_path: Path, tally: Tally) -> None:
    """Each alone, and with all that come after it for a while: of a block that failed nothing was taken, what failed
    can be done again, and no memory is left."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    skipped = ("py", "fuzz", "main", "infer_")
    sources = [str(path) for path in (ROOT / "engine_c").glob("*.c") if not path.name.startswith(skipped)]
    program = tmp_path / "nomem"
    table = tmp_path / "table"
    table.write_bytes(dfa.compile("w[0-9]+"))
    flags = ["-std=c11", "-O1", "-g", f"-I{ROOT / 'engine_c'}", f"-Wl,{WRAPPED}"]
    programs = [str(ROOT / "tests" / "c" / name) for name in ("nomem.c", "nomem_windows.c")]
    subprocess.run([compiler, *flags, *sources, *programs, "-lm", "-o", program], check=True)
    done = subprocess.run([program, table], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    engines, windows = map(int, done.stdout.split())
    assert engines > 200
    assert windows > 100
    tally.add(rounds=engines + windows)
