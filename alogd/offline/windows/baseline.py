"""Windows in, baseline_scores.parquet out: the daemon's own ewma detector over a log at rest.

As in the daemon each window is scored before it is learned from, and one that looks odd is not learned from at all. A
score is odd above the quantile q of the whole log's scores, the first windows left out, as all is new to an empty
baseline.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np

from alogd.config.tree import WindowOptions
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.event import F64, I64, WindowBatch
from alogd.offline import tables
from alogd.offline.windows.windowing import Key, Tell, closed, lines_of, nothing
from alogd.windows import rows

WARM_UP = 200  # windows, as alerts.warmup_windows; a fifth of a short log
STEP = 32  # windows scored between two lessons; a daemon's blocks hold about as many
RECENT = 10_000  # scores that say what is odd while the log is read


def scores(
    parsed: Path, out: Path, options: WindowOptions, key: Key, alpha: float, q: float, tell: Tell = lambda _: None
) -> tuple[int, int, float]:
    """(windows, odd ones, threshold) of what it writes to out/baseline_scores.parquet."""
    detector = Ewma(EwmaOptions(alpha=alpha))
    recent: deque[float] = deque(maxlen=RECENT)
    parts: list[tuple[I64, I64, F64, list[str]]] = []
    seen = 0
    for windows, names in closed(parsed, options, key, tell):
        for at in range(0, len(windows), STEP):
            some = rows.part(windows, at, min(len(windows), at + STEP))
            score = detector.score(some)
            _learn(detector, some, score, recent, seen, q)
            seen += len(some)
            parts.append((*lines_of(some), score, names[at : at + STEP]))
    if not parts:
        raise nothing(parsed, "no window closed")
    first, last, score = (np.concatenate([part[i] for part in parts]) for i in range(3))
    warm = min(max(STEP, min(WARM_UP, len(score) // 5)), len(score) - 1)
    threshold = float(np.quantile(score[warm:], q))
    odd = (score > threshold) & (np.arange(len(score)) >= warm)
    table = tables.table(
        tables.BASELINE_SCORES,
        window_start_line=first,
        score=score,
        is_anomaly=odd,
        window_end_line=last,
        threshold=np.full(len(score), threshold),
        session=[name for part in parts for name in part[3]],
    )
    tables.write(out / tables.BASELINE_SCORES.file, table, {"alogd.alpha": str(alpha), "alogd.q": str(q)})
    return len(score), int(odd.sum()), threshold


def _learn(detector: Ewma, windows: WindowBatch, score: F64, recent: deque[float], seen: int, q: float) -> None:
    keep = np.ones(len(score), bool)
    if seen >= WARM_UP:
        keep = score <= np.quantile(np.array(recent), q)
    detector.learn(windows, keep)
    recent.extend(score.tolist())
