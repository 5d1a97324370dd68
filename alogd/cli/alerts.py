"""The alerts a daemon has raised, from its state directory; reading does not disturb a running daemon.

alogd alerts                        the newest
alogd alerts list --level HIGH --since 2h
alogd alerts show 3f2a              one of them, with its evidence (the start of its id is enough)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import get_args

from alogd import alert_json
from alogd.alert_filter import AlertFilter
from alogd.cli.alert_view import show_alert
from alogd.cli.failures import Failed, Usage
from alogd.cli.output import add_output, level_style, table, time_text, use_color, write
from alogd.cli.settings import add_state, open_state, require_stream
from alogd.config import Level
from alogd.config_units import duration
from alogd.event import Alert
from alogd.state import Reader

HEADS = ("opened (UTC)", "level", "risk", "status", "stream", "lines", "id", "title")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd alerts`."""
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list", help="(list)")
    parser.add_argument("id", nargs="?", help="show: the alert's id, or how it begins")
    parser.add_argument("--level", choices=get_args(Level), help="this level and above")
    parser.add_argument("--stream", help="of this stream")
    parser.add_argument("--status", choices=("firing", "resolved"), help="only these")
    parser.add_argument("--since", metavar="AGE", help="changed in the last 2h, 1d ...")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (100)")
    add_state(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """List alerts, or show one."""
    if (args.action == "show") != (args.id is not None):
        raise Usage("`alogd alerts show` needs an id; `alogd alerts list` takes none")
    with open_state(args) as reader:
        if args.action == "show":
            return print_alerts([find_alert(reader, args.id)], args)
        require_stream(reader, args.stream)
        return print_alerts(_wanted(reader, args), args)


def _wanted(reader: Reader, args: argparse.Namespace) -> list[Alert]:
    since = int((time.time() - _age(args.since)) * 1e9) if args.since else None
    return reader.alerts(AlertFilter(args.stream, args.status, args.level, since, max(1, min(args.limit, 10_000))))


def _age(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise Usage(f"--since: {error}") from None


def find_alert(reader: Reader, start: str) -> Alert:
    """The alert with this id, or the only one whose id begins so. Raises Failed."""
    if alert := reader.alert(start):
        return alert
    found = [alert for alert in reader.alerts(AlertFilter(limit=10_000)) if alert.id.startswith(start)]
    if len(found) != 1:
        raise Failed(f"{len(found) or 'no'} alert{'s' * (len(found) > 1)} with an id that begins {start!r}")
    return found[0]


def print_alerts(alerts: Sequence[Alert], args: argparse.Namespace) -> int:
    """One alert in full when it was asked for by id, else a table; or JSON."""
    color = use_color(args.no_color)
    if args.output == "jsonl":
        for alert in alerts:
            write(alert_json.encode(alert) + b"\n")
    elif args.output == "json":
        write(b"[" + b",\n".join(map(alert_json.encode, alerts)) + b"]\n")
    elif getattr(args, "action", "list") == "show":
        show_alert(alerts[0], color)
    elif not alerts:
        print("no alerts")
    else:
        table(HEADS, [_row(alert) for alert in alerts], color, [level_style(alert.level) for alert in alerts])
    return 0


def _row(alert: Alert) -> tuple[object, ...]:
    opened, risk = time_text(alert.opened_ns), round(alert.risk)
    return (opened, alert.level, risk, alert.status, alert.stream, alert.lines_seen, alert.id[:12], alert.title)
