"""Template counts of windows for MS-CRED: parsed.parquet into window_counts.parquet.

  alog-detect build-mscred --parsed out --out-dir out
  alog-detect build-mscred --parsed out --out-dir out --window-size 100 --stride 10 --key none

Counts stand one after another by the template's number. Of a vocabulary of more than 4096 entries only those that occur
are written, as number, count, number, count ...; the file's metadata says which (alogd.counts: dense or sparse).
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
    """Flags of `alog-detect build-mscred`."""
    add_parsed(parser)
    add_windows(parser)


def main(args: argparse.Namespace) -> int:
    """Build, and say how much."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.windows import building

    known, options, key = len(vocabulary_beside(args.parsed)), options_of(args), key_of(args)
    with Meter(tables.rows(args.parsed, tables.PARSED), "records") as meter:
        rows = building.counts(args.parsed, args.out_dir, known, options, key, meter.show)
    hand_on_vocabulary(args.parsed, args.out_dir)
    print(f"{args.out_dir}/window_counts.parquet: {count(rows, 'window')}, templates numbered from 4 to {known - 1}")
    return OK
