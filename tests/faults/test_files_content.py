"""F14-F16, F18-F21, F24: what stands in a log: torn, endless, empty, binary."""

from __future__ import annotations

import gzip
import os
import signal
from pathlib import Path

import pytest

from alogd.collectors import copies
from alogd.collectors.base import Data, Idle, Opened
from alogd.engine.native import Engine
from tests.collectors.following import check, follow
from tests.daemon_process import DaemonProcess, wait_until
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter, line, numbers


async def test_f14_handed_out_once(disk: Path, tally: Tally) -> None:
    """However late: there is no time after which a fragment is taken for a line, so none is ever torn."""
    writer = LogWriter(disk / "a.log")
    writer.partial()
    async with follow(disk) as rig:
        await rig.advance(3600, step=60)
        assert rig.positions()[0]["offset"] == 0
        writer.finish()
        await rig.advance(20)
        check(tally, rig.numbers(), [0])


async def test_f15_resumes_at_what_was_acted_upon(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(7)
    writer.partial()
    async with follow(disk) as rig:
        positions = rig.positions()
    writer.finish()
    writer.write(3)
    async with follow(disk, positions, start="end") as rig:
        check(tally, rig.numbers(), list(range(7, 11)))
        assert rig.of(Opened)[0].resumed
        assert rig.open == [positions[0]["source"]]


async def test_f18_a_hole_at_the_beginning_is_skipped(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    os.ftruncate(writer.fd, 1 << 30)
    writer.write(5)
    async with follow(disk) as rig:
        assert numbers(next(iter(rig.text.values())).lstrip(b"\0")) == list(range(5))
        assert rig.of(Opened)[0].offset >= (1 << 30) - 4096
        assert len(rig.notes("hole")) == 1


@pytest.mark.parametrize("cut", range(1, 16))
async def test_f14_the_engine_stays_before_the_fragment(disk: Path, tally: Tally, cut: int) -> None:
    """Torn after every byte, its newline alone included: what an engine has acted upon ends at a line's end."""
    writer = LogWriter(disk / "a.log")
    writer.write(2)
    engine = Engine()
    fed = 0
    async with follow(disk) as rig:
        source = rig.open[0]
        engine.open(0)
        for part, whole in ((line(2)[:cut], 2), (line(2)[cut:], 3)):
            writer.raw(part)
            await rig.advance(3)
            engine.feed(rig.text[source][fed:])
            fed = len(rig.text[source])
            assert isinstance(rig.events[-1], Idle), "quiet for so long that a record is taken as whole"
            engine.settle()
            assert engine.consumed() == 16 * whole
            assert rig.collector.position(source, engine.consumed())["offset"] == 16 * whole
        check(tally, rig.numbers(), [0, 1, 2])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_f15_once_after_a_restart(disk: Path, tally: Tally, how: signal.Signals) -> None:
    """A line that is torn while the daemon runs, ends and begins again: one line, as if nothing had been."""
    (disk / "logs").mkdir()
    writer = LogWriter(disk / "logs" / "a.log")
    daemon = DaemonProcess(disk)
    try:
        for turn in range(1, 4):
            writer.partial()
            daemon.start().wait_ready()
            wait_until(lambda turn=turn: daemon.lines() == 10 * (turn - 1), "what was read before")
            wait_until(lambda: daemon.json("/api/v1/status"), "an answer")
            daemon.signal(how)
            daemon.wait()
            writer.finish()
            writer.write(9)
        assert daemon.finish() == 0
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines() == 30, "every line, once")
        wait_until(lambda: counts(daemon) == [30], "one template of them")
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=3, lines=30)


def test_f16_the_daemon_counts_the_last_line_of_a_rotated_file(disk: Path, tally: Tally) -> None:
    (disk / "logs").mkdir()
    writer = LogWriter(disk / "logs" / "a.log")
    daemon = DaemonProcess(disk, streams=[{"name": "host", "collect": [quickly(disk)]}]).start().wait_ready()
    try:
        for turn in range(1, 4):
            writer.write(9)
            writer.raw(line(writer.next)[:-1])  # no newline, and none will come
            writer.next += 1
            writer.rotate()
            wait_until(lambda turn=turn: daemon.lines() == 10 * turn, "the last line of the old file")
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=3, lines=30)


def counts(daemon: DaemonProcess) -> list[int]:
    """How often each template was seen."""
    return [one["count"] for one in daemon.json("/api/v1/templates?stream=host")["templates"]]


def quickly(disk: Path) -> dict[str, object]:
    return {"kind": "file", "include": [f"{disk}/logs/*.log"], "poll": "100ms", "rotate_grace": "200ms"}


async def templates_of(disk: Path, content: bytes) -> tuple[dict[str, int], dict[str, int]]:
    """What the engine makes of a file that the collector reads: counts by template, and its counters."""
    (disk / "a.log").write_bytes(content)
    engine = Engine()
    engine.open(0)
    async with follow(disk) as rig:
        for block in rig.of(Data):
            engine.feed(block.block)
        assert b"".join(block.block for block in rig.of(Data)) == content
    engine.flush()
    return {one.text: one.count for one in engine.templates()}, engine.counters()


async def test_f18_nul_bytes_are_content(disk: Path, tally: Tally) -> None:
    """Better than a mask <NUL>, which would give other templates than Drain3 does: the bytes stay as they are,
    nothing ends at a NUL, and a person is shown them escaped."""
    text = b"a line without any\n" * 50  # a file that is NULs for the most part is no log
    found, _ = await templates_of(disk, b"begin a\0b end\nbegin a\0c end\n\0\0\0after the cut\n" + text)
    assert found == {"begin <*> end": 2, "\0\0\0after the cut": 1, "a line without any": 50}
    tally.add(lines=53)


NOT_UTF8 = {
    "a lone continuation byte": b"\x80",
    "a sequence cut short": b"\xe2\x82",
    "an overlong slash": b"\xc0\xaf",
    "an overlong NUL": b"\xe0\x80\x80",
    "a lone surrogate": b"\xed\xa0\x80",
    "beyond the last code point": b"\xf4\x90\x80\x80",
    "no UTF-8 at all": b"\xfe\xff\xff",
    "Latin 1": "\u00e4\u00f6".encode("latin-1"),
}


@pytest.mark.parametrize("what", NOT_UTF8)
async def test_f19_shown_escaped(disk: Path, tally: Tally, what: str) -> None:
    """The engine knows bytes only; what is shown has every byte that is no text escaped, and its line is whole."""
    raw = NOT_UTF8[what]
    found, counters = await templates_of(disk, b"begin " + raw + b" end\n" + b"next line of words\n" * 3)
    assert found == {f"begin {raw.decode('utf-8', 'backslashreplace')} end": 1, "next line of words": 3}
    assert counters["lines"] == 4
    tally.add(lines=4)


def test_f19_through_the_daemon(disk: Path, tally: Tally) -> None:
    """All of them in one log: every line is counted, and what the API shows is JSON."""
    (disk / "logs").mkdir()
    lines = [b"begin %s end %d\n" % (raw, i) for i, raw in enumerate(NOT_UTF8.values())] * 3
    (disk / "logs" / "a.log").write_bytes(b"".join(lines))
    daemon = DaemonProcess(disk).start().wait_ready()
    try:
        wait_until(lambda: daemon.lines() == len(lines), "every line")
        wait_until(lambda: sum(counts(daemon)) == len(lines), "a template for each")
        assert daemon.get("/metrics")[0] == 200
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(lines=len(lines))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
async def test_f19_text_of_wide_characters_is_refused(disk: Path, tally: Tally, encoding: str) -> None:
    """With a byte order mark or without: it says so, for as bytes it would be one NUL in two."""
    (disk / "a.log").write_bytes("a line of text\n".encode(encoding) * 10)
    async with follow(disk) as rig:
        await rig.advance(10)
        check(tally, rig.numbers(), [])
        assert len(rig.notes("refused")) == 1


async def test_f20_line_ends(disk: Path, tally: Tally) -> None:
    content = "crlf ends here\r\nlone\rreturn is content\nand\u2028so is this\nand\x85this\nlast\r\r\n".encode()
    found, counters = await templates_of(disk, content)
    assert counters["lines"] == 5
    assert "crlf ends here" in found
    assert found == dict.fromkeys(["crlf ends here", "lone return is content", "and so is this", "and this", "last"], 1)
    tally.add(lines=5)


async def test_f21_empty_lines_are_counted_and_skipped(disk: Path, tally: Tally) -> None:
    found, counters = await templates_of(disk, b"\n" * 10_000 + b"one\n" + b"\r\n \t\n" * 5_000 + b"two\n")
    assert found == {"one": 1, "two": 1}
    assert (counters["lines"], counters["empty"], counters["records"]) == (20_002, 20_000, 2)
    tally.add(lines=20_002)


@pytest.mark.parametrize("name", ["a.log", "a.log.1.gz", "a.log.gz"])
async def test_f24_packed_files_are_skipped_by_their_first_bytes(disk: Path, tally: Tally, name: str) -> None:
    """Whatever they are called. None of them is read unpacked, so a bomb is a file of one megabyte to it."""
    (disk / name).write_bytes(gzip.compress(b"msgnum:00000666\n" * 1000))
    LogWriter(disk / "b.log").write(3)
    async with follow(disk, include=[str(disk / "*")], rotated=True) as rig:
        await rig.advance(30)
        check(tally, rig.numbers(), [0, 1, 2])
        assert ["gzip" in note.text for note in rig.notes("refused")] == [True]


BOMBS = {"times": (1 << 10, 1 << 30), "bytes": (1 << 30, 8 << 20)}  # SMALL_UNPACKED, LARGEST_UNPACKED


@pytest.mark.parametrize("cap", BOMBS)
async def test_f24_a_bomb_in_the_place_of_a_packed_copy(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, cap: str
) -> None:
    """The one gzip file that is unpacked is what copytruncate left of a log: up to 64 times its size, and to a bound.
    What it might have held counts as lost, and the log is read on."""
    small, largest = BOMBS[cap]
    monkeypatch.setattr("alogd.collectors.copies.SMALL_UNPACKED", small)
    monkeypatch.setattr("alogd.collectors.copies.LARGEST_UNPACKED", largest)
    room = monitor(monkeypatch)
    writer = LogWriter(disk / "a.log")
    writer.write(100)
    async with follow(disk) as rig:
        bomb = gzip.compress(bytes(1 << 20)) * 80
        (disk / "a.log.1.gz").write_bytes(bomb)
        writer.truncate()
        writer.write(10)
        await rig.advance(20)
        check(tally, rig.numbers(), list(range(110)))
        assert len(rig.notes("truncated")) == 1
    assert 0 < max(room) <= min(largest, max(small, 64 * len(bomb)))


def monitor(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How far what is unpacked grew, in bytes."""
    grown: list[int] = []
    real = copies._nameless

    class Room:
        def __enter__(self) -> Room:
            self.file = real()
            return self

        def __exit__(self, *_: object) -> None:
            grown.append(self.file.tell())
            self.file.close()

        def write(self, data: bytes) -> int:
            return self.file.write(data)

        def fileno(self) -> int:
            return self.file.fileno()

    monkeypatch.setattr("alogd.collectors.copies._nameless", Room)
    return grown
