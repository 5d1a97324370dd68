"""Say that an alert was expected: incidents like it are kept and shown, but not sent, until a date; undo it any time.

  alogd feedback add 3f2a... expected --why "the nightly import"     a week, of this stream and key
  alogd feedback add 3f2a... expected --scope template --for 30d     wherever these templates come
  alogd feedback list
  alogd feedback undo 91c0...
  alogd feedback export                                              who, when, what and why, a line each

An incident at a higher level, or with a template that was not in the alert that was judged, is sent all the same.
It asks the running daemon.
"""

from __future__ import annotations

import argparse

from alogd.cli.ask import add_daemon, ask, moment, who
from alogd.cli.failures import OK, Usage
from alogd.cli.output import add_output, emit
from alogd.cli.silence import end, show

IS_MIXED = True  # flags may stand between the words


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd feedback`."""
    parser.add_argument("action", nargs="?", choices=("list", "add", "undo", "export"), default="list", help="(list)")
    parser.add_argument("what", nargs="*", help="add: an alert's id, and expected; undo: ids")
    parser.add_argument("--scope", choices=("here", "key", "template"), default="here", help="add: where (here)")
    parser.add_argument("--for", "--until", dest="ends", default="7d", metavar="WHEN", help="add: till when (7d)")
    parser.add_argument("--why", default="", help="add: the reason")
    add_daemon(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """List, give, undo or export feedback."""
    if args.action == "add":
        return _add(args)
    if bool(args.what) != (args.action == "undo"):
        raise Usage("`undo` needs ids; `list` and `export` take nothing")
    if args.action == "undo":
        return end(args, "feedback")
    found = ask(args, "GET", "/api/v1/feedback")["feedback"]
    if args.action == "list":
        return show(found, args)
    emit(found, "jsonl")
    return OK


def _add(args: argparse.Namespace) -> int:
    if len(args.what) != 2 or args.what[1] != "expected":
        raise Usage("write `alogd feedback add ALERT expected`")
    body = {"alert": args.what[0], "verdict": "expected", "scope": args.scope, "by": who(args), "why": args.why}
    print(ask(args, "POST", "/api/v1/feedback", body | {"ends": moment(args.ends, "--until")})["id"])
    return OK
