"""What the kernel tells of changes, and whether that can be relied on; where it cannot, polling finds everything.

Invariant: that files are polled is said once, with the first cause.
"""

from __future__ import annotations

from collections.abc import Callable

from alogd.collectors.base import Event, Note
from alogd.collectors.followed import Followed, shown
from alogd.collectors.watch import Changes, Watch

_NOTHING = Changes(frozenset(), False, False)


class Notices:
    """The watch of a collector, as long as it is of use."""

    def __init__(self, watch: Watch | None, poll: float, say: Callable[[Event], None]) -> None:
        """`watch`: None where polling was asked for; `poll`: seconds."""
        self._watch = watch
        self._poll = poll
        self._say = say
        self._distrusted = False

    @property
    def reliable(self) -> bool:
        """Whether files that nothing is told of need not be looked at often."""
        return self._watch is not None and not self._distrusted

    def take(self) -> Changes:
        """What was told since the last time."""
        return _NOTHING if self._watch is None else self._watch.take()

    def keep(self) -> bool:
        """Watches every directory there is. Whether that ended just now, for want of room in the system."""
        if self._watch is None:
            return False
        try:
            self._watch.ensure()
        except OSError as error:
            self._watch.stop()
            self._watch = None
            return self.distrust(f"the system gives no change notices ({error.strerror or error})")
        return False

    def missed(self, file: Followed) -> bool:
        """Counts a change that polling found. Two in a row, and there is no relying on notices any more: whether that
        is so since now."""
        file.silent_changes += 1
        if self._watch is None or file.silent_changes != 2:
            return False
        return self.distrust(f"changes of {shown(file.path)} are not announced by the system")

    def distrust(self, cause: str) -> bool:
        """Notices are not to be relied on; False when that is no news."""
        if self._distrusted:
            return False
        self._distrusted = True
        self._say(Note(None, "polling", f"{cause}; files are looked at every {self._poll:g} s", 1))
        return True
