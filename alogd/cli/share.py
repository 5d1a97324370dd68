"""One stream's part of a replay: which files, and what came of them as plain values that can go between processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from alogd.alerts import as_json as alert_json
from alogd.cli.drive import Drive
from alogd.cli.inputs import Input
from alogd.config.tree import Config, StreamOptions


@dataclass(frozen=True, slots=True)
class Share:
    """A stream and the files it is fed, oldest first."""

    title: str  # what it is called where there are several
    config: Config
    options: StreamOptions
    paths: Sequence[str]
    budget: str | None


class Found(msgspec.Struct, frozen=True, tag=True):
    """How far it is, and the moments of alerts since the last time this was said."""

    lines: int
    read: int  # bytes of the files on disk
    alerts: Sequence[bytes]  # JSON, a moment each


class Outcome(msgspec.Struct, frozen=True, tag=True):
    """What is known at the end."""

    lines: int
    bytes: int
    templates: int
    windows: int
    windows_per_day: float
    warmup: float
    held: int  # incidents kept back over the budget
    daily: int  # runs of daily jobs, not told
    is_timed: bool  # whether its lines carry times
    budget_per_day: float
    ended_ns: int  # log time of the last line; 0 where there was none


def replay(share: Share, inputs: Sequence[Input]) -> Iterator[Found | Outcome]:
    """Feed the files; any number of Found, then the Outcome. Raises BadData for what cannot be read."""
    drive = Drive(share.config, share.options, inputs, share.budget)
    for alerts in drive.run():
        yield Found(drive.lines, sum(one.read for one in inputs), [alert_json.encode(alert) for alert in alerts])
    status = drive.stream.status()
    yield Outcome(
        lines=drive.lines,
        bytes=drive.bytes,
        templates=status["templates"],
        windows=status["windows"],
        windows_per_day=status["windows_per_day"],
        warmup=status["warmup"],
        held=status["suppressed_incidents"],
        daily=status["daily_jobs"],
        is_timed=drive.is_timed,
        budget_per_day=drive.budget_per_day,
        ended_ns=drive.ended_ns,
    )
