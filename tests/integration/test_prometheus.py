"""A real Prometheus scrapes a real daemon, and what it stored answers questions."""

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

from tests.daemon_process import DaemonProcess, free_port, log_lines, wait_until


@pytest.fixture(scope="session")
def prometheus():
    """The program; installed from Debian where we may and it is not there."""
    if shutil.which("prometheus") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "prometheus"], check=False)
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("NO PROMETHEUS HERE: the integration was not tested (Debian: apt install prometheus)")
    return found


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "logs").mkdir()
    running = DaemonProcess(tmp_path)
    (tmp_path / "logs" / "a.log").write_bytes(b"".join(log_lines(6000)))
    yield running.start().wait_ready()
    running.kill()


def test_prometheus_scrapes_and_answers(prometheus, daemon, tmp_path):
    port = free_port()
    config = tmp_path / "prometheus.yml"
    target = {"job_name": "alogd", "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"]}]}
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [target]}))
    command = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        wait_until(lambda: ask(port, "up") == [({"job": "alogd"}, 1.0)], "the first scrape", 60)
        wait_until(lambda: value(port, 'alogd_lines_read_total{stream="host"}') == 6000, "all lines", 60)
        assert value(port, 'alogd_component_up{component="stream/host"}') == 1
        assert value(port, 'sum(alogd_anomalies_total{stream="host"})') >= 1
        assert value(port, "count(alogd_build_info)") == 1
        assert value(port, 'count({__name__=~"alogd_.+"})') > 30
        with (tmp_path / "logs" / "a.log").open("ab") as file:
            file.write(b"".join(log_lines(100)))
        wait_until(lambda: value(port, "increase(alogd_lines_read_total[1m])"), "a rate", 60)
        assert daemon.stop() == 0
        wait_until(lambda: value(port, "up") == 0, "the missing target", 60)
    finally:
        process.terminate()
        process.wait(30)


def ask(port, query):
    """(labels without the instance, value) of each series."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}"
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            result = json.load(reply)["data"]["result"]
    except OSError:
        return []
    return [({k: v for k, v in r["metric"].items() if k in {"job"}}, float(r["value"][1])) for r in result]


def value(port, query):
    found = ask(port, query)
    return found[0][1] if found else None
