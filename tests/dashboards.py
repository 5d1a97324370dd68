"""The dashboards of configs/grafana as tests see them: panels, queries, and what Grafana puts in for variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "configs/grafana"
NAMES = ("alogd-overview", "alogd-self", "alogd-stream")


def dashboard(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def panels(name: str) -> Iterator[Any]:
    """All that ask for something."""
    return (panel for panel in dashboard(name)["panels"] if panel["type"] != "row")


def queries(name: str) -> Iterator[tuple[str, str]]:
    """(where, PromQL) of every panel and every mark across the charts."""
    for panel in panels(name):
        yield from ((f"{name}: {panel['title']}: {target['refId']}", target["expr"]) for target in panel["targets"])
    for mark in dashboard(name)["annotations"]["list"]:
        yield f"{name}: {mark['name']}", mark["expr"]


def variables(name: str) -> Iterator[tuple[str, str]]:
    """(variable, query) of those whose values Prometheus knows."""
    for variable in dashboard(name)["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def filled_in(query: str, seconds: int) -> str:
    """A query as Grafana sends it, with all instances and streams and rates over so many seconds."""
    query = query.replace("$__rate_interval", f"{seconds}s").replace("$__interval", f"{seconds}s")
    query = re.sub(r"\$(instance|stream)\b", ".*", query)
    assert "$" not in query, query
    return query


def metrics(query: str) -> set[str]:
    """Metrics a query asks for, by the names of docs/metrics.md."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:alogd|process)_\w+", query)}
