"""A run repeated in the order in which a daemon wrote down that it read, however often that was killed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from alogd.alerts.as_json import encode
from alogd.alerts.incidents import Saved
from alogd.config.load import load_config
from alogd.config.tree import stream_budget
from alogd.event import Alert
from alogd.silence.watch import Silences
from alogd.stream import Stream
from tests.faults.crash_runs import outcome

Step = dict[str, Any]


def steps_of(path: Path) -> list[Step]:
    """Of all lives, what became part of the state that the next one began from, and that it did; of the last, all."""
    kept: list[Step] = []
    before: list[Step] = []
    for line in path.read_bytes().splitlines():
        step = json.loads(line)
        if step["did"] == "made":
            if kept:  # a life that is killed before it loads anything leaves the state as it was
                before, kept = kept, []
        elif step["did"] == "loaded":
            kept = [*before[: _saved(before, step["state"]) + 1], step]
        else:
            kept.append(step)
    return kept


def _saved(steps: list[Step], state: str) -> int:
    return max(at for at, step in enumerate(steps) if step["did"] == "saved" and step["state"] == state)


def check_order(place: Path, steps: list[Step]) -> tuple[dict[str, bytes], dict[str, Alert]]:
    """What `repeated` says, after all that the daemon learned and told was found to be the same to the byte."""
    found, (parts, alerts) = outcome(place), repeated(place, steps)
    for part, value in parts.items():
        if part != "incidents":
            assert found[part] == value, f"{part} differs"
    _check_incidents(found["incidents"], parts["incidents"])
    assert {alert.id for alert in found["alerts"]} == alerts.keys()
    for alert in found["alerts"]:
        _check_alert(alert, alerts[alert.id])
    return parts, alerts


def _check_incidents(found: bytes, expected: bytes) -> None:
    kept, again = (msgspec.json.decode(part, type=Saved) for part in (found, expected))
    for one, other in zip(kept.open, again.open, strict=True):
        _check_alert(one.alert, other.alert)
        one.alert = other.alert
    assert msgspec.json.encode(kept) == msgspec.json.encode(again), "incidents differs"


def _check_alert(alert: Alert, one: Alert) -> None:
    if len(alert.lines) < len(one.lines):  # read before a kill, and renamed once closed after it: could not be shown
        alert, one = _untold(alert), _untold(one)
    assert encode(alert) == encode(one)


def _untold(alert: Alert) -> Alert:
    """Without what is read from its lines."""
    return replace(alert, key="", title="", lines=[], reasons=[], hosts=(), templates=[])


def repeated(place: Path, steps: list[Step]) -> tuple[dict[str, bytes], dict[str, Alert]]:
    """What one core that is never interrupted learns in this order, and the last moment of each alert."""
    config = load_config(place / "alogd.yaml")
    names: dict[int, str] = {}
    places: dict[int, Path] = {}  # rotated files are where they were rotated to
    files = {path.stat().st_ino: path for path in (place / "logs").iterdir()}
    stream = Stream(
        config.streams[0],
        alerts=config.alerts,
        risk=config.risk,
        budget_per_day=stream_budget(config),
        text=lambda source, offset, length: _bytes(places[source], offset, offset + length),
        names=names.__getitem__,
    )
    read: dict[int, int] = {}
    alerts: dict[str, Alert] = {}
    for step in steps:
        if step["did"] == "open":
            places[step["source"]] = files[int(step["identity"].split("-")[1], 16)]
        for alert in _take(stream, step, names, places, read):
            alerts[alert.id] = alert
    return stream.save(), alerts


def _take(
    stream: Stream, step: Step, names: dict[int, str], places: dict[int, Path], read: dict[int, int]
) -> list[Alert]:
    """One step; what a later life read again, as it was no whole record, is there already."""
    did, source = step["did"], step.get("source", 0)
    if did == "feed":
        begin, read[source] = read[source], max(read[source], step["end"])
        return stream.feed(source, _bytes(places[source], begin, read[source]))
    if did == "settle":
        return stream.settle(source)
    if did == "close":
        return stream.close(source)
    if did == "tick":
        return stream.tick(step["log_time_ns"])
    if did == "open":
        _open(stream, step, names, read)
    if did == "loaded":  # which sources are open is no part of a state, and with more than are watched it counts
        stream.silences = _reloaded(stream.silences)
    return []


def _open(stream: Stream, step: Step, names: dict[int, str], read: dict[int, int]) -> None:
    source = step["source"]
    if step["offset"] >= read.get(source, 0) and not (step["resumed"] and source in read):
        names[source], read[source] = step["name"], step["offset"]
        stream.open(source, offset=step["offset"], year=step["year"], header=step["header"], resumed=step["resumed"])
    else:
        stream.silences.open(source, names[source])


def _reloaded(silences: Silences) -> Silences:
    again = Silences(silences.options)
    again.load(silences.save())
    return again


def _bytes(path: Path, begin: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(end - begin)
