"""The engine without 16 bytes at a time (engine_c/lanes.h), as it is compiled where there is no SSE2, passes the tests
of headers and feeding: they run in a copy of the tree, on an extension of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

TESTS = ("tests/test_headers.py", "tests/test_header_again.py", "tests/test_alike.py", "tests/test_engine_feed.py",
         "tests/test_engine_state.py", "tests/test_masks.py")  # fmt: skip
PARTS = "alogd", "collectors", "detectors", "configs", "engine_c", "tests"
FILES = "setup.py", "pyproject.toml", "README.md", "LICENSE"


@pytest.mark.slow
def test_without_sse2(tmp_path: Path) -> None:
    if shutil.which("gcc") is None and shutil.which("clang") is None:
        pytest.skip("no C compiler")
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "_engine*.so"))
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path)
    flags = {**os.environ, "ALOGD_CFLAGS": "-O1 -U__SSE2__ -Werror"}
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(build, cwd=tmp_path, env=flags, check=True)
    assert list((tmp_path / "alogd").glob("_engine*.so"))
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not soak", *TESTS]
    done = subprocess.run(tests, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
