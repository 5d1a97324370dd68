"""The unit file, judged by systemd itself (FAULTS R6)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "alogd.service"
MOST_EXPOSED = 1.5

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def test_exposure():
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None and "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze has no --offline")
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_systemd_understands_every_line():
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False)
    complaints = [
        line for line in done.stderr.splitlines() if "alogd.service" in line and "is not executable" not in line
    ]
    assert complaints == []
