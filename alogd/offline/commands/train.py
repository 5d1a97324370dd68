"""Train models on all logs of a directory, judge them, and put them into service when they are not worse.

  alog-detect train /var/log/app models
  alog-detect train /var/log/app models --max-depth 1 --max-files 10
  alog-detect train /var/log/app models --from models/current      go on from a model, with its templates and weights

A face of `alogd retrain`: the logs found are one log, oldest file first; what is no text is left out, and said.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.offline.rows.found_logs import add_walk, find


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect train`."""
    parser.add_argument("logs", metavar="LOGDIR", type=Path, help="a directory of logs, or one log")
    parser.add_argument("models", metavar="MODELS", nargs="?", type=Path, default=Path("models"), help="(models)")
    parser.add_argument("--from", dest="base", metavar="OLD", type=Path, help="a bundle to go on from")
    add_walk(parser)
    parser.add_argument("--kinds", metavar="A,B", help="which models to train (all)")
    parser.add_argument("--epochs", metavar="N", type=int, default=60, help="most passes over the examples (60)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="of weights and order (1)")
    parser.add_argument("--window", metavar="W", help='"50/25" lines, "60s" of log time, "session:2m"')
    parser.add_argument("--force", action="store_true", help="promote it even when it is worse than the one in service")
    parser.add_argument("-c", "--config", metavar="FILE", help="mine as a stream of this configuration does")
    parser.add_argument("--stream", metavar="NAME", help="that stream")


def main(args: argparse.Namespace) -> int:
    """Find the logs, and train."""
    from alogd.cli import retrain
    from alogd.offline.verdicts.inference import place_of

    base = [str(place_of(args.base))] if args.base else []
    words = ["--from", *find(args.logs, args.max_depth, args.max_files), *base, "--out", str(args.models)]
    words += ["--epochs", str(args.epochs), "--seed", str(args.seed)]
    given = {"--models": args.kinds, "--window": args.window, "--config": args.config, "--stream": args.stream}
    words += [word for flag, value in given.items() if value for word in (flag, value)]
    parser = argparse.ArgumentParser(prog="alog-detect train")
    retrain.arguments(parser)
    return retrain.main(parser.parse_args([*words, "--force"] if args.force else words))
