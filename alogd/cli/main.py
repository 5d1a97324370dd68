"""The command line's front door: names the commands of `alogd` (what runs them: alogd/cli/front.py)."""

from __future__ import annotations

from collections.abc import Sequence

from alogd.cli.front import Program, run

# One line a command: its group, name and what it does. Its module is alogd.cli.<name>, with `arguments` and `main`.
COMMANDS = (
    ("Watch", "run", "follow logs, learn what is usual, raise alerts"),
    ("Watch", "demo", "see it work: a live log, incidents injected, alerts beside them"),
    ("Look back", "replay", "the alerts that following these files would have raised"),
    ("Look back", "tune", "windows and a budget proposed from what happened so far"),
    ("Look back", "explain", "how a line, a file or an alert is understood, and why"),
    ("Look inside", "top", "streams and alerts, live in this terminal"),
    ("Look inside", "alerts", "the alerts a daemon has raised"),
    ("Look inside", "templates", "the templates a daemon has learned, or those of some files"),
    ("Answer", "silence", "hold back alerts for a while, or every week"),
    ("Answer", "feedback", "say that an alert was expected, and undo it"),
    ("Models", "retrain", "train a model on logs, judge it, put it into service"),
    ("Models", "models", "list, compare, promote, roll back trained models"),
    ("Set up", "check", "check the configuration and what it would read"),
    ("Set up", "sinks", "list where alerts go, and send a test alert there"),
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

PROGRAM = Program("alogd", "alogd.cli", COMMANDS, ABOUT, EXAMPLES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code. Failures end as one line on standard error."""
    return run(PROGRAM, arguments)
