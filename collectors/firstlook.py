"""What the first bytes of a file tell: whether it is a text log at all, and which year its stamps without one mean.

Pure functions of bytes and a modification time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

PEEK = 4096  # bytes looked at

_MAGIC = (
    (b"\x1f\x8b", "a gzip file; `alogd replay` reads it"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x04\x22\x4d\x18", "an lz4 file"),
    (b"LPKSHHRH", "a systemd journal; use the journald collector"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xff\xfe", "UTF-16 text; convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text; convert it to UTF-8"),
)
# Control characters no text log is made of (tab, line ends, escape for colours and backspace are).
_CONTROL = bytes(set(range(32)) - {8, 9, 10, 11, 12, 13, 27})
# A log truncated under a writer that does not append begins with NULs; one that lost power may have them anywhere.
_HOLE = re.compile(rb"\0{16,}")
_MAX_CONTROL_SHARE = 0.05  # random bytes have 0.1, wtmp 0.8, text 0

_MONTHS = {name: i + 1 for i, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())}
_SYSLOG = re.compile(rb"^(?:<\d{1,3}>)?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d ", re.MULTILINE)
_KLOG = re.compile(rb"^[IWEF](\d\d)(\d\d) \d\d:\d\d:\d\d", re.MULTILINE)


def not_text(head: bytes) -> str | None:
    """Says what a file is that does not look like a text log; None when it does (or is empty)."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    head = _HOLE.sub(b"", head).lstrip(b"\0")
    controls = len(head) - len(head.translate(None, _CONTROL))
    return "not text" if controls > max(2.0, _MAX_CONTROL_SHARE * len(head)) else None


def _month_day(head: bytes) -> tuple[int, int] | None:
    if match := _SYSLOG.search(head):
        return _MONTHS[match[1]], int(head[match.end() - 3 : match.end() - 1])
    if match := _KLOG.search(head):
        return int(match[1]), int(match[2])
    return None


def year_of(head: bytes, modified: float) -> int:
    """The year of the first line: the latest in which it is not younger than the file's last change.

    Two days of grace, because stamps are in a zone nobody wrote down. `modified` is in seconds since 1970 UTC.
    """
    changed = datetime.fromtimestamp(modified, UTC).date()
    stamp = _month_day(head)
    if stamp is None:
        return changed.year
    latest = changed + timedelta(days=2)
    for year in range(latest.year, latest.year - 9, -1):  # 29 February may be eight years back
        try:
            if date(year, *stamp) <= latest:
                return year
        except ValueError:
            continue
    return changed.year
