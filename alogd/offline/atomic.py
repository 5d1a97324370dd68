"""Files that are there whole or not at all: written beside their place, flushed to the disk, renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alogd.state.durable import sync_directory


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The place to write to; it becomes `path` when the block ends well, and is removed when it does not.

    Missing directories are made. Raises OSError that names the file.
    """
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        yield unfinished
        _sync(unfinished)
        unfinished.replace(place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_directory(place.parent)


def write(path: str | os.PathLike[str], data: bytes | str) -> None:
    """A whole file at once; text as UTF-8."""
    with replacing(path) as place:
        place.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace"))


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
