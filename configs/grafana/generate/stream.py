"""The second dashboard: one stream, from its bytes to its alerts."""

from __future__ import annotations

from panels import INSTANCES, LEVELS, STREAMS, Json, bars, chart, chosen, dashboard, heat, row


def stream() -> Json:
    """One stream: what is unusual in it, how it is read, learned and judged."""
    panels = [
        row("What is unusual"),
        chart(
            "Risk",
            "max by (instance) (alogd_risk_score{@})",
            "Of the last window. From 80 on an incident is CRITICAL, from 60 HIGH.",
            legend="{{instance}}",
            width=16,
            steps=((None, "transparent"), (60, "orange"), (80, "red")),
            top=100,
        ),
        chart(
            "Incidents firing",
            "sum by (instance) (alogd_incidents_open{@})",
            "Open at the time.",
            legend="{{instance}}",
        ),
        bars(
            "Incidents opened, by level",
            "sum by (severity) (increase(alogd_anomalies_total{@}[#]))",
            "When they opened; a level may rise afterwards.",
            legend="{{severity}}",
            colors=LEVELS,
        ),
        bars(
            "Incidents opened, by detector",
            "sum by (detector) (increase(alogd_anomalies_total{@}[#]))",
            "The detector with the largest share in each.",
            legend="{{detector}}",
        ),
        bars(
            "Incidents not raised",
            "sum by (reason) (increase(alogd_anomalies_suppressed_total{@}[#]))",
            "budget: the day's alerts were used up. daily: they come every day. state_unwritable: the disk was full.",
            legend="{{reason}}",
        ),
        row("Reading"),
        chart(
            "Lines and records",
            [
                ("sum(rate(alogd_lines_read_total{@}[@]))", "lines"),
                ("sum(rate(alogd_records_total{@}[@]))", "records"),
            ],
            "A second. A record is a line with its continuation lines.",
            unit="cps",
        ),
        chart(
            "Bytes",
            "sum by (instance) (rate(alogd_bytes_read_total{@}[@]))",
            "Read.",
            legend="{{instance}}",
            unit="Bps",
        ),
        chart(
            "Behind", "max by (instance) (alogd_source_lag_bytes{@})", "To read.", legend="{{instance}}", unit="bytes"
        ),
        chart(
            "Silence",
            [
                (
                    "time() - max by (instance) (alogd_source_last_line_timestamp_seconds{@})",
                    "since a line came, {{instance}}",
                ),
                (
                    "time() - max by (instance) (alogd_source_log_time_seconds{@})",
                    "behind by the lines' clock, {{instance}}",
                ),
            ],
            "How long nothing was read, and how far the time in the lines is behind the clock.",
            unit="s",
        ),
        chart(
            "Sources", "sum by (instance) (alogd_sources{@})", "Files, journals ... followed.", legend="{{instance}}"
        ),
        bars(
            "What befell sources",
            "sum by (reason) (increase(alogd_collector_events_total{@}[#]))",
            "rotated, truncated, permission_denied ...; `lost`: gone before it was read.",
            legend="{{reason}}",
        ),
        chart(
            "Lines dropped",
            "sum by (reason) (rate(alogd_lines_dropped_total{@}[@]))",
            "Lines that made no record, a second.",
            legend="{{reason}}",
            unit="cps",
        ),
        chart(
            "Lines cut",
            "sum by (reason) (rate(alogd_lines_cut_total{@}[@]))",
            "Taken only in part, a second: longer than engine.max_line_bytes or max_tokens, or records too long.",
            legend="{{reason}}",
            unit="cps",
        ),
        chart(
            "Out of order",
            "sum by (reason) (rate(alogd_records_out_of_order_total{@}[@]))",
            "Records whose time does not fit their neighbours', a second.",
            legend="{{reason}}",
            unit="cps",
        ),
        row("Learning"),
        chart(
            "Learned",
            "min by (instance) (alogd_warmup_ratio{@})",
            "How much of the warm-up is done; from 100 % on anything odd alerts.",
            legend="{{instance}}",
            unit="percentunit",
            top=1,
        ),
        chart("Templates", "max by (instance) (alogd_templates{@})", "Known.", legend="{{instance}}"),
        chart(
            "Templates that come and go",
            [
                ("sum(rate(alogd_templates_created_total{@}[@]))", "created"),
                ("sum(rate(alogd_templates_evicted_total{@}[@]))", "evicted"),
                ("sum(rate(alogd_template_overflow_total{@}[@]))", "records without room for a template"),
                ("sum(rate(alogd_tree_nodes_pruned_total{@}[@]))", "nodes of the tree pruned"),
            ],
            "A second. Many created for long: something varies that no mask covers.",
            unit="cps",
        ),
        chart(
            "Windows",
            [
                ("sum(rate(alogd_windows_scored_total{@}[@]))", "scored"),
                ("sum by (reason) (rate(alogd_windows_closed_total{@}[@]))", "closed: {{reason}}"),
            ],
            "A second: those the detectors scored, and those closed, by why.",
            unit="cps",
        ),
        chart("Windows open", "sum by (instance) (alogd_windows_open{@})", "Being filled.", legend="{{instance}}"),
        chart(
            "Memory of the templates",
            "sum by (instance) (alogd_engine_memory_bytes{@})",
            "Of the template miner; bounded.",
            legend="{{instance}}",
            unit="bytes",
        ),
        row("Judging"),
        chart(
            "From read to scored",
            [
                ("histogram_quantile(0.5, sum by (le) (rate(alogd_scored_delay_seconds_bucket{@}[@])))", "median"),
                ("histogram_quantile(0.99, sum by (le) (rate(alogd_scored_delay_seconds_bucket{@}[@])))", "99 of 100"),
            ],
            "Of blocks of lines.",
            unit="s",
        ),
        heat(
            "From read to scored, all blocks",
            "sum by (le) (increase(alogd_scored_delay_seconds_bucket{@}[@]))",
            "How many blocks took how long.",
            unit="s",
            width=8,
        ),
        chart(
            "Windows a detector failed on",
            "sum by (detector) (rate(alogd_detector_errors_total{@}[@]))",
            "A second; the others go on without it.",
            legend="{{detector}}",
            unit="cps",
        ),
        row("Models (with trained detectors)"),
        chart(
            "Windows asked about",
            [
                ("sum by (detector, reason) (rate(alogd_model_windows_total{@}[@]))", "{{detector}}: {{reason}}"),
                ("sum by (detector) (rate(alogd_model_windows_skipped_total{@}[@]))", "{{detector}}: skipped"),
            ],
            "A second. Skipped: judged without the model, which was outrun.",
            unit="cps",
        ),
        chart("Windows that wait", "sum(alogd_model_queue_windows{@})", "For a model's answer.", legend="windows"),
        chart(
            "Answered from memory",
            "sum by (detector) (rate(alogd_model_cache_hits_total{@}[@])) / sum by (detector) "
            "(rate(alogd_model_cache_hits_total{@}[@]) + rate(alogd_model_cache_misses_total{@}[@]) > 0)",
            "Share of rows that the network need not be asked about.",
            legend="{{detector}}",
            unit="percentunit",
            top=1,
        ),
        chart(
            "Rows of networks",
            [
                ("sum by (detector) (rate(alogd_model_rows_total{@}[@]))", "{{detector}}: rows"),
                ("sum by (detector) (rate(alogd_model_batches_total{@}[@]))", "{{detector}}: batches"),
            ],
            "A second.",
            unit="cps",
        ),
        chart(
            "Cores taken by networks",
            "sum by (detector) (rate(alogd_model_seconds_total{@}[@]))",
            "Seconds a second.",
            legend="{{detector}}",
        ),
    ]
    return dashboard(
        "alogd-stream",
        "alogd: one stream",
        "What is unusual in a stream, and how it is read, learned and judged.",
        [INSTANCES, chosen("stream", STREAMS, many=False)],
        panels,
    )
