"""Whether and where a found file is read: resumed from a saved position, from its start, from its end, or not at all.

Invariant: a file is opened first and judged by its descriptor, so that nothing can be swapped in between; what is
refused or denied is said once for each change.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from alogd.collectors.base import Closed, Event, Note, Opened
from alogd.collectors.copies import find_copy
from alogd.collectors.firstlook import PEEK, not_text, year_of
from alogd.collectors.followed import TELLING, Followed, Refused, Saved, first_data, identify, open_checked, shown
from alogd.collectors.past import Past, is_copy, is_short_copy

_LINE = 65536  # bytes before the end in which a line's beginning is looked for


class Rules(NamedTuple):
    """What the options say about admission."""

    start: Literal["beginning", "end"]
    binary: bool
    follow_symlinks: bool
    roots: Sequence[str]
    forbidden: Sequence[str]  # what the daemon itself writes


class Admission:
    """Opens files and finds the place to read from."""

    def __init__(self, rules: Rules, saved: Sequence[Saved], say: Callable[[Event], None]) -> None:
        self.rules = rules
        self.saved = {(one.identity.device, one.identity.inode): one for one in saved if not one.ended}
        self.past = Past(self.saved.values(), [one for one in saved if one.ended])
        self._known_paths = {path for one in saved for path in (one.path, one.home)}
        self._say = say
        self.copies: set[int] = set()  # inodes of copies that were read since the last walk: not logs of their own
        self.begun: dict[str, tuple[Followed, int, bytes]] = {}  # source: its file, epoch and mark when it was opened

    def open(self, path: str) -> int:
        """A descriptor of a file that may be read. Raises Refused or OSError."""
        return open_checked(path, self.rules.follow_symlinks, self.rules.roots, self.rules.forbidden)

    def begin(self, path: str, fd: int, at_start: bool, rotated: bool) -> Followed | None:
        """Makes an opened file a source and says Opened; None for a rotated file that need not be read.

        `at_start`: the collector's first look. Raises Refused when it is not text, OSError when it cannot be read;
        the descriptor then still belongs to the caller.
        """
        identity = identify(fd)
        key = (identity.device, identity.inode)
        saved = self.saved.pop(key, None)
        file = Followed(path, fd, identity, self.past.epoch(identity))
        if saved is None and (last := self.past.last(identity)) is not None and last.holds(fd):
            return self._resume(file, last)
        if saved is not None and not file.fifo:
            resumes = saved.identity == identity and self._resumable(file, saved)
            if resumes:
                return self._resume(file, saved)
            self._replaced(file, saved)
            rotated = rotated and saved.identity != identity  # truncated, then rotated: nothing of it was read
        if rotated:
            return None
        self._look(file)
        self._start(file, at_start)
        return file

    def resumes(self, fd: int) -> bool:
        """Whether a saved position is of this very file, not of an earlier one with its inode."""
        identity = identify(fd)
        saved = self.saved.get((identity.device, identity.inode))
        last = self.past.last(identity)
        return (saved is not None and saved.identity == identity) or (last is not None and last.holds(fd))

    def is_copy(self, fd: int, home: str, intact: Callable[[Saved], bool]) -> bool:
        """Whether a file that nobody knows is a copy of what was read before a truncation, all of it."""
        saved = (one for one in self.saved.values() if one.home == shown(home))
        return any(is_short_copy(one, fd, not intact(one)) for one in saved) or self.past.is_copy(fd, home)

    def original(self, fd: int, home: str, intact: Callable[[Saved], bool]) -> Saved | None:
        """The saved position of what a file is a copy of. `intact`: whether a position's own file has what was read."""
        saved = (one for one in self.saved.values() if one.home == shown(home))
        return next((one for one in saved if is_copy(one, fd, not intact(one))), None)

    def adopt(self, path: str, fd: int, saved: Saved) -> Followed:
        """Goes on in the copy of a file that is no more."""
        del self.saved[saved.identity.device, saved.identity.inode]
        identity = identify(fd)
        file = Followed(path, fd, identity, self.past.epoch(identity))
        text = f"{saved.path} was removed; what was not read of it is read from its copy {shown(path)}"
        self._say(Note(saved.source, "replaced", text, 1))
        self._say(Closed(saved.source, "replaced", self.past.give_up(saved)))
        file.seek(saved.offset)
        file.looked = saved.offset > 0
        self.announce(file)
        return file

    def announce(self, file: Followed, resumed: bool = False) -> None:
        """Says Opened for the place a file stands at."""
        head = file.peek(PEEK)
        file.dated = resumed or bool(head)  # a year that was counted on to is known better by the engine
        file.year = year_of(head, file.modified_ns / 1e9)
        self.begun[file.source] = (file, file.epoch, file.mark)
        self._say(Opened(file.source, shown(file.path), file.offset, file.year, None, resumed))

    def redate(self, file: Followed, offset: int, block: bytes) -> None:
        """Says Opened again when the first block shows another year than was thought. To be done before its Data."""
        file.dated = True
        year = year_of(block[:PEEK], file.modified_ns / 1e9)
        if year != file.year:
            file.year = year
            self._say(Opened(file.source, shown(file.path), offset, year, None, False))

    def judge(self, head: bytes) -> None:
        """Raises Refused when the first bytes are not those of a text log."""
        what = None if self.rules.binary else not_text(head[:PEEK])
        if what is not None:
            raise Refused(f"is {what}" if what != "not text" else "does not look like text")

    def find_rest(self, file: Followed) -> bool:
        """Says that a file was rewritten, and has it read on in the copy that copytruncate left, if there is one."""
        copy = find_copy(file.home, file.read_ns, self.open, file.is_rest)
        text = f"{shown(file.path)} was truncated or rewritten after byte {file.offset} was read"
        rest = "read from its start" if copy is None else "its copy is read to the end, then it from its start"
        self._say(Note(file.source, "truncated", f"{text}; {rest}", 1))
        if copy is not None:
            file.copy = copy
            self.copies.add(os.fstat(copy).st_ino)
        elif (unread := file.known - file.offset) > 0:
            self._say(Note(file.source, "lost", f"{text}; {unread} bytes that were there then are lost", unread))
        return copy is not None

    def _resumable(self, file: Followed, saved: Saved) -> bool:
        """Whether a file, or the copy that copytruncate left of it meanwhile, has what was read of it."""
        if saved.holds(file.fd):
            return True
        if saved.mark_length < min(TELLING, max(1, saved.mark_end)):
            return False
        copy = find_copy(file.path, 0, self.open, saved.holds)
        if copy is not None:
            file.copy = copy
            self.copies.add(os.fstat(copy).st_ino)
            file.look()
            text = f"{shown(file.path)} was truncated; its copy is read to the end, then it from its start"
            self._say(Note(saved.source, "truncated", text, 1))
        return copy is not None

    def _resume(self, file: Followed, saved: Saved) -> Followed:
        file.epoch = saved.epoch
        file.seek(saved.offset)
        file.looked = saved.offset > 0
        self.announce(file, resumed=saved.offset > 0)
        return file

    def _replaced(self, file: Followed, saved: Saved) -> None:
        same = saved.identity == file.identity
        file.epoch = max(file.epoch, saved.epoch + 1 if same else 0)
        text = (
            f"{shown(file.path)} is not what was read up to byte {saved.offset} in an earlier run; read from its start"
        )
        self._say(Note(saved.source, "replaced", text, 1))
        self._say(Closed(saved.source, "replaced", self.past.give_up(saved, "truncated" if same else "replaced")))
        self._known_paths.add(shown(file.path))

    def _look(self, file: Followed) -> None:
        head = b"" if file.fifo else os.pread(file.fd, PEEK, first_data(file.fd))
        self.judge(head)
        file.looked = bool(head)

    def _start(self, file: Followed, at_start: bool) -> None:
        # A name that was read in an earlier run under another identity was rotated: nothing of the new file is known.
        from_end = at_start and self.rules.start == "end" and shown(file.path) not in self._known_paths
        if from_end and not file.fifo:
            file.seek(_line_start(file.fd, file.size))
        elif not file.fifo:
            file.seek(first_data(file.fd))
        self.announce(file)
        if file.offset and not from_end:
            self.say_hole(file)

    def say_hole(self, file: Followed) -> None:
        """Says that a file's beginning was never written."""
        text = f"{shown(file.path)} begins with {file.offset} bytes that were never written; they are skipped"
        self._say(Note(file.source, "hole", text, file.offset))

    def expire(self, keep: Callable[[Saved], bool]) -> None:
        """Gives up saved positions whose file never came to light."""
        for key, saved in list(self.saved.items()):
            if not keep(saved):
                del self.saved[key]
                text = f"{saved.path} was removed or renamed out of sight; what followed byte {saved.offset} is lost"
                self._say(Note(saved.source, "lost", text, 1))
                self._say(Closed(saved.source, "gone", self.past.give_up(saved)))


def _line_start(fd: int, size: int) -> int:
    """Where the last, perhaps unfinished, line of a file begins."""
    begin = max(0, size - _LINE)
    newline = os.pread(fd, size - begin, begin).rfind(b"\n")
    return begin + newline + 1 if newline >= 0 else (size if begin else 0)


def denial(path: str, error: OSError) -> str:
    """Why a path cannot be opened, and what to do about it."""
    reason = (error.strerror or str(error)).lower()
    text = f"cannot read {shown(path)}: {reason}"
    if not isinstance(error, PermissionError):
        return text
    try:
        status = os.stat(path)
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return f"{text}; give alogd's user access to its directory"
    if status.st_mode & 0o040:
        return f"{text}; add alogd's user to group {group}"
    return f"{text}; it is readable by its owner only (mode {status.st_mode & 0o777:o})"
