"""The shapes that dashboards are made of: panels, variables and the dashboard around them, as Grafana's JSON.

In a query `{@}` stands for the instances and streams chosen, `{%}` for the instances, `[@]` for a range that a rate
needs and `[#]` for one step of the chart. Panels flow from left to right and wrap at 24 columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Query: TypeAlias = tuple[str, str]  # PromQL, legend

SCHEMA = 42  # the last version of the v1 format; newer Grafanas take it as it is, older ones too
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, BLUE, YELLOW, ORANGE, RED = "green", "blue", "yellow", "orange", "red"
RISK = ((None, GREEN), (40, YELLOW), (60, ORANGE), (80, RED))  # MEDIUM, HIGH and CRITICAL begin here
NONE_IS_GOOD = ((None, GREEN), (1, RED))
ONE_IS_GOOD = ((None, RED), (1, GREEN))
LEVELS = {"info": "#8e8e8e", "low": BLUE, "medium": YELLOW, "high": ORANGE, "critical": RED}
Steps: TypeAlias = Sequence[tuple[float | None, str]]

_INSTANCES = 'instance=~"$instance"'
_WORDS = {
    "{@": f'{{{_INSTANCES},stream=~"$stream"',
    "{%": f"{{{_INSTANCES}",
    "[@]": "[$__rate_interval]",
    "[#]": "[$__interval]",
}


def spelt(query: str) -> str:
    """PromQL as Grafana gets it."""
    for short, long in _WORDS.items():
        query = query.replace(short, long)
    return query


def row(title: str) -> Json:
    """A heading over the panels that follow."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": COLUMNS, "h": 1}}


def stat(title: str, query: str, description: str, *, unit: str = "none", steps: Steps = (), words: Json = {}) -> Json:  # noqa: B006 - never changed
    """One number, coloured by `steps`; words: texts that stand for numbers."""
    panel = _panel("stat", title, description, [(query, "")], unit, 3, 4, steps or ((None, BLUE),), instant=True)
    panel["fieldConfig"]["defaults"]["mappings"] = _mappings(words)
    panel["options"] = {
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return panel


def chart(
    title: str,
    queries: str | Sequence[Query],
    description: str,
    *,
    legend: str = "{{stream}}",
    unit: str = "none",
    width: int = 8,
    steps: Steps = (),
    top: float | None = None,
) -> Json:
    """Lines over time; `steps` are drawn across them."""
    asked = [(queries, legend)] if isinstance(queries, str) else queries
    panel = _panel("timeseries", title, description, asked, unit, width, 7, steps or ((None, GREEN),))
    defaults = panel["fieldConfig"]["defaults"]
    defaults |= {"min": 0} | ({} if top is None else {"max": top})
    defaults["custom"] = {
        "drawStyle": "line",
        "fillOpacity": 8,
        "lineWidth": 1,
        "showPoints": "never",
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }
    panel["options"] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def bars(title: str, query: str, description: str, *, legend: str, width: int = 8, colors: Json = {}) -> Json:  # noqa: B006
    """What came in each step, stacked; the query counts over `[#]`, so that nothing counts twice."""
    panel = chart(title, query, description, legend=legend, unit="short", width=width)
    panel["interval"] = "2m"  # a step has to hold two scrapes
    panel["fieldConfig"]["defaults"]["decimals"] = 0
    panel["fieldConfig"]["defaults"]["custom"] |= {
        "drawStyle": "bars",
        "fillOpacity": 80,
        "lineWidth": 0,
        "stacking": {"mode": "normal", "group": "A"},
    }
    panel["fieldConfig"]["overrides"] = [_override(name, "color", _fixed(color)) for name, color in colors.items()]
    return panel


def heat(title: str, query: str, description: str, *, unit: str, width: int = 12) -> Json:
    """A histogram's buckets over time."""
    panel = _panel("heatmap", title, description, [(query, "{{le}}")], unit, width, 7, ())
    panel["targets"][0]["format"] = "heatmap"
    panel["options"] = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 32, "exponent": 0.5},
        "yAxis": {"unit": unit},
        "cellGap": 1,
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
    }
    return panel


def timeline(title: str, query: str, description: str, *, legend: str, width: int = 12) -> Json:
    """What was up and what was down, as bands."""
    panel = _panel("state-timeline", title, description, [(query, legend)], "none", width, 9, ONE_IS_GOOD)
    panel["fieldConfig"]["defaults"]["mappings"] = _mappings({"0": ("down", RED), "1": ("up", GREEN)})
    panel["options"] = {"mergeValues": True, "showValue": "never", "rowHeight": 0.8, "legend": {"showLegend": False}}
    return panel


Column: TypeAlias = tuple[str, str, str, Steps]  # heading, PromQL by the table's labels, unit, colours


def table(title: str, columns: Sequence[Column], description: str, *, by: Sequence[str], links: Json = {}) -> Json:  # noqa: B006
    """A row for each set of the labels `by`, a column for each query; links: where a label's cell leads."""
    panel = _panel("table", title, description, [(query, "") for _, query, _, _ in columns], "none", COLUMNS, 9, ())
    names = {f"Value #{target['refId']}": column[0] for target, column in zip(panel["targets"], columns, strict=True)}
    for target in panel["targets"]:
        target |= {"format": "table", "instant": True, "range": False}
    order = {name: at for at, name in enumerate([*by, *names])}
    renamed = {"excludeByName": {"Time": True}, "renameByName": names, "indexByName": order}
    panel["transformations"] = [{"id": "merge", "options": {}}, {"id": "organize", "options": renamed}]
    panel["fieldConfig"]["overrides"] = [*_columns(columns), *_links(links)]
    panel["options"] = {
        "cellHeight": "sm",
        "showHeader": True,
        "sortBy": [{"displayName": columns[0][0], "desc": True}],
    }
    return panel


def _columns(columns: Sequence[Column]) -> Iterable[Json]:
    for name, _, unit, steps in columns:
        one = _override(name, "unit", unit)
        if steps:
            one["properties"] += [
                {"id": "thresholds", "value": _thresholds(steps)},
                {"id": "custom.cellOptions", "value": {"type": "color-text"}},
            ]
        yield one


def _links(links: Json) -> Iterable[Json]:
    return [_override(label, "links", [{"title": "More of it", "url": url}]) for label, url in links.items()]


def _panel(
    kind: str,
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    width: int,
    height: int,
    steps: Steps,
    *,
    instant: bool = False,
) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": _thresholds(steps)}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": SOURCE,
                "editorMode": "code",
                "expr": spelt(query),
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
            }
            for at, (query, legend) in enumerate(queries)
        ],
    }


def _thresholds(steps: Steps) -> Json:
    shown = steps or ((None, "text"),)
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in shown]}


def _mappings(words: Json) -> list[Json]:
    if not words:
        return []
    shown = {
        value: {"text": text, "color": color, "index": at} for at, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": shown}]


def _override(name: str, prop: str, value: Any) -> Json:
    return {"matcher": {"id": "byName", "options": name}, "properties": [{"id": prop, "value": value}]}


def _fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}


def chosen(name: str, query: str, *, many: bool = True) -> Json:
    """A variable whose values are those of a label; many: several, or all of them."""
    some: Json = {
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }
    return {
        "name": name,
        "label": name,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": name},
        "refresh": 2,  # when the time range changes: streams come and go with the configuration
        "sort": 1,
        **(some if many else {"multi": False, "includeAll": False}),
    }


def dashboard(uid: str, title: str, description: str, variables: Sequence[Json], panels: Sequence[Json]) -> Json:
    """All of it; panels get their places and numbers here."""
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}
    others = {
        "title": "alogd",
        "type": "dashboards",
        "tags": ["alogd"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["alogd"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [others],
        "annotations": {
            "list": [
                _mark("restarts", "alogd_start_time_seconds", ORANGE),
                _mark("new configuration", "alogd_config_last_reload_success_timestamp_seconds", BLUE),
            ]
        },
        "templating": {"list": [source, *variables]},
        "panels": _placed(panels),
    }


def _mark(name: str, metric: str, color: str) -> Json:
    """Lines across every chart, where a time stamp changed."""
    query = spelt(f"changes({metric}{{%}}[@]) > 0")
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "iconColor": color,
        "expr": query,
        "step": "60s",
        "titleFormat": f"{name}: {{{{instance}}}}",
    }


def _placed(panels: Sequence[Json]) -> list[Json]:
    placed, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        size = panel["gridPos"]
        if x + size["w"] > COLUMNS:
            x, y, height = 0, y + height, 0
        placed.append({"id": number, **panel, "gridPos": {"x": x, "y": y, **size}})
        x, height = x + size["w"], max(height, size["h"])
    return placed


INSTANCES = chosen("instance", "label_values(alogd_build_info, instance)")
STREAMS = 'label_values(alogd_lines_read_total{instance=~"$instance"}, stream)'
