"""The package as it is shipped: the source distribution compiles, the wheel is for every Python from 3.11 on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, path: str | None = None) -> str:
    """Standard output and error of a command that must succeed."""
    environment = {**os.environ, "PYTHONPATH": "", **({} if path is None else {"PATH": path})}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, text=True, capture_output=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what git knows, as it stands in the working tree."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    copy = tmp_path / "checkout"
    for name in run("git", "ls-files", "-z", cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_symlink() | (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    return copy


def build(checkout: Path, *flags: str, path: str | None = None) -> str:
    command = (sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", *flags)
    return run(*command, "--outdir", checkout / "dist", cwd=checkout, path=path)


def test_wheel_made_from_the_source_distribution(checkout: Path, tmp_path: Path) -> None:
    build(checkout)  # the wheel is built from the unpacked sdist
    (wheel,) = (checkout / "dist").glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("alogd/_engine.abi3.so", "alogd/collectors/file.py", "alogd/detectors/ewma.py"):
        assert wanted in names
    assert any(name.endswith("share/alogd/alogd.yaml") for name in names)
    assert any(name.endswith("share/man/man1/alogd.1") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "collectors/", "detectors/", "engine_c/"))]
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "site", wheel, cwd=tmp_path)
    code = (
        "import sys; sys.path.insert(0, 'site'); import alogd.engine.native, alogd._engine as engine;"
        "import alogd.windows.gather;"
        "import alogd.collectors.file, alogd.detectors.ewma;"
        "print(engine.__file__, alogd.windows.gather.Windows.__module__)"
    )
    shown = run(sys.executable, "-c", code, cwd=tmp_path).split()
    assert shown[0].endswith("site/alogd/_engine.abi3.so")
    assert shown[1] == "alogd.windows.gather"


def test_without_a_compiler_the_package_says_so_and_is_pure(checkout: Path) -> None:
    said = build(checkout, "--wheel", path="/nonexistent")
    assert "built without its C engine: no C compiler" in said
    (wheel,) = (checkout / "dist").glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
