"""The first dashboard: everything at a glance, over all hosts and streams."""

from __future__ import annotations

from panels import (
    INSTANCES,
    LEVELS,
    NONE_IS_GOOD,
    RISK,
    STREAMS,
    Json,
    bars,
    chart,
    chosen,
    dashboard,
    row,
    stat,
    table,
)

PAGE = "/d/alogd-stream?var-stream=${__data.fields.stream}&var-instance=${__data.fields.instance}"  # of a stream
OLD = ((None, "green"), (3600, "orange"))  # seconds


def overview() -> Json:
    """Everything at a glance, over all hosts."""
    standing = [
        stat("Incidents firing", "sum(alogd_incidents_open{@})", "Incidents that are open now.", steps=NONE_IS_GOOD),
        stat("Highest risk", "max(alogd_risk_score{@})", "Of every stream's last window, 0 to 100.", steps=RISK),
        stat(
            "Hosts not ready",
            "count(alogd_ready{%} == 0) or vector(0)",
            "alogd runs there and does not follow its logs; `curl HOST/-/ready` says why.",
            steps=NONE_IS_GOOD,
        ),
        stat(
            "Parts down",
            "count(alogd_component_up{%} == 0) or vector(0)",
            "Streams, collectors, sinks and state that do not do their work.",
            steps=NONE_IS_GOOD,
        ),
        stat(
            "Still learning",
            "count(alogd_warmup_ratio{@} < 1) or vector(0)",
            "Streams that have not seen enough to call anything unusual, but what calls itself bad.",
        ),
        stat("Lines a second", "sum(rate(alogd_lines_read_total{@}[@]))", "Read, over all streams.", unit="cps"),
        stat(
            "Behind", "sum(alogd_source_lag_bytes{@})", "Bytes that are there to read and not read yet.", unit="bytes"
        ),
        stat(
            "Alerts that wait",
            "sum(alogd_notification_queue_length{%})",
            "Moments of alerts that no receiver has taken yet.",
            steps=((None, "green"), (10, "orange")),
        ),
    ]
    columns = [
        ("risk", "max by (instance, stream) (alogd_risk_score{@})", "none", RISK),
        ("firing", "max by (instance, stream) (alogd_incidents_open{@})", "none", NONE_IS_GOOD),
        ("lines a second", "sum by (instance, stream) (rate(alogd_lines_read_total{@}[@]))", "cps", ()),
        (
            "last line",
            "time() - max by (instance, stream) (alogd_source_last_line_timestamp_seconds{@})",
            "s",
            OLD,
        ),
        ("behind", "max by (instance, stream) (alogd_source_lag_bytes{@})", "bytes", ()),
        ("sources", "max by (instance, stream) (alogd_sources{@})", "none", ()),
        ("templates", "max by (instance, stream) (alogd_templates{@})", "none", ()),
        ("learned", "max by (instance, stream) (alogd_warmup_ratio{@})", "percentunit", ()),
    ]
    panels = [
        row("Now"),
        *standing,
        row("What is unusual"),
        chart(
            "Risk",
            "max by (stream) (alogd_risk_score{@})",
            "Of each stream's last window. From 80 on an incident is CRITICAL, from 60 HIGH.",
            width=16,
            steps=((None, "transparent"), (60, "orange"), (80, "red")),
            top=100,
        ),
        bars(
            "Incidents opened",
            "sum by (severity) (increase(alogd_anomalies_total{@}[#]))",
            "By level when they opened.",
            legend="{{severity}}",
            colors=LEVELS,
        ),
        table(
            "Streams",
            columns,
            "Each stream of each host; its name leads to its own page.",
            by=("instance", "stream"),
            links={"stream": PAGE},
        ),
        row("Flow"),
        chart("Lines a second, by stream", "sum by (stream) (rate(alogd_lines_read_total{@}[@]))", "Read.", unit="cps"),
        chart(
            "Behind, by stream", "max by (stream) (alogd_source_lag_bytes{@})", "Bytes there are to read.", unit="bytes"
        ),
        bars(
            "Alerts sent on",
            "sum by (outcome) (increase(alogd_notifications_total{%}[#]))",
            "What became of moments of alerts; `retried` counts attempts, `dropped_...` is lost for good.",
            legend="{{outcome}}",
        ),
    ]
    return dashboard(
        "alogd-overview",
        "alogd: overview",
        "Is everything all right?",
        [INSTANCES, chosen("stream", STREAMS)],
        panels,
    )
