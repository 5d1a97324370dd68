"""What the first bytes of a file tell."""

import os
import random
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alogd.collectors.firstlook import not_text, year_of

DATA = Path(__file__).parents[3] / "shared" / "data"


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "modified", "year"),
    [
        (b"Jun  9 06:06:20 h p: x", "2025-11-22T10:00", 2025),
        (b"Dec 31 23:59:59 h p: x", "2026-01-01T00:10", 2025),
        (b"Nov 24 00:00:00 h p: x", "2025-11-22T23:00", 2025),  # stamps run ahead of UTC by up to a day
        (b"Nov 25 00:00:00 h p: x", "2025-11-22T23:00", 2024),
        (b"Jan  1 00:30:00 h p: x", "2025-12-31T23:30", 2026),
        (b"<13>Dec  5 06:06:20 h p: x", "2025-11-22T10:00", 2024),
        (b"Feb 29 06:06:20 h p: x", "2025-11-22T10:00", 2024),
        (b"Feb 29 06:06:20 h p: x", "2103-11-22T10:00", 2096),  # 2100 was no leap year
        (b"E1205 06:06:20.1 7 x.go:1] x", "2025-11-22T10:00", 2024),
        (b"garbage first\nDec  5 06:06:20 h p: x", "2025-11-22T10:00", 2024),
        (b"2019-01-01 no stamp without a year", "2025-11-22T10:00", 2025),
        (b"Jun 99 06:06:20 h p: x", "2025-11-22T10:00", 2025),
        (b"", "2025-11-22T10:00", 2025),
    ],
)
def test_year_of_the_first_line(line: bytes, modified: str, year: int) -> None:
    assert year_of(line, at(modified)) == year


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"plain\n",
        b"\x1b[31mred\x1b[0m\n",
        "Grüße, 你好\n".encode(),
        "caf\u00e9\n".encode("latin-1"),
        b"tabs\tand\r\nform feeds\f\n",
        b"\0" * 3000 + b"Jun  9 06:06:20 h p: after a hole\n",
        b"one\0two\n",
    ],
)
def test_text(head: bytes) -> None:
    assert not_text(head) is None


@pytest.mark.parametrize(
    "head",
    [
        b"\x1f\x8b\x08\0",
        b"LPKSHHRH" + bytes(100),
        (b"\x02\0\0\0\0\0\0\0~" + bytes(375)) * 5,
        random.Random(7).randbytes(4096),
        "text".encode("utf-16"),
        bytes(range(16)) * 10,
    ],
)
def test_not_text(head: bytes) -> None:
    assert not_text(head)


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared logs are not there")
def test_real_logs_are_text() -> None:
    paths = list((DATA / "loghub2k").rglob("*.log"))
    assert len(paths) >= 8
    for path in paths:
        with path.open("rb") as log:
            assert not_text(log.read(4096)) is None, path


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared logs are not there")
def test_real_kernel_reports_are_text() -> None:
    with tarfile.open(DATA / "kernel" / "syzkaller_reports_dev.tar.gz") as archive:
        for member in archive:
            if opened := archive.extractfile(member):
                assert not_text(opened.read(4096)) is None, member.name


def test_programs_are_not_text() -> None:
    with open(os.path.realpath("/proc/self/exe"), "rb") as program:
        assert not_text(program.read(4096)) == "a program"
