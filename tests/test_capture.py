"""Captured texts: the masked message, host, program and level of every record, in the order of the batch."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from alogd.engine import dfa
from alogd.engine.dfa import Automaton
from alogd.engine.names import MASKS
from alogd.engine.native import Engine, EngineConfig
from alogd.engine.settings import TextColumn
from alogd.reference import masks as reference
from tests import mask_lines

Row = tuple[int, bytes, bytes, bytes, int]  # offset, masked, host, program, OTel number


def texts(column: TextColumn) -> list[bytes]:
    ends = np.frombuffer(column.offsets, np.int32).tolist()
    assert ends[0] == 0
    assert ends[-1] == len(column.data)
    return [column.data[a:b] for a, b in itertools.pairwise(ends)]


def rows_of(engine: Engine, offsets: list[int]) -> list[Row]:
    got = engine.captured()
    assert got.rows == len(offsets) == len(got.otel)
    columns = (texts(got.masked), texts(got.host), texts(got.program), list(got.otel))
    return list(zip(offsets, *columns, strict=True))


def captured(engine: Engine, text: bytes, cuts: list[int] | None = None, source: int = 0) -> list[Row]:
    """All records of a text, fed in pieces."""
    engine.capture()
    rows: list[Row] = []
    ends = [*(cuts or []), len(text)]
    for begin, end in zip([0, *ends], ends, strict=False):
        rows += rows_of(engine, engine.feed(text[begin:end], source).offset.tolist())
    return rows + rows_of(engine, engine.flush(source).offset.tolist())


def lines_as_they_are(**more: object) -> Engine:
    return Engine(EngineConfig(header=None, multiline=False, keep_empty=True, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("on", [MASKS, (), ("num",), ("path", "ip", "uuid"), ("hex", "mac", "pid", "device")], ids=str)
def test_masked_as_the_reference_does(on: tuple[str, ...]) -> None:
    lines = [line for line in mask_lines.lines(11, 4000) if not line.endswith(b"\r")]
    got = captured(lines_as_they_are(masks=on), b"\n".join(lines) + b"\n")
    assert [row[1] for row in got] == [reference.mask(line, on) for line in lines]


def test_users_masks_too() -> None:
    pattern = "blk_-?[0-9]+"
    find = Automaton(dfa.compile(pattern)).finditer
    lines = [b"got blk_-17 from 10.0.0.1:80", b"blk_1blk_2 7", b"none at all"]
    got = captured(lines_as_they_are(user_masks=(("BLK", pattern),)), b"\n".join(lines))
    assert [row[1] for row in got] == [reference.mask(line, MASKS, [("BLK", find)]) for line in lines]


def test_more_tokens_than_are_compared() -> None:
    line = b" ".join(b"w%d" % i for i in range(9000))
    (row,) = captured(lines_as_they_are(max_tokens=8), line)
    assert row[1] == reference.mask(line)


def test_a_line_of_numbers_alone_is_masked_to_its_end() -> None:
    line = (b"1 " * 40_000)[:65_536]
    (row,) = captured(lines_as_they_are(), line)
    assert row[1] == reference.mask(line)


SYSLOG = (
    b"Jan  2 03:04:05 web1 sshd[12]: failed password for 10.0.0.1\n"
    b"Jan  2 03:04:06 web2 kernel: <3>oops\n\tat a.b(c.c:1)\n\tat d\n\n"
    b"no header at all\n"
    b"2026-01-02 03:04:07,123 ERROR [main] a.B: disk 7 is full\n"
    b'{"time":"2026-01-02T03:04:08Z","level":"warn","host":"h3","msg":"say \\"hi\\" 5"}\n'
)


@pytest.mark.parametrize("multiline", [True, False])
def test_host_program_and_level(multiline: bool) -> None:
    rows = captured(Engine(EngineConfig(multiline=multiline)), SYSLOG)
    said = {row[1]: row[2:] for row in rows}
    assert said[b"failed password for <IP>"] == (b"web1", b"sshd", 0)
    assert said[b"disk <NUM> is full"] == (b"", b"a.B", 17)
    assert said[b'say "hi" <NUM>'] == (b"h3", b"", 13)
    assert [b"oops" in row[1] for row in rows].index(True) == 1
    assert (b"at d" in b"".join(said)) is not multiline


@pytest.mark.parametrize("multiline", [True, False])
def test_the_same_however_it_is_cut(multiline: bool) -> None:
    text = SYSLOG * 40
    choose = random.Random(3)
    whole = captured(Engine(EngineConfig(multiline=multiline)), text)
    assert len(whole) > 100
    for pieces in (1, 7, 60):
        cuts = sorted(choose.randrange(len(text)) for _ in range(pieces))
        assert captured(Engine(EngineConfig(multiline=multiline)), text, cuts) == whole
    assert captured(Engine(EngineConfig(multiline=multiline)), text, list(range(1, len(text)))) == whole


def test_sources_one_after_another() -> None:
    engine = Engine(EngineConfig())
    assert captured(engine, SYSLOG, source=1) == captured(engine, SYSLOG, source=2)


def test_a_record_begun_before_has_its_message() -> None:
    engine = Engine(EngineConfig())
    engine.feed(b"Jan  2 03:04:05 web1 sshd[12]: one\n")
    engine.capture()
    batch = engine.feed(b"Jan  2 03:04:05 web1 sshd[12]: two\n")
    assert rows_of(engine, batch.offset.tolist()) == [(0, b"one", b"", b"", 0)]
    assert [row[1:4] for row in rows_of(engine, engine.flush().offset.tolist())] == [(b"two", b"web1", b"sshd")]


def test_settled_records_are_captured_and_what_is_learned_is_the_same() -> None:
    plain, engine = Engine(EngineConfig(seed=1)), Engine(EngineConfig(seed=1))
    engine.capture()
    for one in (plain, engine):
        one.feed(SYSLOG)
    plain.settle()
    assert len(rows_of(engine, engine.settle().offset.tolist())) == 1
    assert plain.save() == engine.save()


def test_asked_for_without_capturing() -> None:
    with pytest.raises(RuntimeError, match="captures no texts"):
        Engine(EngineConfig()).captured()
