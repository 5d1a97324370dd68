"""From a stream's template slots to a frozen model's numbers, looked up once a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from alogd.detectors._sequences import I32
from alogd.engine.template_name import fingerprint
from alogd.event import WindowBatch
from alogd.models.bundle import BadBundle
from alogd.models.vocabulary import UNK, Vocabulary

UNKNOWN_YET = -1


class Numbers:
    """Numbers by slot; a slot that a new template took is looked up again."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._first_text: Callable[[int], str] = lambda slot: ""
        self._of_slot = np.full(64, UNKNOWN_YET, np.int32)

    def attach(self, first_text: Callable[[int], str], settings: Mapping[str, object]) -> None:
        """first_text(slot): what the template said when it was created. Raises BadBundle when mined otherwise."""
        theirs = self._vocabulary.engine
        for name in settings:
            if theirs.get(name) != settings.get(name):
                raise BadBundle(
                    f"the model was trained with engine.{name} {theirs.get(name)!r}, the stream has "
                    f"{settings.get(name)!r}; set it to the model's, or train anew: alogd retrain"
                )
        self._first_text = first_text
        self._of_slot.fill(UNKNOWN_YET)

    def of(self, windows: WindowBatch) -> I32:
        """The number of every record's template, shape (records,)."""
        most = int(windows.slot.max(initial=0))
        if most >= len(self._of_slot):
            more = max(most + 1, 2 * len(self._of_slot)) - len(self._of_slot)
            self._of_slot = np.concatenate([self._of_slot, np.full(more, UNKNOWN_YET, np.int32)])
        self._of_slot[windows.slot[windows.is_new]] = UNKNOWN_YET
        numbers = self._of_slot[windows.slot]
        if (numbers == UNKNOWN_YET).any():
            for slot in np.unique(windows.slot[numbers == UNKNOWN_YET]).tolist():
                self._of_slot[slot] = self._look_up(slot)
            numbers = self._of_slot[windows.slot]
        return numbers

    def _look_up(self, slot: int) -> int:
        text = self._first_text(slot) if slot else ""
        return (
            self._vocabulary.number(fingerprint(text), text) if slot else UNK
        )  # a message may be empty: so is its text
