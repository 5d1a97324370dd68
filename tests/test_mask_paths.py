"""Every code path of the masker (engine_c/mask_path.h) gives the tokens that the careful one does, which test_masks.py
holds to the reference; and the path can be named."""

from __future__ import annotations

import platform
import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from alogd import _engine
from tests import mask_lines
from tests.conftest import ROOT

SANITIZED = "-fsanitize=address,undefined", "-fno-sanitize-recover=all"
SHAPES = rb"""
    10.0.0.%d /10.1.%d.3:80 (10.1.2.%d) [10.%d.1.1] rhost=1.2.3.%d 1.2.3.%d:80: 1.2.3.4.%d 1.2.3.%d,1.2.3.4
    %d %d. (%d) [%d] (%d, x[%d]: -%d +%d/s uid=%d pid=%d "pid":%d %d:05:25.1 blk_-%d core.%d R%02d-M1-N0 ssh%d
    eth%d dm-%d sda%d, 0x%x %08x %06x: 0x%xg %X/ %dMB/s %de-05 1,%d a.c:%d a.com:%d /a/b%d /a/%d/ /%d/a /dev/sda%d
    x::%d %d:: %dx5 000%d 0000000%d a-b-c-d-e%d [ [_%d %d] ] \%d c:\%d http://a/%d {%d %d}
""".split()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    built = tmp_path_factory.mktemp("paths") / "mask_paths"
    names = [*(ROOT / "engine_c").glob("mask*.c"), *(ROOT / "engine_c" / f"{n}.c" for n in ("hash", "dfa", "unicode"))]
    command = [compiler, "-std=c11", "-O1", "-g", f"-I{ROOT / 'engine_c'}", str(ROOT / "tests" / "c" / "mask_paths.c")]
    command += [*map(str, names), "-o", str(built)]
    if subprocess.run([*command, *SANITIZED], capture_output=True, check=False).returncode:
        subprocess.run(command, check=True)
    return built


def compare(program: Path, lines: Iterable[bytes]) -> dict[str, int]:
    """How many of the lines each path took; all of those as the careful path has them."""
    done = subprocess.run([program], input=b"\n".join(lines), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    rows = [line.split(b" ", 5) for line in done.stdout.splitlines() if b" took " in line]
    assert all(row[4].rstrip(b":") == b"0" for row in rows), done.stdout.decode(errors="replace")
    return {row[0].decode(): int(row[2]) for row in rows}


def shaped(seed: int, count: int) -> Iterable[bytes]:
    """Lines of tokens that the paths know by their shape, and of such that are nearly so."""
    choose = random.Random(seed)
    for _ in range(count):
        tokens = []
        for _ in range(choose.randrange(1, 9)):
            shape = choose.choice(SHAPES)
            if b"%" in shape:
                shape %= choose.randrange(10 ** choose.randrange(1, 12))
            if choose.random() < 0.3:
                at = choose.randrange(len(shape) + 1)
                shape = shape[:at] + choose.choice(b'-+.,:/_=eafxg01 ([{)]\\"m').to_bytes() + shape[at:]
            tokens.append(shape)
        yield b"x" * choose.randrange(70) * (choose.random() < 0.2) + choose.choice((b" ", b"  ", b"\t")).join(tokens)


@pytest.mark.parametrize("seed", range(2))
def test_paths_agree_on_random_lines(program: Path, seed: int) -> None:
    lines = [line.replace(b"\0", b"") for line in mask_lines.lines(seed, 20_000)]
    took = compare(program, lines)
    assert "plain" in took
    assert all(count > len(lines) / 3 for count in took.values()), took


@pytest.mark.parametrize("seed", range(2))
def test_paths_agree_on_shapes(program: Path, seed: int) -> None:
    lines = list(shaped(seed, 20_000))
    assert all(count > len(lines) / 2 for count in compare(program, lines).values())


def test_paths_agree_on_every_pair_in_a_number(program: Path) -> None:
    bytes_ = [byte for byte in range(1, 128) if byte != 10]
    lines = [b"a%c%c1 1%c%c2" % (one, two, one, two) for one in bytes_ for two in bytes_]
    assert all(count > len(lines) / 2 for count in compare(program, lines).values())


def test_paths_agree_on_real_logs(program: Path, data: Path) -> None:
    lines = [line for path in sorted(data.glob("loghub2k/*/*_2k.log")) for line in path.read_bytes().split(b"\n")]
    assert all(count > 0.9 * len(lines) for count in compare(program, lines).values())


def test_a_path_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALOGD_CPU", "plain")
    assert _engine.cpu() == "plain"
    monkeypatch.setenv("ALOGD_CPU", "abacus")
    widest = _engine.cpu()
    monkeypatch.delenv("ALOGD_CPU")
    assert _engine.cpu() == widest
    assert platform.machine() != "x86_64" or widest != "plain"
