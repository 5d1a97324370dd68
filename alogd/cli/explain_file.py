"""A whole file explained: its templates, and its oddest windows with the evidence an alert would have."""

from __future__ import annotations

import argparse
import heapq
from typing import Any

import numpy as np

from alogd.alerts import as_json as alert_json
from alogd.cli.alert_view import bar, lines_of
from alogd.cli.drive import Drive
from alogd.cli.inputs import Progress
from alogd.cli.output import count, emit, paint, table, time_text, use_color
from alogd.event import Alert, WindowBatch
from alogd.judging.verdict import Verdict
from alogd.stream import Stream

TEMPLATES = 15
WINDOWS = 3
FIRST = 20  # windows in which everything is new
BAD = 60  # severity from which they are shown all the same


class Oddest:
    """Keeps the oddest windows of a stream, each told as the alert it would be alone.

    Those before the warm-up's end are kept apart: they only count where nothing else is there. So are the first few,
    in which everything is new: of those the most severe are kept.
    """

    def __init__(self, stream: Stream) -> None:
        self._first: list[tuple[float, int, Alert]] = []
        self._early: list[tuple[float, int, Alert]] = []
        self._late: list[tuple[float, int, Alert]] = []
        self._seen = 0
        self._stream = stream
        self._judge = stream.judge.judge
        stream.judge.judge = self.look  # type: ignore[method-assign]

    def look(self, windows: WindowBatch) -> Verdict:
        """Judge as the stream would, and look at the verdict."""
        verdict = self._judge(windows)
        judged = self._stream.judge.seen
        if judged >= FIRST:
            heap, rank = self._late if self._stream.judge.warmup_ratio >= 1 else self._early, verdict.risk
        else:
            heap, rank = self._first, verdict.severity
        for index in np.argsort(-rank, kind="stable")[:WINDOWS]:
            if judged >= FIRST or rank[index] >= BAD:
                self._offer(heap, float(rank[index]), verdict, int(index))
        return verdict

    def _offer(self, heap: list[tuple[float, int, Alert]], rank: float, verdict: Verdict, index: int) -> None:
        if len(heap) == WINDOWS and rank <= heap[0][0]:
            return
        self._seen += 1
        entry = (rank, -self._seen, self._stream._finding(verdict, index).alert)
        if len(heap) < WINDOWS:
            heapq.heappush(heap, entry)
        else:
            heapq.heapreplace(heap, entry)

    def alerts(self) -> list[Alert]:
        """The oddest first."""
        return [alert for _, _, alert in sorted(self._late or self._early or self._first, reverse=True)]

    @property
    def title(self) -> str:
        """What `alerts` are."""
        if self._late or self._early:
            return "Oddest windows"
        return "Too short to say what is odd in it" + ("; the most severe windows" if self._first else "")


def explain_file(drive: Drive, args: argparse.Namespace) -> None:
    """Read it all, then print."""
    oddest = Oddest(drive.stream)
    progress = Progress(drive.inputs)
    ids: set[str] = set()
    for alerts in drive.run():
        ids |= {alert.id for alert in alerts}
        progress.show(f"{drive.lines:,} lines")
    progress.clear()
    if args.output == "table":
        _show(drive, oddest, len(ids), use_color(args.no_color))
    else:
        emit([_record(drive, oddest.alerts())], args.output)


def _show(drive: Drive, odd: Oddest, alerts: int, color: bool) -> None:
    stream, counters = drive.stream, drive.stream.engine.counters()
    print(paint(drive.inputs[0].name, "bold", color))
    lines, records = count(counters["lines"], "line"), count(counters["records"], "record")
    print(f"  {lines} in {records}, {counters['continuations']:,} joined")
    if not counters["records"]:
        print("  there is nothing in it to learn from")
        return
    print(f"  {_headers(counters)}; {_reaches(drive)}")
    found = count(counters["clusters"], "template"), count(stream.judge.seen, "window"), count(alerts, "alert")
    print(f"  {', '.join(found)} at this budget\n")
    templates = sorted(stream.templates(), key=lambda template: -template.count)
    total = max(1, sum(template.count for template in templates))
    rows = [(t.count, f"{bar(t.count / total)} {t.count / total:4.0%}", t.text) for t in templates[:TEMPLATES]]
    table(("lines", "share", "template"), rows, color)
    if len(templates) > TEMPLATES:
        once = sum(template.count == 1 for template in templates)
        print(f"and {len(templates) - TEMPLATES:,} more; {once:,} came only once (alogd templates FILE shows them)")
    print("\n" + paint(odd.title, "bold", color))
    for alert in odd.alerts():
        print()
        for line in lines_of(alert, color, incident=False):
            print(line)


def _headers(counters: dict[str, int]) -> str:
    share = 1 - counters["headerless"] / max(1, counters["records"])
    return f"{share:.0%} of records begin with a header that is understood"


def _reaches(drive: Drive) -> str:
    if not drive.is_timed:
        return "none of its lines carries a time"
    return f"log time reaches {time_text(drive.stream.watermark_ns)}"


def _record(drive: Drive, odd: list[Alert]) -> dict[str, Any]:
    templates = sorted(drive.stream.templates(), key=lambda template: -template.count)
    return {
        "file": drive.inputs[0].name,
        "counters": drive.stream.engine.counters(),
        "templates": [{"count": t.count, "template": t.text, "fingerprint": t.fingerprint} for t in templates],
        "oddest": [alert_json.view(alert) for alert in odd],
    }
