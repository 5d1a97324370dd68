"""Lines read by both header readers, which must agree on everything, and the golden logs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from alogd import _engine
from alogd.reference.headers import KINDS, Fields, HeaderReader

GOLDEN = Path(__file__).parent / "golden" / "headers"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """What a reader makes of one line."""

    begins: bool
    joins: bool
    otel: int
    time: int | None
    host: bytes
    program: bytes
    pid: bytes
    message: bytes
    key: bytes
    kind: str
    year: int


def read_c(lines: Sequence[bytes], kind: str = "auto", year: int = 2026, offset_s: int = 0, key: str = "") -> list[Row]:
    rows = _engine.headers(b"\n".join(lines), KINDS.index(kind), year, offset_s, key.encode())
    return [Row(bool(row[0]), bool(row[1]), *row[2:9], KINDS[row[9]], row[10]) for row in rows]


def row_of(fields: Fields, joins: bool, reader: HeaderReader) -> Row:
    texts = (fields.host, fields.program, fields.pid, fields.message, fields.key)
    return Row(fields.begins, joins, fields.otel, fields.timestamp_ns, *texts, reader.kind, reader.year)


def read_twin(
    lines: Sequence[bytes], kind: str = "auto", year: int = 2026, offset_s: int = 0, key: str = ""
) -> list[Row]:
    reader, rows, joined = HeaderReader(kind, year, offset_s, key or None), [], 0
    for line in lines:
        fields = reader.read(line)
        joins = not fields.begins and reader.continues(joined)
        joined = 0 if fields.begins else joined + joins
        rows.append(row_of(fields, joins, reader))
    return rows


def read(lines: Sequence[bytes], kind: str = "auto", year: int = 2026, offset_s: int = 0, key: str = "") -> list[Row]:
    """Read by both, which must agree on everything."""
    rows = read_c(lines, kind, year, offset_s, key)
    for line, ours, theirs in zip(lines, rows, read_twin(lines, kind, year, offset_s, key), strict=True):
        assert ours == theirs, line[:300]
    return rows


def one(line: bytes, **options: object) -> Row:
    return read([line], **options)[0]  # type: ignore[arg-type]


def ns(text: str) -> int:
    """Nanoseconds since 1970 of an ISO time in UTC, by datetime."""
    seconds, _, fraction = text.partition(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(seconds=1) * 10**9 + int(fraction.ljust(9, "0") or 0)


def expectation(comment: bytes) -> dict[str, bytes]:
    names = ("time", "level", "host", "program", "pid", "message")
    starts = [comment.index(f" {name}=".encode()) for name in names]
    parts = [comment[a:b] for a, b in zip(starts, [*starts[1:], len(comment)], strict=True)]
    return {
        name: b"" if part.endswith(b"=-") else part.partition(b"=")[2] for name, part in zip(names, parts, strict=True)
    }


def load_golden(path: Path) -> tuple[dict[str, str], list[bytes], list[bytes]]:
    head, *rest = path.read_bytes().split(b"\n")[:-1]
    options = dict(option.split("=") for option in head.decode().removeprefix("#").split())
    return options, rest[0::2], rest[1::2]


GOLDEN_FILES = sorted(GOLDEN.glob("*.log"))
GOLDEN_LINES = [line for path in GOLDEN_FILES for line in load_golden(path)[2]]
