"""What a daemon imports until it reads, which is most of what its start takes. No times: those are the bench's."""

import json
import subprocess
import sys

import pytest

from tests.daemon_process import ROOT, log_lines

MODELS = {"torch", "onnxruntime", "pandas", "sklearn", "scipy", "matplotlib"}  # none without a detector that needs it
SPARED = {"drain3", "jsonpickle", "hypothesis", "prometheus_client", "rich"}
NEVER = MODELS | SPARED | {"numpy.random", "numpy.testing", "alogd.demo"}
WEB = {"aiohttp", "alogd.web.server", "alogd.web.metrics"}


def loaded(code):
    """The modules a fresh interpreter has after running this."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def up_to_reading():
    return loaded(
        "import alogd.cli.run, alogd.daemon, alogd.stream\n"
        "from alogd.config.load import load_config\n"
        "from alogd.daemon.plans import plans\n"
        "from alogd.sinks.base import build_all\n"
        "config = load_config('configs/alogd.yaml')\n"
        "build_all(config.sinks)\n"
        "cores = [plan.make(lambda *_: None, str) for plan in plans(config)]\n"
        "core = cores[0]\n"
        "core.open(1)\n"
        "core.feed(1, b'Nov 22 17:59:01 host app[1]: started\\n' * 500)"
    )


def test_reading_begins_without_what_it_does_not_need(up_to_reading):
    assert "alogd.collectors.follower" in up_to_reading
    assert not up_to_reading & NEVER


def test_reading_begins_before_the_web_is_imported(up_to_reading):
    assert not up_to_reading & WEB


def test_built_in_plugins_are_found_without_looking_through_all_that_is_installed(up_to_reading):
    assert "importlib.metadata" not in up_to_reading


def test_following_named_files_needs_no_yaml(tmp_path):
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(log_lines(200)))
    modules = loaded(
        "from alogd.cli.main import main\n"
        f"assert main(['run', {str(log)!r}, '--once', '--state-dir', {str(tmp_path / 'state')!r}]) == 0"
    )
    assert not modules & (NEVER | {"yaml", "alogd.config.load"})
