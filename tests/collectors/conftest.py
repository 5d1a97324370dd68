"""Directories on the file system of the checkout: tmpfs never reuses an inode, which hides the worst faults."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(dir=Path(__file__).parent, prefix=".place-") as name:
        yield Path(name)
