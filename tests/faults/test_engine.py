"""E9 and the way to the other rows of the engine: threads under ThreadSanitizer, all tests under ASan and UBSan."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.conftest import Tally

ROOT = Path(__file__).parents[2]


def engine_sources() -> list[str]:
    """The engine without its Python face and its programs."""
    skipped = ("py", "fuzz", "main", "infer_")
    return sorted(str(path) for path in (ROOT / "engine_c").glob("*.c") if not path.name.startswith(skipped))


@pytest.mark.slow
def test_e9_engines_in_threads_share_nothing(tmp_path: Path, tally: Tally) -> None:
    compiler = shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    program = tmp_path / "threads"
    flags = ["-std=c11", "-O1", "-g", "-fsanitize=thread", "-pthread", f"-I{ROOT / 'engine_c'}"]
    sources = [*engine_sources(), str(ROOT / "tests" / "c" / "threads.c")]
    built = subprocess.run([compiler, *flags, *sources, "-lm", "-o", program], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    # Addresses that are not drawn at random: ThreadSanitizer's shadow memory needs its place.
    done = subprocess.run(["setarch", "-R", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "WARNING: ThreadSanitizer" not in done.stderr, done.stderr[-4000:]
    tally.add(rounds=int(done.stdout), lines=int(done.stdout) * 2000)


@pytest.mark.slow
def test_e1_the_engine_s_tests_under_address_and_undefined_behaviour_sanitizers(tally: Tally) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    done = subprocess.run(["tests/sanitize.sh"], cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    said = done.stdout[-3000:] + done.stderr[-3000:]
    assert done.returncode == 0, said
    assert "passed" in done.stdout, said
    tally.add()
