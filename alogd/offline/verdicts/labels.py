"""Reads what really happened: labels of lines or of sessions, grouped into incidents."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alogd.cli.failures import BadData
from alogd.event import I64, Bool
from alogd.offline.verdicts.processed import Judged, Processed

NORMAL = ("", "0", "-", "normal", "none", "false")
SAME_INCIDENT = 200  # records between odd ones of one incident, where the labels name none
_SESSION = ("session", "blockid", "session_id", "seq_idx")
_WORD = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Incident:
    """Odd records that belong together."""

    name: str
    kind: str
    records: I64  # indexes, ascending


@dataclass(frozen=True, slots=True)
class Labels:
    """What is odd: either records, as incidents, or keys of sessions."""

    incidents: tuple[Incident, ...] = ()
    odd_sessions: frozenset[str] = frozenset()
    known_sessions: frozenset[str] = frozenset()

    @property
    def by_session(self) -> bool:
        """Whether sessions are labelled, not lines."""
        return bool(self.known_sessions)


def read(path: Path, logs: Processed) -> Labels:
    """CSV with a head: line,label[,incident] or session,label. Raises BadData that says what is wrong, and where."""
    rows = _rows(path)
    heads = [head.strip().lower() for head in next(rows)[1]]
    if "label" not in heads or not ({"line", *_SESSION} & set(heads)):
        raise BadData(f"{path}: its first line is {','.join(heads)[:80]!r}; line,label or session,label is wanted")
    label = heads.index("label")
    if "line" not in heads:
        return _sessions(path, rows, next(i for i, head in enumerate(heads) if head in _SESSION), label)
    incident = heads.index("incident") if "incident" in heads else None
    return _lines(path, rows, heads.index("line"), label, incident, logs)


def of_sessions(path: Path, keys: list[str]) -> tuple[Bool, Bool]:
    """Which of these sessions a CSV of session,label knows, (n,), and which of those are odd. Raises BadData."""
    rows = _rows(path)
    heads = [head.strip().lower() for head in next(rows)[1]]
    key = next((i for i, head in enumerate(heads) if head in _SESSION), None)
    if key is None or "label" not in heads:
        raise BadData(f"{path}: its first line is {','.join(heads)[:80]!r}; session,label is wanted")
    labels = _sessions(path, rows, key, heads.index("label"))
    known = np.array([one in labels.known_sessions for one in keys], bool)
    if not known.any():
        raise BadData(f"{path} labels none of the {len(keys):,} sessions")
    return known, np.array([one in labels.odd_sessions for one in keys], bool)[known]


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            empty = True
            for row in reader:
                if row:
                    empty = False
                    yield reader.line_num, row
            if empty:
                raise BadData(f"{path} is empty; line,label or session,label is wanted")
    except FileNotFoundError:
        raise BadData(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadData(f"{path} is a directory; name the CSV file in it") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} is no CSV text: {error}") from None


def _cells(path: Path, rows: Iterator[tuple[int, list[str]]], *columns: int) -> Iterator[tuple[int, list[str]]]:
    for number, row in rows:
        if len(row) <= max(columns):
            raise BadData(f"{path}:{number}: {len(row)} columns, {max(columns) + 1} are wanted")
        yield number, [row[column].strip() for column in columns]


def _sessions(path: Path, rows: Iterator[tuple[int, list[str]]], key: int, label: int) -> Labels:
    known = {cells[0]: cells[1].lower() not in NORMAL for _, cells in _cells(path, rows, key, label)}
    if not known:
        raise BadData(f"{path} labels nothing")
    return Labels(odd_sessions=frozenset(k for k, odd in known.items() if odd), known_sessions=frozenset(known))


def _lines(
    path: Path, rows: Iterator[tuple[int, list[str]]], line: int, label: int, incident: int | None, logs: Processed
) -> Labels:
    lines: dict[tuple[str, str], list[int]] = {}
    last = 0
    for number, cells in _cells(path, rows, line, label, *([] if incident is None else [incident])):
        if not cells[0].isascii() or not cells[0].isdigit() or int(cells[0]) < 1:
            raise BadData(f"{path}:{number}: line {cells[0]!r}; lines are counted from 1")
        if cells[1].lower() in NORMAL:
            continue
        lines.setdefault((cells[2] if incident is not None else "", cells[1]), []).append(int(cells[0]))
        last = max(last, int(cells[0]))
    if last > logs.line_no[-1] + 65_536:  # a record may go on for that many lines
        raise BadData(f"{path} labels line {last:,}, but {logs.folder} holds lines up to {int(logs.line_no[-1]):,}")
    found = []
    for (name, kind), numbers in lines.items():
        records = np.unique(logs.record(np.array(numbers, np.int64)))
        cuts = [] if name else (np.flatnonzero(np.diff(records) > SAME_INCIDENT) + 1).tolist()
        parts = np.split(records, cuts)
        found += [Incident(name or f"{kind}-{i + 1}", _kind(kind), part) for i, part in enumerate(parts)]
    return Labels(incidents=tuple(sorted(found, key=lambda one: int(one.records[0]))))


def _kind(label: str) -> str:
    return "anomaly" if label.lower() in ("1", "true", "anomaly", "anomalous") else label


def truth(labels: Labels, judged: Judged, logs: Processed) -> list[tuple[Incident | None, Bool]]:
    """Of each incident (None: of labelled sessions), which of a detector's windows hold some of it. (n,) each."""
    if labels.by_session:
        return [(None, np.array([key in labels.odd_sessions for key in judged.session], bool))]
    if judged.session or judged.within:
        return _by_key(labels, judged, logs)
    held: list[tuple[Incident | None, Bool]] = []
    for one in labels.incidents:
        begin = np.searchsorted(one.records, judged.first, "left")
        held.append((one, np.asarray(begin < np.searchsorted(one.records, judged.last, "right"))))
    return held


def _by_key(labels: Labels, judged: Judged, logs: Processed) -> list[tuple[Incident | None, Bool]]:
    """A record is in those windows of its program, or of the session that its line names, which span it."""
    place: dict[str, list[int]] = {}
    for i, key in enumerate(judged.session or judged.within):
        place.setdefault(key, []).append(i)
    of_key = {key: np.array(windows) for key, windows in place.items()}
    records = [int(record) for one in labels.incidents for record in one.records]
    texts = logs.texts(records, judged.column or "raw")
    held: list[tuple[Incident | None, Bool]] = []
    for one in labels.incidents:
        mine = np.zeros(len(judged), bool)
        for record in one.records.tolist():
            text = texts[record]
            for key in [text] if judged.column else _WORD.findall(text):
                if (windows := of_key.get(key)) is not None:
                    mine[windows[(judged.first[windows] <= record) & (record <= judged.last[windows])]] = True
        held.append((one, mine))
    return held
