"""The alerts a daemon has raised, from its state directory; reading does not disturb a running daemon.

alogd alerts                        the newest
alogd alerts list --level HIGH --since 2h
alogd alerts list --status firing --unacked
alogd alerts show 3f2a              one of them, with its evidence (the start of its id is enough)
alogd alerts ack 3f2a 91c0 --why "looking at it"
alogd alerts ack 3f2a --undo
alogd alerts acks -o jsonl          who acknowledged what and when, and who took it back

Of an alert that somebody acknowledged nobody is told again, unless it gets worse, or ends. `ack` and `acks` ask the
running daemon. What began together in several streams is listed below the alert that tells of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import get_args

from alogd.alerts import as_json as alert_json
from alogd.alerts.filter import AlertFilter
from alogd.cli.ack import acknowledge
from alogd.cli.alert_view import in_short, show_alert
from alogd.cli.ask import add_daemon
from alogd.cli.failures import Failed, Usage
from alogd.cli.groups import of_alerts
from alogd.cli.output import add_output, level_style, table, time_text, use_color, width, write
from alogd.cli.settings import add_state, open_state, require_stream
from alogd.config.tree import Level
from alogd.config.units import duration
from alogd.event import Alert
from alogd.feedback.acks import Acks
from alogd.state.database import Reader

IS_MIXED = True  # flags may stand between the words
HEADS = ("opened (UTC)", "level", "risk", "status", "stream", "lines", "id", "title")
NARROW_HEADS = ("opened (UTC)", "level", "status", "stream", "id", "title")
NARROW = 110  # columns; below, what happened comes before risk and lines


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd alerts`."""
    parser.add_argument("action", nargs="?", choices=("list", "show", "ack", "acks"), default="list", help="(list)")
    parser.add_argument("id", nargs="*", help="show, ack: alerts' ids, or how they begin")
    parser.add_argument("--level", choices=get_args(Level), help="this level and above")
    parser.add_argument("--stream", help="of this stream")
    parser.add_argument("--status", choices=("firing", "resolved"), help="only these")
    parser.add_argument("--unacked", action="store_true", help="only those nobody acknowledged")
    parser.add_argument("--since", metavar="AGE", help="changed in the last 2h, 1d ...")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (100)")
    parser.add_argument("--undo", action="store_true", help="ack: take it back")
    parser.add_argument("--why", default="", help="ack: the reason")
    add_state(parser)
    add_daemon(parser, config=False)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """List alerts, show one, or acknowledge some."""
    if args.action in ("ack", "acks"):
        return acknowledge(args)
    if args.url:
        raise Usage(f"`alogd alerts {args.action}` reads the state (see --state) and asks no daemon: leave --url out")
    if (args.action == "show") != (len(args.id) == 1) or len(args.id) > 1:
        raise Usage("`alogd alerts show` needs an id; `alogd alerts list` takes none")
    with open_state(args) as reader:
        if args.action == "show":
            return show_found(reader, args.id[0], args)
        require_stream(reader, args.stream)
        return print_alerts(_wanted(reader, args), reader.saved_acks(), args)


def _wanted(reader: Reader, args: argparse.Namespace) -> list[Alert]:
    since = int((time.time() - _age(args.since)) * 1e9) if args.since else None
    limit = max(1, min(args.limit, 10_000))
    acked = False if args.unacked else None
    return reader.alerts(AlertFilter(args.stream, args.status, args.level, since, limit, acked=acked))


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


def show_found(reader: Reader, start: str, args: argparse.Namespace) -> int:
    """One alert in full, by how its id begins. Raises Failed."""
    found = find_alert(reader, start)
    return print_alerts([found], reader.saved_acks(), args, reader.alert(found.cause) if found.cause else None)


def print_alerts(alerts: Sequence[Alert], acks: Acks, args: argparse.Namespace, root: Alert | None = None) -> int:
    """One alert in full when it was asked for by id (root: the one that tells of it), else a table; or JSON."""
    color = use_color(args.no_color)
    if args.output == "jsonl":
        for alert in alerts:
            write(alert_json.encode(alert, acks.of(alert)) + b"\n")
    elif args.output == "json":
        write(b"[" + b",\n".join(alert_json.encode(alert, acks.of(alert)) for alert in alerts) + b"]\n")
    elif getattr(args, "action", "list") == "show":
        show_alert(alerts[0], color, acks.of(alerts[0]), root)
    elif not alerts:
        print("no alerts")
    else:
        listed = of_alerts(alerts)
        heads, row = (NARROW_HEADS, _narrow_row) if width() < NARROW else (HEADS, _row)
        rows = [row(alert, acks, is_below) for alert, is_below in listed]
        table(heads, rows, color, [level_style(alert.level) for alert, _ in listed])
    return 0


def _row(alert: Alert, acks: Acks, is_below: bool) -> tuple[object, ...]:
    opened, risk, status = time_text(alert.opened_ns), round(alert.risk), _status(alert, acks)
    title = _title(alert, is_below)
    return (opened, alert.level, risk, status, alert.stream, alert.lines_seen, alert.id[:12], title)


def _narrow_row(alert: Alert, acks: Acks, is_below: bool) -> tuple[object, ...]:
    opened = time_text(alert.opened_ns)[5:16]  # month to minute
    return (opened, alert.level, _status(alert, acks), alert.stream, alert.id[:8], _title(alert, is_below))


def _status(alert: Alert, acks: Acks) -> str:
    return "acked" if acks.quiets(alert) else alert.status


def _title(alert: Alert, is_below: bool) -> str:
    return f"  + {alert.title}" if is_below else in_short(alert)
