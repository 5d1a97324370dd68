"""What a template never seen before is most like; a part of an alert's evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alogd.alerts.redact import Redactor
from alogd.engine.settings import token_difference

if TYPE_CHECKING:
    from alogd.engine.native import Engine


def nearest(engine: Engine, show: Redactor, slot: int) -> tuple[str, Sequence[tuple[str, str]]] | None:
    """The older template most like this one, and where they differ, unless they share less than a third."""
    found = engine.nearest_older(slot)
    if found is None:
        return None
    theirs, difference = found
    differing = sum(max(1, len(their.split())) for their, _ in difference)
    if differing > len(theirs.split()) * 2 / 3:
        return None
    shown, ours = show.template(theirs), engine.first_text(slot)
    if (shown, ours) == (theirs, show.template(ours)):
        return found
    return shown, token_difference(shown.split(" "), show.template(ours).split(" "))
