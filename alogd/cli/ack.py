"""`alogd alerts ack` and `acks`: take alerts on, take that back, and who did; asks the running daemon."""

from __future__ import annotations

import argparse
import re
from typing import Any
from urllib.parse import quote

from alogd.cli.ask import ask, who
from alogd.cli.failures import OK, Failed, Usage
from alogd.cli.output import emit, table, time_text, use_color

HEADS = ("alert", "level", "by", "at (UTC)", "taken back", "why")
MOST = 1000  # alerts among which one is looked for by how its id begins
WHOLE = re.compile(r"[0-9a-f]{16}")


def acknowledge(args: argparse.Namespace) -> int:
    """What was asked for."""
    if bool(args.id) != (args.action == "ack"):
        raise Usage("`alogd alerts ack` needs ids; `alogd alerts acks` takes none")
    if args.action == "acks":
        return _list(args)
    for alert_id in [whole_id(args, start) for start in args.id]:
        path = f"/api/v1/alerts/{quote(alert_id, safe='')}/ack"
        if args.undo:
            ask(args, "DELETE", f"{path}?by={quote(who(args))}")
        else:
            ask(args, "POST", path, {"by": who(args), "why": args.why})
    return OK


def whole_id(args: argparse.Namespace, start: str) -> str:
    """The id of the only recent alert whose id begins so. Raises Failed."""
    if WHOLE.fullmatch(start):
        return start
    known = [one["id"] for one in ask(args, "GET", f"/api/v1/alerts?brief=true&limit={MOST}")["alerts"]]
    found = [alert_id for alert_id in known if alert_id.startswith(start)]
    if len(found) != 1:
        raise Failed(f"{len(found) or 'no'} alert{'s' * (len(found) > 1)} with an id that begins {start!r}")
    return str(found[0])


def _list(args: argparse.Namespace) -> int:
    found = ask(args, "GET", "/api/v1/acks")["acks"]
    if args.output != "table":
        emit(found, args.output)
    elif not found:
        print("none")
    else:
        table(HEADS, [_row(one) for one in found], use_color(args.no_color))
    return OK


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    back = "" if one["undone"] is None else f"{_when(one['undone'])} by {one['undone_by'] or 'somebody'}"
    return (one["alert"], one["level"], one["by"], _when(one["at"]), back, one["why"])


def _when(seconds: float) -> str:
    return time_text(int(seconds * 1e9))
