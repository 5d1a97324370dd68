"""Following files, without a loop or a thread of its own: each step looks at what is due and reads one block.

Invariant: a file is read until its end before its name's loss closes it, and files take turns, a block at a time.
Everything here may block and is done by one reading thread; time comes in as an argument.
"""

from __future__ import annotations

import heapq
import math
import mmap
import os
from collections import deque
from collections.abc import Sequence
from errno import ESTALE
from itertools import count
from typing import NamedTuple

from alogd.clock import Clock
from alogd.collectors.admission import Admission, Rules
from alogd.collectors.base import MAX_BLOCK, Closed, Data, Event, Idle, Note, SourceStatus
from alogd.collectors.followed import MARK, Followed, Refused, Rewritten, Saved, identify, shown
from alogd.collectors.globs import Walk
from alogd.collectors.names import MAX_BACKOFF, Names
from alogd.collectors.notices import Notices
from alogd.collectors.table import Table
from alogd.collectors.watch import Watch

ADMIT = 64  # files opened in one step, so that a step stays short
EVENTS = 256  # about the most events of one step
SMALL = 200  # so few files are all looked at in every poll
ACTIVE = 60.0  # seconds after its last change for which a file is looked at in every poll
MIN_READ = 16 * 1024  # bytes of a step's block that must be left for another file's turn


class Pace(NamedTuple):
    """How often things are looked at and how long is waited, in seconds."""

    poll: float
    idle_poll: float
    settle: float
    rotate_grace: float
    close_after: float
    forget_after: float


class Follower:
    """All files of one collector."""

    def __init__(
        self,
        walk: Walk,
        rules: Rules,
        saved: Sequence[Saved],
        pace: Pace,
        limits: tuple[int, int],
        rotated: bool,
        watch: Watch | None,
    ) -> None:
        """`limits`: most open descriptors, most files. `rotated`: rotated names are files like any other."""
        self._events: list[Event] = []
        self._pace = pace
        self.table = Table(limits[0])
        self._admission = Admission(rules, saved, self._say)
        self.names = Names(walk, self._admission, self.table, self._say, rotated, limits[1])
        self.begun = self._admission.begun
        self._notices = Notices(watch, pace.poll, self._say)
        self._ready: deque[Followed] = deque()
        self._active: dict[Followed, None] = {}
        self._settles: list[tuple[float, int, Followed]] = []
        self._order = count()
        self._scan_at = self._poll_at = self._scan_not_before = -math.inf
        self._forget_at = math.inf
        self._before = memoryview(bytearray(MARK))
        self._room = memoryview(mmap.mmap(-1, MAX_BLOCK))  # page-aligned: the kernel copies into it twice as fast

    def step(self, now: float, clock: Clock) -> list[Event]:
        """Does what is due and reads up to MAX_BLOCK bytes in all. Returns what happened, in order."""
        self._events = []
        self._notice(now)
        if now >= self._scan_at:
            self._scan(now, clock)
        if self.names.pending:
            self._begin(now)
        if now >= self._poll_at:
            self._poll(now)
        self._settle(now)
        self._read(now)
        return self._events

    def due_in(self, now: float) -> float:
        """Seconds until step() has something to do, if nothing is noticed before."""
        if self._ready or self.names.pending:
            return 0.0
        due = min(self._poll_at, self._scan_at, self._settles[0][0] if self._settles else math.inf)
        return max(0.0, due - now)

    def status(self) -> list[SourceStatus]:
        """Every file, and up to 100 each of those that are denied and refused. From any thread."""
        files = [
            SourceStatus(
                file.source, shown(file.path), file.offset, max(file.size, file.offset), file.state, file.error
            )
            for file in [*self.table.files.values()]
        ]
        return files + self.names.troubles(100)

    def close(self) -> None:
        self.table.close()

    def _say(self, event: Event) -> None:
        self._events.append(event)

    # What is due

    def _notice(self, now: float) -> None:
        """Takes the kernel's notices."""
        changes = self._notices.take()
        if changes.names or changes.overflow:
            self._scan_soon(now)
        for path in changes.modified:
            if file := self.names.at(path):
                file.silent_changes = 0
                self._stir(file, now)
            else:
                self.names.retry(now, path)  # its permissions may have changed
        if changes.overflow:
            if self._notices.distrust("more changes at once than the system tells of"):
                self._poll_at = -math.inf
            for file in [*self.table.files.values()]:
                self._enqueue(file)

    def _stir(self, file: Followed, now: float) -> None:
        file.last_change = now
        self._keep_looking(file, now)
        self._enqueue(file)

    def _keep_looking(self, file: Followed, now: float) -> None:
        """Looks at a file in every poll from now on."""
        self._active[file] = None
        self._poll_at = min(self._poll_at, now + self._pace.poll)

    def _enqueue(self, file: Followed) -> None:
        if not file.queued:
            file.queued = True
            self._ready.append(file)

    def _scan_soon(self, now: float) -> None:
        self._scan_at = min(self._scan_at, max(now, self._scan_not_before))

    def _scan(self, now: float, clock: Clock) -> None:
        begun = clock.monotonic()
        if self._notices.keep():
            self._poll_at = -math.inf
        self.names.scan(now, clock.time())
        spent = clock.monotonic() - begun
        self._scan_not_before = now + 10 * spent  # a tree that takes long to walk takes at most a tenth of the time
        self._scan_at = now + max(self._pace.idle_poll, 100 * spent)
        self._drain_nameless(now)

    def _begin(self, now: float) -> None:
        for file in self.names.admit(now, ADMIT):
            if file.unread or file.fifo:
                self._enqueue(file)
            else:
                file.state = "idle"
            if file.fifo:
                self._keep_looking(file, now)
        self._drain_nameless(now)

    def _poll(self, now: float) -> None:
        self.names.retry(now)
        if self._forget_at == math.inf and not self.names.pending:
            self._forget_at = now + self._pace.forget_after
        if now >= self._forget_at:
            self._forget_at = now + self._pace.forget_after
            self._admission.expire(lambda saved: self.names.is_denied(saved.path))
        for file in [*self._active]:
            self._check(file, now)
            if not self._stays_active(file, now):
                del self._active[file]
        share = math.ceil(len(self.table) * self._pace.poll / self._pace.idle_poll)
        for file in self.table.next_turns(max(SMALL, share)):
            if file not in self._active:
                self._check(file, now)
        self._poll_at = now + (self._pace.poll if self._needs_polling() else self._pace.idle_poll)

    def _needs_polling(self) -> bool:
        """Whether something is looked at in every poll; where the system tells of changes, quiet files need it less."""
        told = self._notices.reliable and len(self.table) <= SMALL
        return not told or bool(self._active) or self.names.has_denied

    def _stays_active(self, file: Followed, now: float) -> bool:
        if not self.table.holds(file):
            return False
        special = file.fifo or file.retry_at or file.drained_from is not None or file.silent_changes > 1
        return bool(special) or now - file.last_change < ACTIVE

    def _check(self, file: Followed, now: float) -> None:
        """Looks whether a file changed, or its name leads elsewhere."""
        if not self.table.holds(file) or file.queued:
            return
        if file.retry_at or file.fifo:
            if now >= file.retry_at:
                self._enqueue(file)
            return
        if file.drained_from is not None:
            self._drain_on(file, now)
            return
        try:
            status = os.stat(file.path, follow_symlinks=self._admission.rules.follow_symlinks)
        except (FileNotFoundError, NotADirectoryError):
            self._scan_soon(now)
        except OSError:
            return  # the directory is closed to us, an open descriptor still reads
        else:
            if (status.st_dev, status.st_ino) != file.identity[:2]:
                self._scan_soon(now)
            elif (status.st_size, status.st_mtime_ns) != (file.size, file.modified_ns):
                if self._notices.missed(file):
                    self._poll_at = -math.inf
                self._stir(file, now)

    def _settle(self, now: float) -> None:
        while self._settles and self._settles[0][0] <= now:
            file = heapq.heappop(self._settles)[2]
            if not file.unsettled or not self.table.holds(file):
                continue
            if file.queued or file.unread or file.last_data + self._pace.settle > now:
                due = max(now, file.last_data) + self._pace.settle
                heapq.heappush(self._settles, (due, next(self._order), file))
            else:
                file.unsettled = False
                self._say(Idle(file.source))

    # Reading

    def _read(self, now: float) -> None:
        left = MAX_BLOCK
        while self._ready and left >= MIN_READ and len(self._events) < EVENTS:
            file = self._ready.popleft()
            file.queued = False
            if self.table.holds(file):
                left -= self._serve(file, now, left)

    def _serve(self, file: Followed, now: float, left: int) -> int:
        """Reads a file's next block. Returns its size."""
        try:
            if not self._reopened(file):
                self._scan_soon(now)
                if self.names.made_anew(file):
                    self._end(file, "removed")
                return 0
            file.look()
            offset = file.offset
            block = file.read(self._before, self._room[:left])
        except Rewritten:
            self._rewritten(file)
            return 0
        except Refused as why:
            self._refuse(file, why, now)
            return 0
        except OSError as error:
            self._fail(file, error, now)
            return 0
        if file.retry_at:
            self._recover(file)
        if block:
            self._take(file, offset, block, now, left)
        elif file.copy >= 0:
            self._restart(file)
        elif file.drained_from is None:
            file.state = "idle"
        return len(block)

    def _reopened(self, file: Followed) -> bool:
        """Whether a file has a descriptor, opening it again if need be. False when its name leads elsewhere."""
        if file.fd < 0:
            self.table.make_room()
            try:
                fd = self._open(file.path)
            except (FileNotFoundError, NotADirectoryError):
                return False
            if identify(fd) != file.identity:
                os.close(fd)
                return False
            file.fd = fd
        self.table.opened(file)
        return True

    def _open(self, path: str) -> int:
        try:
            return self._admission.open(path)
        except OSError as error:
            if not self.names.make_do(error):
                raise
        return self._admission.open(path)

    def _take(self, file: Followed, offset: int, block: bytes, now: float, left: int) -> None:
        if not file.looked:
            try:
                self._admission.judge(block)
            except Refused as why:
                self._refuse(file, why, now)
                return
            file.looked = True
        if not file.dated:
            self._admission.redate(file, offset, block)
        self._say(Data(file.source, block))
        file.last_data = now
        if not file.unsettled:
            file.unsettled = True
            heapq.heappush(self._settles, (now + self._pace.settle, next(self._order), file))
        more = len(block) == left or file.unread or file.fifo
        if more:
            self._enqueue(file)
        if file.drained_from is None:
            file.state = "reading" if more else "idle"

    def _rewritten(self, file: Followed) -> None:
        if file.copy < 0 and self._admission.find_rest(file):
            self._enqueue(file)
        else:
            self._restart(file)

    def _restart(self, file: Followed) -> None:
        source = file.source
        self._say(Closed(source, "truncated", self._admission.past.end(file, "truncated")))
        del self.table.sources[source]
        file.restart()
        self.table.sources[file.source] = file
        self._admission.announce(file)
        if file.offset:
            self._admission.say_hole(file)
        self._enqueue(file)

    def _refuse(self, file: Followed, why: Refused, now: float) -> None:
        self.names.refused(file.path, file.identity.inode, why, now)
        self._say(Closed(file.source, "refused"))
        self.table.remove(file)

    def _fail(self, file: Followed, error: OSError, now: float) -> None:
        text = f"cannot read {shown(file.path)}: {(error.strerror or str(error)).lower()}"
        if error.errno == ESTALE:
            file.close()  # opened again by name at the next attempt
        if file.error != text:
            self._say(Note(file.source, "stale" if error.errno == ESTALE else "io_error", text, 1))
        file.error, file.state = text, "failing"
        file.retry_at = now + min(MAX_BACKOFF, 2.0**file.retries)
        file.retries = min(file.retries + 1, 16)
        self._keep_looking(file, now)

    def _recover(self, file: Followed) -> None:
        file.error, file.retry_at, file.retries, file.state = "", 0.0, 0, "reading"
        self._say(Note(file.source, "recovered", f"{shown(file.path)} can be read again", 1))

    # Files whose name is gone

    def _drain_nameless(self, now: float) -> None:
        nameless, self.names.nameless = self.names.nameless, []
        for file in nameless:
            if self.table.holds(file) and file.drained_from is None:
                self._drain(file, now)

    def _drain(self, file: Followed, now: float) -> None:
        """Begins to read a file to its end because its name is gone."""
        self.names.forget_duplicates()  # another name may keep it
        self._scan_soon(now)
        file.drained_from = now
        file.state = "draining"
        try:
            reachable = self._reopened(file)
        except (OSError, Refused):
            reachable = False
        if not reachable:
            self._end(file, "removed")
            return
        removed = os.fstat(file.fd).st_nlink == 0
        what = "was removed" if removed else f"was rotated to {shown(file.path)}"
        text = f"{shown(file.home)} {what}; read to its end, then closed"
        self._say(Note(file.source, "removed" if removed else "rotated", text, 1))
        self._stir(file, now)

    def _drain_on(self, file: Followed, now: float) -> None:
        file.look()
        if file.unread:
            self._enqueue(file)
            return
        since = file.drained_from or 0.0
        removed = os.fstat(file.fd).st_nlink == 0
        succeeded = removed or os.path.lexists(file.home) or self.table.has_younger(file)
        file.state = "draining" if succeeded else "waiting"
        quiet = now - max(since, file.last_data) >= self._pace.rotate_grace
        if quiet and (succeeded or now - since >= self._pace.close_after):
            self._end(file, "removed" if removed else "rotated")

    def _end(self, file: Followed, reason: str) -> None:
        self._say(Closed(file.source, reason, self._admission.past.end(file, reason)))
        self.table.remove(file)
