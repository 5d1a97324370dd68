"""Which model was put into service when, by what and why: `history.jsonl` beside the bundles.

Written before the link is moved: an entry says what was about to happen. One that never came about names a bundle the
next entry did not find in service; reading it as done does no harm, as what is in service is asked of the link.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from alogd.config.tree import Strict
from alogd.state.durable import sync_directory

FILE = "history.jsonl"
MOST = 1000  # entries kept, the newest
LARGEST = 4 * 2**20  # bytes of it that are looked at, from its end

By = Literal["retrain", "promote", "rollback"]


class Promotion(Strict, frozen=True, kw_only=True):
    """One line of it."""

    at: str  # UTC, ISO 8601
    bundle: str  # name of its directory
    before: str | None  # the one in service until then
    by: By
    why: str
    quality: float | None = None


def read(models: Path) -> list[Promotion]:
    """Oldest first; [] where there is none. A line that cannot be understood is left out: it is a log, not a state."""
    try:
        with (models / FILE).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LARGEST))
            lines = file.read(LARGEST).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=Promotion))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found[-MOST:]


def note(models: Path, bundle: str, before: str | None, by: By, why: str, quality: float | None) -> None:
    """Adds an entry. Durable and whole when it returns, and not there at all before. Raises OSError."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Promotion(at=now, bundle=bundle, before=before, by=by, why=why, quality=quality)
    data = b"".join(msgspec.json.encode(one) + b"\n" for one in [*read(models)[1 - MOST :], entry])
    beside = models / f".{FILE}-{secrets.token_hex(3)}"
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(models / FILE)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_directory(models)


def predecessors(entries: Sequence[Promotion], bundle: str) -> list[str]:
    """What a rollback from `bundle` may go back to: the one in service before it, the one before that, and so on."""
    before = {one.bundle: one.before for one in entries if one.by != "rollback"}
    found: list[str] = []
    name = before.get(bundle)
    while name is not None and name != bundle and name not in found:
        found.append(name)
        name = before.get(name)
    return found
