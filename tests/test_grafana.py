"""The dashboards in configs/grafana: made by their generator, of metrics that are there, in Grafana's present form."""

import itertools
import re
import subprocess
import sys

import pytest
import yaml

from tests.dashboards import FOLDER, NAMES, dashboard, metrics, panels, queries, variables

KINDS = {"stat", "timeseries", "table", "heatmap", "state-timeline"}  # none of them deprecated
PROCESS = {  # of every Prometheus client
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
}


def documented() -> set[str]:
    """tests/test_http.py holds docs/metrics.md to what /metrics says."""
    text = (FOLDER.parents[1] / "docs/metrics.md").read_text()
    return set(re.findall(r"^\| `(alogd_\w+)` \|", text, re.MULTILINE))


def asked() -> set[str]:
    return set().union(*(metrics(query) for name in NAMES for _, query in queries(name)))


def test_the_files_are_what_the_generator_writes(tmp_path):
    subprocess.run([sys.executable, FOLDER / "generate", tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert sorted(made) == [f"{name}.json" for name in NAMES]
    for name, text in made.items():
        assert (FOLDER / name).read_text() == text, "run: python configs/grafana/generate"


def test_every_metric_is_in_some_panel():
    assert len(documented()) > 40
    assert documented() - asked() == set()


def test_no_panel_asks_for_a_metric_that_is_not_there():
    assert asked() - documented() - PROCESS == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_in_grafana_s_present_form(name):
    one = dashboard(name)
    assert (one["uid"], one["schemaVersion"]) == (name, 42)
    assert "id" not in one, "a number of one Grafana's database"
    assert one["tags"] == ["alogd"]
    for panel in panels(name):
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        for target in [panel, *panel["targets"]]:
            assert target["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])
    titles = [panel["title"] for panel in one["panels"] if panel["type"] != "row"]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("name", NAMES)
def test_no_panels_lie_on_one_another(name):
    taken = set()
    for panel in dashboard(name)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_every_query_is_of_the_instances_and_streams_chosen(name):
    there = {variable for variable, _ in variables(name)}
    for where, query in queries(name):
        selectors = re.findall(r"\b(?:alogd|process)_\w+({[^}]*})?", query)
        for selector in selectors:
            assert 'instance=~"$instance"' in selector, where
        assert {*re.findall(r"\$(\w+)", query)} <= {*there, "__rate_interval", "__interval"}, where


def test_links_lead_to_dashboards_that_are_there():
    texts = "".join((FOLDER / f"{name}.json").read_text() for name in NAMES)
    led = re.findall(r'"/d/([\w-]+)\?', texts)
    assert led
    assert set(led) <= set(NAMES)


def test_provisioning():
    source = yaml.safe_load((FOLDER / "datasource.yaml").read_text())
    provider = yaml.safe_load((FOLDER / "dashboards.yaml").read_text())
    assert source["apiVersion"] == provider["apiVersion"] == 1
    assert source["datasources"][0]["type"] == "prometheus"
    assert provider["providers"][0]["type"] == "file"
    assert provider["providers"][0]["options"]["path"].startswith("/")
