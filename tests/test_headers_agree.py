"""Headers: the C readers equal their plain twin on hostile, made and real lines, and read real logs right."""

import csv
import gzip
import io
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alogd.reference.headers import KINDS
from tests.header_rows import GOLDEN_LINES, ns, one, read

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real logs (../shared/data) are not here")

# ---- hostile lines ---------------------------------------------------------------------------------------

HOSTILE = {
    "empty": b"",
    "nul": b"\x00" * 100,
    "nul_in_syslog": b"Jan  2 03:04:05 h p[1]: a\x00b",
    "not_utf8": b"2026-01-02 03:04:05 ERROR \xff\xfe\x80 x",
    "long_word": b"x" * 65536,
    "long_message": b"2026-01-02 03:04:05 INFO " + b"y " * 32768,
    "brackets": b"2026-01-02 03:04:05 INFO " + b"[" * 65000,
    "json_depth": b'{"time":"2026-01-02T03:04:05Z","a":' + b"[" * 65000,
    "json_closed_depth": b'{"a":' + b"[" * 30000 + b"]" * 30000 + b',"msg":"m"}',
    "json_objects": b'{"a":' * 10000,
    "json_backslashes": b'{"msg":"' + b"\\" * 65001 + b'"}',
    "json_keys": b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(8000)) + b"}",
    "json_unterminated": b'{"msg":"' + b"z" * 60000,
    "quotes": b'"' * 65536,
    "logfmt_words_that_touch": b"level=info " + b'a=""b="x"c' * 400,
    "logfmt_quotes": b'level=info msg="' + b'\\"' * 30000,
    "structured_data": b"<1>1 - - - - - [" + b'a="\\"" ' * 9000,
    "request": b'h - - [02/Jan/2026:03:04:05 +0000] "' + b"\\" * 60000,
    "colours": b"\x1b[" * 30000,
    "dots": b"2026-01-02 03:04:05 INFO " + b"a." * 30000 + b": x",
    "digits": b"2026-01-02 03:04:05." + b"9" * 60000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["auto", "none", "json", "log4j", "rfc3164", "logfmt", "cri"])
def test_hostile_lines_agree(name: str, kind: str) -> None:
    line = HOSTILE[name]
    row = one(line, kind=kind)
    assert len(row.message) <= len(line)


def test_a_cut_line_keeps_what_was_read() -> None:
    whole = b'{"time":"2026-01-02T03:04:05Z","level":"error","msg":"boom","trace":"' + b"t" * 500 + b'"}'
    assert {(row.time, row.otel, row.message) for row in (one(whole[:n]) for n in range(60, len(whole)))} == {
        (ns("2026-01-02T03:04:05"), 17, b"boom")
    }


PIECES = [
    b" ", b"  ", b"[", b"]", b":", b"-", b" - ", b"|", b",", b'"', b"\\", b"{", b"}", b"=", b"0", b"9", b"T", b"Z",
    b".", b"#", b"INFO", b"error", b"ERROR:", b"[warn]", b"\t", b"\x00", b"\xff", b"\x1b[1m", b"\\u00e9", b"\\ud83d",
    b"<4>", b"(a.b)", b"time=", b"level=", b"msg=", b'"log":', b'"stream":"x",', b'"level":10,', b"LOG:", b"D ",
    b"Error", b" UTC", b"+05:30", b"1700000000", b"1234567890123", b"2026-01-02T03:04:05", b"24:00:00", b"Feb 29",
    b"kernel: [1.2] ", b"Jan",
]  # fmt: skip
BODY = [
    b"",
    b"  x",
    b"}",
    b"Traceback (most recent call last):",
    b"ValueError: x",
    b"panic: x",
    b"main.f(1)",
    b"Caused by: y",
]


@st.composite
def mutated_lines(draw: st.DrawFn) -> list[bytes]:
    """A few golden lines, each cut, spliced and sprinkled with pieces of others, some many times over."""
    base = draw(st.lists(st.sampled_from(GOLDEN_LINES + BODY), min_size=1, max_size=4))
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        line = draw(st.sampled_from(base))
        for _ in range(draw(st.integers(0, 3))):
            at, until = draw(st.integers(0, len(line))), draw(st.integers(0, 6))
            other = draw(st.sampled_from([*PIECES, draw(st.sampled_from(base))[at:]]))
            line = line[:at] + other + line[at + until :]
        lines += [line.replace(b"\n", b"")] * draw(st.sampled_from([1, 1, 1, 22]))
    return lines


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    lines=mutated_lines(),
    kind=st.sampled_from(["auto", "auto", *KINDS]),
    key=st.sampled_from(["", "msg", "log", "a.b"]),
)
def test_made_lines_agree(lines: list[bytes], kind: str, key: str) -> None:
    read(lines, kind, 2024, 0, key)


# ---- real logs -------------------------------------------------------------------------------------------


def lines_of(text: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in text.removesuffix(b"\n").split(b"\n")]


@needs_data
@pytest.mark.parametrize("system", ["HDFS", "Hadoop", "Spark", "BGL", "HPC", "Linux", "OpenSSH", "Apache"])
def test_messages_are_the_content_of_labelled_logs(system: str) -> None:
    log = DATA / "loghub2k" / system / f"{system}_2k.log"
    with log.with_name(log.name + "_structured.csv").open(newline="") as table:
        wanted = [row["Content"].strip().encode() for row in csv.DictReader(table)]
    rows = read(lines_of(log.read_bytes()))
    right = sum(row.message == content for row, content in zip(rows, wanted, strict=True))
    assert right >= 0.99 * len(wanted)
    assert all(row.time for row in rows)


@needs_data
@pytest.mark.parametrize(
    ("name", "kind", "headed"),
    [
        ("elastic/auth.log.gz", "rfc3164", 1.0),
        ("linux/linux_quiet.log.gz", "rfc3164", 1.0),
        ("elastic/apache_access.log.gz", "clf", 1.0),
        ("elastic/nginx_json.log.gz", "json", 1.0),
        ("apache/apache_error.log.gz", "log4j", 0.92),
    ],
)
def test_real_logs(name: str, kind: str, headed: float) -> None:
    rows = read(lines_of(gzip.decompress((DATA / name).read_bytes()))[:20000])
    assert rows[-1].kind == kind
    assert sum(row.begins for row in rows) >= headed * len(rows)
    assert all(row.begins != row.joins for row in rows)


def members(name: str) -> Iterable[tuple[str, list[bytes]]]:
    with tarfile.open(fileobj=io.BytesIO((DATA / name).read_bytes())) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file:
                yield member.name, lines_of(file.read())


@needs_data
def test_kafka_logs() -> None:
    for name, lines in members("elastic/kafka_logs.tar.gz"):
        if "/server.log" not in name and "/controller.log" not in name:
            continue
        rows = read(lines)
        for line, row in zip(lines, rows, strict=True):
            assert row.begins == line.startswith(b"[20"), line
            assert row.begins or row.joins or not line, line


@needs_data
def test_kernel_reports() -> None:
    for _, lines in members("kernel/syzkaller_reports_dev.tar.gz"):
        for line, row in zip(lines, read(lines), strict=True):
            if re.match(rb"\[ *\d+\.\d+\]", line):
                assert row.begins
                assert not row.joins
