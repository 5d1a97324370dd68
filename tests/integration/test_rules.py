"""The rules in configs/prometheus: promtool's cases, and the way from a log through Alertmanager to a person."""

import json
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from tests.daemon_process import ROOT, DaemonProcess, free_port, log_lines, wait_until

RULES = ROOT / "configs/prometheus/alogd.rules.yml"
CASES = RULES.with_name("alogd.rules.test.yml")
EXAMPLE = ROOT / "configs/alertmanager/alertmanager.yml"
QUICK = 2  # seconds, instead of minutes and hours


def program(name: str, package: str) -> str:
    """The path of a program; its Debian package is installed where we may."""
    if shutil.which(name) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", package], check=False)
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"NO {name.upper()} HERE: the rules were not tested (Debian: apt install {package})")
    return found


def alerts() -> list[dict]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_promtool_s_cases():
    promtool = program("promtool", "prometheus")
    for command in (["check", "rules", RULES], ["test", "rules", CASES]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_and_says_what_to_do():
    cases = CASES.read_text()
    for alert in alerts():
        assert f'labels: \'ALERTS{{alertname="{alert["alert"]}"' in cases
        assert {"summary", "description"} <= alert["annotations"].keys()
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}


def test_every_recorded_series_has_a_case():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    recorded = [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]
    assert len(recorded) >= 4
    for name in recorded:
        assert f"- expr: {name}" in CASES.read_text()


def test_the_rules_ask_for_metrics_there_are():
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    asked = {name.removesuffix("_bucket") for name in re.findall(r"\balogd_\w+", RULES.read_text())}
    assert len(asked) > 10
    assert asked <= known


def test_the_example_for_alertmanager():
    amtool = program("amtool", "prometheus-alertmanager")
    done = subprocess.run([amtool, "check-config", EXAMPLE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Receiver:
    """Where Alertmanager's webhooks go: (path, status, name) of every alert told."""

    def __init__(self) -> None:
        told = self.told = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told.extend((self.path, one["status"], one["labels"]["alertname"]) for one in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def quick_rules() -> str:
    """The rules with seconds for minutes."""
    return re.sub(r"\[\d+[mhd]\]", f"[{2 * QUICK}s]", re.sub(r"for: \d+m", "for: 1s", RULES.read_text()))


def quick_alertmanager(port: int) -> str:
    config = yaml.safe_load(EXAMPLE.read_text())
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook |= {"url": f"http://127.0.0.1:{port}/{receiver['name']}", "send_resolved": True}
    return yaml.safe_dump(config)


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "logs").mkdir()
    running = DaemonProcess(tmp_path)
    (tmp_path / "logs/a.log").write_bytes(b"".join(log_lines(4990)))
    yield running.start().wait_ready()
    running.kill()


def test_from_a_log_to_a_person_and_resolved_again(daemon, tmp_path):
    commands = [program("prometheus", "prometheus"), program("prometheus-alertmanager", "prometheus-alertmanager")]
    receiver, ports = Receiver(), [free_port(), free_port()]
    (tmp_path / "rules.yml").write_text(quick_rules())
    (tmp_path / "alertmanager.yml").write_text(quick_alertmanager(receiver.server.server_port))
    scrape = {"job_name": "alogd", "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"]}]}
    manager = {"static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [manager]},
        "scrape_configs": [scrape],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    flags = [
        [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"],
        [f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/am", "--cluster.listen-address="],
    ]
    with (tmp_path / "programs.log").open("wb") as log:
        running = [
            subprocess.Popen(
                [command, *flag, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log, cwd=tmp_path
            )
            for command, flag, port in zip(commands, flags, ports, strict=True)
        ]
    high = ("/log", "firing", "AlogdHighRisk")
    try:
        wait_until(lambda: daemon.lines() == 4990, "the quiet lines", 60)
        assert not receiver.told
        with (tmp_path / "logs/a.log").open("ab") as file:
            file.write(b"".join(log_lines(5010)[4990:]))
            file.flush()
            wait_until(lambda: high in receiver.told, "the alert", 60)
            file.write(b"".join(log_lines(7400)[5010:]))
        wait_until(lambda: ("/log", "resolved", "AlogdHighRisk") in receiver.told, "its end", 90)
        daemon.kill()
        wait_until(lambda: ("/operators", "firing", "AlogdDown") in receiver.told, "that alogd is down", 60)
    finally:
        for process in running:
            process.terminate()
            process.wait(30)
        receiver.server.shutdown()
