"""Sets detectors' verdicts beside the labels: how right they are, which incidents they find and how late.

Windows stay in time order, thresholds are those the detectors had: nothing here is chosen by the labels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np

from alogd.event import I64, NO_TIME, Bool
from alogd.offline.verdicts.labels import Incident, Labels, truth
from alogd.offline.verdicts.measures import Confusion, auroc
from alogd.offline.verdicts.processed import Judged, Processed


@dataclass(frozen=True, slots=True)
class Finding:
    """One incident as one detector saw it."""

    incident: str
    kind: str
    found: bool
    late_records: int | None  # from its first record to the end of the first window called odd that holds some of it
    late_seconds: float | None


@dataclass(frozen=True, slots=True)
class Appraisal:
    """One detector beside the labels."""

    name: str
    windows: int
    confusion: Confusion
    auroc: float | None
    false_alarms: int  # runs of neighbouring windows wrongly called odd
    false_alarms_per_day: float | None  # of log time
    findings: tuple[Finding, ...] = ()
    truth: Bool = field(default_factory=lambda: np.empty(0, bool), repr=False)  # of each window, counted or not
    counts: Bool = field(default_factory=lambda: np.empty(0, bool), repr=False)  # whether it is counted

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        told = self.confusion
        return {
            "windows": self.windows,
            **asdict(told),
            **{name: round(getattr(told, name), 4) for name in ("precision", "recall", "f1", "accuracy")},
            "auroc": None if self.auroc is None else round(self.auroc, 4),
            "false_alarms": self.false_alarms,
            "false_alarms_per_day": self.false_alarms_per_day and round(self.false_alarms_per_day, 2),
        }


def appraise(judged: Judged, labels: Labels, logs: Processed, skip: float = 0.0) -> Appraisal | None:
    """skip: share of the log at its beginning that does not count. None: windows, where sessions are labelled."""
    if labels.by_session and not judged.session:
        return None
    held = truth(labels, judged, logs)
    is_odd = np.logical_or.reduce([mine for _, mine in held]) if held else np.zeros(len(judged), bool)
    counts = judged.first >= skip * len(logs)
    if labels.by_session:
        counts &= np.array([key in labels.known_sessions for key in judged.session], bool)
    false = judged.odd & ~is_odd & counts
    alarms = _runs(judged, false)
    days = logs.days
    return Appraisal(
        judged.name,
        int(counts.sum()),
        Confusion.of(is_odd[counts], judged.odd[counts]),
        auroc(is_odd[counts], judged.score[counts]),
        alarms,
        alarms / (days * (1 - skip)) if days else None,
        tuple(_finding(one, mine & counts, judged, logs) for one, mine in held if one is not None),
        is_odd,
        counts,
    )


def _runs(judged: Judged, which: Bool) -> int:
    """Windows of one program that touch or overlap are one alarm; sessions are one each."""
    if judged.session:
        return int(which.sum())
    of = np.array(judged.within) if judged.within else np.zeros(len(judged), np.int64)
    return sum(
        _touching(judged.first[mine], judged.last[mine]) for key in np.unique(of) if (mine := which & (of == key)).any()
    )


def _touching(first: I64, last: I64) -> int:
    return int(1 + (first[1:] > last[:-1] + 1).sum())


def _finding(one: Incident, mine: Bool, judged: Judged, logs: Processed) -> Finding:
    hit = np.flatnonzero(mine & judged.odd)
    if not len(hit):
        return Finding(one.name, one.kind, False, None, None)
    begin, end = int(one.records[0]), int(judged.last[hit].min())
    times: I64 = logs.time_ns[[begin, end]]
    seconds = None if NO_TIME in times else max(0.0, float(times[1] - times[0]) / 1e9)
    return Finding(one.name, one.kind, True, max(0, end - begin), seconds)


def by_kind(appraisals: list[Appraisal]) -> dict[str, dict[str, dict[str, Any]]]:
    """kind -> detector -> how many there were, how many were found, half of them how soon."""
    kinds = dict.fromkeys(finding.kind for one in appraisals for finding in one.findings)
    return {kind: {one.name: _of_kind(one, kind) for one in appraisals} for kind in kinds}


def _of_kind(one: Appraisal, kind: str) -> dict[str, Any]:
    mine = [finding for finding in one.findings if finding.kind == kind]
    records = [finding.late_records for finding in mine if finding.late_records is not None]
    seconds = [finding.late_seconds for finding in mine if finding.late_seconds is not None]
    return {
        "incidents": len(mine),
        "found": sum(finding.found for finding in mine),
        "median_late_records": median(records) if records else None,
        "median_late_seconds": median(seconds) if seconds else None,
    }
