"""Sessions of templates for LogBERT, cut to the length it looks at: parsed.parquet into sequences.parquet.

  alog-detect build-logbert --parsed out --out-dir out
  alog-detect build-logbert --parsed out --out-dir out --max-seq-len 64 --session-regex 'req=(?P<key>[0-9a-f]+)'

A session is what a window of the daemon is: 50 records of one program, every 25 records. Logs whose lines name what
they belong to (a block, a request) are better cut by that.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK, Usage
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
    """Flags of `alog-detect build-logbert`."""
    add_parsed(parser)
    parser.add_argument(
        "--max-seq-len", metavar="N", type=int, default=127, help="templates of a session; longer ones are cut (127)"
    )
    add_windows(parser)


def main(args: argparse.Namespace) -> int:
    """Build, and say how much."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.windows import building

    if not 2 <= args.max_seq_len <= 100_000:
        raise Usage(f"--max-seq-len {args.max_seq_len}: a number from 2 to 100000")
    known, options, key = len(vocabulary_beside(args.parsed)), options_of(args), key_of(args)
    with Meter(tables.rows(args.parsed, tables.PARSED), "records") as meter:
        rows = building.sequences(args.parsed, args.out_dir, known, options, key, args.max_seq_len, meter.show)
    hand_on_vocabulary(args.parsed, args.out_dir)
    print(f"{args.out_dir}/sequences.parquet: {count(rows, 'session')}, templates numbered from 4 to {known - 1}")
    return OK
