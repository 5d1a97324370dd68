"""Say that an alert was expected (not to be sent again), or real (never to be learned as normal), until a date.

  alogd feedback expected 3f2a... --why "the nightly import"         a week, of this stream and key
  alogd feedback expected 3f2a... --scope host                       these templates on its host, in any stream
  alogd feedback expected 3f2a... --scope template --for 30d         wherever these templates come
  alogd feedback real 3f2a... --why "the outage of Monday"           a year, in this stream
  alogd feedback list
  alogd feedback undo 91c0...
  alogd feedback export                                              who, when, what and why, a line each

What was expected is kept and shown; at a higher level, or with a template that was not in the alert that was judged,
it is sent all the same. Of an alert that asked whether it is the new normal, it is learned too. What is real alerts
whenever it comes, however often it came. The later judgement of an alert ends the earlier one. It asks the running
daemon.
"""

from __future__ import annotations

import argparse

from alogd.cli.ack import whole_id
from alogd.cli.ask import add_daemon, ask, moment, who
from alogd.cli.failures import OK, Usage
from alogd.cli.output import add_output, emit
from alogd.cli.silence import end, show

IS_MIXED = True  # flags may stand between the words
JUDGED = ("expected", "real")
ACTIONS = ("list", "add", *JUDGED, "undo", "export")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd feedback`."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="(list)")
    parser.add_argument("what", nargs="*", help="expected, real: an alert's id (add: and which); undo: ids")
    parser.add_argument("--scope", choices=("here", "key", "host", "template"), default="here", help="where (here)")
    parser.add_argument("--for", "--until", dest="ends", metavar="WHEN", help="till when (7d; real: 365d)")
    parser.add_argument("--why", "--comment", default="", help="the reason")
    add_daemon(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """List, give, undo or export feedback."""
    if args.action in ("add", *JUDGED):
        return _judge(args, [*args.what, *([] if args.action == "add" else [args.action])])
    if bool(args.what) != (args.action == "undo"):
        raise Usage("`undo` needs ids; `list` and `export` take nothing")
    if args.action == "undo":
        return end(args, "feedback")
    found = ask(args, "GET", "/api/v1/feedback")["feedback"]
    if args.action == "list":
        return show(found, args)
    emit(found, "jsonl")
    return OK


def _judge(args: argparse.Namespace, words: list[str]) -> int:
    if len(words) != 2 or words[1] not in JUDGED:
        raise Usage("write `alogd feedback expected ALERT` or `alogd feedback real ALERT`")
    body = {
        "alert": whole_id(args, words[0]),
        "verdict": words[1],
        "scope": args.scope,
        "by": who(args),
        "why": args.why,
    }
    body |= {"ends": moment(args.ends, "--until")} if args.ends else {}
    print(ask(args, "POST", "/api/v1/feedback", body)["id"])
    return OK
