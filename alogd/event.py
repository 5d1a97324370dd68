"""Every type that crosses a stage of the flow; plain columns, no behaviour.

A batch is what the engine makes of one block; a window batch is what windows hand to detectors; an alert is
what leaves the core. All arrays are numpy, one entry a record (or a window), in log order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

NO_TIME = np.iinfo(np.int64).min  # timestamp_ns of a record that carries no time

# How a window came to be closed (engine_c/window.h, alog_close_reason).
FULL, AGE, IDLE, EVICTED, FLUSH = range(5)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one source, one entry each (a record is a line with its continuation lines)."""

    source: int
    offset: U64  # where the record begins in its source, bytes
    length: U32  # bytes, without the last newline
    timestamp_ns: I64  # log time since 1970 UTC; NO_TIME where the record carries none
    severity: U8  # 0-100
    template_id: U32  # Drain's cluster id (1, 2, ...); 0 = the overflow template
    slot: U32  # dense and bounded by max_clusters: index for per-template arrays; 0 = overflow
    is_new: Bool  # this record created its template (and took its slot, perhaps from an evicted one)
    key: U64  # hash of the window key (program, session id ...); 0 = none

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """n closed windows in compressed rows: the records of window i are entries start[i]:start[i + 1]."""

    start: I64  # (n + 1,)
    slot: U32  # per record
    severity: U8  # per record, 0-100
    is_new: Bool  # per record
    source: U32  # per record
    offset: U64  # per record
    length: U32  # per record
    timestamp_ns: I64  # per record
    key: U64  # (n,) the window's key
    group: U64  # (n,) windows of one group are comparable: the key, or 0 for sessions
    fresh: U32  # (n,) records not seen in the window before (the last `fresh` of each)
    reason: U8  # (n,) FULL, AGE, IDLE, EVICTED or FLUSH
    closed_ns: I64  # (n,) the watermark at which the window closed

    def __len__(self) -> int:
        return len(self.start) - 1


@dataclass(frozen=True, slots=True)
class Template:
    """What Drain mined."""

    id: int  # local and dense
    text: str
    fingerprint: str  # 16 hex digits, the same on every host for the same text
    count: int  # records matched
    first_ns: int | None = None  # log time of its first record; None where not known
    last_ns: int | None = None
    trend: Sequence[int] = ()  # records in each of the stream's last 24 hours of log time, oldest first; none: ()


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One line of an alert's evidence."""

    source: str  # path, unit ...
    offset: int
    text: str
    marked: bool  # one of the odd lines, not their context


@dataclass(frozen=True, slots=True)
class TemplateEvidence:
    """Why one template of the window is unusual."""

    text: str
    fingerprint: str
    is_new: bool
    seen: float  # occurrences in the window
    expected: float  # occurrences a window like this usually has
    share: float  # of the window's score, 0-1
    nearest: str | None = None  # text of the nearest known template, for a new one
    difference: Sequence[tuple[str, str]] = ()  # (token there, token here) where the two differ
    instead: Sequence[str] = ()  # texts of the templates a model expected in its place, likeliest first


@dataclass(frozen=True, slots=True)
class Also:
    """Another incident that an alert stands for."""

    stream: str
    id: str
    level: str
    title: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One incident at one moment of its life (opened, updated, resolved)."""

    id: str  # the same for all moments of an incident, and after a replay
    status: str  # "firing" or "resolved"
    stream: str
    key: str  # the window's key as text (program, session id), "" when unknown
    title: str
    risk: float  # 0-100, the largest so far
    level: str  # CRITICAL HIGH MEDIUM LOW INFO
    anomaly: float  # 0-100
    severity: float  # 0-100
    opened_ns: int  # log time
    updated_ns: int
    resolved_ns: int | None
    windows: int  # anomalous windows so far
    lines_seen: int  # records in them
    detectors: Mapping[str, float] = field(default_factory=dict)  # share of each in the anomaly, 0-1
    scores: Mapping[str, float] = field(default_factory=dict)  # calibrated anomaly of each, 0-100
    templates: Sequence[TemplateEvidence] = ()
    lines: Sequence[EvidenceLine] = ()
    reasons: Sequence[str] = ()  # sentences a person reads first
    is_lasting: bool = False  # it goes on or comes again and again: who is told is asked whether it is the new normal
    hosts: tuple[str, ...] = ()  # named by its odd lines; not those that alerts hide
    cause: str = ""  # id of the incident of another stream that it began together with, and that tells of it
    also: tuple[Also, ...] = ()  # such incidents, the first of each other stream
