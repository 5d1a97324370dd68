"""The alerts that following these files would have raised, as fast as they can be read.

  alogd replay app.log
  alogd replay syslog.2.gz syslog.1 syslog         one log, oldest part first
  alogd replay --each app.log orders.log           logs of their own, on all cores
  alogd replay app.log --budget 1/hour             what another budget would have meant
  alogd replay app.log -o jsonl                    every moment of every alert, as the jsonl sink writes it

With a configuration each file is read in the stream it belongs to (or --stream), so alerts and ids are those of `run`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from alogd import alert_json
from alogd.cli.drive import choose_each, with_windows
from alogd.cli.failures import OK, Usage
from alogd.cli.inputs import Input, Progress, open_all
from alogd.cli.output import add_output, count, level_style, size, table, time_text, use_color, write
from alogd.cli.settings import add_config
from alogd.cli.share import Found, Outcome, Share
from alogd.cli.workers import cores, replay_all
from alogd.config import budget_per_day
from alogd.event import Alert

HEADS = ("time (UTC)", "level", "risk", "lines", "status", "id", "title")
MAX_JOBS = 256


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd replay`."""
    parser.add_argument(
        "file", nargs="+", help="log files in the order they were written; .gz too; - is standard input"
    )
    add_config(parser)
    parser.add_argument("--stream", metavar="NAME", help="read them as this stream of the configuration")
    parser.add_argument("--each", action="store_true", help="each file is a log of its own, not a part of one")
    parser.add_argument("--jobs", metavar="N", type=int, help="streams replayed at once (as many as there are cores)")
    parser.add_argument("--budget", metavar="RATE", help='alerts to bear, "5/day" (the configuration\'s share)')
    parser.add_argument("--window", metavar="W", help='"50/25" lines, "60s" of log time, "session:2m"')
    parser.add_argument("--key", metavar="KEY", help="program, source, host, pid, none, field:NAME, mask:NAME")
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Feed the files and print what comes out."""
    shares = _shares(args)
    inputs = [open_all(share.paths) for share in shares]
    try:
        return _replay(shares, inputs, args)
    finally:
        for one in (one for opened in inputs for one in opened):
            one.close()


def _shares(args: argparse.Namespace) -> list[Share]:
    if args.jobs is not None and not 1 <= args.jobs <= MAX_JOBS:
        raise Usage(f"--jobs {args.jobs}: a number from 1 to {MAX_JOBS}")
    if args.file.count("-") > 1:
        raise Usage("standard input can be read once")
    try:
        if args.budget:
            budget_per_day(args.budget)
        return [
            Share(title, config, with_windows(options, args.window, args.key), paths, args.budget)
            for title, config, options, paths in choose_each(args.config, args.stream, args.file, args.each)
        ]
    except ValueError as error:
        raise Usage(str(error)) from None


def _replay(shares: Sequence[Share], inputs: Sequence[Sequence[Input]], args: argparse.Namespace) -> int:
    watched = _Watched(inputs)
    moments: list[list[Alert]] = [[]]
    outcomes: list[Outcome] = []
    for told in replay_all(shares, inputs, args.jobs or cores(), watched.show):
        if isinstance(told, Outcome):
            outcomes.append(told)
            moments.append([])
            continue
        if args.output == "jsonl" and told.alerts:
            watched.progress.clear()
            write(b"".join(alert + b"\n" for alert in told.alerts))
        moments[-1] += map(alert_json.decode, told.alerts)
    watched.progress.clear()
    seconds = time.perf_counter() - watched.began
    _show(shares, moments[:-1], args)
    sys.stdout.flush()  # the summary comes after what it sums up
    _summary(shares, outcomes, moments[:-1], seconds)
    return OK


class _Watched:
    """What the progress bar knows of every share, wherever it is replayed."""

    def __init__(self, inputs: Sequence[Sequence[Input]]) -> None:
        self.began = time.perf_counter()
        self.progress = Progress([one for opened in inputs for one in opened])
        self._lines = [0] * len(inputs)
        self._read = [0] * len(inputs)
        self._alerts = 0

    def show(self, index: int, found: Found) -> None:
        self._lines[index], self._read[index] = found.lines, found.read
        self._alerts += len(found.alerts)
        lines = sum(self._lines)
        speed = lines / max(1e-9, time.perf_counter() - self.began)
        text = f"{lines:,} lines, {speed:,.0f} a second, {count(self._alerts, 'moment')} of alerts"
        self.progress.show(text, sum(self._read))


def _show(shares: Sequence[Share], moments: Sequence[list[Alert]], args: argparse.Namespace) -> None:
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
    rows = [(time_text(a.opened_ns), a.level, round(a.risk), a.lines_seen, a.status, a.id, a.title) for a in last]
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
    for line in told:
        print(line, file=sys.stderr)


def _sums(outcome: Outcome, alerts: int) -> list[str]:
    told = [
        f"{count(outcome.templates, 'template')}, {count(outcome.windows, 'window')}",
        f"{count(alerts, 'alert')} {_rate(outcome, alerts)}; budget {outcome.budget_per_day:.2g} a day"
        + (f", {outcome.held} held back over it" if outcome.held else ""),
    ]
    if outcome.warmup < 1:
        told.append(
            f"still learning: {outcome.windows:,} of {outcome.warmup_windows:,} windows; until then only what is new"
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
