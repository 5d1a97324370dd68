"""Writes mscred_analysis.md: the oddest windows, the templates that did not go together in them, a picture of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from alogd.cli.failures import BadData
from alogd.detectors._matrices import Plan
from alogd.detectors._series import Histories
from alogd.detectors.mscred import Signatures
from alogd.event import I64
from alogd.models.vocabulary import Vocabulary
from alogd.offline import atomic, tables
from alogd.offline.reports import pictures
from alogd.offline.reports.markdown import code, table
from alogd.offline.verdicts.inference import Asked, histories

FILE = "mscred_analysis.md"
BLAMED = 5  # templates of a window


def write(asked: Asked, vocabulary: Vocabulary, most: int) -> tuple[Path, int]:
    """The file, and how many windows are in it. vocabulary: the model's. Raises BadData."""
    found = tables.read(asked.source, tables.MSCRED_INFER)
    windows = tables.read(asked.source, tables.WINDOW_COUNTS, ["window_idx", "start_line", "end_line"])
    if found["window_idx"].to_pylist() != windows["window_idx"].to_pylist():
        raise BadData(f"{asked.source}: mscred_infer.parquet is of other windows than window_counts.parquet")
    score, odd = found["reconstruction_error"].to_numpy(), found["is_anomaly"].to_numpy()
    chosen = np.argsort(-score, kind="stable")[:most]
    lines = ["# Counts that do not go together", ""]
    lines += [f"{int(odd.sum()):,} of {len(score):,} windows are odd: above {found['threshold'][0].as_py():.3f}."]
    lines += ["An entry tells how much two templates occurred together; red is what the model expected otherwise."]
    begin, end = windows["start_line"].to_pylist(), windows["end_line"].to_pylist()
    for number, (at, one) in enumerate(_picked(asked, chosen), 1):
        verdict = "odd" if odd[at] else "not odd"
        lines += ["", f"## {number}. Lines {begin[at]:,} to {end[at]:,}: {score[at]:.2f}, {verdict}"]
        lines += _window(asked, one, vocabulary, f"mscred_{number}.svg", f"Window {found['window_idx'][at]}")
    place = asked.out / FILE
    atomic.write(place, "\n".join(lines) + "\n")
    return place, len(chosen)


def _picked(asked: Asked, chosen: I64) -> Iterator[tuple[int, Histories]]:
    """Row and history of each window chosen, in the order chosen."""
    wanted, found, at = set(chosen.tolist()), dict[int, Histories](), 0
    for part in histories(asked):
        for row in range(len(part.age)):
            if at + row in wanted:
                found[at + row] = Histories(part.counts[row : row + 1], part.age[row : row + 1])
        at += len(part.age)
    return ((row, found[row]) for row in chosen.tolist())


def _window(asked: Asked, one: Histories, vocabulary: Vocabulary, name: str, title: str) -> Iterator[str]:
    model: Signatures = asked.model
    own, usual = model.blame(one)
    seen = one.counts[0, -1]
    total = float(own.sum()) or 1.0
    worst = [at for at in np.argsort(-own, kind="stable")[:BLAMED].tolist() if own[at] > 0]
    rows = [
        (at + 1, code(_named(model.plan, at, vocabulary)), int(seen[at]), float(usual[at]), f"{own[at] / total:.0%}")
        for at in worst
    ]
    yield from table(("place", "template", "seen", "usual", "share"), rows, right=(0, 2, 3, 4))
    residual = model.residuals(one)
    drawn = pictures.matrices(
        f"{title}: signature matrix, and its residual", residual.seen[0, 0], np.abs(residual.broken[0, 0])
    )
    atomic.write(asked.out / pictures.FOLDER / name, drawn)
    yield f"![{title}]({pictures.FOLDER}/{name})"


def _named(plan: Plan, place: int, vocabulary: Vocabulary) -> str:
    if place < len(plan.templates):
        return vocabulary.text(plan.templates[place])
    return "all other templates" if place == len(plan.templates) else "templates the model does not know"
