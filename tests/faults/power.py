"""Power loss: from a trace of system calls, what a disk may hold when the current goes.

Model: what was written to a file since its last fsync may be there or not, sector by sector, and the last write may
be torn; a file that was made since its directory's last fsync may not be there at all; a length grows with what is
written. Shared-memory files are left out: after a crash SQLite makes them anew.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
FRAME_HEADER = 24  # bytes before each page in SQLite's log of writes
CALLS = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink,lseek"
TRACER = ("strace", "-f", "-y", "-xx", "-s", "1000000000", "-qq", "--seccomp-bpf", "-e", f"trace={CALLS}")

_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED = re.compile(r"^(\d+) +(.*?) *<unfinished \.\.\.>$")


def available() -> str:
    """Why this cannot be tried here; "" when it can."""
    if shutil.which("strace") is None:
        return "no strace"
    tried = subprocess.run(["strace", "-f", "--seccomp-bpf", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "strace may not trace here"


@dataclass(frozen=True)
class Call:
    """One system call on a path below the directory."""

    name: str
    path: str
    data: bytes = b""
    at: int = -1  # offset; -1: appended
    target: str = ""


@dataclass
class OnDisk:
    """A file: what is safe, and what was done since."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)
    size: int = 0  # as the process sees it
    entered: bool = False  # its directory was synced since it was made


def read_trace(trace: Path, places: Sequence[Path]) -> list[Call]:
    """The calls on these files and directories, in order."""
    found: list[Call] = []
    offsets: dict[str, int] = {}
    inside, around = tuple(map(str, places)), {str(place.parent) for place in places}
    for name, arguments, result, _ in _whole_lines(trace):
        if result < 0:
            continue
        call = _parse(name, arguments, result)
        if call is None or call.path.endswith("-shm"):
            continue
        if not call.path.startswith(inside) and call.path not in around:
            continue
        if call.name == "write" and not call.path.endswith(".jsonl"):  # all else goes through pwrite
            call = Call("pwrite64", call.path, call.data, offsets.get(call.path, 0))
            offsets[call.path] = call.at + len(call.data)
        found.append(call)
    return found


def _whole_lines(trace: Path) -> Iterator[tuple[str, str, int, str]]:
    """Calls of several threads interleave: an unfinished one is told when it resumes."""
    begun: dict[str, str] = {}
    with trace.open(encoding="latin-1") as file:
        for line in file:
            if cut := _UNFINISHED.match(line.rstrip("\n")):
                begun[cut[1]] = cut[2]
                continue
            if resumed := _RESUMED.match(line.rstrip("\n")):
                line = f"{resumed[1]} {begun.pop(resumed[1], '')}{resumed[3]}"
            if whole := _LINE.match(line):
                yield whole[1], whole[2], int(whole[3]), whole[4] or ""


def _parse(name: str, arguments: str, result: int) -> Call | None:
    if name in ("fsync", "fdatasync"):
        return Call("fsync", _fd_path(arguments))
    if name in ("write", "pwrite64"):
        data = bytes.fromhex(arguments.split('"')[1].replace("\\x", ""))[:result]
        at = int(arguments.rsplit(", ", 1)[1]) if name == "pwrite64" else -1
        return Call(name, _fd_path(arguments), data, at)
    if name == "ftruncate":
        return Call(name, _fd_path(arguments), at=int(arguments.rsplit(", ", 1)[1]))
    strings = [_text(part) for part in arguments.split('"')[1::2]]
    if name == "openat" and strings and "O_CREAT" in arguments:
        return Call("create", strings[0])
    if name == "unlink":
        return Call(name, strings[0])
    if name == "rename":
        return Call(name, strings[0], target=strings[1])
    return None


def _fd_path(arguments: str) -> str:
    found = re.match(r"\d+<([^>]*)>", arguments)
    return _text(found[1]) if found else ""


def _text(shown: str) -> str:
    """A path as strace shows it with -xx."""
    return bytes.fromhex(shown.replace("\\x", "")).decode() if shown.startswith("\\x") else shown


class Disk:
    """Takes calls one by one; `cut` says what is left if the current goes now."""

    def __init__(self) -> None:
        self.files: dict[str, OnDisk] = {}
        self._gone: dict[str, OnDisk] = {}  # unlinked since their directory was synced

    def take(self, call: Call) -> None:
        if call.name == "create":
            self.files.setdefault(call.path, OnDisk())
        elif call.name in ("write", "pwrite64", "ftruncate"):
            self._write(call)
        elif call.name == "fsync":
            self._sync(call.path)
        elif call.name == "unlink" and call.path in self.files:
            self._gone[call.path] = self.files.pop(call.path)
        elif call.name == "rename" and call.path in self.files:
            self.files[call.target] = self.files.pop(call.path)

    def _write(self, call: Call) -> None:
        file = self.files.setdefault(call.path, OnDisk(entered=True))
        at = file.size if call.at < 0 else call.at
        file.pending.append(Call(call.name, call.path, call.data, at))
        file.size = call.at if call.name == "ftruncate" else max(file.size, at + len(call.data))

    def _sync(self, path: str) -> None:
        if path in self.files:
            file = self.files[path]
            for call in file.pending:
                _apply(file.safe, call)
            file.pending = []
            return
        for name, file in self.files.items():
            if str(Path(name).parent) == path:
                file.entered = True
        self._gone = {name: file for name, file in self._gone.items() if str(Path(name).parent) != path}

    def safe(self) -> dict[str, bytes]:
        """The least it may hold: what was synced."""
        return {path: bytes(file.safe) for path, file in self.files.items() if file.entered}

    def whole(self) -> dict[str, bytes]:
        """The most it may hold: all that was written."""
        left = {}
        for path, file in self.files.items():
            content = bytearray(file.safe)
            for call in file.pending:
                _apply(content, call)
            left[path] = bytes(content)
        return left

    def unsynced_commits(self, path: Path) -> int:
        """Transactions in one of SQLite's logs of writes that are not on the disk for sure."""
        file = self.files.get(str(path), OnDisk())
        return sum(ends_commit(call) for call in file.pending)

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """What a disk may hold: contents by path."""
        left = {}
        for path, file in {**self._gone, **self.files}.items():
            if not file.entered and (path in self._gone or chance.random() < 0.5):
                continue
            if path in self._gone and chance.random() < 0.5:
                continue
            content = bytearray(file.safe)
            for call in file.pending[: chance.randrange(len(file.pending) + 1)]:
                _apply_partly(content, call, chance)
            left[path] = bytes(content)
        return left


def ends_commit(call: Call) -> bool:
    """Whether a call on one of SQLite's logs writes a transaction's last page: its header tells the file's size."""
    return len(call.data) == FRAME_HEADER and call.data[4:8] != bytes(4)


def _apply(content: bytearray, call: Call) -> None:
    if call.name == "ftruncate":
        del content[call.at :]
        content.extend(bytes(call.at - len(content)))
        return
    content.extend(bytes(max(0, call.at - len(content))))
    content[call.at : call.at + len(call.data)] = call.data


def _apply_partly(content: bytearray, call: Call, chance: random.Random) -> None:
    """Whole, not at all, or some of its sectors; where the length grew without its data there are zeros."""
    if call.name == "ftruncate" or chance.random() < 0.5:
        _apply(content, call)
        return
    for begin in range(0, len(call.data), SECTOR):
        sector = call.data[begin : begin + SECTOR]
        if chance.random() < 0.5:
            _apply(content, Call("pwrite64", call.path, sector, call.at + begin))


def lay_out(image: dict[str, bytes], places: Sequence[Path]) -> None:
    """Make these files and directories what the disk holds."""
    for place in places:
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    for name, content in image.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)


def moments(calls: Sequence[Call], chance: random.Random, most: int | None) -> list[int]:
    """Numbers of calls after which to cut: some of those around every sync, or (None) each of them."""
    if most is None:
        return [*range(len(calls))]
    syncs = [number for number, call in enumerate(calls) if call.name == "fsync"]
    around = sorted({near for number in syncs for near in (number - 1, number, number + 1) if 0 <= near < len(calls)})
    return sorted(chance.sample(around, min(most, len(around))))
