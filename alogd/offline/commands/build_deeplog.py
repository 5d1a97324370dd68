"""Sessions of templates for DeepLog: parsed.parquet into sequences.parquet.

  alog-detect build-deeplog --parsed out --out-dir out
  alog-detect build-deeplog --parsed out --out-dir out --session-regex 'blk_-?[0-9]+'
  alog-detect build-deeplog --parsed out --out-dir out --key host --window session:5m

A session is what a window of the daemon is: 50 records of one program, every 25 records. Logs whose lines name what
they belong to (a block, a request) are better cut by that.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK
from alogd.cli.output import count
from alogd.offline.windows.window_flags import (
    add_parsed,
    add_windows,
    hand_on_vocabulary,
    key_of,
    options_of,
    vocabulary_beside,
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect build-deeplog`."""
    add_parsed(parser)
    add_windows(parser)


def main(args: argparse.Namespace) -> int:
    """Build, and say how much."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.windows import building

    known, options, key = len(vocabulary_beside(args.parsed)), options_of(args), key_of(args)
    with Meter(tables.rows(args.parsed, tables.PARSED), "records") as meter:
        rows = building.sequences(args.parsed, args.out_dir, known, options, key, tell=meter.show)
    hand_on_vocabulary(args.parsed, args.out_dir)
    print(f"{args.out_dir}/sequences.parquet: {count(rows, 'session')}, templates numbered from 4 to {known - 1}")
    return OK
