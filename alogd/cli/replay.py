"""The alerts that following these files would have raised, as fast as they can be read.

  alogd replay app.log
  alogd replay syslog.2.gz syslog.1 syslog         one log, oldest part first
  alogd replay app.log --budget 1/hour             what another budget would have meant
  alogd replay app.log -o jsonl                    every moment of every alert, as the jsonl sink writes it

With a configuration the file is read in the stream it belongs to (or --stream), so alerts and ids are those of `run`.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from alogd import alert_json
from alogd.cli.drive import Drive, choose, with_windows
from alogd.cli.failures import OK, Usage
from alogd.cli.inputs import Progress, open_all
from alogd.cli.output import add_output, count, level_style, size, table, time_text, use_color, write
from alogd.cli.settings import add_config
from alogd.config import budget_per_day
from alogd.event import Alert

HEADS = ("time (UTC)", "level", "risk", "lines", "status", "id", "title")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd replay`."""
    parser.add_argument(
        "file", nargs="+", help="log files in the order they were written; .gz too; - is standard input"
    )
    add_config(parser)
    parser.add_argument("--stream", metavar="NAME", help="read them as this stream of the configuration")
    parser.add_argument("--budget", metavar="RATE", help='alerts to bear, "5/day" (the configuration\'s share)')
    parser.add_argument("--window", metavar="W", help='"50/25" lines, "60s" of log time, "session:2m"')
    parser.add_argument("--key", metavar="KEY", help="program, source, host, pid, none, field:NAME, mask:NAME")
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Feed the files and print what comes out."""
    drive = _drive(args)
    moments: list[Alert] = []
    progress = Progress(drive.inputs)
    began = time.perf_counter()
    for alerts in drive.run():
        if args.output == "jsonl":
            for alert in alerts:
                progress.clear()
                write(alert_json.encode(alert) + b"\n")
        moments += alerts
        speed = drive.lines / max(1e-9, time.perf_counter() - began)
        progress.show(f"{drive.lines:,} lines, {speed:,.0f} a second, {len({m.id for m in moments})} alerts")
    progress.clear()
    seconds = time.perf_counter() - began
    _show(drive, moments, args)
    sys.stdout.flush()  # the summary comes after what it sums up
    _summary(drive, moments, seconds)
    return OK


def _drive(args: argparse.Namespace) -> Drive:
    config, options = choose(args.config, args.stream, args.file)
    try:
        if args.budget:
            budget_per_day(args.budget)
        return Drive(config, with_windows(options, args.window, args.key), open_all(args.file), args.budget)
    except ValueError as error:
        raise Usage(str(error)) from None


def _show(drive: Drive, moments: list[Alert], args: argparse.Namespace) -> None:
    if args.output == "json":
        write(b"[" + b",\n".join(map(alert_json.encode, moments)) + b"]\n")
    if args.output != "table":
        return
    last = sorted({alert.id: alert for alert in moments}.values(), key=lambda alert: (alert.opened_ns, alert.id))
    if not last:
        print("no alerts")
        return
    rows = [(time_text(a.opened_ns), a.level, round(a.risk), a.lines_seen, a.status, a.id, a.title) for a in last]
    table(HEADS, rows, use_color(args.no_color), [level_style(alert.level) for alert in last])


def _summary(drive: Drive, moments: list[Alert], seconds: float) -> None:
    """What was read and how the alerts compare with the budget, on standard error."""
    status = drive.stream.status()
    alerts = len({alert.id for alert in moments})
    held = status["suppressed_incidents"]
    for line in (
        "",
        f"{count(drive.lines, 'line')} ({size(drive.bytes)}), {seconds:.2f} s: {drive.lines / seconds:,.0f} a second",
        f"{count(status['templates'], 'template')}, {count(status['windows'], 'window')}",
        f"{count(alerts, 'alert')} {_rate(drive, status, alerts)}; budget {drive.budget_per_day:.2g} a day"
        + (f", {held} held back over it" if held else ""),
    ):
        print(line, file=sys.stderr)
    if status["warmup"] < 1:
        need = drive.stream.alerts.warmup_windows
        print(
            f"still learning: {status['windows']:,} of {need:,} windows; until then only what is new and severe"
            " raises an alert",
            file=sys.stderr,
        )


def _rate(drive: Drive, status: dict[str, Any], alerts: int) -> str:
    if not drive.lines:
        return "from nothing"
    days = status["windows"] / status["windows_per_day"]
    if not drive.is_timed or not days:
        return "from lines that carry no time" if status["windows"] else "from less than a window"
    if days < 1 / 24:
        return f"in {1440 * days:.1f} minutes of log"
    return f"in {24 * days:.1f} hours of log" if days < 1 else f"in {days:.1f} days of log, {alerts / days:.2g} a day"
