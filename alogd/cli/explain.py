"""How a line, a file or an alert is understood, and why.

  alogd explain 'kernel: Out of memory: Killed process 4242 (mysqld)'
  alogd explain 'sshd[7]: error: kex' --learn auth.log     against what auth.log teaches
  alogd explain app.log                                    formats, templates, the oddest windows and why
  alogd explain 3f2a9c0001                                 an alert the daemon raised, with all its evidence
  journalctl -n 1000 | alogd explain -

A line is held against what a daemon has learned (--state, or the configuration's state directory), or against the
files given with --learn. Nothing is written.
"""

from __future__ import annotations

import argparse
import os
import re
import stat

from alogd.cli.drive import Drive, choose
from alogd.cli.explain_file import explain_file
from alogd.cli.explain_line import explain_line
from alogd.cli.failures import OK, Failed, Usage
from alogd.cli.inputs import Input, open_all
from alogd.cli.output import add_output
from alogd.cli.settings import add_state, config_or_default
from alogd.config.tree import Config, StreamOptions
from alogd.state.database import Reader, StateUnusable

_ALERT_ID = re.compile(r"[0-9a-f]{4,32}\Z")
_PATH = re.compile(r"(?:\.{0,2}/)?(?:[\w.@+~-]+/)*[\w.@+~-]*(?:/[\w.@+~-]+|\.(?:log|txt|json|gz|out|err))(?:\.\d+)?\Z")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd explain`."""
    parser.add_argument("what", help="a line, a file, an alert's id (or how it begins), or - for standard input")
    parser.add_argument("--as", dest="kind", choices=("line", "file", "alert"), help="when it could be taken otherwise")
    parser.add_argument("--learn", nargs="+", metavar="FILE", default=[], help="a line: learn from these files first")
    parser.add_argument("--stream", metavar="NAME", help="as this stream of the configuration")
    add_state(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Find out what it is, then explain it."""
    kind = args.kind or _kind(args)
    if kind == "alert":
        return _alert(args)
    if kind == "file":
        config, options = choose(args.config, args.stream, [args.what])
        explain_file(Drive(config, options, [Input(args.what)]), args)
        return OK
    line = args.what.rstrip("\n").encode("utf-8", "surrogateescape")
    explain_line(line, args, _learned(args))
    return OK


def _kind(args: argparse.Namespace) -> str:
    what = args.what
    if not what.strip():
        raise Usage("there is nothing to explain; name a line, a file or an alert's id")
    if what == "-":
        return "file"
    try:
        mode = os.stat(what).st_mode
    except (OSError, ValueError):  # no such name, or none that could be one
        if _PATH.match(what):
            raise Failed(f"{what}: no such file; if it is a line of a log, add --as line") from None
        return "alert" if _ALERT_ID.match(what) else "line"
    if stat.S_ISDIR(mode):
        raise Usage(f"{what} is a directory; name a file in it")
    if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
        return "file"
    raise Usage(f"{what} is no log file; if it is a line of a log, add --as line")


def _alert(args: argparse.Namespace) -> int:
    from alogd.cli.alerts import show_found
    from alogd.cli.settings import open_state

    args.action = "show"
    with open_state(args) as reader:
        return show_found(reader, args.what, args)


def _learned(args: argparse.Namespace) -> list[Drive]:
    """Streams that have learned something, one for each that the line could belong to."""
    if args.learn:
        drive = Drive(*choose(args.config, args.stream, args.learn), open_all(args.learn))
        for _ in drive.run():
            continue
        return [drive]
    config = config_or_default(args.config)
    directory = args.state or (config.state.directory if config else None)
    if directory is None:
        return []
    try:
        return _from_state(directory, config, args.stream)
    except StateUnusable:
        if args.state:
            raise
        return []  # the daemon has not run yet: there is nothing to hold the line against


def _from_state(directory: str, config: Config | None, name: str | None) -> list[Drive]:
    reader = Reader.open(directory)
    try:
        saved = {stream: reader.parts(stream) for stream in reader.streams() if name in (None, stream)}
    finally:
        reader.close()
    drives = []
    for stream, parts in saved.items():
        known = [options for options in config.streams if options.name == stream] if config else []
        options = known[0] if known else StreamOptions(name=stream, collect=())
        drive = Drive(config or Config(streams=(options,)), options, [])
        try:
            drive.stream.load(parts)
        except ValueError as error:
            raise Failed(f'stream "{stream}" learned under another configuration: {error}') from None
        drives.append(drive)
    return drives
