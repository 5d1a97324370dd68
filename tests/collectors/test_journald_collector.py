"""The journald collector against a journalctl whose every answer is known, and against a real journal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alogd.collectors.base import Idle, Note, Opened
from alogd.collectors.journal_entry import parse
from tests.collectors.journals import (
    START,
    FakeJournal,
    RealJournal,
    fake_journal,
    from_real,
    read,
    run_journal,
    texts,
)
from tests.collectors.rig import Rig


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJournal:
    return fake_journal(tmp_path, monkeypatch)


@pytest.fixture
def real_journal(tmp_path: Path) -> Iterator[RealJournal]:
    yield from run_journal(tmp_path)


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
