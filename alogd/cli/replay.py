"""The alerts that following these files would have raised, as fast as they can be read.

  alogd replay app.log
  alogd replay syslog.2.gz syslog.1 syslog         one log, oldest part first
  alogd replay --each app.log orders.log           logs of their own, on all cores
  alogd replay app.log --budget 1/hour             what another budget would have meant
  alogd replay app.log -o jsonl                    every moment of every alert, as the jsonl sink writes it
  alogd replay -c new.yaml --against old.yaml      which alerts appear, vanish or change level with new.yaml
  alogd replay -c new.yaml --against old.yaml --since 7d

Without files, those that the configuration's streams collect are read, rotated ones first. What came before --since is
learned from and not shown. With a configuration each file is read in the stream it belongs to (or --stream), so alerts
and ids are those of `run`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import chain

from alogd.alerts import as_json as alert_json
from alogd.alerts.across import together
from alogd.cli import whatif
from alogd.cli.alert_view import in_short
from alogd.cli.drive import choose_each, with_windows
from alogd.cli.failures import OK, Usage
from alogd.cli.inputs import Input, open_all
from alogd.cli.moment import Since
from alogd.cli.output import add_output, count, level_style, size, table, time_text, use_color, write
from alogd.cli.settings import add_config
from alogd.cli.share import Outcome, Share
from alogd.cli.watched import Watched
from alogd.cli.workers import cores, replay_all
from alogd.config.tree import budget_per_day
from alogd.event import Alert

HEADS = ("time (UTC)", "level", "risk", "lines", "status", "id", "title")
MAX_JOBS = 256


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd replay`."""
    parser.add_argument(
        "file",
        nargs="*",
        help="log files in the order they were written; .gz too; - is standard input (the configuration's files)",
    )
    add_config(parser)
    parser.add_argument("--against", metavar="OLD", help="show what differs from a replay with this configuration")
    parser.add_argument(
        "--since", metavar="WHEN", help="alerts of the log's last 2h, 7d ..., or since 2026-05-01T12:00"
    )
    parser.add_argument("--stream", metavar="NAME", help="read them as this stream of the configuration")
    parser.add_argument("--each", action="store_true", help="each file is a log of its own, not a part of one")
    parser.add_argument("--jobs", metavar="N", type=int, help="streams replayed at once (as many as there are cores)")
    parser.add_argument("--budget", metavar="RATE", help='alerts to bear, "5/day" (the configuration\'s share)')
    parser.add_argument("--window", metavar="W", help='"50/25" lines, "60s" of log time, "session:2m"')
    parser.add_argument("--key", metavar="KEY", help="program, source, host, pid, none, field:NAME, mask:NAME")
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Feed the files and print what comes out."""
    since = Since.of(args.since)
    shares = _shares(args, args.config)
    against = _shares(args, args.against) if args.against else []
    inputs = [open_all(share.paths) for share in [*shares, *against]]
    try:
        return _replay(shares, against, inputs, since, args)
    finally:
        for one in (one for opened in inputs for one in opened):
            one.close()


def _shares(args: argparse.Namespace, config: str | None) -> list[Share]:
    if args.jobs is not None and not 1 <= args.jobs <= MAX_JOBS:
        raise Usage(f"--jobs {args.jobs}: a number from 1 to {MAX_JOBS}")
    if args.file.count("-") > (0 if args.against else 1):
        raise Usage("standard input can be read once")
    try:
        if args.budget:
            budget_per_day(args.budget)
        return [
            Share(title, chosen, with_windows(options, args.window, args.key), paths, args.budget)
            for title, chosen, options, paths in choose_each(config, args.stream, args.file, args.each)
        ]
    except ValueError as error:
        raise Usage(str(error)) from None


def _replay(
    shares: Sequence[Share],
    against: Sequence[Share],
    inputs: Sequence[Sequence[Input]],
    since: Since | None,
    args: argparse.Namespace,
) -> int:
    watched = Watched(inputs)
    moments: list[list[Alert]] = [[]]
    outcomes: list[Outcome] = []
    gathers = len(shares) > 1 and not args.each and not against  # a comparison is stream by stream
    at_once = args.output == "jsonl" and not gathers and not against and since is None
    for told in replay_all([*shares, *against], inputs, args.jobs or cores(), watched.show):
        if isinstance(told, Outcome):
            outcomes.append(told)
            moments.append([])
            continue
        if at_once and told.alerts:
            watched.progress.clear()
            write(b"".join(alert + b"\n" for alert in told.alerts))
        moments[-1] += map(alert_json.decode, told.alerts)
    watched.progress.clear()
    seconds = time.perf_counter() - watched.began
    since_ns = since.moment_ns(max(one.ended_ns for one in outcomes)) if since else None
    if gathers:
        moments = [*together(moments[:-1], round(shares[0].config.alerts.join_streams * 1e9)), []]
    found = [[alert for alert in each if since_ns is None or alert.updated_ns >= since_ns] for each in moments[:-1]]
    if against:
        return _differences(found[: len(shares)], found[len(shares) :], args)
    if not at_once:
        _show(shares, found, args)
    sys.stdout.flush()  # the summary comes after what it sums up
    _summary(shares, outcomes, moments[:-1], seconds)
    return OK


def _differences(new: Sequence[list[Alert]], old: Sequence[list[Alert]], args: argparse.Namespace) -> int:
    changes = whatif.compare(*(whatif.last_moments(chain.from_iterable(side)) for side in (old, new)))
    whatif.show(changes, args.output, args.no_color)
    sys.stdout.flush()
    print(f"\n{whatif.summary(changes)}", file=sys.stderr)
    return OK


def _show(shares: Sequence[Share], moments: Sequence[list[Alert]], args: argparse.Namespace) -> None:
    if args.output == "jsonl":
        write(b"".join(alert_json.encode(alert) + b"\n" for found in moments for alert in found))
    if args.output == "json":
        write(b"[" + b",\n".join(alert_json.encode(alert) for found in moments for alert in found) + b"]\n")
    if args.output != "table":
        return
    for share, found in zip(shares, moments, strict=True):
        if len(shares) > 1:
            print(f"{share.title}:")
        _table(found, args)


def _table(moments: Sequence[Alert], args: argparse.Namespace) -> None:
    last = sorted({alert.id: alert for alert in moments}.values(), key=lambda alert: (alert.opened_ns, alert.id))
    if not last:
        print("no alerts")
        return
    rows = [(time_text(a.opened_ns), a.level, round(a.risk), a.lines_seen, a.status, a.id, in_short(a)) for a in last]
    table(HEADS, rows, use_color(args.no_color), [level_style(alert.level) for alert in last])


def _summary(
    shares: Sequence[Share], outcomes: Sequence[Outcome], moments: Sequence[list[Alert]], seconds: float
) -> None:
    """What was read and how the alerts compare with the budget, on standard error."""
    lines, read = sum(one.lines for one in outcomes), sum(one.bytes for one in outcomes)
    told = ["", f"{count(lines, 'line')} ({size(read)}), {seconds:.2f} s: {lines / seconds:,.0f} a second"]
    for share, outcome, found in zip(shares, outcomes, moments, strict=True):
        told += [f"{share.title}: {count(outcome.lines, 'line')}"] if len(shares) > 1 else []
        told += _sums(outcome, len({alert.id for alert in found}))
    if joined := len({alert.id for found in moments for alert in found if alert.cause}):
        told.append(f"{count(joined, 'alert')} began together with one of another stream, which tells of it")
    for line in told:
        print(line, file=sys.stderr)


def _sums(outcome: Outcome, alerts: int) -> list[str]:
    told = [
        f"{count(outcome.templates, 'template')}, {count(outcome.windows, 'window')}",
        f"{count(alerts, 'alert')} {_rate(outcome, alerts)}; budget {outcome.budget_per_day:.2g} a day"
        + (f", {outcome.held} held back over it" if outcome.held else ""),
    ]
    if outcome.daily:
        told.append(f"{count(outcome.daily, 'run')} of daily jobs not told")
    if outcome.warmup < 1:
        told.append(
            f"still learning, {outcome.warmup:.0%} of alerts.warmup and warmup_windows: until then only what is new"
            " and severe raises an alert"
        )
    return told


def _rate(outcome: Outcome, alerts: int) -> str:
    if not outcome.lines:
        return "from nothing"
    days = outcome.windows / outcome.windows_per_day
    if not outcome.is_timed or not days:
        return "from lines that carry no time" if outcome.windows else "from less than a window"
    if days < 1 / 24:
        return f"in {1440 * days:.1f} minutes of log"
    return f"in {24 * days:.1f} hours of log" if days < 1 else f"in {days:.1f} days of log, {alerts / days:.2g} a day"
