"""Set detectors side by side on labelled data and name the best, by a composite of four figures.

  alog-detect select --processed-dir out --labels synth/labels.csv

composite = 0.4 F1 + 0.3 accuracy + 0.2 recall + 0.1 precision, each over windows (or sessions) in time order and with
the threshold the detector had. Where few windows are odd, accuracy is high for a detector that says nothing: look at
the confusion matrices too. Labels are those of `alog-detect eval`. Writes selection.json, selection.md and
pictures/confusion.svg and roc.svg into the processed directory.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK
from alogd.offline.commands.eval import arguments

__all__ = ["arguments", "main"]


def main(args: argparse.Namespace) -> int:
    """Rank, write, print."""
    from alogd.cli.output import table, use_color
    from alogd.offline.commands.eval import judged_by
    from alogd.offline.verdicts import selection
    from alogd.offline.verdicts.processed import Processed

    logs = Processed(args.processed_dir)
    ranked = selection.rank(judged_by(logs, args))
    heads, rows = selection.table_of(ranked)
    table(heads, rows, use_color(args.no_color))
    print(f"\nbest: {ranked[0].appraisal.name}\n{selection.write(logs, ranked)}")
    return OK
