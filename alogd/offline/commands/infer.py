"""Judge a log by trained models: what each makes of every session, in the files that report and eval read.

  alog-detect infer models today.log out
  alog-detect infer models/20261123T041503.123456Z-9f2c today.log out       one bundle, not the one in service
  alog-detect infer models /var/log/app out                                 all logs in a directory, as one

The log is parsed with the settings and the templates the models were trained with, and cut into the same windows.
Writes parsed.parquet and what comes with it, sequences.parquet, and for each model its KIND_infer.parquet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.cli.failures import OK
from alogd.cli.output import count
from alogd.offline.found_logs import add_walk, find
from alogd.offline.logs import add_mining, mining_config, open_logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect infer`."""
    parser.add_argument("models", metavar="MODELS", type=Path, help="a directory of models, or one bundle")
    parser.add_argument("target", metavar="TARGET", type=Path, help="a log, or a directory of logs")
    parser.add_argument("out", metavar="OUT", nargs="?", type=Path, default=Path("out"), help="directory (out)")
    add_walk(parser)
    add_mining(parser)


def main(args: argparse.Namespace) -> int:
    """Parse, cut, judge."""
    from alogd import bundle
    from alogd.offline import building, inference, parsing, tables
    from alogd.offline.commands.parse import Shown, write_beside
    from alogd.offline.meter import Meter

    read = bundle.read(inference.place_of(args.models))
    paths = find(args.target, args.max_depth, args.max_files)
    config, state = inference.settings(read, mining_config(args, paths))
    inputs = open_logs(paths)
    shown = Shown(inputs)
    try:
        parsed, after = parsing.parse(inputs, config, args.out, state, shown.show)
    finally:
        shown.clear()
        for one in inputs:
            one.close()
    write_beside(args.out, parsed, after, [one.name for one in inputs])
    options, key = inference.windows(read, config)
    known = len(parsed.vocabulary)
    with Meter(parsed.records, "records") as meter:
        building.sequences(args.out, args.out, known, options, key, tell=meter.show)
    numbers = inference.numbers(read, parsed.vocabulary)
    with Meter(tables.rows(args.out, tables.SEQUENCES), "sessions") as meter:
        verdicts, left_out = inference.judge(read, args.out, numbers, meter.show)
    print(f"read      {count(parsed.lines, 'line')}, {count(parsed.created, 'template')} the models had not seen")
    for said in verdicts:
        print(f"{said.kind:<10}{count(said.sessions, 'session')}, {said.odd:,} odd (score above {said.threshold:.3f})")
    for kind in left_out:
        print(f"{kind:<10}left out: it does not judge sessions; alog-detect {kind}-infer")
    print(f"written   {args.out}; next: alog-detect report --processed-dir {args.out}")
    return OK
