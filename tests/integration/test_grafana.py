"""Every query of every dashboard, asked of a real Prometheus that scrapes a real daemon, gives numbers."""

import contextlib
import json
import math
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.daemon_process import DaemonProcess, free_port, log_lines, wait_until
from tests.dashboards import NAMES, filled_in, queries, variables
from tests.integration.test_rules import program

RANGE = 8  # seconds, for a rate: eight scrapes
AFTER_A_RESTART = frozenset({"restarts", "new configuration"})  # marks across the charts
QUERIES = [one for name in NAMES for one in queries(name)]


class Asked:
    """What was asked of Prometheus: which queries gave a number at least once."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v1"
        self.left = dict(QUERIES)

    def get(self, path: str, **parameters: str) -> list:
        """Prometheus' answer; [] while it does not listen. A query that does not parse fails the test."""
        try:
            with urllib.request.urlopen(f"{self.url}/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it listens, and has not read its storage yet
                return []
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        except OSError:
            return []

    def numbers(self, query: str) -> list[float]:
        answer = self.get("query", query=filled_in(query, RANGE))
        values = [float(series["value"][1]) for series in answer["result"]] if answer else []
        return [value for value in values if math.isfinite(value)]

    def round(self) -> bool:
        """Ask what has not given a number yet; whether all have."""
        self.left = {where: query for where, query in self.left.items() if not self.numbers(query)}
        return not self.left

    def scraped(self) -> float:
        """When it last looked at the daemon."""
        return max(self.numbers('timestamp(up{job="alogd"})'), default=0.0)

    def values(self, query: str) -> list:
        """What a variable offers: `label_values(metric{...}, label)`."""
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
        return self.get(f"label/{label}/values", **{"match[]": filled_in(metric, RANGE)})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small DeepLog in service."""
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from tests.deep_models import trained

    place = tmp_path_factory.mktemp("models")
    (place / "a.log").write_bytes(b"".join(log_lines(2000)))
    trained(place / "served", place / "a.log", epochs=1, force=True)
    return place / "served"


@pytest.fixture
def daemon(tmp_path, model):
    (tmp_path / "logs").mkdir()
    stream = {
        "name": "host",
        "collect": [{"kind": "file", "include": [f"{tmp_path}/logs/*.log"]}],
        "windows": {"size": 20, "stride": 10},
        "detectors": ["ewma", {"name": "deeplog", "options": {"models": str(model)}}],
    }
    running = DaemonProcess(tmp_path, streams=[stream])
    (tmp_path / "logs/a.log").write_bytes(b"".join(log_lines(2490)))
    yield running.start().wait_ready()
    running.kill()


@contextlib.contextmanager
def prometheus(directory: Path, config: dict) -> Iterator[Asked]:
    port = free_port()
    (directory / "prometheus.yml").write_text(json.dumps(config))
    command = [program("prometheus", "prometheus"), f"--config.file={directory}/prometheus.yml"]
    command += [f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address=127.0.0.1:{port}"]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
    asked = Asked(port)
    try:
        wait_until(lambda: asked.get("query", query="1"), "Prometheus", 60)
        yield asked
    finally:
        process.terminate()
        process.wait(30)


def test_every_query_gives_numbers(daemon, tmp_path):
    target = {"job_name": "alogd", "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"]}]}
    lines = iter(log_lines(20_000)[2490:])
    with prometheus(tmp_path, {"global": {"scrape_interval": "1s"}, "scrape_configs": [target]}) as asked:
        _ask(asked, daemon, lines, but=AFTER_A_RESTART)
        assert daemon.stop() == 0
        daemon.start().wait_ready()
        _ask(asked, daemon, lines)
        for name in NAMES:
            for variable, query in variables(name):
                offered = [f"127.0.0.1:{daemon.port}"] if variable == "instance" else ["host"]
                assert asked.values(query) == offered


def _ask(asked: Asked, daemon: DaemonProcess, lines: Iterator[bytes], but: frozenset[str] = frozenset()) -> None:
    """While lines come, until every query but those of some marks has given a number."""
    for _ in range(5 * RANGE):
        daemon.write(islice(lines, 200))
        asked.round()
        missing = {where: query for where, query in asked.left.items() if where.rpartition(": ")[2] not in but}
        if not missing:
            return
        before = asked.scraped()
        wait_until(lambda: asked.scraped() > before, "the next scrape")  # noqa: B023 - called at once
    raise AssertionError(f"no number for {json.dumps(missing, indent=1)}")


def test_what_does_not_parse_or_gives_nothing_is_seen(tmp_path):
    """The test above can fail."""
    with prometheus(tmp_path, {}) as asked:
        asked.left = {"nothing": "alogd_no_such_metric", "a number": "vector(1)", "none": "vector(0) / 0"}
        assert not asked.round()
        assert list(asked.left) == ["nothing", "none"]
        with pytest.raises(AssertionError, match="parse error"):
            asked.numbers("sum by (rate(")
