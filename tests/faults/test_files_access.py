"""F12, F13, F22, F23, F25, F26, F29: what may not, cannot or need not be read, and what is let go again."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import stat
import subprocess
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from alogd.collectors.followed import Refused, open_checked
from tests.collectors.following import check, closed, follow, held, unprivileged
from tests.daemon_process import DaemonProcess, wait_until
from tests.faults.conftest import Tally
from tests.log_writer import LogWriter, line


async def test_f12_out_of_the_roots(disk: Path, tally: Tally) -> None:
    (disk / "logs").mkdir()
    (disk / "secret").write_bytes(line(666))
    os.symlink(disk / "secret", disk / "logs" / "a.log")
    async with follow(disk / "logs") as rig:
        await rig.advance(30)
        check(tally, rig.numbers(), [])
        assert len(rig.notes("outside")) == 1
        assert "outside the allowed roots" in rig.notes("outside")[0].text
    async with follow(disk / "logs", roots=[str(disk)]) as rig:
        check(tally, rig.numbers(), [666])
    async with follow(disk / "logs", roots=[str(disk)], follow_symlinks=False) as rig:
        check(tally, rig.numbers(), [])


async def test_f12_swapped_between_finding_and_opening(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    (disk / "logs").mkdir()
    (disk / "secret").write_bytes(line(666))
    path = disk / "logs" / "a.log"
    LogWriter(path).write()
    real = os.open

    def swap(name: Any, *arguments: Any, **more: Any) -> int:
        if name == str(path):
            path.unlink()
            path.symlink_to(disk / "secret")
        return real(name, *arguments, **more)

    monkeypatch.setattr("alogd.collectors.followed.os.open", swap)
    async with follow(disk / "logs") as rig:
        check(tally, rig.numbers(), [])
        assert "outside the allowed roots" in rig.notes("outside")[0].text


@pytest.mark.parametrize("leads", ["good", "../secret", "a.log"])
async def test_f12_without_links_none_is_opened(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, leads: str
) -> None:
    """`follow_symlinks: false`, and the name becomes a link right before it is opened: within the roots, out of them,
    or to itself. The system refuses to open it (O_NOFOLLOW), so nothing depends on where it leads."""
    (disk / "logs").mkdir()
    (disk / "secret").write_bytes(line(666))
    (disk / "logs" / "good").write_bytes(line(667))
    path = disk / "logs" / "a.log"
    LogWriter(path).write()
    real, opened = os.open, []

    def swap(name: Any, flags: int, *arguments: Any, **more: Any) -> int:
        if name == str(path):
            path.unlink()
            path.symlink_to(leads)
            with contextlib.suppress(OSError):
                opened.append(real(name, flags, *arguments, **more))
                return opened[-1]
        return real(name, flags, *arguments, **more)

    monkeypatch.setattr("alogd.collectors.followed.os.open", swap)
    async with follow(disk / "logs", follow_symlinks=False, roots=[str(disk)]) as rig:
        check(tally, rig.numbers(), [])
        assert opened == []
        assert "is a symbolic link" in rig.notes("refused")[0].text


async def test_f13_two_names_of_one_file(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(3)
    os.link(disk / "a.log", disk / "b.log")
    os.symlink("a.log", disk / "c.log")
    async with follow(disk, include=[str(disk / "*.log"), str(disk / "a*")]) as rig:
        await rig.advance(30)
        check(tally, rig.numbers(), [0, 1, 2])
        assert len(rig.notes("duplicate")) == 2
        writer.unlink()  # the other hard link keeps it
        writer.write(3)
        await rig.advance(60)
        writer.write(3)
        await rig.advance(400)
        writer.write(3)
        await rig.advance(60)
        check(tally, rig.numbers(), list(range(12)))
        assert closed(rig) == []


async def test_f22_no_position_and_outlives_its_writer(disk: Path, tally: Tally) -> None:
    os.mkfifo(disk / "a.log")
    async with follow(disk) as rig:
        for turn in range(3):
            writer = LogWriter(disk / "a.log", first=10 * turn)
            writer.write(10)
            writer.close()
            await rig.advance(5)
        check(tally, rig.numbers(), list(range(30)))
        assert rig.positions() == []


async def test_f23_refused(disk: Path, tally: Tally) -> None:
    (disk / "dir.log").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    with contextlib.chdir(disk):  # socket paths are short
        listener.bind("s.log")
    os.symlink("/dev/zero", disk / "zero.log")
    include = [str(disk / "dir.log"), str(disk / "*.log")]
    async with follow(disk, include=include, roots=["/dev"]) as rig:
        await rig.advance(30)
        texts = " ".join(note.text for note in rig.notes("refused"))
        assert len(rig.notes("refused")) == 3
        assert all(word in texts for word in ("is a directory", "is a device", "is a socket"))
    listener.close()


async def test_f25_denied_then_granted(disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, real = [], os.open

    def counted(path: Any, *arguments: Any, **more: Any) -> int:
        if path == str(disk / "a.log"):
            tried.append(rig.clock.now)
        return real(path, *arguments, **more)

    LogWriter(disk / "a.log").write(3)
    os.chmod(disk, 0o755)
    os.chmod(disk / "a.log", 0)
    with unprivileged():
        if not os.access(disk, os.R_OK, effective_ids=True):
            pytest.skip("the checkout lies in a directory that other users may not enter")
        rig = follow(disk)
        monkeypatch.setattr("alogd.collectors.followed.os.open", counted)
        await rig.__aenter__()
        await rig.advance(200)
        assert [round(later - one) for one, later in pairwise(tried)] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert len(rig.notes("permission_denied")) == 1
        assert [source.state for source in rig.collector.status().sources] == ["denied"]
        assert not rig.collector.status().up
    os.chmod(disk / "a.log", 0o644)
    with unprivileged():
        await rig.advance(100)
        check(tally, rig.numbers(), [0, 1, 2])
        assert len(rig.notes("recovered")) == 1
        assert rig.collector.status().up
        await rig.__aexit__()


async def test_f26_back_off_and_recover(disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write(2)
    async with follow(disk) as rig:
        for number in (errno.EIO, errno.ESTALE):
            real, tried, before, inode = os.preadv, [], rig.positions(), held(disk)

            def fail(fd: int, *_: Any, number: int = number, tried: list[float] = tried) -> int:
                tried.append(rig.clock.now)
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr("alogd.collectors.followed.os.preadv", fail)
            writer.write(2)
            await rig.advance(40)
            assert [source.state for source in rig.collector.status().sources] == ["failing"]
            pauses = [round(later - one) for one, later in pairwise(tried)]
            assert pauses == [1, 2, 4, 8, 16], "it backs off"
            assert [one["offset"] for one in rig.positions()] == [one["offset"] for one in before]
            writer.close()
            assert held(disk) == ([] if number == errno.ESTALE else inode[1:]), "after ESTALE it is opened anew"
            writer.reopen()
            monkeypatch.setattr("alogd.collectors.followed.os.preadv", real)
            await rig.advance(70)
        check(tally, rig.numbers(), list(range(6)))
        assert len(rig.notes("io_error")) == len(rig.notes("stale")) == 1
        assert len(rig.notes("recovered")) == 2


async def test_f29_let_go(disk: Path, tally: Tally) -> None:
    writer = LogWriter(disk / "a.log")
    writer.write()
    async with follow(disk) as rig:
        writer.write()
        writer.unlink()
        writer.close()
        await rig.advance(20)
        assert len(held(disk)) == 0
        check(tally, rig.numbers(), [0, 1])
        assert closed(rig) == ["removed"]


def test_f12_swapped_all_the_time_while_it_is_opened(disk: Path, tally: Tally) -> None:
    """A link that another process turns to and from: what is opened is judged, so the secret is never opened."""
    (disk / "logs").mkdir()
    (disk / "logs" / "good").write_bytes(line(1))
    (disk / "secret").write_bytes(line(666))
    link = disk / "logs" / "a.log"
    link.symlink_to("good")
    turn = f"cd {disk}/logs; while :; do ln -sfT ../secret x && mv -T x a.log; ln -sfT good x && mv -T x a.log; done"
    swapper = subprocess.Popen(["sh", "-c", turn])
    came: Counter[str] = Counter()
    try:
        while came["refused"] < 200 or came["read"] < 200:
            try:
                fd = open_checked(str(link), True, [str(disk / "logs")], [])
            except Refused:
                came["refused"] += 1
                continue
            came["read"] += 1
            assert os.read(fd, 100) == line(1)
            os.close(fd)
    finally:
        swapper.kill()
        swapper.wait()
    tally.add(rounds=came.total(), lines=came["read"])


def test_f12_the_daemon_counts_it_and_says_so(disk: Path, tally: Tally) -> None:
    """Said once at warning level and counted by kind; an alert on the counter is for Prometheus to raise."""
    (disk / "logs").mkdir()
    (disk / "logs" / "shadow.log").symlink_to("/etc/shadow")
    LogWriter(disk / "logs" / "a.log").write(10)
    daemon = DaemonProcess(disk)
    assert daemon.finish() == 0
    said = [json.loads(one) for one in daemon.said().splitlines() if '"outside"' in one]
    assert [one["level"] for one in said] == ["warning"]
    assert "leads to /etc/shadow, outside the allowed roots" in said[0]["event"]
    tally.add(lines=10)


@pytest.mark.parametrize("names", ["fifo", "socket", "device", "link to a device", "directory", "link to a directory"])
async def test_f23_swapped_for_what_is_no_file(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """Between the look at the name and the opening: a FIFO must not block, a device must not be read."""
    path = disk / "a.log"
    LogWriter(path).write()
    kinds: dict[str, Callable[[], object]] = {
        "fifo": lambda: os.mkfifo(path),
        "socket": lambda: bind(path),
        "device": lambda: os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(1, 5)),  # /dev/zero
        "link to a device": lambda: path.symlink_to("/dev/zero"),
        "directory": path.mkdir,
        "link to a directory": lambda: path.symlink_to("/etc"),
    }
    if names == "device" and os.geteuid() != 0:
        pytest.skip("only root makes devices")
    real = os.open

    def swap(name: Any, *arguments: Any, **more: Any) -> int:
        if name == str(path) and path.is_file() and not path.is_symlink():
            path.unlink()
            kinds[names]()
        return real(name, *arguments, **more)

    monkeypatch.setattr("alogd.collectors.followed.os.open", swap)
    async with follow(disk, roots=["/dev", "/etc"]) as rig:
        await rig.advance(5)
        check(tally, rig.numbers(), [])


def bind(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as listener:  # socket paths are short
        listener.bind(path.name)


def test_f22_a_fifo_does_not_hold_up_the_daemon(disk: Path, tally: Tally) -> None:
    """Nobody writes to it yet; then writers come and go; then it stops."""
    (disk / "logs").mkdir()
    os.mkfifo(disk / "logs" / "a.log")
    daemon = quick(disk).start().wait_ready()
    try:
        for turn in range(3):
            writer = LogWriter(disk / "logs" / "a.log", first=10 * turn)
            writer.write(10)
            writer.close()
            wait_until(lambda turn=turn: daemon.lines() == 10 * turn + 10, "the lines of this writer")
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(rounds=3, lines=30)


@pytest.mark.parametrize("call", ["os.preadv", "os.fstat", "os.open"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE, errno.ENOMEM])
async def test_f26_whatever_fails_nothing_is_lost(
    disk: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    """Reading, looking and opening each fail for a while, on half of the files; the other half goes on."""
    good, bad = LogWriter(disk / "good.log", first=1000), LogWriter(disk / "bad.log")
    good.write(2)
    bad.write(2)
    async with follow(disk) as rig:
        for turn in range(3):
            with monkeypatch.context() as patch:
                break_file(patch, call, os.stat(disk / "bad.log").st_ino, str(disk / "bad.log"), error)
                if call == "os.open":  # it has to be opened anew: its name leads to another file
                    bad.rotate(keep=9)
                bad.write(2)
                good.write(2)
                await rig.advance(40)
                assert max(rig.numbers()) == 1003 + 2 * turn
                assert {one.state for one in rig.collector.status().sources} & {"failing", "denied"}
            await rig.advance(70)
        check(tally, sorted(rig.numbers()), [*range(8), *range(1000, 1008)])


def break_file(patch: pytest.MonkeyPatch, call: str, inode: int, path: str, error: int) -> None:
    """One system call fails on one file."""
    name = call.removeprefix("os.")
    real, stat_of = getattr(os, name), os.fstat

    def failing(what: Any, *arguments: Any, **more: Any) -> Any:
        if what == path or (isinstance(what, int) and stat_of(what).st_ino == inode):
            raise OSError(error, os.strerror(error))
        return real(what, *arguments, **more)

    patch.setattr(f"alogd.collectors.followed.os.{name}", failing)


def test_f29_the_daemon_lets_go_and_the_disk_is_freed(disk: Path, tally: Tally) -> None:
    """Deleted while it is read; what a process holds is to be seen in /proc."""
    (disk / "logs").mkdir()
    writer = LogWriter(disk / "logs" / "a.log")
    writer.write(100)
    daemon = quick(disk, rotate_grace="200ms").start().wait_ready()
    try:
        assert daemon.process is not None
        pid = str(daemon.process.pid)
        wait_until(lambda: held(disk / "logs", pid), "the log to be open")
        writer.write(50)
        writer.unlink()
        writer.close()
        wait_until(lambda: not held(disk / "logs", pid), "the deleted file to be let go")
        assert daemon.lines() == 150
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(lines=150)


def quick(disk: Path, **options: str) -> DaemonProcess:
    """A daemon that looks often."""
    chosen = {"poll": "100ms", "settle": "100ms", **options}
    collect = [{"kind": "file", "include": [f"{disk}/logs/*.log"], **chosen}]
    return DaemonProcess(disk, streams=[{"name": "host", "collect": collect}])
