"""Windows and a budget proposed from the past: the same logs replayed with many, and what came of each.

  alogd tune                          what the configuration's streams collect from files
  alogd tune app.log.2.gz app.log.1 app.log
  alogd tune -c alogd.yaml --stream app --since 30d

There are no labels, so windows are judged by agreement: what most sizes of windows find odd at the same time is taken
for real, what only a few find is not. A budget is proposed that keeps back no alert of level HIGH or above. Nothing is
changed; what is proposed is printed as a part of a configuration.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import msgspec

from alogd.alerts import as_json as alert_json
from alogd.cli.agreement import Agreement, agreements
from alogd.cli.drive import choose_each, with_windows
from alogd.cli.failures import OK, Failed, Usage
from alogd.cli.inputs import open_all
from alogd.cli.moment import Since
from alogd.cli.output import add_output, emit, table, use_color
from alogd.cli.settings import add_config
from alogd.cli.share import Outcome, Share
from alogd.cli.watched import Watched
from alogd.cli.whatif import compare, last_moments
from alogd.cli.workers import cores, replay_all
from alogd.config.tree import WindowOptions, budget_per_day
from alogd.config.units import seconds_text
from alogd.event import Alert

WINDOWS = ("10/5", "20/10", "50/25", "100/50", "200/100", "60s", "5m")
BUDGETS = ("1/week", "1/day", "2/day", "5/day", "10/day", "1/hour")
BETTER = 0.05  # of agreement, by which other windows must surpass today's
SEVERE = ("HIGH", "CRITICAL")
HEADS = ("stream", "windows", "alerts a day", "HIGH and above", "found by most", "by few", "missed", "agreement", "")
BUDGET_HEADS = ("stream", "budget", "alerts a day", "HIGH and above", "of those kept back", "")


class Tried(msgspec.Struct, frozen=True):
    """One setting of one stream, and what came of it."""

    stream: str
    setting: str
    per_day: float  # alerts
    severe: int  # of them HIGH or CRITICAL
    lost: int  # windows: what most others found and these did not; budget: HIGH or CRITICAL ones kept back
    common: int = 0  # windows: alerts that most others have too
    lone: int = 0  # windows: alerts that few others have
    agreement: float = 0.0  # windows: 0-1, the F1 of `common` against `lone` and `lost`
    proposed: bool = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd tune`."""
    parser.add_argument("file", nargs="*", help="log files, oldest first; .gz too (the configuration's files)")
    add_config(parser)
    parser.add_argument("--stream", metavar="NAME", help="only this stream of the configuration")
    parser.add_argument("--since", metavar="WHEN", help="judge by the log's last 7d, 30d ..., or since 2026-05-01")
    parser.add_argument("--jobs", metavar="N", type=int, help="replays at once (as many as there are cores)")
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Replay with every window, then with every budget, and propose."""
    if "-" in args.file:
        raise Usage("standard input can be read once, and tuning reads a log many times; name files")
    if args.jobs is not None and args.jobs < 1:
        raise Usage(f"--jobs {args.jobs}: at least 1")
    today = [
        Share(title, config, options, paths, None)
        for title, config, options, paths in choose_each(args.config, args.stream, args.file, False)
    ]
    since = Since.of(args.since)
    windows = [_tune_windows(share, since, args) for share in today]
    chosen = [
        _with(share, next(one.setting for one in tried if one.proposed))
        for share, tried in zip(today, windows, strict=True)
    ]
    budgets = [_tune_budget(share, since, args) for share in chosen]
    _show([one for tried in windows for one in tried], [one for tried in budgets for one in tried], args)
    if args.output == "table":
        print("\n" + _proposal(chosen, today, budgets))
    return OK


def _proposal(chosen: Sequence[Share], today: Sequence[Share], budgets: Sequence[Sequence[Tried]]) -> str:
    """As a part of a configuration. The budget is one for all streams, which share it evenly."""
    per_stream = [next(one.setting for one in tried if one.proposed) for tried in budgets]
    most = max(per_stream, key=budget_per_day)
    number, _, unit = most.partition("/")
    told = [
        f"alerts: {{budget: {int(number) * len(chosen)}/{unit}}}  # today {today[0].config.alerts.budget}",
        "streams:",
    ]
    for now, then in zip(today, chosen, strict=True):
        told += [
            f"  - name: {then.title}",
            f"    windows: {_as_yaml(then.options.windows)}  # today {_text(now.options.windows)}",
        ]
    return "\n".join(told)


def _as_yaml(windows: WindowOptions) -> str:
    if windows.kind == "count":
        return f"{{kind: count, size: {windows.size}, stride: {windows.stride}}}"
    if windows.kind == "time":
        return f"{{kind: time, width: {seconds_text(windows.width)}}}"
    return f"{{kind: session, idle: {seconds_text(windows.idle)}}}"


def _tune_windows(share: Share, since: Since | None, args: argparse.Namespace) -> list[Tried]:
    now = _text(share.options.windows)
    settings = [now] if share.options.windows.kind == "session" else list(dict.fromkeys((now, *WINDOWS)))
    found, days = _replay([_with(share, setting) for setting in settings], f"{share.title}: windows", since, args)
    if not any(found):
        raise Failed(f"{share.title}: no alert with any windows; there is nothing to tune by (is the log long enough?)")
    judged = agreements(found)
    best = max(range(len(settings)), key=lambda i: judged[i].score)
    best = best if judged[best].score > judged[0].score + BETTER else 0
    return [
        _tried(share, setting, alerts, days, judged[i], proposed=i == best)
        for i, (setting, alerts) in enumerate(zip(settings, found, strict=True))
    ]


def _tried(
    share: Share, setting: str, alerts: Sequence[Alert], days: float, judged: Agreement, *, proposed: bool
) -> Tried:
    severe = sum(alert.level in SEVERE for alert in alerts)
    return Tried(
        share.title,
        setting,
        len(alerts) / days,
        severe,
        judged.missed,
        judged.common,
        judged.lone,
        judged.score,
        proposed,
    )


def _tune_budget(share: Share, since: Since | None, args: argparse.Namespace) -> list[Tried]:
    """The smallest that keeps back nothing severe which the largest lets through."""
    shares = [Share(share.title, share.config, share.options, share.paths, budget) for budget in BUDGETS]
    found, days = _replay(shares, f"{share.title}: budgets", since, args)
    kept_back = [
        sum(change.kind == "vanishes" and change.shown.level in SEVERE for change in compare(found[-1], alerts))
        for alerts in found
    ]
    best = kept_back.index(0)
    severe = [sum(alert.level in SEVERE for alert in alerts) for alerts in found]
    return [
        Tried(share.title, budget, len(found[i]) / days, severe[i], kept_back[i], proposed=i == best)
        for i, budget in enumerate(BUDGETS)
    ]


def _replay(
    shares: Sequence[Share], what: str, since: Since | None, args: argparse.Namespace
) -> tuple[list[list[Alert]], float]:
    """The alerts of each, as they stood at the end, and the days they took. Raises Failed for a log without times."""
    inputs = [open_all(share.paths) for share in shares]
    try:
        watched = Watched(inputs, what)
        moments: list[list[Alert]] = [[]]
        outcomes: list[Outcome] = []
        for told in replay_all(shares, inputs, args.jobs or cores(), watched.show):
            if isinstance(told, Outcome):
                outcomes.append(told)
                moments.append([])
            else:
                moments[-1] += map(alert_json.decode, told.alerts)
        watched.progress.clear()
    finally:
        for one in (one for opened in inputs for one in opened):
            one.close()
    whole = max((one.windows / one.windows_per_day for one in outcomes if one.windows_per_day), default=0.0)
    if not all(one.is_timed for one in outcomes) or not whole:
        raise Failed(f"{shares[0].title}: its lines carry no times, and a budget is a rate; nothing can be proposed")
    ended = max(one.ended_ns for one in outcomes)
    since_ns = since.moment_ns(ended) if since else None
    days = whole if since_ns is None else min(whole, (ended - since_ns) / 86_400e9)
    if days <= 0:
        raise Failed(f"{shares[0].title}: it ends before --since")
    return [last_moments(found, since_ns) for found in moments[:-1]], days


def _with(share: Share, windows: str) -> Share:
    options = share.options
    if windows != _text(options.windows):
        options = with_windows(options, windows, None)
    return Share(share.title, share.config, options, share.paths, share.budget)


def _text(windows: WindowOptions) -> str:
    if windows.kind == "count":
        return f"{windows.size}/{windows.stride}"
    return seconds_text(windows.width) if windows.kind == "time" else f"session:{seconds_text(windows.idle)}"


def _show(windows: Sequence[Tried], budgets: Sequence[Tried], args: argparse.Namespace) -> None:
    if args.output != "table":
        kinds = [("windows", one) for one in windows] + [("budget", one) for one in budgets]
        emit([{"kind": kind, **msgspec.structs.asdict(one)} for kind, one in kinds], args.output)
        return
    color = use_color(args.no_color)
    table(HEADS, [_windows_row(one) for one in windows], color, [_style(one) for one in windows])
    print()
    table(BUDGET_HEADS, [_budget_row(one) for one in budgets], color, [_style(one) for one in budgets])


def _style(tried: Tried) -> str:
    return "green" if tried.proposed else ""


def _windows_row(one: Tried) -> tuple[object, ...]:
    last = "<- proposed" if one.proposed else ""
    agreement = f"{one.agreement:.2f}"
    return (one.stream, one.setting, f"{one.per_day:.2f}", one.severe, one.common, one.lone, one.lost, agreement, last)


def _budget_row(one: Tried) -> tuple[object, ...]:
    last = "<- proposed" if one.proposed else ""
    return (one.stream, one.setting, f"{one.per_day:.2f}", one.severe, one.lost, last)
