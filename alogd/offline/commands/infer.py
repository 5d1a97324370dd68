"""Judge a log by trained models: what each makes of every window, in the files that report and eval read.

  alog-detect infer models today.log out
  alog-detect infer models/20261123T041503.123456Z-9f2c today.log out       one bundle, not the one in service
  alog-detect infer models /var/log/app out                                 all logs in a directory, as one
  alog-detect infer models out out                                          what alog-detect parse wrote to out

The log is parsed with the settings and the templates the models were trained with, and cut into the same windows.
Writes parsed.parquet and what comes with it, sequences.parquet, window_counts.parquet, and for each model its
KIND_infer.parquet.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from alogd.cli.failures import OK
from alogd.cli.output import count
from alogd.offline.rows.found_logs import add_walk, find
from alogd.offline.rows.logs import add_mining, mining_config
from alogd.offline.windows.window_flags import hand_on_vocabulary, vocabulary_beside

if TYPE_CHECKING:
    from alogd.engine.settings import EngineConfig
    from alogd.models.bundle import Bundle
    from alogd.models.vocabulary import Vocabulary


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect infer`."""
    parser.add_argument("models", metavar="MODELS", type=Path, help="a directory of models, or one bundle")
    parser.add_argument("target", metavar="TARGET", type=Path, help="a log, a directory of logs, or of parsed ones")
    parser.add_argument("out", metavar="OUT", nargs="?", type=Path, default=Path("out"), help="directory (out)")
    add_walk(parser)
    add_mining(parser)


def main(args: argparse.Namespace) -> int:
    """Parse, cut, judge."""
    from alogd.models import bundle
    from alogd.offline import tables
    from alogd.offline.verdicts import inference

    read = bundle.read(inference.place_of(args.models))
    if (args.target / tables.PARSED.file).exists():
        config, _ = inference.settings(read, mining_config(args, [str(args.target)]))
        vocabulary = vocabulary_beside(args.target)
        inference.same_mining(read, vocabulary, args.target)
        hand_on_vocabulary(args.target, args.out)
    else:
        config, vocabulary = _parse(args, read)
    _judge(args, read, config, vocabulary)
    print(f"written   {args.out}; next: alog-detect report --processed-dir {args.out}")
    return OK


def _parse(args: argparse.Namespace, read: Bundle) -> tuple[EngineConfig, Vocabulary]:
    """From where the bundle's engine stood: what is new in the log is what training did not see."""
    from alogd.offline.commands.parse import parsed_to
    from alogd.offline.verdicts import inference

    paths = find(args.target, args.max_depth, args.max_files)
    config, state = inference.settings(read, mining_config(args, paths))
    parsed, _ = parsed_to(args.out, paths, config, state)
    print(f"read      {count(parsed.lines, 'line')}, {count(parsed.created, 'template')} the models had not seen")
    return config, parsed.vocabulary


def _judge(args: argparse.Namespace, read: Bundle, config: EngineConfig, vocabulary: Vocabulary) -> None:
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.verdicts import inference
    from alogd.offline.windows import building

    parsed = args.target if (args.target / tables.PARSED.file).exists() else args.out
    options, key = inference.windows(read, config)
    with Meter(2 * tables.rows(parsed, tables.PARSED), "records") as meter:
        building.sequences(parsed, args.out, len(vocabulary), options, key, tell=meter.show)
        done = meter.total // 2
        building.counts(parsed, args.out, len(vocabulary), options, key, lambda rows: meter.show(done + rows))
    numbers = inference.numbers(read, vocabulary)
    with Meter(tables.rows(args.out, tables.SEQUENCES), "sessions") as meter:
        verdicts = inference.judge(read, args.out, numbers, meter.show)
    for one in verdicts:
        print(f"{one.kind:<10}{count(one.sessions, one.what)}, {one.odd:,} odd (score above {one.threshold:.3f})")
