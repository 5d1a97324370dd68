"""Sessions of templates for DeepLog: parsed.parquet into sequences.parquet.

  alog-detect build-deeplog --parsed out --out-dir out
  alog-detect build-deeplog --parsed out --out-dir out --session-regex 'blk_-?[0-9]+'
  alog-detect build-deeplog --parsed out --out-dir out --key host --window session:5m

A session is what a window of the daemon is: 50 records of one program, every 25 records. Logs whose lines name what
they belong to (a block, a request) are better cut by that.
"""

from __future__ import annotations

import argparse

from alogd.offline.windows.window_flags import add_parsed, add_windows


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect build-deeplog`."""
    add_parsed(parser)
    add_windows(parser)


def main(args: argparse.Namespace) -> int:
    """Build, and say how much."""
    from alogd.offline import tables
    from alogd.offline.windows import building
    from alogd.offline.windows.build_command import build

    return build(args, tables.SEQUENCES, "session", building.sequences)
