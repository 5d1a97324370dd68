"""Set detectors' verdicts beside labels: precision, recall, F1, AUROC, incidents found, false alarms a day.

  alog-detect eval --processed-dir out --labels synth/labels.csv
  alog-detect eval --processed-dir out --labels blocks.csv --skip 0.2

Labels are CSV with a head, of one of two forms:

  line,label[,incident]    line numbers of the log from 1; lines not named are normal
  session,label            keys of sessions as in sequences.parquet; sessions not named do not count

A label is the kind of what happened, or 1; empty, 0, - and normal are normal. A window is odd when a line in it is.
All windows stay in time order and each detector keeps its own threshold: nothing is chosen by the labels. `ensemble`
fuses the rarity of all detectors' scores. Late is counted from an incident's first line to the end of the first window
called odd that holds some of it. Writes eval.json into the processed directory.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alogd.cli.failures import OK, BadData, Usage
from alogd.cli.output import count, table, use_color

if TYPE_CHECKING:
    from alogd.offline.verdicts.appraisal import Appraisal
    from alogd.offline.verdicts.processed import Judged, Processed

FILE = "eval.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect eval`."""
    parser.add_argument(
        "--processed-dir", metavar="DIR", required=True, type=Path, help="what detect and *-infer wrote"
    )
    parser.add_argument("--labels", metavar="CSV", required=True, type=Path)
    parser.add_argument("--skip", metavar="SHARE", type=float, default=0.0, help="of the log at its beginning (0)")
    parser.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR, or not a terminal)")


def main(args: argparse.Namespace) -> int:
    """Compare, write, print."""
    import msgspec

    from alogd.offline import atomic
    from alogd.offline.verdicts.appraisal import by_kind
    from alogd.offline.verdicts.processed import Processed

    logs = Processed(args.processed_dir)
    found = [told for _, told in judged_by(logs, args)]
    kinds = by_kind(found)
    result = {
        "labels": str(args.labels),
        "records": len(logs),
        "days": logs.days,
        "skipped": args.skip,
        "detectors": {one.name: one.as_json() for one in found},
        "kinds": kinds,
        "incidents": [finding for one in found for finding in _rows(one)],
    }
    atomic.write(args.processed_dir / FILE, msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    _show(found, kinds, len(logs), logs.days, use_color(args.no_color))
    print(f"\n{args.processed_dir / FILE}")
    return OK


def judged_by(logs: Processed, args: argparse.Namespace) -> list[tuple[Judged, Appraisal]]:
    """Each detector beside the labels, and their ensemble; says which cannot be. Raises BadData when none can."""
    from alogd.offline.verdicts import labels
    from alogd.offline.verdicts.appraisal import appraise

    if not 0 <= args.skip < 1:
        raise Usage(f"--skip {args.skip}: a share from 0 to less than 1")
    truth = labels.read(args.labels, logs)
    detectors = [*logs.detectors, *([logs.ensemble()] if len(logs.detectors) > 1 else [])]
    found = []
    for one in detectors:
        if (told := appraise(one, truth, logs, args.skip)) is not None:
            found.append((one, told))
        else:
            print(f"{one.name}: judges windows, of which labels of sessions say nothing", file=sys.stderr)
    if not found:
        raise BadData(f"{args.labels} labels sessions, and {args.processed_dir} holds verdicts on windows only")
    if not any(told.windows for _, told in found):
        raise BadData(f"none of what {args.labels} labels is in {args.processed_dir}")
    return found


def _rows(one: Appraisal) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [{"detector": one.name, **asdict(finding)} for finding in one.findings]


def _show(found: list[Appraisal], kinds: Any, records: int, days: float | None, color: bool) -> None:
    span = f" over {days:.2f} days" if days else ""
    print(f"{count(records, 'record')}{span}\n")
    heads = ("detector", "windows", "odd", "called odd", "precision", "recall", "F1", "AUROC", "false alarms", "a day")
    rows = []
    for one in found:
        told = one.confusion
        scores = [f"{value:.3f}" for value in (told.precision, told.recall, told.f1)]
        area = "-" if one.auroc is None else f"{one.auroc:.3f}"
        daily = "-" if one.false_alarms_per_day is None else f"{one.false_alarms_per_day:.1f}"
        odd = told.tp + told.fn, told.tp + told.fp
        rows.append((one.name, one.windows, *odd, *scores, area, one.false_alarms, daily))
    table(heads, rows, color)
    if not kinds:
        return
    print("\nincidents found, and half of those how soon")
    names = [one.name for one in found]
    table(("kind", *names), [(kind, *(_found(of[name]) for name in names)) for kind, of in kinds.items()], color)


def _found(of: dict[str, Any]) -> str:
    late = of["median_late_seconds"], of["median_late_records"]
    after = "" if late[1] is None else f" {late[0]:.0f} s" if late[0] is not None else f" {late[1]:.0f} records"
    return f"{of['found']} of {of['incidents']}{after}"
