"""What Prometheus scrapes: made from a View at the moment of the scrape, so nothing is counted twice.

Labels come from the configuration or from closed sets (stream, detector, severity, receiver, reason, component,
outcome): never a path, a template or an id, however many of those there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from alogd.daemon.histogram import BOUNDS
from alogd.daemon.view import StreamView, View

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Counters of the engine and of the windows: metric, help, (source in Stream.status(), value of the reason label).
Row = tuple[str, str, str]  # part of the status, counter, reason
_BY_REASON: dict[str, tuple[str, tuple[Row, ...]]] = {
    "alogd_lines_dropped": (
        "Lines that made no record.",
        (("engine", "empty", "empty"),),
    ),
    "alogd_lines_cut": (
        "Lines or records taken only in part.",
        (
            ("engine", "too_long", "too_long"),
            ("engine", "tokens_cut", "too_many_tokens"),
            ("engine", "records_split", "record_too_long"),
            ("engine", "late_continuations", "late_continuation"),
        ),
    ),
    "alogd_records_out_of_order": (
        "Records whose time does not fit their neighbours'.",
        (("window", "late", "late"), ("window", "outliers", "outlier"), ("window", "undone", "undone")),
    ),
    "alogd_windows_closed": (
        "Windows closed, by why.",
        tuple(("window", f"closed_{why}", why) for why in ("full", "age", "idle", "evicted", "flush")),
    ),
}
_COUNTERS = {
    "alogd_lines_read": ("Lines read, in all runs since the stream began to learn.", "lines"),
    "alogd_records": ("Records made of lines; a record is a line with its continuation lines.", "records"),
    "alogd_templates_created": ("Templates mined.", "created"),
    "alogd_templates_evicted": ("Templates that made room for newer ones, least recently used first.", "evicted"),
    "alogd_tree_nodes_pruned": ("Nodes of the template tree without templates, given up for want of memory.", "pruned"),
    "alogd_template_overflow": ("Records that found no room for a template of their own.", "overflow"),
}

# Counters whose reasons are known begin at 0: a rate does not see the first of a series that begins at 1.
# Not all kinds of notes, nor every detector's levels: 256 streams of them are to stay below 1 MB.
_NOTES = {"lost": 0}
_DROPPED = ("dropped_refused", "dropped_redirect", "dropped_fault", "dropped_damaged", "dropped_queue_full")
_OUTCOMES = dict.fromkeys(("sent", "superseded", "retried", "silenced", "acknowledged", "grouped", *_DROPPED), 0)
_REFUSED = dict.fromkeys(
    (
        "slow_header",
        "slow_body",
        "too_large",
        "malformed",
        "too_many_connections",
        "too_many_listeners",
        "slow_listener",
        "bad_link",
    ),
    0,
)

_NETWORK = {
    "hits": ("alogd_model_cache_hits", "Rows answered from memory."),
    "misses": ("alogd_model_cache_misses", "Rows that were not in memory."),
    "rows": ("alogd_model_rows", "Rows a network was asked for."),
    "batches": ("alogd_model_batches", "Batches of rows a network was asked for."),
    "seconds": ("alogd_model_seconds", "Seconds spent in a network."),
}


class _Families(Collector):
    """All families of one view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        view = self._view
        yield InfoMetricFamily("alogd_build", "The running alogd.", {"version": view.version})
        yield _gauge("alogd_ready", "Whether /-/ready says yes.", float(view.ready))
        yield from _streams(view.streams)
        yield from _detectors(view.streams)
        yield from _networks(view.streams)
        yield from _components(view)
        yield from _sinks(view)
        yield from _state(view)
        yield from _process(view)


def render(view: View, *, process: bool = False) -> bytes:
    """The exposition text; with `process`, the process_* metrics every Prometheus client has too."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(view))
    if process:
        ProcessCollector(registry=registry)
    return generate_latest(registry)


def _streams(streams: Iterable[StreamView]) -> Iterator[Metric]:
    streams = list(streams)
    for name, (text, key) in _COUNTERS.items():
        yield _counter(name, text, ["stream"], [((s.name,), s.count(key)) for s in streams])
    for name, (text, rows) in _BY_REASON.items():
        samples = [((s.name, reason), s.core.get(part, {}).get(key, 0)) for s in streams for part, key, reason in rows]
        yield _counter(name, text, ["stream", "reason"], samples)
    by_stream = [
        ("alogd_source_lag_bytes", "Bytes there are to read and not read yet.", "backlog_bytes"),
        ("alogd_sources", "Sources (files, journals ...) followed.", "source_count"),
    ]
    for name, text, attribute in by_stream:
        yield _gauge(name, text, None, ["stream"], [((s.name,), getattr(s, attribute)) for s in streams])
    yield _counter("alogd_bytes_read", "Bytes read.", ["stream"], [((s.name,), s.bytes_read) for s in streams])
    yield _gauge(
        "alogd_source_last_line_timestamp_seconds",
        "When something was last read, in seconds since 1970 by the host's clock.",
        None,
        ["stream"],
        [((s.name,), s.last_read) for s in streams if s.last_read is not None],
    )
    yield _counter(
        "alogd_collector_events",
        "What befell sources: rotated, truncated, permission_denied ...",
        ["stream", "reason"],
        [((s.name, kind), count) for s in streams for kind, count in (_NOTES | dict(s.notes)).items()],
    )
    text = "From reading a block of lines until the core has scored it; each block counts once."
    delays = HistogramMetricFamily("alogd_scored_delay_seconds", text, labels=["stream"])
    for stream in streams:
        delays.add_metric([stream.name], _buckets(stream.delays), stream.delay_sum)
    yield delays
    yield from _learning(streams)


def _learning(streams: list[StreamView]) -> Iterator[Metric]:
    gauges = [
        ("alogd_templates", "Templates known.", "templates", 1.0),
        ("alogd_warmup_ratio", "How much of the warm-up is done; alerts are raised from 1 on.", "warmup", 1.0),
        ("alogd_risk_score", "Risk of the last window, 0 to 100.", "risk", 1.0),
        ("alogd_incidents_open", "Incidents that are firing.", "open_incidents", 1.0),
        ("alogd_windows_open", "Windows being filled.", "open_windows", 1.0),
        ("alogd_source_log_time_seconds", "Log time reached, in seconds since 1970.", "watermark_ns", 1e-9),
    ]
    for name, text, key, factor in gauges:
        samples = [((s.name,), s.core[key] * factor) for s in streams if s.core.get(key) is not None]
        yield _gauge(name, text, None, ["stream"], samples)
    yield _gauge(
        "alogd_engine_memory_bytes",
        "Memory of the template miner.",
        None,
        ["stream"],
        [((s.name,), s.count("memory")) for s in streams],
    )
    windows = [((s.name,), s.core.get("windows", 0)) for s in streams]
    yield _counter("alogd_windows_scored", "Windows the detectors scored.", ["stream"], windows)


def _detectors(streams: Iterable[StreamView]) -> Iterator[Metric]:
    opened, errors, suppressed = [], [], []
    for stream in streams:
        for key, count in stream.opened.items():
            detector, _, level = key.rpartition(" ")
            opened.append(((stream.name, detector, level.lower()), count))
        for detector, count in stream.core.get("detector_failures", {}).items():
            errors.append(((stream.name, detector), count))
        suppressed.append(((stream.name, "budget"), stream.core.get("suppressed_incidents", 0)))
        seldom = {"daily": stream.core.get("daily_jobs", 0), "state_unwritable": stream.alerts_given_up}
        suppressed += [((stream.name, reason), count) for reason, count in seldom.items() if count]
    labels = ["stream", "detector", "severity"]
    yield _counter("alogd_anomalies", "Incidents opened, by the detector that had the largest share.", labels, opened)
    yield _counter("alogd_detector_errors", "Windows a detector failed on.", ["stream", "detector"], errors)
    text = "Incidents that were found and not raised."
    yield _counter("alogd_anomalies_suppressed", text, ["stream", "reason"], suppressed)


def _networks(streams: Iterable[StreamView]) -> Iterator[Metric]:
    """Of the detectors that are asked: those with a trained network, and those too slow for every window."""
    samples: dict[str, list[tuple[tuple[str, ...], float]]] = {name: [] for name in ("asked", "skipped", *_NETWORK)}
    waiting = []
    for stream in streams:
        waiting.append(((stream.name,), stream.core.get("waiting_windows", 0)))
        for detector, told in stream.core.get("models", {}).items():
            labels = (stream.name, detector)
            for name in ("asked", "skipped"):
                samples[name] += [((*labels, why), count) for why, count in told[name].items()]
            for name in _NETWORK:
                samples[name] += [(labels, told[name])] if name in told else []
    labelled = ["stream", "detector"]
    text = "Windows a model was asked about, by why."
    yield _counter("alogd_model_windows", text, [*labelled, "reason"], samples["asked"])
    text = "Of these, windows that were judged without it, by why."
    yield _counter("alogd_model_windows_skipped", text, [*labelled, "reason"], samples["skipped"])
    for name, (metric, text) in _NETWORK.items():
        yield _counter(metric, text, labelled, samples[name])
    yield _gauge("alogd_model_queue_windows", "Windows that wait for a model's answer.", None, ["stream"], waiting)


def _components(view: View) -> Iterator[Metric]:
    up, restarts = [], []
    for stream in view.streams:
        up.append(((f"stream/{stream.name}",), float(stream.up)))
        restarts.append(((f"stream/{stream.name}",), stream.restarts))
        up += [((f"collector/{stream.name}/{slot}",), float(not why)) for slot, why in stream.collectors.items()]
    up += [((f"sink/{sink.name}",), float(not sink.problem)) for sink in view.sinks]
    up.append((("state",), float(not view.state_problem)))
    yield _gauge("alogd_component_up", "Whether a part of the daemon does its work.", None, ["component"], up)
    yield _counter("alogd_component_restarts", "Times a part failed and began again.", ["component"], restarts)


def _sinks(view: View) -> Iterator[Metric]:
    outcomes = [
        ((sink.name, outcome), count)
        for sink in view.sinks
        for outcome, count in (_OUTCOMES | dict(sink.outcomes)).items()
    ]
    text = "Moments of alerts by what became of them; `retried` counts attempts."
    yield _counter("alogd_notifications", text, ["receiver", "outcome"], outcomes)
    lengths = [((sink.name,), sink.waiting) for sink in view.sinks]
    yield _gauge("alogd_notification_queue_length", "Moments of alerts that wait.", None, ["receiver"], lengths)


def _state(view: View) -> Iterator[Metric]:
    text = "When the state was last written, in seconds since 1970; 0 = not yet."
    yield _gauge("alogd_snapshot_last_success_timestamp_seconds", text, view.state_last_commit)
    yield _counter("alogd_snapshot_failures", "Writes of the state that failed.", [], [((), view.state_failed_commits)])
    text = "How long the core waited while a stream's state was taken for saving."
    pauses = _buckets(view.save_pauses)
    yield HistogramMetricFamily("alogd_snapshot_pause_seconds", text, pauses, view.save_pause_sum)
    recovered = {"damaged": 0, "unusable": 0, **view.state_recovered}
    samples = [((reason,), count) for reason, count in recovered.items()]
    yield _counter("alogd_state_recovered", "Times saved state could not be used.", ["reason"], samples)


def _process(view: View) -> Iterator[Metric]:
    yield _gauge("alogd_config_last_reload_successful", "Whether the last (re)load was good.", float(view.config_ok))
    text = "When the configuration in force was loaded, in seconds since 1970."
    yield _gauge("alogd_config_last_reload_success_timestamp_seconds", text, view.config_time)
    yield _gauge("alogd_start_time_seconds", "When the daemon began, in seconds since 1970.", view.started)
    text = "Lines of the daemon's own log that nobody read in time."
    yield _counter("alogd_log_lines_dropped", text, [], [((), view.log_lines_dropped)])
    yield _counter("alogd_core_jobs", "Jobs done by the core thread.", [], [((), view.core_jobs)])
    yield _gauge("alogd_http_connections", "Open HTTP connections.", float(view.http.get("connections", 0)))
    refused = [((why,), n) for why, n in (_REFUSED | dict(view.http)).items() if why != "connections"]
    yield _counter("alogd_http_refused", "HTTP connections or requests turned away.", ["reason"], refused)


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Counts of alogd.daemon.histogram, in Prometheus' way: each bucket counts those below it too."""
    limits = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    return list(zip(limits, accumulate(counts), strict=True))


Samples = Iterable[tuple[tuple[str, ...], float]]


def _counter(name: str, text: str, labels: list[str], samples: Samples) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _gauge(name: str, text: str, value: float | None, labels: list[str] | None = None, samples: Samples = ()) -> Metric:
    if value is not None:
        return GaugeMetricFamily(name, text, value=value)
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
