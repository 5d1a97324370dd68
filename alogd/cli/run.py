"""Follow logs, learn what is usual, raise alerts.

  alogd run                         with ./configs/alogd.yaml or /etc/alogd/alogd.yaml
  alogd run -c FILE
  alogd run app.log worker.log      these files, all defaults, no configuration
  alogd run app.log --once          read what is there, then stop

Stop it with Ctrl-C or SIGTERM: it saves what it has learned and goes on from there the next time.
"""

from __future__ import annotations

import argparse

from alogd.cli.settings import add_config


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd run`."""
    parser.add_argument("file", nargs="*", help="follow these files instead of what a configuration says")
    add_config(parser)
    parser.add_argument("--state-dir", metavar="DIR", help="where positions and what is learned are kept")
    parser.add_argument("--once", action="store_true", help="read what is there, then stop")
    parser.add_argument("--from-beginning", action="store_true", help="read files whole that were there before")
    parser.add_argument("--listen", metavar="HOST:PORT", help="metrics, health and API")
