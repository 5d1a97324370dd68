"""Template counts of windows for MS-CRED: parsed.parquet into window_counts.parquet.

  alog-detect build-mscred --parsed out --out-dir out
  alog-detect build-mscred --parsed out --out-dir out --window-size 100 --stride 10 --key none

Counts stand one after another by the template's number. Of a vocabulary of more than 4096 entries only those that occur
are written, as number, count, number, count ...; the file's metadata says which (alogd.counts: dense or sparse).
"""

from __future__ import annotations

import argparse

from alogd.offline.windows.window_flags import add_parsed, add_windows


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect build-mscred`."""
    add_parsed(parser)
    add_windows(parser)


def main(args: argparse.Namespace) -> int:
    """Build, and say how much."""
    from alogd.offline import tables
    from alogd.offline.windows import building
    from alogd.offline.windows.build_command import build

    return build(args, tables.WINDOW_COUNTS, "window", building.counts)
