"""One line as the core sees it: header, masks, template, severity, and how unusual it would be."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from alogd.cli.alert_view import is_alike
from alogd.cli.drive import Drive
from alogd.cli.output import count, emit, paint, safe, time_text, use_color
from alogd.engine.settings import EngineConfig, Explanation, available_engine
from alogd.engine.severity import rules
from alogd.event import NO_TIME
from alogd.judging.risk import level
from alogd.judging.verdict import Verdict
from alogd.windows.gather import Windows

_LEVELS = ("none", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SOURCE = 2**32 - 2  # a source no daemon numbers, so that nothing learned of another is touched
Row = tuple[str, str]


def explain_line(line: bytes, args: argparse.Namespace, learned: list[Drive]) -> None:
    """Print it, against the stream that knows the line best."""
    for one in learned:
        one.stream.engine.open(_SOURCE, year=_this_year())
    drive = max(learned, key=lambda one: _fit(one.stream.engine.explain(line, _SOURCE)), default=None)
    if drive is None:
        engine, verdict = available_engine("c")(EngineConfig(severity_rules=rules())), None
        engine.open(_SOURCE, year=_this_year())
    else:
        engine, verdict = drive.stream.engine, alone(drive, line)
    seen = engine.explain(line, _SOURCE)
    if args.output != "table":
        emit([_record(seen, drive, verdict)], args.output)
        return
    color = use_color(args.no_color)
    for name, text in _rows(seen, drive, verdict):
        print(f"{paint(f'{name:<10}', 'dim', color)}{safe(text)}" if name else f"{'':10}{safe(text)}")


def _this_year() -> int:
    return datetime.now(UTC).year


def _fit(seen: Explanation) -> tuple[bool, float]:
    return not seen.creates, seen.similarity


def alone(drive: Drive, line: bytes) -> Verdict | None:
    """What the stream's detectors would say of a window with nothing but this line; None before they learned.

    The line is fed to the drive's own copy of what was learned, which is thrown away afterwards.
    """
    stream = drive.stream
    if not stream.judge.seen:
        return None
    saved = stream.engine.save()
    engine = stream.engine.load(saved, stream.engine.config)
    engine.open(_SOURCE)
    engine.feed(line + b"\n", _SOURCE)
    windows = Windows(stream.options.windows)
    windows.push(engine.flush(_SOURCE))
    closed = windows.flush()
    return stream.judge.judge(closed) if len(closed) else None


def _rows(seen: Explanation, drive: Drive | None, verdict: Verdict | None) -> Iterator[Row]:
    if seen.timestamp_ns != NO_TIME:
        yield "time", f"{time_text(seen.timestamp_ns)} UTC"
    yield "header", _header(seen)
    yield "message", seen.message
    yield "masked", seen.masked
    if drive is None:
        yield "template", "nothing is learned here; name files with --learn, or a daemon's state with --state"
    else:
        yield from _template(seen, drive)
    yield "severity", _severity(seen)
    if verdict is not None and drive is not None:
        yield from _unusual(verdict, drive)


def _header(seen: Explanation) -> str:
    key = "" if seen.key in (seen.program, seen.host, seen.pid) else seen.key or ""
    named = (("host", seen.host), ("program", seen.program), ("pid", seen.pid), ("key", key))
    parts = [f"level {_LEVELS[(seen.otel + 3) // 4]}"] if seen.otel else []
    parts += [f"{name} {value}" for name, value in named if value]
    return ", ".join(parts) or ("time only" if seen.timestamp_ns != NO_TIME else "none: the whole line is the message")


def _template(seen: Explanation, drive: Drive) -> Iterator[Row]:
    stream = drive.stream
    if seen.template is not None:
        yield "template", f"{seen.template.text}"
        yield "", f"known: {count(seen.template.count, 'line')} of stream {stream.name} ({seen.template.fingerprint})"
        return
    yield "template", f"new to stream {stream.name}: no learned template is like it"
    nearest = stream.engine.nearest(seen.message)
    if nearest is None:
        return
    template, difference = nearest
    yield "", f"nearest: {template.text}  ({count(template.count, 'line')})"
    if not is_alike(seen.masked, difference):
        yield "", "  which shares less than half of its words"
        return
    for theirs, ours in difference[:12]:
        yield "", f"  - {theirs or '(nothing)'}  + {ours or '(nothing)'}"


def _severity(seen: Explanation) -> str:
    why = f'it says "{seen.rule}"' if seen.rule else "from its level" if seen.otel else "it names no level"
    return f"{seen.severity} of 100, {why}"


def _unusual(verdict: Verdict, drive: Drive) -> Iterator[Row]:
    risk = float(verdict.risk[0])
    names = {name: float(np.nan_to_num(values[0])) for name, values in verdict.anomalies.items()}
    yield "alone", f"a window of this line only: risk {risk:.0f} ({level(risk, drive.stream.risk)})"
    for name, value in names.items():
        yield "", f"{name} finds it {value:.0f} of 100 unusual"
    yield "", "it would raise an alert" if bool(verdict.odd[0]) else "it would not raise an alert by itself"


def _record(seen: Explanation, drive: Drive | None, verdict: Verdict | None) -> dict[str, Any]:
    nearest = drive.stream.engine.nearest(seen.message) if drive and seen.creates else None
    return {
        "time": None if seen.timestamp_ns == NO_TIME else time_text(seen.timestamp_ns),
        "level": _LEVELS[(seen.otel + 3) // 4] if seen.otel else None,
        "host": seen.host,
        "program": seen.program,
        "pid": seen.pid,
        "key": seen.key,
        "message": seen.message,
        "masked": seen.masked,
        "stream": drive.stream.name if drive else None,
        "template": seen.template.text if seen.template else None,
        "is_new": seen.creates if drive else None,
        "nearest": nearest[0].text if nearest else None,
        "difference": nearest[1] if nearest else [],
        "severity": seen.severity,
        "severity_rule": seen.rule,
        "risk_alone": float(verdict.risk[0]) if verdict else None,
        "anomaly_alone": {name: float(values[0]) for name, values in verdict.anomalies.items()} if verdict else {},
    }
