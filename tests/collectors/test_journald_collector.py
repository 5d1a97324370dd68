"""The journald collector against a journalctl whose every answer is known, and against a real journal."""

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alogd.collectors.base import Idle, Note, Opened
from alogd.collectors.journal_entry import parse
from tests.collectors.rig import Rig
from tests.log_writer import numbers

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


class FakeJournal:
    """A file of entries, numbered as tests/log_writer.py numbers lines."""

    def __init__(self, place: Path) -> None:
        self.path = place / "journal"
        self.path.touch()
        self.next = 0

    def write(self, count: int = 1) -> None:
        with self.path.open("a") as journal:
            for number in range(self.next, self.next + count):
                place = {"__CURSOR": cursor(number), "__REALTIME_TIMESTAMP": str(START + number * SECOND)}
                entry = {"MESSAGE": f"msgnum:{number:08}", "_HOSTNAME": "h", "SYSLOG_IDENTIFIER": "p", "_PID": "1"}
                journal.write(json.dumps({**place, **entry}) + "\n")
        self.next += count

    def raw(self, line: str) -> None:
        with self.path.open("a") as journal:
            journal.write(line + "\n")

    def vacuum(self, first: int) -> None:
        lines = self.path.read_text().splitlines(keepends=True)
        self.path.write_text("".join(lines[first:]))

    def calls(self) -> list[str]:
        called = Path(f"{self.path}.calls")
        return called.read_text().splitlines() if called.exists() else []


def cursor(number: int) -> str:
    return f"s=1;i={number};b=boot;t={START + number * SECOND}"


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJournal:
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -S "{Path(__file__).with_name("fake_journalctl.py")}" "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    fake = FakeJournal(tmp_path)
    monkeypatch.setenv("FAKE_JOURNAL", str(fake.path))
    return fake


def message(line: bytes) -> bytes:
    return line.split(b" ", 7)[7]  # after priority, time, host, program, pid, id and structured data


def messages(rig: Rig) -> list[int]:
    return numbers(b"\n".join(message(line) for line in rig.text["journal"].splitlines()))


async def read(rig: Rig, *expected: int) -> None:
    await rig.when(lambda: len(messages(rig)) >= len(expected))
    assert messages(rig) == list(expected)


async def test_reads_what_is_there_and_follows(journal: FakeJournal) -> None:
    journal.write(3)
    async with Rig("journald", {}) as rig:
        await read(rig, 0, 1, 2)
        opened = rig.of(Opened)[0]
        assert (opened.name, opened.offset, opened.header, opened.resumed) == ("journal", 0, "rfc5424", False)
        journal.write(2)
        await read(rig, *range(5))
        assert rig.text["journal"].splitlines()[0] == b"<30>1 2023-11-14T22:13:20.000000Z h p 1 - - msgnum:00000000"
        assert rig.collector.status().up


async def test_resumes_at_every_entry_exactly(journal: FakeJournal) -> None:
    journal.write(5)
    async with Rig("journald", {}) as rig:
        await read(rig, *range(5))
        length = len(rig.text["journal"]) // 5
        positions = [rig.collector.position("journal", consumed) for consumed in range(0, 5 * length + 1, length)]
        torn = rig.collector.position("journal", 2 * length + 7)
    assert positions[0] == {}
    assert torn == positions[2]
    for first, position in enumerate(positions[1:], 1):
        async with Rig("journald", {}, [position]) as rig:
            await rig.when(lambda: len(journal.calls()) > 0)
            journal.write()
            await read(rig, *range(first, journal.next))
            assert rig.of(Opened)[0].resumed
            assert rig.begins["journal"] == first * length
            assert not rig.notes("lost")


@pytest.mark.parametrize(("start", "expected"), [("beginning", [0, 1, 2, 3]), ("end", [3])])
async def test_start(journal: FakeJournal, start: str, expected: list[int]) -> None:
    journal.write(3)
    async with Rig("journald", {"start": start}) as rig:
        await rig.when(lambda: len(journal.calls()) == 2)
        position = rig.collector.position("journal", 0)
        journal.write()
        await read(rig, *expected)
    assert bool(position) == (start == "end")
    if position:  # what comes while alogd is down is not lost, although nothing was read yet
        async with Rig("journald", {"start": start}, [position]) as rig:
            await read(rig, 3)


async def test_lines_and_filters_are_passed_on(journal: FakeJournal) -> None:
    journal.write(9)
    options = {"lines": 2, "units": ["ssh.service", "a b"], "identifiers": ["x"], "priority": "err", "directory": "/d"}
    async with Rig("journald", options) as rig:
        await read(rig, 7, 8)
        await rig.when(lambda: len(journal.calls()) == 2)
    chosen = "--unit=ssh.service --unit=a b --identifier=x --priority=err --directory=/d"
    assert all(chosen in call for call in journal.calls())


async def test_vanished_cursor_is_said_and_nothing_else_is_lost(journal: FakeJournal) -> None:
    journal.write(5)
    async with Rig("journald", {}) as rig:
        await read(rig, *range(5))
        position = rig.collector.position("journal", len(rig.text["journal"]))
    journal.write(5)
    journal.vacuum(7)
    async with Rig("journald", {}, [position]) as rig:
        await read(rig, 7, 8, 9)
        await rig.when(lambda: len(rig.notes("lost")) == 1)
        journal.write()
        await read(rig, 7, 8, 9, 10)
        assert len(rig.notes("lost")) == 1


async def test_refused_cursor_falls_back_to_time(journal: FakeJournal) -> None:
    journal.raw("!bad cursor")
    journal.write(5)
    position = {"cursor": "nonsense", "offset": 10, "realtime": START + 2 * SECOND}
    async with Rig("journald", {}, [position]) as rig:
        await rig.when(lambda: bool(rig.notes("lost")))
        await rig.settle()
        await rig.advance(60, step=60)
        await read(rig, 3, 4)


async def test_journalctl_that_dies_is_started_again(journal: FakeJournal) -> None:
    journal.write(2)
    async with Rig("journald", {}) as rig:
        await read(rig, 0, 1)
        for turn in range(3):
            await rig.when(lambda turn=turn: len(journal.calls()) == 2 * turn + 2)  # type: ignore[misc]
            journal.raw("!exit 0")
            journal.write(2)
            await rig.when(lambda: not rig.collector.status().up)
            await rig.settle()
            await rig.advance(60, step=60)
            await read(rig, *range(2 * turn + 4))
        assert len(rig.notes("restarted")) == 1


async def test_bad_entries_are_passed_over_and_counted(journal: FakeJournal) -> None:
    journal.write()
    for bad in ("{", "null", '{"__CURSOR": 3}', '{"__CURSOR": "c", "__REALTIME_TIMESTAMP": "x"}', "x" * 5_000_000):
        journal.raw(bad)
    journal.write()
    async with Rig("journald", {}) as rig:
        await read(rig, 0, 1)
        assert sum(note.count for note in rig.notes("malformed")) == 5


async def test_settles_once(journal: FakeJournal) -> None:
    journal.write()
    async with Rig("journald", {}) as rig:
        await read(rig, 0)
        await rig.when(lambda: len(journal.calls()) == 2)
        await rig.settle()
        await rig.advance(30)
        assert len(rig.of(Idle)) == 1


async def test_without_journalctl_it_stays_down_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with Rig("journald", {}) as rig:
        await rig.advance(600, step=30)
        assert len(rig.of(Note)) == 1
        assert rig.notes("unavailable")[0].text.startswith("cannot run journalctl")
        assert not rig.collector.status().up


async def test_text_and_close(journal: FakeJournal) -> None:
    journal.write(3)
    async with Rig("journald", {}) as rig:
        await read(rig, 0, 1, 2)
        text = rig.text["journal"]
        assert rig.collector.text("journal", 5, 20) == text[5:25]
        assert rig.collector.text("journal", len(text), 20) is None
        assert rig.collector.lag() == {"journal": 0}
        await rig.collector.close()
        await rig.collector.close()


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"MESSAGE": "a"}, b"<30>1 T - - - - - a\n"),
        ({"MESSAGE": "a\nb\n\nc\n"}, b"<30>1 T - - - - - a\n    b\n    \n    c\n"),
        ({"MESSAGE": [98, 0, 255]}, b"<30>1 T - - - - - b\x00\xff\n"),
        ({"MESSAGE": [[98, 10], "two"]}, b"<30>1 T - - - - - b\n    \n    two\n"),
        ({"MESSAGE": None}, b"<30>1 T - - - - - \n"),
        ({"MESSAGE": "\ud83d".encode("utf-8", "replace").decode()}, b"<30>1 T - - - - - ?\n"),
        ({"MESSAGE": "x", "PRIORITY": "0", "SYSLOG_FACILITY": "0"}, b"<0>1 T - - - - - x\n"),
        ({"MESSAGE": "x", "PRIORITY": "9", "SYSLOG_FACILITY": "-1"}, b"<30>1 T - - - - - x\n"),
        (
            {"MESSAGE": "x", "_HOSTNAME": "h\u00fc", "SYSLOG_IDENTIFIER": "a b\n<1>", "_PID": "12"},
            b"<30>1 T h__ a_b_<1> 12 - - x\n",
        ),
        ({"MESSAGE": "x", "_COMM": "cat", "SYSLOG_PID": "7"}, b"<30>1 T - cat 7 - - x\n"),
        ({"MESSAGE": "x", "SYSLOG_IDENTIFIER": "y" * 99}, b"<30>1 T - " + b"y" * 48 + b" - - - x\n"),
    ],
)
def test_an_entry_becomes_one_record(fields: dict[str, Any], line: bytes) -> None:
    raw = {"__CURSOR": "c", "__REALTIME_TIMESTAMP": str(START + 1), **fields}
    entry = parse(json.dumps(raw).encode())
    assert entry[:3] == ("c", START + 1, line.replace(b"T", b"2023-11-14T22:13:20.000001Z", 1))


@pytest.mark.parametrize("bad", [b"", b"[]", b'{"__CURSOR":"c","__REALTIME_TIMESTAMP":"9999999999999999999999"}'])
def test_what_is_no_entry(bad: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is msgspec's
        parse(bad)


# A real journal: systemd-journald in a mount namespace of its own, writing to a directory of ours

JOURNALD = "/lib/systemd/systemd-journald"
NAMESPACE = """
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal /run/systemd/journald.conf.d
mount --bind "$1/sockets" /run/systemd/journal
mount --bind "$1/files" /run/log/journal
cat > /run/systemd/journald.conf.d/test.conf <<END
[Journal]
Storage=volatile
ReadKMsg=no
Audit=no
RateLimitBurst=0
END
test -z "$2" || { echo "$2" > /run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id; }
exec "$3"
"""


class RealJournal:
    """One systemd-journald at a time; `boot` gives it another boot's identity."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in ("sockets", "files"):
            (place / name).mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, boot: str = "") -> None:
        for left in (self.place / "sockets").iterdir():
            left.unlink()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", str(self.place), boot, JOURNALD],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while not (self.place / "sockets" / "socket").exists() and self.process.poll() is None:
            os.sched_yield()
        if self.process.poll() is not None:
            pytest.skip("cannot run systemd-journald in a namespace here")

    def send(self, message: bytes) -> None:
        field = b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\nPRIORITY=3\nSYSLOG_IDENTIFIER=test\n"
        here = contextlib.chdir(self.place / "sockets")  # socket paths are short
        with here, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(field, "socket")

    def written(self, message: str) -> None:
        """Waits until an entry is in the files."""
        command = [
            "journalctl",
            f"--directory={self.place / 'files'}",
            "--output=cat",
            "--lines=1",
            "--identifier=test",
        ]
        for _ in range(1000):
            if message in subprocess.run(command, capture_output=True, text=True, check=False).stdout:
                return
        pytest.fail(f"journald did not write {message}")

    def rotate(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR2)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate()
            self.process = None


@pytest.fixture
def real_journal(tmp_path: Path) -> Iterator[RealJournal]:
    if not (os.path.exists(JOURNALD) and shutil.which("journalctl") and os.geteuid() == 0):
        pytest.skip("needs systemd-journald, journalctl and root")
    journal = RealJournal(tmp_path)
    yield journal
    journal.stop()


def texts(rig: Rig) -> list[bytes]:
    return [message(line) for line in rig.text["journal"].splitlines() if b" test " in line]


def from_real(journal: RealJournal, positions: Any = ()) -> Rig:
    return Rig("journald", {"directory": str(journal.place / "files"), "identifiers": ["test"]}, positions)


async def test_real_journal_across_its_rotation(real_journal: RealJournal) -> None:
    real_journal.start()
    real_journal.send(b"zero")
    real_journal.written("zero")
    async with from_real(real_journal) as rig:
        await rig.when(lambda: len(texts(rig)) == 1)
        real_journal.send(b"one\nmore")
        await rig.when(lambda: len(texts(rig)) == 2)
        real_journal.rotate()
        real_journal.send(b"two \xff\x00")
        await rig.when(lambda: len(texts(rig)) == 3)
        assert texts(rig) == [b"zero", b"one", b"two \xff\x00"]
        assert b" - - one\n    more\n" in rig.text["journal"]
        assert not rig.of(Note)


async def test_real_journal_of_a_boot_that_ended_while_down(real_journal: RealJournal) -> None:
    real_journal.start(boot="11111111-2222-4333-8444-555555555555")
    real_journal.send(b"read")
    real_journal.send(b"last words")
    real_journal.written("last words")
    real_journal.stop()
    async with from_real(real_journal) as rig:
        await rig.when(lambda: len(texts(rig)) == 2)
        first = rig.text["journal"].index(b"\n") + 1
        position = rig.collector.position("journal", first)
    real_journal.start()
    real_journal.send(b"first of the next boot")
    real_journal.written("first of the next boot")
    async with from_real(real_journal, [position]) as rig:
        await rig.when(lambda: len(texts(rig)) == 2)
        real_journal.send(b"and on")
        await rig.when(lambda: len(texts(rig)) == 3)
        assert texts(rig) == [b"last words", b"first of the next boot", b"and on"]
        assert rig.begins["journal"] == first
        assert not rig.of(Note)
