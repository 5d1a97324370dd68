"""Every log below a directory, each on its own, and one report over all of them.

  alog-detect batch /var/log                        results in ./analysis
  alog-detect batch /var/log/app analysis --max-depth 2 --max-files 20
  alog-detect batch /var/log/app analysis --models models

For each log its own directory with parsed.parquet, baseline_scores.parquet, report.md ...; over all of them
COMPREHENSIVE_ANALYSIS_REPORT.md: how much each holds, how much of it is odd, and what was oddest. One log that cannot
be analysed is said there, and does not end the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.cli.failures import OK, BadData
from alogd.cli.output import count
from alogd.offline.rows.found_logs import add_walk, find


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect batch`."""
    parser.add_argument("logs", metavar="LOGDIR", type=Path)
    parser.add_argument("target", metavar="TARGET", nargs="?", type=Path, default=Path("analysis"), help="(analysis)")
    parser.add_argument("--models", metavar="MODELS", help="trained models to judge by, beside the ewma detector")
    add_walk(parser)


def main(args: argparse.Namespace) -> int:
    """One log after another, then the report over all."""
    from alogd.offline import atomic
    from alogd.offline.commands.pipeline import step, steps
    from alogd.offline.reports import comprehensive

    paths = find(args.logs, args.max_depth, args.max_files)
    done: list[comprehensive.Log] = []
    for number, path in enumerate(paths, 1):
        out = args.target / comprehensive.folder(path, args.logs)
        print(f"\n[{number} of {len(paths)}] {path}", flush=True)
        failed = next((words[0] for words in steps(path, out, args.models, no_train=True) if step(words) != OK), None)
        done.append(comprehensive.look(path, out, failed))
    place = args.target / "COMPREHENSIVE_ANALYSIS_REPORT.md"
    atomic.write(place, comprehensive.report(args.logs, done))
    print(f"\n{place}: {count(len(done), 'log')}")
    if all(one.failed for one in done):
        raise BadData(f"{args.logs}: none of {count(len(done), 'log')} could be analysed")
    return OK
