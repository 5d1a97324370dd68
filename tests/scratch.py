"""A folder that lives as long as the tests of this process: for what is made once and used by many of them."""

from __future__ import annotations

import atexit
import shutil
from pathlib import Path
from tempfile import mkdtemp


def scratch(prefix: str) -> Path:
    """A new, empty one."""
    place = Path(mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place
