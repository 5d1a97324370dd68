"""The files that are followed, by identity and by source, and which of them hold a descriptor.

Invariant: at most `max_open` descriptors are held, but for files that have lost their name and are read to their end.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from alogd.collectors.followed import Followed

Key = tuple[int, int]  # device, inode


class Table:
    """Files under their identity; the least recently read are closed when descriptors run short."""

    def __init__(self, max_open: int) -> None:
        self.max_open = max_open
        self.files: dict[Key, Followed] = {}
        self.sources: dict[str, Followed] = {}
        self.rotation: deque[Followed] = deque()  # whose turn it is to be looked at
        self._youngest: dict[str, Followed] | None = None  # by name; None: to be looked up
        self._open: OrderedDict[Followed, None] = OrderedDict()  # least recently used first

    def __len__(self) -> int:
        return len(self.files)

    def add(self, file: Followed) -> None:
        """Takes in a file that was just opened."""
        self.files[file.identity.device, file.identity.inode] = file
        self.sources[file.source] = file
        self.rotation.append(file)
        self._youngest = None
        self.opened(file)

    def remove(self, file: Followed) -> None:
        """Closes a file and forgets it."""
        self.files.pop((file.identity.device, file.identity.inode), None)
        self.sources.pop(file.source, None)
        self._open.pop(file, None)
        file.close()

    def holds(self, file: Followed) -> bool:
        return self.files.get((file.identity.device, file.identity.inode)) is file

    def has_younger(self, file: Followed) -> bool:
        """Whether a file that was taken in later had the same name, though it may have lost it too, or be closed."""
        if self._youngest is None:
            self._youngest = {one.home: one for one in self.files.values()}
        return self._youngest.get(file.home, file) is not file

    def opened(self, file: Followed) -> None:
        """Marks a file that holds a descriptor as just used."""
        self._open[file] = None
        self._open.move_to_end(file)

    def make_room(self, spare: int = 1) -> None:
        """Closes files until `spare` more can be opened; not those without a name, which could not be opened again."""
        excess = len(self._open) + spare - self.max_open
        if excess <= 0:
            return
        named = [file for file in self._open if not file.fifo and file.drained_from is None]
        for file in sorted(named, key=lambda file: file.unread)[
            :excess
        ]:  # those that are read first; both oldest first
            del self._open[file]
            file.close()

    def shrink(self) -> None:
        """The system gives no more descriptors: make do with half."""
        self.max_open = max(8, len(self._open) // 2)
        self.make_room()

    def next_turns(self, count: int) -> list[Followed]:
        """The next `count` files of the rotation, each at most once; removed ones drop out here."""
        turns: list[Followed] = []
        for _ in range(min(count, len(self.rotation))):
            file = self.rotation.popleft()
            if self.holds(file):
                self.rotation.append(file)
                turns.append(file)
        return turns

    def close(self) -> None:
        for file in list(self.files.values()):
            self.remove(file)
