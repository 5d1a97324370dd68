"""Ranks detectors by labelled data: the composite of alogd/offline/verdicts/measures.py, its parts, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alogd.event import F64
from alogd.offline import atomic
from alogd.offline.reports import pictures
from alogd.offline.reports.markdown import table
from alogd.offline.verdicts.appraisal import Appraisal
from alogd.offline.verdicts.measures import WEIGHTS, roc
from alogd.offline.verdicts.processed import Judged, Processed

REPORT, RESULT = "selection.md", "selection.json"
HEADS = ("detector", "composite", "F1", "accuracy", "recall", "precision", "AUROC")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A detector and what it is worth."""

    appraisal: Appraisal
    curve: tuple[F64, F64]  # false alarm rate and recall at every threshold

    @property
    def composite(self) -> float:
        """0-1."""
        return self.appraisal.confusion.composite


def rank(judged: Sequence[tuple[Judged, Appraisal]]) -> list[Ranked]:
    """The best first; of equal ones, that with the larger AUROC."""
    ranked = [Ranked(told, roc(told.truth[told.counts], one.score[told.counts])) for one, told in judged]
    return sorted(ranked, key=lambda one: (-one.composite, -(one.appraisal.auroc or 0.0), one.appraisal.name))


def table_of(ranked: Sequence[Ranked]) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Heads and rows, figures as text."""
    rows = []
    for one in ranked:
        told = one.appraisal.confusion
        figures = (one.composite, told.f1, told.accuracy, told.recall, told.precision)
        area = "-" if one.appraisal.auroc is None else f"{one.appraisal.auroc:.3f}"
        rows.append((one.appraisal.name, *(f"{figure:.3f}" for figure in figures), area))
    return HEADS, rows


def write(logs: Processed, ranked: Sequence[Ranked]) -> Path:
    """selection.md, selection.json and the pictures; the first of them."""
    folder = logs.folder
    found = {one.appraisal.name: one.appraisal.confusion for one in ranked}
    curves = {_titled(one): one.curve for one in ranked}
    drawn = {
        "confusion.svg": pictures.confusion("Verdicts (columns) by truth (rows)", found),
        "roc.svg": pictures.roc_curves("Recall over false alarm rate", curves),
    }
    for name, picture in drawn.items():
        atomic.write(folder / pictures.FOLDER / name, picture)
    result = [
        {"detector": one.appraisal.name, "composite": round(one.composite, 4), **one.appraisal.as_json()}
        for one in ranked
    ]
    atomic.write(folder / RESULT, msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    heads, rows = table_of(ranked)
    formula = " + ".join(f"{weight:g} {name}" for name, weight in WEIGHTS.items())
    lines = ["# Detectors side by side", "", f"Best: **{ranked[0].appraisal.name}**. composite = {formula}."]
    lines += table(heads, rows, right=range(1, len(heads)))
    lines += [f"![{name}]({pictures.FOLDER}/{name})\n" for name in drawn]
    atomic.write(folder / REPORT, "\n".join(lines))
    return folder / REPORT


def _titled(one: Ranked) -> str:
    area = one.appraisal.auroc
    return one.appraisal.name + ("" if area is None else f"  {area:.3f}")
