"""R5, R6: what the unit forbids. No memory is both written and run; little of the host can be reached."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alogd import registry
from alogd.config.tree import UserMask
from alogd.offline.models.kinds import TRAINERS
from tests import every_kind
from tests.daemon_process import ROOT, DaemonProcess, log_lines
from tests.faults.conftest import Tally

UNIT = ROOT / "systemd" / "alogd.service"
MOST_EXPOSED = 1.5
SET_MDWE, GET_MDWE = 65, 66  # of prctl, Linux 6.3

STRICT = f"""
import ctypes, mmap, sys
prctl = ctypes.CDLL(None, use_errno=True).prctl
assert prctl({SET_MDWE}, 1, 0, 0, 0) == 0
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    sys.exit("memory may still be both")
from alogd.cli.main import main
code = main(sys.argv[1:])
assert prctl({GET_MDWE}, 0, 0, 0, 0) == 1
sys.exit(code)
"""


def has_mdwe() -> bool:
    return ctypes.CDLL(None).prctl(GET_MDWE, 0, 0, 0, 0) >= 0


def test_r5_all_shipped_detectors_run_without_writable_code(daemon: DaemonProcess, tally: Tally) -> None:
    if not has_mdwe():
        pytest.skip("THE BAN OF WRITABLE CODE WAS NOT TRIED: this kernel has no PR_SET_MDWE")
    files = {"kind": "file", "include": [f"{daemon.directory}/logs/*.log"]}
    mask = {"name": "WHO", "pattern": "user [a-z]+"}
    detectors = sorted(registry.BUILT_IN["detectors"])
    trained = {"models": str(every_kind.models(UserMask(**mask)))}
    chosen = [{"name": name, "options": trained if name in TRAINERS else {}} for name in detectors]
    daemon.configure(
        streams=[{"name": "host", "collect": [files], "engine": {"user_masks": [mask]}, "detectors": chosen}]
    )
    daemon.write(log_lines(6_000))
    command = [sys.executable, "-c", STRICT, "run", "--config", str(daemon.config), "--once"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = daemon.delivered()
    assert told
    assert {name for alert in told for name in alert["detectors"]} >= set(detectors)
    tally.add(lines=6_000)


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_r6_the_unit_exposes_little(tally: Tally) -> None:
    done = systemd_analyze("security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None and "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze has no --offline")
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSED
    tally.add()


def test_r6_without_its_fences_the_measure_would_tell(tmp_path: Path) -> None:
    """The number is one of this unit: a bare one is far more exposed."""
    bare = tmp_path / "alogd.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    done = systemd_analyze("security", "--offline=true", "--no-pager", str(bare))
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze has no --offline")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) > 2 * MOST_EXPOSED
