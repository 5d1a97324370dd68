"""Score windows with the daemon's ewma detector, no training needed: parsed.parquet into baseline_scores.parquet.

  alog-detect detect --parsed out --out-dir out
  alog-detect detect --parsed out --out-dir out --window-size 100 --stride 50 --q 0.99

The score grows with templates never seen before and with counts far from what windows of the same program usually hold.
Odd is what lies above the quantile q of the log's own scores: q 0.95 calls one window in twenty odd, whatever the log.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK, Usage
from alogd.cli.output import count
from alogd.offline.windows.window_flags import add_parsed, add_windows, key_of, options_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect detect`."""
    add_parsed(parser)
    parser.add_argument("--ewm-alpha", metavar="A", type=float, default=0.3, help="weight of what is newest (0.3)")
    parser.add_argument(
        "--q", metavar="Q", type=float, default=0.95, help="quantile of the scores that odd begins at (0.95)"
    )
    add_windows(parser)


def main(args: argparse.Namespace) -> int:
    """Score, and say how many are odd."""
    from alogd.offline import tables
    from alogd.offline.meter import Meter
    from alogd.offline.windows import baseline

    for name, value in (("--ewm-alpha", args.ewm_alpha), ("--q", args.q)):
        if not 0 < value < 1:
            raise Usage(f"{name} {value}: a number between 0 and 1")
    options, key = options_of(args), key_of(args)
    with Meter(tables.rows(args.parsed, tables.PARSED), "records") as meter:
        windows, odd, threshold = baseline.scores(
            args.parsed, args.out_dir, options, key, args.ewm_alpha, args.q, meter.show
        )
    print(
        f"{args.out_dir}/baseline_scores.parquet: {count(windows, 'window')}, {odd:,} odd (score above {threshold:.2f})"
    )
    return OK
