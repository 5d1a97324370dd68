"""The third dashboard: whether alogd does its work."""

from __future__ import annotations

from panels import INSTANCES, NONE_IS_GOOD, ONE_IS_GOOD, Json, bars, chart, dashboard, row, stat, table, timeline

YES_NO = {"0": ("no", "red"), "1": ("yes", "green")}


def itself() -> Json:
    """alogd's own health: parts, state, sinks and process."""
    standing = [
        stat("Ready", "min(alogd_ready{%})", "Whether every /-/ready says yes.", steps=ONE_IS_GOOD, words=YES_NO),
        stat("Up for", "time() - max(alogd_start_time_seconds{%})", "Since the last start.", unit="s"),
        stat(
            "State saved",
            "time() - min(alogd_snapshot_last_success_timestamp_seconds{%} > 0)",
            "How long ago, at the worst; only what is new is saved.",
            unit="s",
        ),
        stat(
            "Configuration good",
            "min(alogd_config_last_reload_successful{%})",
            "Whether the last load was; if not, the one before is in force.",
            steps=ONE_IS_GOOD,
            words=YES_NO,
        ),
        stat(
            "Configuration in force for",
            "time() - max(alogd_config_last_reload_success_timestamp_seconds{%})",
            "Since the last good load.",
            unit="s",
        ),
        stat("Memory", "sum(process_resident_memory_bytes{%})", "Resident, of all instances.", unit="bytes"),
        stat("Cores", "sum(rate(process_cpu_seconds_total{%}[@]))", "In use.", unit="none"),
        stat(
            "Own log lines dropped",
            "sum(alogd_log_lines_dropped_total{%})",
            "Lines of alogd's own log that nobody read in time.",
            steps=NONE_IS_GOOD,
        ),
    ]
    version = [
        ("up for", "time() - max by (instance) (alogd_start_time_seconds{%})", "s", ()),
        ("running", "max by (instance, version) (alogd_build_info{%})", "none", ()),
        ("ready", "max by (instance) (alogd_ready{%})", "none", ONE_IS_GOOD),
        ("memory", "max by (instance) (process_resident_memory_bytes{%})", "bytes", ()),
        ("cores", "max by (instance) (rate(process_cpu_seconds_total{%}[@]))", "none", ()),
    ]
    panels = [
        row("Now"),
        *standing,
        table("Instances", version, "Every alogd that is scraped, with its version.", by=("instance", "version")),
        row("Parts"),
        timeline(
            "Parts up",
            "min by (component) (alogd_component_up{%})",
            "Streams, collectors, sinks and state; /api/v1/status says why one is down.",
            legend="{{component}}",
        ),
        bars(
            "Parts begun again",
            "sum by (component) (increase(alogd_component_restarts_total{%}[#]))",
            "After they failed; one that keeps doing so has a fault that alogd's log names.",
            legend="{{component}}",
            width=12,
        ),
        row("Alerts on their way"),
        chart(
            "Waiting",
            "max by (receiver) (alogd_notification_queue_length{%})",
            "Moments of alerts in the outbox, which survives restarts.",
            legend="{{receiver}}",
            width=12,
        ),
        bars(
            "What became of them",
            "sum by (receiver, outcome) (increase(alogd_notifications_total{%}[#]))",
            "`retried` counts attempts, `dropped_...` is lost for good.",
            legend="{{receiver}}: {{outcome}}",
            width=12,
        ),
        row("State"),
        chart(
            "Age of what is saved",
            "time() - max by (instance) (alogd_snapshot_last_success_timestamp_seconds{%} > 0)",
            "It grows while nothing new is read; else it stays below a minute.",
            legend="{{instance}}",
            unit="s",
        ),
        bars(
            "Saves that failed",
            "sum by (instance) (increase(alogd_snapshot_failures_total{%}[#]))",
            "A full or read-only disk.",
            legend="{{instance}}",
        ),
        chart(
            "Pauses for a save",
            [
                ("histogram_quantile(0.5, sum by (le) (rate(alogd_snapshot_pause_seconds_bucket{%}[@])))", "median"),
                (
                    "histogram_quantile(0.99, sum by (le) (rate(alogd_snapshot_pause_seconds_bucket{%}[@])))",
                    "99 of 100",
                ),
            ],
            "How long the core waited while a stream's state was taken.",
            unit="s",
        ),
        chart(
            "Saved state that could not be used",
            "sum by (reason) (alogd_state_recovered_total{%})",
            "Since the start. damaged: set aside. unusable: saved under another configuration.",
            legend="{{reason}}",
        ),
        row("Process"),
        chart("Cores, by instance", "rate(process_cpu_seconds_total{%}[@])", "In use.", legend="{{instance}}"),
        chart(
            "Memory, by instance",
            [
                ("process_resident_memory_bytes{%}", "resident, {{instance}}"),
                ("sum by (instance) (alogd_engine_memory_bytes{%})", "templates, {{instance}}"),
            ],
            "All of it, and what the template miners have of it.",
            unit="bytes",
        ),
        chart(
            "File descriptors",
            [("process_open_fds{%}", "open, {{instance}}"), ("process_max_fds{%}", "at most, {{instance}}")],
            "Files that are followed are held open while there are enough.",
        ),
        chart("Jobs of the core", "rate(alogd_core_jobs_total{%}[@])", "A second.", legend="{{instance}}", unit="ops"),
        chart("HTTP connections", "alogd_http_connections{%}", "Open.", legend="{{instance}}"),
        bars(
            "HTTP refused",
            "sum by (reason) (increase(alogd_http_refused_total{%}[#]))",
            "Connections and requests turned away, by why.",
            legend="{{reason}}",
        ),
    ]
    return dashboard("alogd-self", "alogd: itself", "Does alogd do its work?", [INSTANCES], panels)
