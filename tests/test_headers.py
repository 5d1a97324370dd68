"""Headers: the C readers and their plain twin say of every line what the golden logs expect."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alogd.reference.header_levels import severity_of
from tests.header_rows import EPOCH, GOLDEN_FILES, expectation, load_golden, ns, one, read


@pytest.mark.parametrize("path", GOLDEN_FILES, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    options, comments, lines = load_golden(path)
    rows = read(lines, options.get("kind", "auto"), int(options.get("year", 1970)))
    for comment, line, row in zip(comments, lines, rows, strict=True):
        if comment == b"# none":
            assert not row.begins, line
            assert row.message == line
            continue
        want = expectation(comment)
        assert row.begins, line
        assert row.time == (ns(want["time"].decode()) if want["time"] else None), line
        assert row.otel == int(want["level"] or 0), line
        assert (row.host, row.program, row.pid, row.message) == tuple(
            want[n] for n in ("host", "program", "pid", "message")
        )


# ---- time ------------------------------------------------------------------------------------------------

LAYOUTS = {
    "%Y-%m-%d %H:%M:%S": "iso8601",
    "%Y-%m-%dT%H:%M:%S": "iso8601",
    "%Y/%m/%d %H:%M:%S": "iso8601",
    "%y/%m/%d %H:%M:%S": "iso8601",
    "%y%m%d %H%M%S": "iso8601",
    "%b %d %H:%M:%S": "rfc3164",
    "%b %e %Y %H:%M:%S": "iso8601",
    "[%a %b %d %H:%M:%S %Y]": "iso8601",
    "%b %d, %Y %I:%M:%S %p": "iso8601",
    "%m-%d %H:%M:%S": "iso8601",
    "[%m.%d %H:%M:%S]": "iso8601",
    "%d.%m.%Y %H:%M:%S": "iso8601",
    "%Y%m%d-%H:%M:%S": "iso8601",
    "%d %b %Y %H:%M:%S": "iso8601",
    "[%d-%b-%Y %H:%M:%S]": "iso8601",
    '192.0.2.1 - - [%d/%b/%Y:%H:%M:%S +0000] "GET / HTTP/1.1" 200 1': "clf",
    "I%m%d %H:%M:%S.000000 1 a.go:1]": "klog",
}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(moments=st.lists(st.datetimes(datetime(2001, 1, 1), datetime(2099, 12, 31)), min_size=1, max_size=8))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_equals_datetime(layout: str, moments: list[datetime]) -> None:
    for moment in moments:
        whole = moment.replace(microsecond=0, tzinfo=UTC)
        row = one(whole.strftime(layout).encode() + b" x", kind=LAYOUTS[layout], year=whole.year)
        assert row.time == (whole - EPOCH) // timedelta(seconds=1) * 10**9


def test_a_run_of_stamps_reads_as_each_alone() -> None:
    """What is remembered of the last stamp never changes the next one."""
    rng = random.Random(7)
    moment = datetime(2026, 2, 27, 23, 59, 50, tzinfo=UTC)
    lines, wanted = [], []
    for _ in range(3000):
        moment += timedelta(seconds=rng.choice([0, 0, 0, 1, 59, 3600, 86400]))
        lines.append(moment.strftime(rng.choice(["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S"])).encode() + b" INFO x")
        wanted.append((moment - EPOCH) // timedelta(seconds=1) * 10**9)
    assert [row.time for row in read(lines)] == wanted


def test_seconds_of_one_and_two_digits() -> None:
    rows = read([b"20171223-22:15:2:606|a|1|x", b"20171223-22:15:29:606|a|1|x", b"20171223-22:15:2:7|a|1|x"])
    assert [row.time for row in rows] == [ns(f"2017-12-23T22:15:{s}") for s in ("02.606", "29.606", "02.7")]


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("1767323045", "2026-01-02T03:04:05"),
        ("1767323045.5", "2026-01-02T03:04:05.5"),
        ("1767323045123", "2026-01-02T03:04:05.123"),
        ("1767323045123.25", "2026-01-02T03:04:05.12325"),
        ("1767323045123456", "2026-01-02T03:04:05.123456"),
        ("1767323045123456789", "2026-01-02T03:04:05.123456789"),
        ('"1767323045"', "2026-01-02T03:04:05"),
        ('"2026-01-02 03:04:05,5"', "2026-01-02T03:04:05.5"),
        ('"02/Jan/2026:03:04:05 +0100"', "2026-01-02T02:04:05"),
    ],
)
def test_epochs_and_stamps_in_json(value: str, time: str) -> None:
    assert one(f'{{"time":{value},"msg":"x"}}'.encode()).time == ns(time)


@pytest.mark.parametrize(
    "value", ["12", "0", "-1767323045", "1e9", "99999999999999999999", '"soon"', "null", "[1767323045]"]
)
def test_no_time_in_json(value: str) -> None:
    assert one(f'{{"time":{value},"msg":"x"}}'.encode()).time is None


def test_local_stamps_are_shifted_and_others_are_not() -> None:
    lines = [
        b"2026-01-02 03:04:05 x",
        b"2026-01-02T03:04:05Z x",
        b"2026-01-02T03:04:05+02:00 x",
        b"Jan  2 03:04:05 h p: x",
    ]
    minutes = [int((row.time or 0) - ns("2026-01-02T00:00:00")) // 10**9 // 60 for row in read(lines, offset_s=3600)]
    assert minutes == [124, 184, 64, 124]


def test_years_turn_with_the_log() -> None:
    days = [b"Nov 30", b"Dec 31", b"Jan  1", b"Dec 31", b"Jan  1", b"Aug  9", b"Feb  1", b"Feb 29"]
    rows = read([day + b" 12:00:00 h p: x" for day in days], year=2023)
    years = [datetime.fromtimestamp((row.time or 0) // 10**9, UTC).year for row in rows]
    assert years == [2023, 2023, 2024, 2023, 2024, 2024, 2025, 2025]


# ---- kinds -----------------------------------------------------------------------------------------------

ISO = b"2026-01-02 03:04:05 INFO [main] a.B: line %d"
SYSLOG = b"Jan  2 03:04:05 host prog[7]: line %d"


def numbered(pattern: bytes, n: int) -> list[bytes]:
    return [pattern % i for i in range(n)]


def test_a_kind_is_settled_by_twenty_lines() -> None:
    rows = read(numbered(ISO, 25))
    assert [row.kind for row in rows] == ["auto"] * 19 + ["log4j"] * 6
    assert all(row.begins and row.program == b"a.B" for row in rows)


def test_continuation_lines_do_not_vote() -> None:
    lines = [line for first in numbered(ISO, 20) for line in [first, *[b"\tat a.B.c(B.java:1)"] * 9]]
    rows = read(lines)
    assert rows[-1].kind == "log4j"
    assert [row.begins for row in rows] == [i % 10 == 0 for i in range(200)]
    assert all(row.begins != row.joins for row in rows)


def test_a_source_that_changes_is_voted_on_again() -> None:
    rows = read(numbered(ISO, 30) + numbered(SYSLOG, 130))
    assert rows[29].kind == "log4j"
    assert rows[30 + 99].kind == "auto"
    assert rows[-1].kind == "rfc3164"
    assert all(row.begins and row.time for row in rows), "a line of another kind is read when it carries a time"


def test_a_kind_that_was_set_stays() -> None:
    rows = read(numbered(SYSLOG, 300), kind="json")
    assert {(row.kind, row.begins, row.joins) for row in rows} == {("json", False, True)}


def test_none_takes_every_line_as_it_is() -> None:
    lines = [*numbered(SYSLOG, 40), b"  x \r", b"\xef\xbb\xbf{}", b"\x1b[1mx"]
    assert [row.message for row in read(lines, kind="none")] == lines


def test_plain_lines_stay_plain() -> None:
    rows = read([b"some words without a header, number %d" % i for i in range(300)])
    assert {(row.kind, row.begins, row.joins) for row in rows} == {("auto", False, False)}


def test_json_in_a_body_is_no_record_but_a_stamped_line_is() -> None:
    lines = [*numbered(ISO, 20), b'{"a": 1, "b": "x"}', b"ERROR: a level alone", SYSLOG % 1, b"[    1.000000] kernel"]
    assert [row.begins for row in read(lines)[20:]] == [False, True, True, True]


def test_levels_only_at_their_place() -> None:
    """Text that an attacker writes names no level (fields come from structure alone)."""
    for text in (
        b"Jan  2 03:04:05 h p[1]: ERROR: x",
        b"2026-01-02 03:04:05 user said ERROR",
        b"hello level=error",
        b"Error: x",
    ):
        assert one(text).otel == 0, text


@pytest.mark.parametrize("pri", range(0, 192, 5))
def test_syslog_severities(pri: int) -> None:
    wanted = (21, 19, 18, 17, 13, 10, 9, 5)[pri % 8]
    assert one(b"<%d>Jan  2 03:04:05 h p: x" % pri).otel == wanted
    assert one(b"<%d>1 - h p - - - x" % pri).otel == wanted


def test_severity_of_levels() -> None:
    wanted = {0: 0, 1: 5, 5: 10, 9: 20, 10: 20, 13: 60, 17: 80, 18: 90, 19: 90, 21: 100}
    assert {otel: severity_of(otel) for otel in wanted} == wanted


# ---- keys ------------------------------------------------------------------------------------------------


def test_key_fields() -> None:
    json = b'{"time":"2026-01-02T03:04:05Z","msg":"x","req":"r-1","user":{"id":42}}'
    assert one(json, key="req").key == b"r-1"
    assert one(json, key="user.id").key == b"42"
    assert one(json, key="user").key == b""
    assert one(b"level=info msg=x req=r-2", key="req").key == b"r-2"
    assert (
        one(b'{"log":"level=info req=r-3\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}', key="req").key == b"r-3"
    )


# ---- records ---------------------------------------------------------------------------------------------


def joined(text: str, **options: object) -> list[int]:
    """Numbers of the lines that go on a record."""
    lines = text.strip("\n").encode().split(b"\n")
    return [i for i, row in enumerate(read(lines, **options)) if row.joins]  # type: ignore[arg-type]


TRACEBACK = """
starting
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    f()
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    g()
requests.exceptions.ConnectionError: refused
done
Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyboardInterrupt
done
"""

PANIC = """
listening
panic: runtime error: index out of range [5]

goroutine 1 [running]:
main.(*server).run(0xc000012345)
\t/src/main.go:12 +0x1d
created by main.main
\t/src/main.go:9 +0x5
exit status 2
listening
"""

RUST = """
thread 'main' panicked at src/main.rs:2:5:
index out of bounds
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
next
"""

JAVA = """
Exception in thread "main" java.lang.IllegalStateException: no
    at a.B.c(B.java:1)
Caused by: java.io.IOException: x
at a.B.d(B.java:2)
... 12 more
plain
"""

PRETTY = """
{
  "a": 1,
  "b": [
    2
  ]
}
{
  "a": 2
}
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (TRACEBACK, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15]),
        (PANIC, [2, 3, 4, 5, 6, 7, 8]),
        (RUST, [1, 2]),
        (JAVA, [1, 2, 3, 4]),
        (PRETTY, [1, 2, 3, 4, 5, 7, 8]),
        ("one\ntwo\n}\nthree\n]\n\nfour\n{", []),
        ("ERROR: x\nTraceback (most recent call last):\n  a\nValueError\ny", [1, 2, 3]),
    ],
)
def test_records_without_headers(text: str, wanted: list[int]) -> None:
    assert joined(text) == wanted


def test_indented_files_are_not_one_record() -> None:
    assert not any(row.joins for row in read([b"    line %d" % i for i in range(50)]))
    rows = read([b"head", *[b"  line %d" % i for i in range(600)]])
    assert sum(row.joins for row in rows) == 500


def test_kernel_lines_are_never_joined() -> None:
    rows = read([b"[%5d.%06d][T%d]  ? frame+0x%x/0x20" % (i, i, i, i) for i in range(300)])
    assert all(row.begins and not row.joins for row in rows)


def test_what_has_no_header_goes_on_where_others_have_one() -> None:
    rows = read([*numbered(ISO, 20), b"select *", b"from orders", b"", ISO % 20])
    assert [row.joins for row in rows[20:]] == [True, True, True, False]


def test_container_lines_go_on() -> None:
    def docker(text: str) -> bytes:
        return f'{{"log":"{text}","stream":"stderr","time":"2026-01-02T03:04:05Z"}}'.encode()

    texts = [
        "Traceback (most recent call last):\\n",
        '  File \\"a\\"\\n',
        "ValueError: x\\n",
        "long ",
        "line\\n",
        "next\\n",
    ]
    rows = read([docker(text) for text in texts])
    assert [(row.begins, row.joins) for row in rows] == [(b, not b) for b in (True, False, False, True, False, True)]
    cri = [b"2026-01-02T03:04:05Z stdout %s part %d" % (flag, i) for i, flag in enumerate([b"P", b"P", b"F", b"F"])]
    assert [row.begins for row in read(cri)] == [True, False, False, True]


def test_json_without_a_message_may_have_any_number_of_pairs() -> None:
    """Its parts are kept up to a bound; a line of more is put together from a second walk."""
    for count in (1, 30, 63, 64, 65, 66, 200):
        pairs = ",".join(f'"k{i}":{{"n":{i}}}' if i % 3 == 0 else f'"k{i}":[1]' for i in range(count))
        row = one(f'{{"time":"2026-01-02T03:04:05Z",{pairs}}}'.encode(), kind="json")
        wanted = " ".join(f"k{i}={{n={i}}}" if i % 3 == 0 else f"k{i}=[]" for i in range(count))
        assert row.message == wanted.encode()
