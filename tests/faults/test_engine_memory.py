"""Whichever allocation fails, the engine goes on or was never made, and nothing leaks (E8)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.conftest import Tally

ROOT = Path(__file__).parents[2]
WRAPPED = ",".join(f"--wrap={name}" for name in ("malloc", "calloc", "realloc", "free"))


def test_e8_every_allocation_may_fail(tmp_path: Path, tally: Tally) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    skipped = ("py", "fuzz", "main", "infer_")
    sources = [str(path) for path in (ROOT / "engine_c").glob("*.c") if not path.name.startswith(skipped)]
    program = tmp_path / "nomem"
    flags = ["-std=c11", "-O1", "-g", f"-I{ROOT / 'engine_c'}", f"-Wl,{WRAPPED}"]
    subprocess.run(
        [compiler, *flags, *sources, str(ROOT / "tests" / "c" / "nomem.c"), "-lm", "-o", program], check=True
    )
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
    tally.add(rounds=int(done.stdout))
