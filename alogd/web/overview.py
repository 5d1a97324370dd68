"""Everything at a glance: one sentence, and the few numbers of each stream and sink; what the page shows and is sent.

A pure function of a view and of how many alerts are firing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alogd.view import SinkView, StreamView, View

LEARNED = 1.0  # warm-up at which a stream alerts on anything odd
FEW_NAMES = 3  # named in the sentence
MAX_REASONS = 20
BAD = frozenset({"error", "missing", "lost"})


def overview(view: View, firing: Mapping[str, int]) -> dict[str, Any]:
    """Plain values; `state` is bad, alert, amiss, learning or ok, the first that holds."""
    state, sentence, more = _standing(view, firing)
    return {
        "state": state,
        "sentence": sentence,
        "more": more,
        "reasons": list(view.reasons[:MAX_REASONS]),
        "firing": dict(firing),
        "version": view.version,
        "started": view.started,
        "ready": view.ready,
        "streams": [_stream(stream) for stream in view.streams],
        "sinks": [_sink(sink) for sink in view.sinks],
        "saved": {
            "problem": view.state_problem,
            "last": view.state_last_commit,
            "failed": view.state_failed_commits,
            "recovered": dict(view.state_recovered),
        },
        "config": {"ok": view.config_ok, "time": view.config_time},
    }


def _standing(view: View, firing: Mapping[str, int]) -> tuple[str, str, str]:
    if not view.ready:
        return "bad", "Nothing is being followed", _first(view.reasons, "alogd is starting, or cannot read")
    count = sum(firing.values())
    if count:
        worst = next(level for level in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO") if firing.get(level))
        noun = "alert is" if count == 1 else "alerts are"
        return "alert", f"{count} {noun} firing", f"the worst is {worst}"
    if view.reasons:
        return "amiss", "Logs look normal, but something of alogd is amiss", _first(view.reasons, "")
    young = [stream.name for stream in view.streams if stream.warmup < LEARNED]
    if young:
        return "learning", "Nothing unusual; still learning", f"{_names(young)} cannot tell yet what is usual"
    sources = sum(stream.source_count for stream in view.streams)
    noun = "source is" if sources == 1 else "sources are"
    return "ok", "Everything looks normal", f"{sources} {noun} being followed"


def _first(reasons: Sequence[str], otherwise: str) -> str:
    more = f" (and {len(reasons) - 1} more)" if reasons[1:] else ""
    return f"{reasons[0]}{more}" if reasons else otherwise


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:FEW_NAMES])
    return f"{shown} and {len(names) - FEW_NAMES} more" if names[FEW_NAMES:] else shown


def _stream(stream: StreamView) -> dict[str, Any]:
    core = stream.core
    return {
        "name": stream.name,
        "up": stream.up,
        "problem": stream.problem,
        "caught_up": stream.caught_up,
        "collectors": dict(stream.collectors),
        "sources": stream.source_count,
        "sources_failing": sum(bool(source.error) or source.state in BAD for source in stream.sources),
        "unread": list(stream.unread),
        "risk": core.get("risk", 0.0),
        "warmup": stream.warmup,
        "windows": core.get("windows", 0),
        "templates": core.get("templates", 0),
        "open_incidents": core.get("open_incidents", 0),
        "held_back": core.get("suppressed_incidents", 0),
        "watermark_ns": core.get("watermark_ns"),
        "lines_read": stream.lines_read,
        "bytes_read": stream.bytes_read,
        "backlog_bytes": stream.backlog_bytes,
        "last_read": stream.last_read,
        "restarts": stream.restarts,
    }


def _sink(sink: SinkView) -> dict[str, Any]:
    return {"name": sink.name, "waiting": sink.waiting, "outcomes": dict(sink.outcomes), "problem": sink.problem}
