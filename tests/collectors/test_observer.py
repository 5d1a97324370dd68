"""One observer for all who watch: who hears what while others come and go, and when its threads end."""

import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.events import FileSystemEvent, FileSystemEventHandler

from alogd.collectors.observer import Identity, Place, SharedObserver

PATIENCE = 10.0  # seconds a notice is waited for


class Ear(FileSystemEventHandler):
    def __init__(self) -> None:
        self.heard: queue.Queue[str] = queue.Queue()

    def dispatch(self, event: FileSystemEvent) -> None:
        self.heard.put(os.path.basename(os.fsdecode(event.src_path)))

    def wait_for(self, name: str) -> list[str]:
        """What was heard before this."""
        before = []
        while (heard := self.heard.get(timeout=PATIENCE)) != name:
            before.append(heard)
        return before


def place_of(directory: Path) -> tuple[Place, Identity]:
    status = directory.stat()
    return (str(directory), False), (status.st_dev, status.st_ino)


@pytest.fixture
def observer() -> Iterator[SharedObserver]:
    before = threading.active_count()
    shared = SharedObserver()
    yield shared
    assert threading.active_count() <= before  # a thread of an earlier test may have ended meanwhile


def test_many_listeners_take_no_more_threads_than_one(observer: SharedObserver, tmp_path: Path) -> None:
    ears = [Ear() for _ in range(10)]
    place, identity = place_of(tmp_path)
    observer.listen(ears[0], place, identity)
    threads = threading.active_count()
    for ear in ears[1:]:
        observer.listen(ear, place, identity)
    assert threading.active_count() <= threads  # a thread of an earlier test may have ended meanwhile
    (tmp_path / "new").touch()
    for ear in ears:
        ear.wait_for("new")
        observer.leave(ear, place)


def test_who_leaves_hears_no_more_and_the_others_do(observer: SharedObserver, tmp_path: Path) -> None:
    stays, leaves = Ear(), Ear()
    place, identity = place_of(tmp_path)
    observer.listen(leaves, place, identity)
    observer.listen(stays, place, identity)
    observer.leave(leaves, place)
    observer.leave(leaves, place)  # once more changes nothing
    (tmp_path / "new").touch()
    stays.wait_for("new")
    assert leaves.heard.empty()
    observer.leave(stays, place)


def test_a_directory_that_came_again_is_watched_for_all(observer: SharedObserver, tmp_path: Path) -> None:
    first, second = Ear(), Ear()
    logs = tmp_path / "logs"
    logs.mkdir()
    place, identity = place_of(logs)
    observer.listen(first, place, identity)
    observer.listen(second, place, identity)
    logs.rename(tmp_path / "old")
    logs.mkdir()
    place, identity = place_of(logs)
    observer.leave(first, place)
    observer.listen(first, place, identity)
    (logs / "new").touch()
    first.wait_for("new")
    second.wait_for("new")
    (tmp_path / "old" / "late").touch()
    (logs / "last").touch()
    assert "late" not in first.wait_for("last")
    observer.leave(first, place)
    observer.leave(second, place)


def test_a_directory_that_is_not_there(observer: SharedObserver, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        observer.listen(Ear(), (str(tmp_path / "none"), False), (0, 0))


def test_it_begins_anew_after_the_last_has_left(observer: SharedObserver, tmp_path: Path) -> None:
    place, identity = place_of(tmp_path)
    for turn in range(3):
        ear = Ear()
        observer.listen(ear, place, identity)
        (tmp_path / f"new{turn}").touch()
        ear.wait_for(f"new{turn}")
        observer.leave(ear, place)
