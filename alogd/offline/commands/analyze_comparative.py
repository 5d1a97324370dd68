"""Tell what differs between one log and others: templates new, gone, risen, fallen.

  alog-detect analyze-comparative --target today.log --baselines monday.log tuesday.log wednesday.log
  alog-detect analyze-comparative --target out/today --baselines out/monday --q 0.01

A log is a file, plain or gzip, or a directory that `alog-detect parse` wrote. All are mined together, so that templates
are the same in all. What is told differs beyond chance: a G-test, corrected for lines that come in bursts, and for so
many templates being tried (Benjamini-Hochberg at --q). With three baselines or more, what differs among them counts
as usual. Writes comparative_analysis.md and, with every template, comparative_analysis.csv into --out-dir.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from alogd.cli.failures import OK, Usage
from alogd.offline.rows.logs import add_mining, mining_config, open_logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect analyze-comparative`."""
    parser.add_argument("--target", metavar="LOG", required=True, help="the log in question")
    parser.add_argument("--baselines", metavar="LOG", nargs="+", required=True, help="what is usual")
    parser.add_argument("--out-dir", metavar="DIR", type=Path, default=Path("comparison"), help="(comparison)")
    parser.add_argument("--q", type=float, default=0.05, help="share of the findings that may be false (0.05)")
    add_mining(parser)


def main(args: argparse.Namespace) -> int:
    """Read all of them, compare, write."""
    from alogd.cli.inputs import Progress
    from alogd.offline.verdicts import comparison

    if not 0 < args.q < 1:
        raise Usage(f"--q {args.q}: a share between 0 and 1")
    paths = [args.target, *args.baselines]
    inputs = {path: open_logs([path])[0] for path in paths if not Path(path).is_dir()}
    bar = Progress(list(inputs.values()))
    with ExitStack() as stack:
        stack.callback(bar.clear)
        for one in inputs.values():
            stack.callback(one.close)
        sources: list[tuple[str, Iterable[bytes]]] = [
            (path, inputs[path].blocks() if path in inputs else _parsed(Path(path))) for path in paths
        ]
        config = mining_config(args, list(inputs) or paths)
        logs, texts = comparison.read(sources, config, lambda lines: bar.show(f"{lines:,} lines"))
    found = comparison.compare(logs[0], logs[1:], texts, args.q)
    place = comparison.write(args.out_dir, logs, found, args.q)
    kinds = (f"{sum(one.kind == kind and one.found for one in found):,} {kind}" for kind in comparison.KINDS)
    print(f"{place}  {', '.join(kinds)}; of {len(found):,} templates")
    return OK


def _parsed(folder: Path) -> Iterator[bytes]:
    """The text of what was parsed, once more."""
    from alogd.offline import tables

    for part in tables.batches(folder, tables.PARSED, ["raw"]):
        yield "".join(f"{text}\n" for text in part["raw"].to_pylist()).encode()
