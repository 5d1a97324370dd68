"""A directory of the toolbox's files as the commands that look at results take it: records and detectors' verdicts.

Everything is told in records of parsed.parquet, whose `line_no` all other files refer to. Of the records only columns
of numbers are held; their texts are read again where they are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alogd.cli.failures import BadData
from alogd.event import F64, I64, NO_TIME, U8, Bool
from alogd.judging.calibration import Calibrator
from alogd.judging.judge import _fused
from alogd.judging.risk import rarity
from alogd.offline import tables

I32 = npt.NDArray[np.int32]

ENSEMBLE = "ensemble"
DAY_NS = 86_400 * 10**9
FEWEST = 64  # windows that a calibration needs


@dataclass(frozen=True, slots=True)
class Judged:
    """What one detector says of its n windows or sessions, in time order."""

    name: str
    first: I64  # (n,) index of the first record
    last: I64  # (n,) of the last one
    score: F64  # (n,) larger = odder
    odd: Bool  # (n,)
    row: I64  # (n,) of each in the file that the detector judged
    session: tuple[str, ...] = ()  # (n,) keys, which the lines name; () where they are windows
    within: tuple[str, ...] = ()  # (n,) program or host whose records alone each window holds; () where it holds all
    column: str = ""  # "app" or "host", of `within`

    def __len__(self) -> int:
        return len(self.score)


class Processed:
    """One directory. Raises BadData, at once, when there are no parsed records in it."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            what = "is no directory" if folder.exists() else "does not exist"
            raise BadData(f"{folder} {what}; name the one that alog-detect parse --out-dir wrote")
        self.folder = folder
        columns = ("line_no", "timestamp", "template_id", "severity", "is_new")
        parsed = tables.read(folder, tables.PARSED, columns)
        self.line_no: I64 = parsed["line_no"].to_numpy()
        stamps = parsed["timestamp"].to_numpy()
        self.time_ns: I64 = np.where(np.isnat(stamps), NO_TIME, stamps.astype(np.int64))
        self.template: I32 = parsed["template_id"].to_numpy()
        self.severity: U8 = parsed["severity"].to_numpy()
        self.is_new: Bool = parsed["is_new"].to_numpy()
        self._codes: dict[str, tuple[I32, dict[str, int]]] = {}

    def __len__(self) -> int:
        return len(self.line_no)

    @property
    def days(self) -> float | None:
        """Log time from the first to the last record; None where they carry none."""
        known = self.time_ns[self.time_ns != NO_TIME]
        return float((known.max() - known.min()) / DAY_NS) or None if len(known) else None

    def record(self, lines: I64) -> I64:
        """Index of the record that each line belongs to (-1: before the first)."""
        return np.searchsorted(self.line_no, lines, "right") - 1

    def texts(self, which: Iterable[int], column: str = "raw") -> dict[int, str]:
        """A column's text of some records, by index; the file is read once, up to the last of them."""
        wanted = np.unique(np.fromiter(which, np.int64))
        found: dict[int, str] = {}
        begin = 0
        for part in tables.batches(self.folder, tables.PARSED, [column]):
            if len(found) == len(wanted):
                break
            mine = wanted[(wanted >= begin) & (wanted < begin + len(part))]
            values = part[column].take(mine - begin).to_pylist() if len(mine) else []
            found |= {int(at): str(value or "") for at, value in zip(mine, values, strict=True)}
            begin += len(part)
        return found

    def codes(self, column: str) -> tuple[I32, dict[str, int]]:
        """Of each record, a number for its program or host (-1: none), and the numbers of their names."""
        if column not in self._codes:
            numbers: dict[str, int] = {}
            parts = []
            for part in tables.batches(self.folder, tables.PARSED, [column]):
                coded = part[column].combine_chunks()
                mine = [numbers.setdefault(str(name), len(numbers)) for name in coded.dictionary.to_pylist()]
                parts.append(np.array([*mine, -1], np.int32)[coded.indices.fill_null(len(mine)).to_numpy()])
            self._codes[column] = np.concatenate(parts), numbers
        return self._codes[column]

    @cached_property
    def templates(self) -> dict[int, str]:
        """Final text of every template, by number."""
        texts: dict[int, str] = {}
        for part in tables.batches(self.folder, tables.PARSED, ["template_id", "template"]):
            ids = part["template_id"].to_numpy()
            _, at = np.unique(ids, return_index=True)
            names = part["template"].take(at).to_pylist()
            texts |= {int(i): str(name) for i, name in zip(ids[at], names, strict=True)}
        return texts

    @cached_property
    def detectors(self) -> list[Judged]:
        """All whose results are here. Raises BadData when there are none."""
        found = [read(self) for file, read in _READERS.items() if (self.folder / file).exists()]
        if not found:
            raise BadData(
                f"{self.folder} holds no results: none of {', '.join(_READERS)}; alog-detect detect makes the first"
            )
        return found

    def ensemble(self) -> Judged:
        """All detectors as one, on the windows of the first: their rarities fused as the daemon fuses them.

        It calls as many windows odd as they do on average, so it says nothing louder, only better founded.
        """
        base = self.detectors[0]
        rare = {one.name: on_windows(base, one, decades(one)) for one in self.detectors}
        fused = _fused(rare)
        share = np.mean([one.odd.mean() for one in self.detectors])
        count = round(float(share) * len(base))
        edge = np.sort(fused)[-count] if count else np.inf
        return replace(base, name=ENSEMBLE, score=fused, odd=np.asarray(fused >= edge))


def decades(one: Judged) -> F64:
    """Rarity of each score as the daemon tells it, -log10 of how often one as large comes when nothing is odd.

    Of fewer windows than a calibration needs, plainly the share of them that scores as high.
    """
    usual = one.score[~one.odd]
    if len(usual) >= FEWEST:
        calibrator = Calibrator()
        calibrator.add(usual)
        return calibrator.decades(one.score)
    order = np.sort(one.score)
    return rarity((len(order) - np.searchsorted(order, one.score, "left")) / max(1, len(order)))


def on_windows(base: Judged, other: Judged, value: F64) -> F64:
    """The largest value of `other`'s windows that meet each of `base`'s; 0 where none does.

    A session counts where it ends.
    """
    if other is base or (np.array_equal(base.first, other.first) and base.session == other.session):
        return value
    result = np.zeros(len(base))
    first = other.last if other.session else other.first
    # Those in order of their end that end behind a window's begin, up to those that begin behind its end.
    soonest = np.minimum.accumulate(first[::-1])[::-1]
    begin, end = np.searchsorted(other.last, base.first, "left"), np.searchsorted(soonest, base.last, "right")
    for i in np.flatnonzero(begin < end):
        result[i] = value[begin[i] : end[i]].max()
    return result


# -- readers, in the order detectors are shown


def _baseline(logs: Processed) -> Judged:
    found = tables.read(logs.folder, tables.BASELINE_SCORES)
    first = _found(logs, found["window_start_line"], tables.BASELINE_SCORES)
    if "window_end_line" in found.column_names:
        last = _found(logs, found["window_end_line"], tables.BASELINE_SCORES)
    else:
        last = np.append(first[1:] - 1, len(logs) - 1)
    score, odd = _numbers(found["score"]), found["is_anomaly"].to_numpy()
    judged = Judged("baseline", first, np.maximum(first, last), score, odd, np.arange(len(first)))
    return _keyed(logs, judged, _keys(found))


def _mscred(logs: Processed) -> Judged:
    found = tables.read(logs.folder, tables.MSCRED_INFER)
    windows = tables.read(logs.folder, tables.WINDOW_COUNTS)
    at = _row(found["window_idx"], windows["window_idx"].to_numpy(), tables.MSCRED_INFER)
    first = _found(logs, windows["start_line"], tables.WINDOW_COUNTS)[at]
    last = _found(logs, windows["end_line"], tables.WINDOW_COUNTS)[at]
    score, odd = _numbers(found["reconstruction_error"]), found["is_anomaly"].to_numpy()
    return _keyed(logs, Judged("mscred", first, last, score, odd, at), _keys(windows.take(at)))


def _logbert(logs: Processed) -> Judged:
    found = tables.read(logs.folder, tables.LOGBERT_INFER)
    score = "score" if "score" in found.column_names else "avg_loss"  # what its verdict is made of
    return _of_sessions(
        logs, "logbert", found["seq_idx"], _numbers(found[score]), found["is_anomaly"].to_numpy(), tables.LOGBERT_INFER
    )


def _deeplog(logs: Processed) -> Judged:
    """A session is odd that has an event the model did not expect; its score: the largest surprise, or how many."""
    found = tables.read(logs.folder, tables.DEEPLOG_INFER)
    missed = ~found["in_topk"].to_numpy()
    named = next((name for name in ("surprise", "score") if name in found.column_names), None)
    value = _numbers(found[named]) if named else missed.astype(np.float64)
    odd = found["is_anomaly"].to_numpy() if "is_anomaly" in found.column_names else missed
    rows, back = np.unique(found["idx"].to_numpy(), return_inverse=True)
    score, any_odd = np.zeros(len(rows)), np.zeros(len(rows), bool)
    (np.maximum if named else np.add).at(score, back, value)
    np.logical_or.at(any_odd, back, odd)
    return _of_sessions(logs, "deeplog", rows, score, any_odd, tables.DEEPLOG_INFER)


_READERS: Mapping[str, Callable[[Processed], Judged]] = {
    tables.BASELINE_SCORES.file: _baseline,
    tables.DEEPLOG_INFER.file: _deeplog,
    tables.LOGBERT_INFER.file: _logbert,
    tables.MSCRED_INFER.file: _mscred,
}


def _of_sessions(logs: Processed, name: str, rows: Any, score: F64, odd: Bool, kind: tables.Kind) -> Judged:
    found = tables.read(logs.folder, tables.SEQUENCES, ["session", "first_line", "last_line"])
    at = _row(rows, np.arange(len(found)), kind)
    first = _found(logs, found["first_line"], tables.SEQUENCES)[at]
    last = _found(logs, found["last_line"], tables.SEQUENCES)[at]
    return _keyed(logs, Judged(name, first, last, score, odd, at), _keys(found.take(at)))


def _keys(found: Any) -> list[str]:
    return [str(key) for key in found["session"].to_pylist()] if "session" in found.column_names else []


def _keyed(logs: Processed, one: Judged, keys: list[str]) -> Judged:
    """In time order, with what its windows are told apart by: a program, a host, or what their lines name."""
    if not any(keys):
        return _in_order(one)
    some = np.linspace(0, len(keys) - 1, min(20, len(keys))).astype(np.int64)
    for column in ("app", "host"):
        texts = logs.texts(one.first[some], column)
        if all(keys[i] in (texts[int(one.first[i])], "") for i in some):
            return _in_order(replace(one, within=tuple(keys), column=column))
    texts = logs.texts(one.first[some])
    if all(keys[i] in texts[int(one.first[i])] for i in some):
        return _in_order(_whole_sessions(one, keys))
    return _in_order(one)


def _whole_sessions(one: Judged, keys: list[str]) -> Judged:
    """A session that was quiet for long is several windows; it is as odd as the oddest of them."""
    names, begin, back = np.unique(np.array(keys), return_index=True, return_inverse=True)
    first, last = one.first[begin], one.last[begin]
    score, odd = one.score[begin], np.zeros(len(names), bool)
    np.minimum.at(first, back, one.first)
    np.maximum.at(last, back, one.last)
    np.maximum.at(score, back, one.score)
    np.logical_or.at(odd, back, one.odd)
    return Judged(one.name, first, last, score, odd, one.row[begin], tuple(map(str, names)))


def _in_order(one: Judged) -> Judged:
    order = np.argsort(one.last, kind="stable")
    return replace(
        one,
        first=one.first[order],
        last=one.last[order],
        score=one.score[order],
        odd=one.odd[order],
        row=one.row[order],
        session=tuple(one.session[i] for i in order) if one.session else (),
        within=tuple(one.within[i] for i in order) if one.within else (),
    )


def _found(logs: Processed, lines: Any, kind: tables.Kind) -> I64:
    where = logs.record(np.asarray(lines.to_numpy()))
    if len(where) and (where.min() < 0 or int(np.max(lines.to_numpy())) > logs.line_no[-1] + 1_000_000):
        raise BadData(f"{logs.folder / kind.file} speaks of lines that parsed.parquet there does not have")
    return where


def _row(rows: Any, known: I64, kind: tables.Kind) -> I64:
    wanted = np.asarray(rows if isinstance(rows, np.ndarray) else rows.to_numpy(), np.int64)
    at = np.searchsorted(known, wanted)
    if len(wanted) and (at.max() >= len(known) or not np.array_equal(known[at], wanted)):
        raise BadData(f"{kind.file} speaks of rows that are not in the file it was made from; make it anew")
    return at


def _numbers(column: Any) -> F64:
    """NaN, which no detector may say, counts as nothing odd."""
    return np.nan_to_num(np.asarray(column.to_numpy(), np.float64), nan=0.0)
