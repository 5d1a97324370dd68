"""What every build-* command does: cut parsed.parquet into windows, write one file of them, say how many."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from alogd.cli.failures import OK
from alogd.cli.output import count
from alogd.offline import tables
from alogd.offline.meter import Meter
from alogd.offline.windows.window_flags import hand_on_vocabulary, key_of, options_of, vocabulary_beside


def build(args: argparse.Namespace, kind: tables.Kind, row: str, make: Callable[..., int], **more: int) -> int:
    """make: of building.py, with what it takes besides. row: what one row of `kind` is. Raises Usage, BadData."""
    known, options, key = len(vocabulary_beside(args.parsed)), options_of(args), key_of(args)
    with Meter(tables.rows(args.parsed, tables.PARSED), "records") as meter:
        rows = make(args.parsed, args.out_dir, known, options, key, tell=meter.show, **more)
    hand_on_vocabulary(args.parsed, args.out_dir)
    print(f"{args.out_dir}/{kind.file}: {count(rows, row)}, templates numbered from 4 to {known - 1}")
    return OK
