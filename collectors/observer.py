"""The one watchdog observer of the process, shared by all that watch directories; it ends with the last of them.

Invariant: a directory is watched once for all who listen, and what is watched is what stands at its path now.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from watchdog import events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyObserver

STOP_SECONDS = 5.0  # the observer's thread is waited for
_EVENTS: list[type[FileSystemEvent]] = [
    events.DirCreatedEvent,
    events.DirMovedEvent,
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
]

Identity = tuple[int, int]  # device and inode
Place = tuple[str, bool]  # a directory, and whether all below it is watched too


class _Listeners(FileSystemEventHandler):
    """All who listen at one place."""

    def __init__(self) -> None:
        self.all: tuple[FileSystemEventHandler, ...] = ()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by the observer's thread."""
        for listener in self.all:
            listener.dispatch(event)


@dataclass
class _Watched:
    identity: Identity
    watch: ObservedWatch
    listeners: _Listeners


class SharedObserver:
    """Watches directories for any number of listeners, which may come and go from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._watched: dict[Place, _Watched] = {}

    def listen(self, listener: FileSystemEventHandler, place: Place, identity: Identity) -> None:
        """Raises OSError, FileNotFoundError among them, where that cannot be watched; then nobody listens there.

        identity is the directory's. Where another one is watched, it is this one from now on, for all who listen.
        """
        with self._lock:
            listeners = self._renewed(place, identity)
            try:
                self._schedule(place, identity, listeners)
            finally:
                self._rest()
            listeners.all = (*listeners.all, listener)

    def leave(self, listener: FileSystemEventHandler, place: Place) -> None:
        """Nothing more is told to this listener about a place; nothing happens where it does not listen."""
        with self._lock:
            watched = self._watched.get(place)
            if watched is None:
                return
            watched.listeners.all = tuple(other for other in watched.listeners.all if other is not listener)
            if not watched.listeners.all:
                self._unschedule(place)
            self._rest()

    def _renewed(self, place: Place, identity: Identity) -> _Listeners:
        """Who listens at a place already; what is watched there and stands there no more is given up."""
        watched = self._watched.get(place)
        if watched is None:
            return _Listeners()
        if watched.identity != identity:
            self._unschedule(place)
        return watched.listeners

    def _schedule(self, place: Place, identity: Identity, listeners: _Listeners) -> None:
        if place in self._watched:
            return
        if self._observer is None:
            self._observer = InotifyObserver()
            self._observer.daemon = True
            self._observer.start()
        path, recursive = place
        watch = self._observer.schedule(listeners, path, recursive=recursive, event_filter=_EVENTS)
        self._watched[place] = _Watched(identity, watch, listeners)

    def _unschedule(self, place: Place) -> None:
        watched = self._watched.pop(place)
        if self._observer is not None:
            self._observer.unschedule(watched.watch)

    def _rest(self) -> None:
        """End the threads when there is nothing left to watch."""
        if self._watched or self._observer is None:
            return
        self._observer.stop()
        self._observer.join(STOP_SECONDS)
        self._observer = None


SHARED = SharedObserver()
