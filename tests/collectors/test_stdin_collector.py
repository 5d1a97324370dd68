"""The stdin collector on pipes and files of the test's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alogd.collectors.base import Closed, Data, EndOfInput, Idle, Opened
from alogd.collectors.stdin import StdinCollector
from tests.collectors.rig import Rig
from tests.log_writer import line


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The writing end of what the collector takes for standard input."""
    reader, writer = os.pipe()
    monkeypatch.setattr("alogd.collectors.stdin.DESCRIPTOR", reader)
    yield writer
    os.close(reader)


async def test_reads_until_the_end(pipe: int) -> None:
    async with Rig("stdin", {}) as rig:
        os.write(pipe, line(0) + line(1))
        await rig.when(lambda: len(rig.of(Data)) == 1)
        os.write(pipe, line(2))
        await rig.when(lambda: len(rig.of(Data)) == 2)
        assert rig.numbers() == [0, 1, 2]
        assert rig.collector.position("stdin", 10) == {}
        assert rig.collector.text("stdin", 16, 16) == line(1)
        os.close(pipe)
        await rig.when(lambda: rig.ended)
        assert [type(event) for event in rig.events[-2:]] == [Closed, EndOfInput]


async def test_idle_once_until_new_data(pipe: int) -> None:
    async with Rig("stdin", {}) as rig:
        for turn in range(1, 3):
            os.write(pipe, line(turn))
            await rig.when(lambda turn=turn: len(rig.of(Data)) == turn)  # type: ignore[misc]
            await rig.settle()
            await rig.advance(10)
            assert len(rig.of(Idle)) == turn
    os.close(pipe)


async def test_a_regular_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_bytes(b"".join(map(line, range(100_000))))
    fd = os.open(tmp_path / "log", os.O_RDONLY)
    monkeypatch.setattr("alogd.collectors.stdin.DESCRIPTOR", fd)
    async with Rig("stdin", {}) as rig:
        await rig.when(lambda: rig.ended)
        assert rig.numbers() == list(range(100_000))
    os.close(fd)


async def test_nothing_is_read_ahead(pipe: int) -> None:
    os.write(pipe, b"Feb 29 00:00:00 h p: x\n")
    rig = Rig("stdin", {})
    events = rig.collector.events()
    assert isinstance(await anext(events), Opened)
    assert rig.collector.lag() == {"stdin": 23}
    second = await anext(events)
    assert isinstance(second, Opened)  # the clock says November 2023: the last 29 February was in 2020
    assert second.year == 2020
    assert isinstance(await anext(events), Data)
    assert rig.collector.lag() == {"stdin": 0}
    await rig.collector.close()
    os.close(pipe)


async def test_closed_while_it_waits(pipe: int) -> None:
    async with Rig("stdin", {}) as rig:
        await rig.collector.close()
        await rig.collector.close()
    assert not rig.ended
    os.close(pipe)


async def test_unreadable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)  # a directory
    monkeypatch.setattr("alogd.collectors.stdin.DESCRIPTOR", fd)
    async with Rig("stdin", {}) as rig:
        await rig.when(lambda: rig.ended)
        assert len(rig.notes("io_error")) == 1
    os.close(fd)


def test_unknown_option() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        StdinCollector({"nonsense": 1}, [], None, None)  # type: ignore[arg-type]
