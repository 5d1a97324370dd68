"""Sessions of templates for LogBERT, cut to the length it looks at: parsed.parquet into sequences.parquet.

  alog-detect build-logbert --parsed out --out-dir out
  alog-detect build-logbert --parsed out --out-dir out --max-seq-len 64 --session-regex 'req=(?P<key>[0-9a-f]+)'

A session is what a window of the daemon is: 50 records of one program, every 25 records. Logs whose lines name what
they belong to (a block, a request) are better cut by that.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import Usage
from alogd.offline.windows.window_flags import add_parsed, add_windows


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect build-logbert`."""
    add_parsed(parser)
    parser.add_argument(
        "--max-seq-len", metavar="N", type=int, default=127, help="templates of a session; longer ones are cut (127)"
    )
    add_windows(parser)


def main(args: argparse.Namespace) -> int:
    """Build, and say how much."""
    if not 2 <= args.max_seq_len <= 100_000:
        raise Usage(f"--max-seq-len {args.max_seq_len}: a number from 2 to 100000")
    from alogd.offline import tables
    from alogd.offline.windows import building
    from alogd.offline.windows.build_command import build

    return build(args, tables.SEQUENCES, "session", building.sequences, longest=args.max_seq_len)
