"""Everything at a glance: one sentence, and the few numbers of each stream and sink; what the page shows and is sent.

A pure function of a view, and of how many alerts are firing, acknowledged or told of by another, and mutes in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alogd.daemon.view import SinkView, StreamView, View
from alogd.sinks.routes import LEVELS
from alogd.web.shapes import Overview, SinkBrief, State, StreamBrief

LEARNED = 1.0  # warm-up at which a stream alerts on anything odd
FEW_NAMES = 3  # named in the sentence
MAX_REASONS = 20
BAD = frozenset({"error", "missing", "lost"})


def overview(view: View, firing: Mapping[str, int], acked: int = 0, below: int = 0, *, muted: int = 0) -> Overview:
    """Plain values; `state` is bad, alert, amiss, learning or ok, the first that holds; `level` is the worst firing."""
    state, sentence, more = _standing(view, firing, acked, below)
    return {
        "state": state,
        "sentence": sentence,
        "more": more,
        "level": worst(firing),
        "reasons": list(view.reasons[:MAX_REASONS]),
        "firing": dict(firing),
        "acked": acked,
        "muted": muted,
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


def worst(firing: Mapping[str, int]) -> str | None:
    """The worst level at which something fires."""
    return next((level for level in reversed(LEVELS) if firing.get(level)), None)


def _standing(view: View, firing: Mapping[str, int], acked: int, below: int) -> tuple[State, str, str]:
    if not view.ready:
        return "bad", "Nothing is being followed", _first(view.reasons, "alogd is starting, or cannot read")
    count = sum(firing.values())
    if count:
        noun = "alert is" if count == 1 else "alerts are"
        more = f"the worst is {worst(firing)}{_causes(count, below)}{_taken(acked, count)}"
        return "alert", f"{count} {noun} firing", more
    if view.reasons:
        return "amiss", "Logs look normal, but something of alogd is amiss", _first(view.reasons, "")
    young = [stream.name for stream in view.streams if stream.warmup < LEARNED]
    if young:
        return "learning", "Nothing unusual; still learning", f"{_names(young)} cannot tell yet what is usual"
    sources = sum(stream.source_count for stream in view.streams)
    noun = "source is" if sources == 1 else "sources are"
    return "ok", "Everything looks normal", f"{sources} {noun} being followed"


def _causes(count: int, below: int) -> str:
    """... where several of them began together."""
    causes = max(1, count - below)
    return f"; {causes} cause{'s' * (causes > 1)} in all" if below else ""


def _taken(acked: int, count: int) -> str:
    if not acked:
        return ""
    return "; acknowledged" if acked == count == 1 else f"; {'all' if acked == count else acked} acknowledged"


def _first(reasons: Sequence[str], otherwise: str) -> str:
    more = f" (and {len(reasons) - 1} more)" if reasons[1:] else ""
    return f"{reasons[0]}{more}" if reasons else otherwise


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:FEW_NAMES])
    return f"{shown} and {len(names) - FEW_NAMES} more" if names[FEW_NAMES:] else shown


def _stream(stream: StreamView) -> StreamBrief:
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


def _sink(sink: SinkView) -> SinkBrief:
    return {"name": sink.name, "waiting": sink.waiting, "outcomes": dict(sink.outcomes), "problem": sink.problem}
