"""A processed directory of a log: parsed as `alog-detect parse` does, with verdicts of ewma on windows of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alogd.config.tree import Alerts, StreamOptions, WindowOptions
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.engine.native import Engine
from alogd.offline import tables
from alogd.offline.main import main
from alogd.stream import engine_config
from alogd.windows.gather import Windows


def processed(log: Path, folder: Path, size: int = 20, quantile: float = 0.97) -> Path:
    """parsed.parquet, baseline_scores.parquet and window_counts.parquet of a log, in `folder`."""
    data = log.read_bytes()
    engine = Engine(engine_config(StreamOptions(name="a", collect=({"kind": "stdin"},)), Alerts()))
    engine.open(0)
    batches = [engine.feed(data, 0), engine.flush(0)]
    offset = np.concatenate([b.offset for b in batches]).astype(np.int64)
    starts = np.flatnonzero(np.frombuffer(data, np.uint8) == 10) + 1
    line_no = np.searchsorted(starts, offset, "right") + 1
    assert main(["parse", "--input", str(log), "--out-dir", str(folder)]) == 0
    _windows(folder, batches, size, quantile, line_no, offset)
    return folder


def _windows(folder: Path, batches: list, size: int, quantile: float, line_no: np.ndarray, offset: np.ndarray) -> None:  # type: ignore[type-arg]
    windows, detector = Windows(WindowOptions(kind="count", key="none", size=size, stride=size)), Ewma(EwmaOptions())
    first, last, scores, counts = [], [], [], []
    closed = [windows.push(batch) for batch in batches]
    for part in [*closed, windows.tick(2**62)]:
        for i in range(len(part)):
            one = np.searchsorted(offset, part.offset[part.start[i] : part.start[i + 1]].astype(np.int64))
            first.append(int(line_no[one[0]]))
            last.append(int(line_no[one[-1]]))
            counts.append(np.bincount(3 + part.slot[part.start[i] : part.start[i + 1]], minlength=200).tolist())
        for i in range(0, len(part), 8):
            some = _take(part, i, min(len(part), i + 8))
            scores += detector.score(some).tolist()
            detector.learn(some, np.ones(len(some), bool))
    edge = np.quantile(scores, quantile)
    tables.write(
        folder / tables.BASELINE_SCORES.file,
        tables.table(
            tables.BASELINE_SCORES,
            window_start_line=first,
            score=scores,
            is_anomaly=np.array(scores) > edge,
            window_end_line=last,
        ),
    )
    tables.write(
        folder / tables.WINDOW_COUNTS.file,
        tables.table(
            tables.WINDOW_COUNTS, window_idx=np.arange(len(first)), start_line=first, end_line=last, counts=counts
        ),
    )


def _take(windows, begin: int, end: int):  # type: ignore[no-untyped-def]
    from dataclasses import fields, replace

    at = slice(int(windows.start[begin]), int(windows.start[end]))
    per_record = ("slot", "severity", "is_new", "source", "offset", "length", "timestamp_ns")
    changed = {
        f.name: getattr(windows, f.name)[at if f.name in per_record else slice(begin, end)] for f in fields(windows)
    }
    changed["start"] = windows.start[begin : end + 1] - windows.start[begin]
    return replace(windows, **changed)
