"""Hold back alerts for a while, or every week, as amtool does; they are kept and shown, but not sent.

  alogd silence add stream=orders --for 2h --why "new release"
  alogd silence add 'source=~/var/log/db.*' 'level!=CRITICAL' --until 2026-05-01T12:00
  alogd silence add --alert 3f2a --for 8h                   what this alert is about, on its stream
  alogd silence add stream=backup --for 365d --days sat,sun --hours 02:00-04:00 --timezone Europe/Berlin
  alogd silence list
  alogd silence expire 3f2a...

A matcher is NAME=VALUE, NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN (the pattern fits the whole value); all have to
hold. Names: stream, key, host, source, template (fingerprints), level, title. It asks the running daemon. What the
configuration has below `maintenance` is listed too, and can be changed only there.
"""

from __future__ import annotations

import argparse
from typing import Any

from alogd.cli.ack import whole_id
from alogd.cli.ask import add_daemon, ask, moment, who
from alogd.cli.failures import OK, Usage
from alogd.cli.output import add_output, emit, table, time_text, use_color

IS_MIXED = True  # flags may stand between the words
NEVER = 253_402_300_000.0  # seconds since 1970: the end of the year 9999
HEADS = ("id", "kind", "state", "ends (UTC)", "matchers", "every", "by", "why")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd silence`."""
    parser.add_argument("action", nargs="?", choices=("list", "add", "expire"), default="list", help="(list)")
    parser.add_argument("what", nargs="*", help="add: matchers; expire: ids")
    parser.add_argument("--alert", metavar="ID", help="add: of this alert, instead of matchers")
    parser.add_argument("--scope", choices=("pattern", "stream"), default="pattern",
                        help="add --alert: its pattern, or its whole stream (pattern)")  # fmt: skip
    parser.add_argument("--for", "--until", dest="ends", metavar="WHEN", help="add: an age as 2h, or a moment")
    parser.add_argument("--from", dest="begins", metavar="WHEN", help="add: when it begins (now)")
    parser.add_argument("--days", help="add: only on these days of the week, as sat,sun")
    parser.add_argument("--hours", metavar="FROM-TO", help="add: only between these, as 22:00-06:00")
    parser.add_argument("--timezone", default="UTC", metavar="ZONE", help="add: of days and hours (UTC)")
    parser.add_argument("--why", default="", help="add: the reason")
    add_daemon(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """List, add or end silences."""
    if bool(args.what or args.alert) != (args.action != "list") or (args.what and args.alert):
        raise Usage("`add` needs matchers or --alert, `expire` needs ids, `list` takes nothing")
    if args.action == "add":
        return _add(args)
    if args.action == "expire":
        return end(args, "silences")
    return show(ask(args, "GET", "/api/v1/silences")["silences"], args)


def _add(args: argparse.Namespace) -> int:
    if args.ends is None:
        raise Usage("a silence ends: say --for 2h, or --until 2026-05-01T12:00")
    about = {"alert": whole_id(args, args.alert), "scope": args.scope} if args.alert else {"matchers": args.what}
    wish: dict[str, Any] = {**about, "ends": moment(args.ends, "--until")}
    wish |= {"by": who(args), "why": args.why, "timezone": args.timezone}
    wish |= {"begins": moment(args.begins, "--from")} if args.begins else {}
    wish |= {"days": args.days.split(",")} if args.days else {}
    wish |= {"hours": args.hours} if args.hours else {}
    print(ask(args, "POST", "/api/v1/silences", wish)["id"])
    return OK


def end(args: argparse.Namespace, kind: str) -> int:
    """End those named; `kind`: silences or feedback."""
    from urllib.parse import quote

    for one in args.what:
        ask(args, "DELETE", f"/api/v1/{kind}/{quote(one, safe='')}?by={quote(who(args))}")
    return OK


def show(found: list[dict[str, Any]], args: argparse.Namespace) -> int:
    """A table, or JSON with all there is to know of each."""
    if args.output != "table":
        emit(found, args.output)
    elif not found:
        print("none")
    else:
        table(HEADS, [_row(one) for one in found], use_color(args.no_color))
    return OK


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    every = " ".join(filter(None, (",".join(one["days"]), one["hours"])))
    ends = time_text(int(one["ends"] * 1e9)) if one["ends"] < NEVER else "never"
    return (one["id"], one["kind"], one["state"], ends, " ".join(one["matchers"]), every, one["by"], one["why"])
