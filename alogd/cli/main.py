"""The command line's front door: names the commands, imports the one that is called, turns failures into exit codes.

Nothing heavy is imported here, so that `alogd --help` and shell completion answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from alogd.cli.failures import BAD_CONFIG, INTERRUPTED, OK, USAGE, cause

# One line a command: its group, name and what it does. Its module is alogd.cli.<name>, with `arguments` and `main`.
COMMANDS = (
    ("Watch", "run", "follow logs, learn what is usual, raise alerts"),
    ("Watch", "demo", "see it work: a live log, incidents injected, alerts beside them"),
    ("Look back", "replay", "the alerts that following these files would have raised"),
    ("Look back", "explain", "how a line, a file or an alert is understood, and why"),
    ("Look inside", "alerts", "the alerts a daemon has raised"),
    ("Look inside", "templates", "the templates a daemon has learned, or those of some files"),
    ("Models", "retrain", "train a model on logs, judge it, put it into service"),
    ("Models", "models", "list, compare, promote, roll back trained models"),
    ("Set up", "check", "check the configuration and what it would read"),
    ("Set up", "version", "version, engine and plugins"),
)

ABOUT = """\
alogd learns what your logs usually say, and tells you when they say something else.

usage: alogd COMMAND [options]          alogd COMMAND --help says more
"""

EXAMPLES = """
Examples
  alogd demo                                  a minute's show, nothing to set up
  alogd run /var/log/syslog                   follow one file; no configuration needed
  alogd check && alogd run                    with ./configs/alogd.yaml or /etc/alogd/alogd.yaml
  alogd replay syslog.2.gz syslog.1 syslog    oldest first, as they were written
  alogd explain app.log                       what is in there, and what is odd
  alogd alerts list --level HIGH              what the daemon raised

Exit codes
  0 done    1 failed    2 wrong usage    65 the input cannot be used    78 the configuration is wrong
"""


def help_text() -> str:
    """What `alogd --help` prints: the commands in groups, examples, exit codes."""
    lines, group = [ABOUT.rstrip()], ""
    for heading, name, what in COMMANDS:
        if heading != group:
            lines.append(f"\n{heading}")
            group = heading
        lines.append(f"  {name:<12}{what}")
    return "\n".join(lines) + "\n" + EXAMPLES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code. Failures end as one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_standard_streams()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `alogd ... | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if (message := _failure(error)) is None:
            raise
        print(message[1], file=sys.stderr)
        return message[0]


def _open_standard_streams() -> None:
    """Point what was closed (`>&-`) at /dev/null, or the next file opened would become standard output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) == number:  # the lowest number that is free, so this one
                setattr(sys, name, open(number, "r+" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text(), end="")
        return OK if words else USAGE
    name, *rest = words
    if name in ("-V", "--version"):
        name = "version"
    if name not in (command for _, command, _ in COMMANDS):
        return _unknown(name)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # or numpy starts a thread a core, for products too small for it
    module = import_module(f"alogd.cli.{name}")
    parser = argparse.ArgumentParser(
        prog=f"alogd {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.arguments(parser)
    return int(module.main(parser.parse_args(rest)))


def _unknown(name: str) -> int:
    names = [command for _, command, _ in COMMANDS]
    close = get_close_matches(name, names, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(names)}"
    print(f"alogd: no command {name!r}; {hint}", file=sys.stderr)
    return USAGE


def _failure(error: Exception) -> tuple[int, str] | None:
    """Exit code and message of a failure a person can act upon; None for a bug, which keeps its traceback."""
    from alogd.config_yaml import ConfigError

    if isinstance(error, ConfigError):
        return BAD_CONFIG, str(error)
    known = cause(error)
    return (known[0], f"alogd: {known[1]}") if known else None
