"""Which names lead to which files: applies each walk's findings to the table of followed files.

Invariant: a file is known by its identity; a name only leads to it. Renaming a file never has it read again, and a
second name for a file that is read already never has it read twice.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from alogd.collectors.admission import Admission, denial
from alogd.collectors.base import Event, Note, NoteKind, SourceStatus
from alogd.collectors.followed import Followed, Refused, Saved, identify, shown
from alogd.collectors.globs import Found, Walk, home_of, is_compressed
from alogd.collectors.past import Aside
from alogd.collectors.table import Table

MAX_BACKOFF = 60.0  # seconds between two attempts to open what is denied
CLOCK_GRAIN = 2.0  # seconds a file system's times may be off
LOOK_AGAIN = 600.0  # seconds after which a refused file is judged again


@dataclass(slots=True)
class Seen:
    """What a path was when it was last looked at."""

    inode: int  # of the directory entry
    file: Followed | None = None
    refused: str = ""  # why it is not read
    again_at: float = float("inf")


@dataclass(slots=True)
class Denied:
    """A path that could not be opened, and when to try again."""

    candidate: Candidate
    error: str
    at: float
    tries: int = 0
    said: bool = False


class Candidate(NamedTuple):
    """A path that is to be opened."""

    found: Found
    at_start: bool  # found by the collector's first look
    rotated: bool  # yesterday's file: read only if it was being read
    missed: bool = False  # ... or if it was rotated before it was ever seen


class Names:
    """Paths, as the last walk saw them."""

    def __init__(
        self,
        walk: Walk,
        admission: Admission,
        table: Table,
        say: Callable[[Event], None],
        rotated: bool,
        max_files: int,
    ) -> None:
        self._walk = walk
        self._admission = admission
        self._table = table
        self._say = say
        self._rotated = rotated
        self._max_files = max_files
        self._paths: dict[str, Seen] = {}
        self._denied: dict[str, Denied] = {}
        self._candidates: deque[Candidate] = deque()
        self.nameless: list[Followed] = []  # files that no longer have a name of interest; the follower drains them
        self._first = True
        self._aside = Aside(admission.past, admission.open)
        self._inodes: dict[int, str] = {}  # as of the last walk, while there are saved positions
        self._missed: set[int] = set()  # inodes of rotated files that were not opened yet, under whatever name they are
        self._scanned = 0.0  # when the last walk was; seconds since 1970
        self._limits_said: set[str] = set()

    @property
    def pending(self) -> bool:
        """Whether found paths wait to be opened."""
        return bool(self._candidates)

    def at(self, path: str) -> Followed | None:
        """The file a path led to when last looked at."""
        seen = self._paths.get(path)
        return seen.file if seen else None

    def is_denied(self, path: str) -> bool:
        return any(shown(denied) == path for denied in self._denied)

    def scan(self, now: float, wall: float) -> None:
        """Walks the patterns. New files wait for admit(); those whose name is gone are added to `nameless`.

        `now` is monotonic, `wall` seconds since 1970.
        """
        found = self._walk.run()
        followed = {inode for _, inode in self._table.files}
        saved = {inode for _, inode in self._admission.saved}
        missing: list[tuple[str, Followed | None]] = []
        fresh: list[Candidate] = []
        self._aside.begin()
        for path, entry in found.items():
            seen = self._paths.get(path)
            rotated = entry.rotated and not self._rotated
            missed = False
            if rotated and entry.inode not in followed and entry.inode not in saved:
                missed = self._is_missed(path, entry.inode)
                if not missed:
                    continue
            elif seen and seen.inode == entry.inode and not entry.symlink and now < seen.again_at:
                if rotated:
                    self._aside.keep(entry.inode, path)
                continue
            elif rotated:
                self._aside.keep(entry.inode, path)
            if seen and seen.file:
                missing.append((path, seen.file))
            if not self._known(entry, rotated):
                fresh.append(Candidate(entry, self._first, rotated, missed))
        if self._walk.complete:
            missing += [(path, self._paths.pop(path).file) for path in [*self._paths] if path not in found]
        else:
            self._limit("entries", "too many directory entries to look at all; make the patterns narrower")
        self._admission.copies.clear()
        self._aside.end()
        self._inodes = {entry.inode: path for path, entry in found.items()} if self._admission.saved else {}
        self._missed &= {entry.inode for entry in found.values()}
        self._scanned = wall
        self._queue(fresh)
        self.nameless += [file for path, file in missing if file and file.path == path and not self._still_there(file)]

    def _is_missed(self, path: str, inode: int) -> bool:
        """Whether a rotated file that is not followed may have what was never read."""
        if is_compressed(path):
            return False
        if inode in self._missed:
            return True
        if inode in self._admission.copies:
            self._aside.keep(inode, path)
            return False
        if not self._aside.is_new(inode, path):
            return False
        since = self._admission.past.since(home_of(path))
        if not self._first:  # ... or it was put back
            since = int((self._scanned - CLOCK_GRAIN) * 1e9)
        if since is None or _modified(path) < since:  # from before anything was known of this log
            self._aside.keep(inode, path)
            return False
        self._missed.add(inode)
        return True

    def _queue(self, fresh: list[Candidate]) -> None:
        waiting = {candidate.found.path for candidate in self._candidates}
        fresh = [one for one in fresh if one.found.path not in waiting and not self._awaits(one)]
        self._candidates.extend(sorted(fresh, key=_age))
        self._first = False

    def _awaits(self, candidate: Candidate) -> bool:
        """Whether a path is denied already, and tried again from time to time; another file there is tried at once."""
        denied = self._denied.get(candidate.found.path)
        if denied is None or denied.candidate.found.inode == candidate.found.inode:
            return denied is not None
        denied.candidate = candidate
        return False

    def _still_there(self, file: Followed) -> bool:
        """Looks once more, for a directory that could not be listed hides files that are well."""
        try:
            status = os.stat(file.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return (status.st_dev, status.st_ino) == file.identity[:2]

    def made_anew(self, file: Followed) -> bool:
        """Whether a closed file's name leads to another with the same inode, which no walk can tell. It is then
        forgotten here, so that the next walk finds it as a new one."""
        if not self._still_there(file):
            return False
        self._paths.pop(file.path, None)
        text = f"{shown(file.path)} was deleted and made anew; read from its start"
        self._say(Note(file.source, "removed", text, 1))
        return True

    def _known(self, found: Found, rotated: bool) -> bool:
        """Whether a path leads to a file that is followed already, under this or another name."""
        try:
            status = os.stat(found.path, follow_symlinks=self._admission.rules.follow_symlinks)
        except OSError:
            return False  # opening will tell
        file = self._table.files.get((status.st_dev, status.st_ino))
        if file is None:
            return False
        if file.path == found.path or not self._still_there(file):
            self._rename(file, found, rotated)
        else:
            self._duplicate(file, found)
        return True

    def _rename(self, file: Followed, found: Found, rotated: bool) -> None:
        file.path = found.path
        file.symlink = found.symlink
        if rotated:
            self.nameless.append(file)
        else:
            file.home, file.drained_from = found.path, None
        self._paths[found.path] = Seen(found.inode, file)

    def _duplicate(self, file: Followed, found: Found) -> None:
        seen = self._paths.get(found.path)
        if seen is None or seen.inode != found.inode:
            text = f"{shown(found.path)} is the same file as {shown(file.path)}; it is read once"
            self._say(Note(file.source, "duplicate", text, 1))
        self._paths[found.path] = Seen(found.inode)

    def forget_duplicates(self) -> None:
        """Has second names looked at again, after a file lost its first one."""
        for path in [path for path, seen in self._paths.items() if seen.file is None and not seen.refused]:
            del self._paths[path]

    def admit(self, now: float, most: int) -> list[Followed]:
        """Opens up to `most` of the paths that wait. Returns the files that were begun."""
        begun: list[Followed] = []
        for _ in range(min(most, len(self._candidates))):
            candidate = self._candidates.popleft()
            try:
                file = self._open(candidate)
            except Refused as why:
                self._refuse(candidate, why, now)
            except FileNotFoundError:
                self._denied.pop(candidate.found.path, None)
            except OSError as error:
                self._deny(candidate, error, now)
            else:
                begun += [file] if file else []
                self._denied.pop(candidate.found.path, None)
        return begun

    def _open(self, candidate: Candidate) -> Followed | None:
        found, _, rotated, missed = candidate
        if self._known(found, rotated):
            return None
        if len(self._table) >= self._max_files:
            self._limit("files", f"more than {self._max_files} files match; the rest is not read (max_files)")
            return None
        self._table.make_room()
        fd = self._admission.open(found.path)
        try:
            status = os.fstat(fd)
            known = (status.st_dev, status.st_ino) in self._table.files  # it was swapped since _known looked
            if rotated and not found.symlink and status.st_ino != found.inode:
                known = True  # the next walk will tell
            elif missed and not (known or self._admission.resumes(fd)):
                known = status.st_size == 0  # perhaps a copy is about to be made: the next walk looks again
                if not known:
                    known = self._is_copy(found, fd)
                    self._missed.discard(status.st_ino)
                    self._aside.decided(fd)
            file = None if known else self._begin(candidate, fd)
        except BaseException:
            os.close(fd)
            raise
        if file is None:
            os.close(fd)
            return None
        self._admitted(file, found, rotated)
        return file

    def _begin(self, candidate: Candidate, fd: int) -> Followed | None:
        found, at_start, rotated, missed = candidate
        saved = self._admission.original(fd, home_of(found.path), self._is_intact) if missed else None
        if saved is not None:
            there = self._has(saved, lambda _: True, unsure=True)
            return None if there else self._admission.adopt(found.path, fd, saved)
        return self._admission.begin(found.path, fd, at_start, rotated and not missed)

    def _is_intact(self, saved: Saved) -> bool:
        return self._has(saved, saved.holds, unsure=False)

    def _has(self, saved: Saved, holds: Callable[[int], bool], unsure: bool) -> bool:
        """Whether the file of a saved position is there, and holds what is asked for; `unsure` if it is denied."""
        path = self._inodes.get(saved.identity.inode)
        if path is None:
            return False
        try:
            fd = self._admission.open(path)
        except (FileNotFoundError, Refused):
            return False
        except OSError:
            return unsure
        try:
            return identify(fd) == saved.identity and holds(fd)
        except OSError:
            return unsure
        finally:
            os.close(fd)

    def _is_copy(self, found: Found, fd: int) -> bool:
        """Whether a rotated file that nobody knows is a copy of what was read, or of a log that nobody knows either."""
        home = home_of(found.path)
        siblings = [file for file in self._table.files.values() if file.home == home]
        if not siblings and self._admission.past.since(home) is None:
            return True
        known = any(one.is_copy(fd) or one.begins_as(fd) for one in siblings)
        return known or self._admission.is_copy(fd, home, self._is_intact)

    def _admitted(self, file: Followed, found: Found, rotated: bool) -> None:
        self._missed.discard(file.identity.inode)
        file.symlink = found.symlink
        self._table.add(file)
        if rotated:
            file.home = home_of(found.path)
            self.nameless.append(file)
        self._paths[found.path] = Seen(found.inode, file)
        denied = self._denied.pop(found.path, None)
        if denied is not None and denied.said:
            self._say(Note(file.source, "recovered", f"{shown(found.path)} can be read now", 1))

    def _refuse(self, candidate: Candidate, why: Refused, now: float) -> None:
        found = candidate.found
        self._missed.discard(found.inode)
        self._denied.pop(found.path, None)
        self.refused(found.path, found.inode, why, now)

    def refused(self, path: str, inode: int, why: Refused, now: float) -> None:
        """Notes that a path is not read, and says so unless it was said."""
        before = self._paths.get(path)
        if before is None or before.inode != inode or before.refused != str(why):
            self._say(Note(None, why.kind, f"will not read {shown(path)}: it {why}", 1))
        self._paths[path] = Seen(inode, None, str(why), now + LOOK_AGAIN)

    def _deny(self, candidate: Candidate, error: OSError, now: float) -> None:
        path = candidate.found.path
        short = self.make_do(error)
        denied = self._denied.setdefault(path, Denied(candidate, "", now))
        text = denial(path, error)
        if denied.error != text and not short:  # which file was the one too many says nothing
            self._say(Note(None, "permission_denied" if isinstance(error, PermissionError) else "io_error", text, 1))
            denied.said = True
        denied.error = text
        denied.at = now + min(MAX_BACKOFF, 2.0**denied.tries)
        denied.tries = min(denied.tries + 1, 16)

    def make_do(self, error: OSError) -> bool:
        """Whether the system gave no descriptor; then there are fewer to be held from now on."""
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            return False
        self._table.shrink()
        text = f"out of file descriptors; at most {self._table.max_open} files are held open"
        self._limit("descriptors", text, "descriptors")
        return True

    @property
    def has_denied(self) -> bool:
        """Whether `retry` has anything to try."""
        return bool(self._denied)

    def retry(self, now: float, path: str | None = None) -> None:
        """Queues what was denied and is due, or one path whose permissions may have changed."""
        due = [one for one in self._denied.values() if one.at <= now] if path is None else [self._denied.get(path)]
        for denied in due:
            if denied is not None:
                denied.at = now + MAX_BACKOFF
                self._candidates.append(denied.candidate)

    def _limit(self, which: str, text: str, kind: NoteKind = "limit") -> None:
        if which not in self._limits_said:
            self._limits_said.add(which)
            self._say(Note(None, kind, text, 1))

    def troubles(self, most: int) -> list[SourceStatus]:
        """Paths that are not read and why, at most `most` of each kind."""
        denied = [SourceStatus("", shown(p), 0, 0, "denied", d.error) for p, d in [*self._denied.items()][:most]]
        refused = [(path, seen.refused) for path, seen in [*self._paths.items()] if seen.refused][:most]
        return denied + [SourceStatus("", shown(path), 0, 0, "refused", why) for path, why in refused]


def _age(candidate: Candidate) -> tuple[int, str]:
    return _modified(candidate.found.path), candidate.found.path


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
