"""A training that ends after some epochs, as one that is killed does, and is called again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alogd.offline.models.checkpoints import Forget
from alogd.offline.models.kinds import Progress, Trained


class Stopped(Exception):
    """In place of a kill."""


class Kept(Forget):
    """The epoch kept last."""

    data: bytes | None = None

    def load(self) -> bytes | None:
        return self.data

    def save(self, data: bytes) -> None:
        self.data = data


def gone_on(train: Callable[[Progress, Kept], Trained], after: int) -> tuple[Trained, list[int]]:
    """What came of it the second time, and the epochs it then trained; the first time it stopped after so many."""
    place, again = Kept(), list[int]()

    def stop(epoch: int, epochs: int, loss: float) -> None:
        if epoch == after:
            raise Stopped

    with pytest.raises(Stopped):
        train(stop, place)
    return train(lambda epoch, epochs, loss: again.append(epoch), place), again
