"""See it work: a shop's live logs with incidents injected, the real daemon on them, its alerts beside the truth.

Everything happens in a temporary folder, which is removed afterwards (--keep keeps it).
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import Usage
from alogd.cli.output import use_color


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd demo`."""
    parser.add_argument("--seconds", type=float, default=75, metavar="N", help="how long, 20 to 3600 (75)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another seed, other lines (1)")
    parser.add_argument("--keep", action="store_true", help="keep the folder: logs, configuration, state, alerts")
    parser.add_argument("--no-color", action="store_true", help="no colours, no live table")


def main(args: argparse.Namespace) -> int:
    """Play it."""
    if not 20 <= args.seconds <= 3600:
        raise Usage("--seconds: 20 to 3600")
    from alogd.demo.run import demo

    return demo(args.seconds, args.seed, args.keep, use_color(args.no_color))
