"""Change notices from the kernel (the process's observer), gathered until the reading thread takes them.

Invariant: notices are hints that save time, never the only way to find a change; at most MAX_NAMES are held.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from watchdog.events import FileSystemEvent, FileSystemEventHandler

from alogd.collectors.observer import SHARED, Identity, Place

_LOG = logging.getLogger("watchdog.observers")
MAX_NAMES = 20_000  # changed paths held; beyond it everything counts as changed


class Changes(NamedTuple):
    """What happened since the last time it was asked."""

    modified: frozenset[str]
    names: bool  # files or directories came, went or were renamed
    overflow: bool  # more than could be held: look at everything


class _Overflow(logging.Handler):
    """Hears that the kernel's queue was full and notices were lost: watchdog says that in its log, and nowhere else."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._heard()


class Watch(FileSystemEventHandler):
    """Listens at all directories that have a pattern's root."""

    def __init__(self, roots: Mapping[str, bool], wake: Callable[[], None]) -> None:
        """`roots`: directory -> whether all below it is of interest. `wake` may be called from another thread."""
        self._roots = _outermost(roots)
        self._wake = wake
        self._lock = threading.Lock()
        self._modified: set[str] = set()
        self._names = self._overflow = self._told = self._held = False
        self._listener = _Overflow(self._lost)
        self._watched: dict[str, tuple[Identity, Place]] = {}  # root: which directory it was, where we listen
        self._spelled: dict[str, str] = {}  # resolved root -> as the patterns spell it, where the two differ

    def ensure(self) -> None:
        """Watches every root that exists. Raises OSError where the system has no room for that."""
        self._drop_gone()
        _LOG.addHandler(self._listener)
        for root, recursive in self._roots.items():
            if root not in self._watched and os.path.isdir(root):
                real = os.path.realpath(root)
                try:
                    identity = _identity(root)
                    SHARED.listen(self, (real, recursive), identity)
                except FileNotFoundError:
                    continue
                self._watched[root] = (identity, (real, recursive))
                if real != root:
                    self._spelled[real] = root

    def _drop_gone(self) -> None:
        """Gives up watches of directories that were deleted or renamed; an open file in one can hide that."""
        for root, (identity, place) in list(self._watched.items()):
            if _identity(root) != identity:
                del self._watched[root]
                SHARED.leave(self, place)

    def stop(self) -> None:
        """Nothing more is heard."""
        _LOG.removeHandler(self._listener)
        for _, place in self._watched.values():
            SHARED.leave(self, place)
        self._watched.clear()

    def hold(self, held: bool) -> None:
        """While held, changes are gathered but nobody is woken."""
        with self._lock:
            self._held = held

    def take(self) -> Changes:
        """What was gathered; forgotten here."""
        with self._lock:
            changes = Changes(frozenset(self._modified), self._names, self._overflow)
            self._modified.clear()
            self._names = self._overflow = self._told = False
        return changes

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by the observer's thread."""
        path = self._as_spelled(os.fsdecode(event.src_path))
        with self._lock:
            if event.event_type != "modified":
                self._names = True
            elif len(self._modified) < MAX_NAMES:
                self._modified.add(path)
            else:
                self._overflow = True
            tell = not (self._told or self._held)
            self._told = self._told or tell
        if tell:
            self._wake()

    def _lost(self) -> None:
        with self._lock:
            self._overflow = True
        self._wake()

    def _as_spelled(self, path: str) -> str:
        for real, root in self._spelled.items():
            if path == real or path.startswith(real + "/"):
                return root + path[len(real) :]
        return path


def _identity(root: str) -> Identity:
    try:
        status = os.stat(root)
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


def _outermost(roots: Mapping[str, bool]) -> dict[str, bool]:
    """Leaves out what a recursive root above covers already."""
    kept: dict[str, bool] = {}
    for root in sorted(roots):
        above = (other for other, recursive in kept.items() if recursive and root.startswith(other.rstrip("/") + "/"))
        if next(above, None) is None:
            kept[root] = roots[root]
    return kept
