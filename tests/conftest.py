"""What every test shares: the real logs, and examples of hypothesis that are the same in every run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks take many times as long on several busy processors

# A shell without job control starts what it puts in the background with SIGINT ignored, and programs that tests start
# and interrupt would inherit that, and never end.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real logs beside the checkout; skips where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"the real logs are not here ({DATA})")
    return DATA


def pytest_configure(config: pytest.Config) -> None:
    """C programs that take long to build with sanitizers are built so only where slow tests run, too."""
    os.environ["ALOGD_TEST_SANITIZED"] = "0" if "not slow" in config.getoption("markexpr") else "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/integration is marked so."""
    for item in items:
        if "integration" in Path(item.path).relative_to(ROOT).parts:
            item.add_marker(pytest.mark.integration)
