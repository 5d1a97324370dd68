"""Where a training keeps what it has done so far, so that one that was killed goes on: `.training/KEY/` below --out.

KEY stands for everything that decides the result. Pieces are written whole or not at all and checked when read; one
training at a time works below a models directory, held by a lock that ends with the process.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from alogd.models.bundle import IN_SERVICE
from alogd.offline.models import history
from alogd.state.durable import sync_directory

FOLDER, LOCK = ".training", "lock"
OLDEST = 7 * 86_400.0  # seconds after which what was begun is given up: the logs of then are not those of now
LEFT_BEHIND = 3600.0  # seconds after which a file that only a killed process can have left is removed
ROOM = 256 * 2**20  # bytes that must be free before anything is begun
_SEAL = 32  # bytes of sha256 before each piece


class Busy(Exception):
    """Another training works in this directory."""

    exit_code = 1


class NoRoom(Exception):
    """The disk has too little room to begin."""

    exit_code = 1


def key(what: Any) -> str:
    """Of everything that decides the result, as JSON values."""
    return hashlib.sha256(msgspec.json.encode(what, order="sorted")).hexdigest()[:16]


class Work:
    """Pieces by name."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def load(self, name: str) -> bytes | None:
        """A piece as it was kept; None where there is none, or only a damaged one."""
        try:
            data = (self._place / name).read_bytes()
        except OSError:
            return None
        seal, piece = data[:_SEAL], data[_SEAL:]
        return piece if hashlib.sha256(piece).digest() == seal else None

    def keep(self, name: str, data: bytes) -> None:
        """Durable when it returns. Raises OSError; what was kept before then stays."""
        self._place.mkdir(parents=True, exist_ok=True)
        beside = self._place / f".{name}"
        with beside.open("wb") as file:
            file.write(hashlib.sha256(data).digest())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._place / name)
        sync_directory(self._place)

    def done(self) -> None:
        """Nothing of it is needed any more."""
        shutil.rmtree(self._place, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Piece:
    """The epochs of one kind of model, as its training keeps them (checkpoints.Keep)."""

    work: Work
    kind: str

    def load(self) -> bytes | None:
        """The last one kept."""
        return self.work.load(f"{self.kind}.epoch")

    def save(self, data: bytes) -> None:
        """Instead of the one before."""
        self.work.keep(f"{self.kind}.epoch", data)


@contextmanager
def opened(models: Path, name: str, *, fresh: bool = False) -> Iterator[Work]:
    """The work of that key, found or begun; `fresh` forgets what there is. Leaves no trace of one that kept nothing.

    Raises Busy, NoRoom, and OSError where nothing can be written.
    """
    is_new = not models.exists()
    models.mkdir(parents=True, exist_ok=True)
    folder = models / FOLDER
    try:
        free = shutil.disk_usage(models).free
        if free < ROOM:
            raise NoRoom(f"{models}: {free >> 20} MiB are free there; a training begins with {ROOM >> 20} MiB at least")
        with _locked(folder):
            _tidy(models, folder)
            work = Work(folder / name)
            if fresh:
                work.done()
            try:
                yield work
            finally:
                if [one.name for one in folder.iterdir()] == [LOCK]:
                    (folder / LOCK).unlink()  # under the lock: whoever waits for it sees that the name has gone
    finally:
        for empty in (folder, models) if is_new else (folder,):
            with suppress(OSError):
                empty.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    for _ in range(100):
        folder.mkdir(exist_ok=True)
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_named(fd, folder / LOCK):
                continue  # its holder removed it as it ended
            yield
            return
        except BlockingIOError:
            raise Busy(f"{folder.parent}: another training works there; wait for it, or name another --out") from None
        finally:
            os.close(fd)
    raise Busy(f"{folder.parent}: the lock could not be had; other trainings come and go there")


def _is_named(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def _tidy(models: Path, folder: Path) -> None:
    """Removes what killed processes left: old work, unfinished bundles, links and histories that never took place."""
    now = time.time()
    for path in folder.iterdir():
        if path.name != LOCK and now - _changed(path) > OLDEST:
            shutil.rmtree(path, ignore_errors=True)
    for path in models.iterdir():
        ours = path.name.startswith((f".{IN_SERVICE}-", f".{history.FILE}-", ".2"))
        if ours and now - _changed(path) > LEFT_BEHIND:
            _remove(path)


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return time.time()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
