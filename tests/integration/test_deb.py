"""The Debian package in a booted Debian 12: installed, it alerts; upgraded, it knows what it knew; purged, no trace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import ROOT, wait_until
from tests.integration.test_systemd_unit import CACHE, HISTORY, HISTORY_PROGRAM, SLOW, TOOL, Box, seen

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("systemd-box")]


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    if os.geteuid() != 0 or not TOOL.exists() or shutil.which("dpkg-deb") is None or sys.version_info[:2] != (3, 11):
        pytest.skip(f"THE PACKAGE WAS NOT TRIED: needs root, {TOOL}, dpkg-deb and Python 3.11")
    made = subprocess.run([TOOL, "make"], capture_output=True, text=True, timeout=600, check=False)
    if made.returncode != 0:
        pytest.skip(f"THE PACKAGE WAS NOT TRIED: no root file system could be made: {made.stderr[-400:]}")
    directory = tmp_path_factory.mktemp("deb")
    subprocess.run(["sh", "debian/build.sh", sys.executable, directory / "dist"], cwd=ROOT, check=True)
    (package,) = (directory / "dist").glob("*.deb")
    if shutil.which("apt-get"):  # whether Debian has what it depends on; the box has no index to ask
        asked = subprocess.run(["apt-get", "-s", "install", package], capture_output=True, text=True, check=False)
        assert "Conf alogd" in asked.stdout, asked.stdout + asked.stderr
    shutil.move(package, directory / "dist" / "alogd.deb")
    box = Box(directory / "root")
    subprocess.run(["cp", "-a", "--reflink=auto", CACHE, box.root], check=True)
    try:
        booted = box.tool("up", f"{directory / 'dist'}:/dist")
        if not booted.strip().endswith(("running", "degraded")):
            pytest.skip(f"THE PACKAGE WAS NOT TRIED: the box does not boot here: {booted}")
        yield box
    finally:
        box.tool("down", check=False)
        shutil.rmtree(directory)


def active(box: Box) -> bool:
    return box.show("ActiveState") == "active" and bool(box.stream("system").get("caught_up"))


def test_install_alert_upgrade_remove_purge(box: Box) -> None:
    box.run("install", "-m", "640", "-g", "adm", "/dev/null", "/var/log/syslog")
    box.run("python3", "-c", HISTORY_PROGRAM.replace("LINES", str(HISTORY)))
    # The box shares the host's network: another port, and what an administrator wrote is kept by dpkg.
    box.run("ln", "-s", "/dev/null", "/etc/systemd/system/alogd.service")  # masked until the port is set
    box.run("dpkg", "--force-depends", "-i", "/dist/alogd.deb")
    config = Path(box.file("/etc/alogd/alogd.yaml"))
    config.write_text(config.read_text().replace("127.0.0.1:9178", f"127.0.0.1:{box.port}"))
    box.run("rm", "/etc/systemd/system/alogd.service")
    box.systemctl("daemon-reload")
    box.systemctl("enable", "--now", "alogd")
    wait_until(lambda: active(box), "the start", SLOW)
    assert "c\n" in box.run("alogd", "version")
    assert box.run("alog-detect", "--version").startswith("alog-detect ")
    box.append("Segmentation fault (core dumped) in worker")
    wait_until(lambda: "Segmentation fault" in json.dumps(box.alerts()), "the alert", SLOW)

    before, process = seen(box), box.show("MainPID")
    box.run("dpkg", "--force-depends", "-i", "/dist/alogd.deb")
    wait_until(lambda: active(box) and box.show("MainPID") != process, "the upgrade", SLOW)
    assert box.stream("system")["resumed"]
    assert before <= seen(box) < before + 1000
    assert str(box.port) in config.read_text()

    box.run("dpkg", "-r", "alogd")
    assert box.show("ActiveState") == "inactive"
    assert not box.file("/usr/lib/alogd").exists()
    assert config.exists()
    assert box.file("/var/lib/private/alogd").exists()
    box.run("dpkg", "-P", "alogd")
    for gone in ("/etc/alogd", "/var/lib/private/alogd", "/var/log/private/alogd", "/usr/bin/alogd"):
        assert not box.file(gone).exists(), gone
