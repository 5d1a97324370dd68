"""A trained bundle and a log in, what each model makes of every session out: the daemon's models over a log at rest.

The log is parsed from where the bundle's engine stood, so that templates have the bundle's numbers; those that are new
are known by the nearest the model has, as in the daemon. Windows are those it was trained on. What judges a file of
sequences or counts (`JUDGES`) is the same for a model that stands by itself (model_files.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from alogd.cli.failures import BadData
from alogd.config.tree import WindowOptions
from alogd.detectors._in_service import kinds, load, of_kind
from alogd.detectors._sequences import I32
from alogd.detectors._series import Histories, Series
from alogd.detectors.deeplog import UNSEEN, NextTemplate
from alogd.detectors.mscred import Signatures
from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from alogd.event import F64, Bool
from alogd.models import bundle
from alogd.models.bundle import BadBundle, Bundle
from alogd.models.vocabulary import SPECIAL, Vocabulary
from alogd.offline import tables
from alogd.offline.models.sessions import Sessions
from alogd.offline.windows.counting import count_tables
from alogd.offline.windows.windowing import Key

COLUMNS = {"program": "app", "host": "host", "source": "file", "none": ""}  # of parsed.parquet, by window key

Tell = Callable[[int], None]  # sessions so far


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one model said."""

    kind: str
    sessions: int
    odd: int
    threshold: float
    what: str = "session"


def place_of(models: Path) -> Path:
    """A bundle itself, or the one that a directory of models has in service. Raises BadData."""
    if (models / bundle.MANIFEST).is_file():
        return models
    if not models.is_dir():
        raise BadData(f"{models}: no such directory; alog-detect train LOGDIR {models} makes one")
    if (found := bundle.in_service(models)) is None:
        raise BadData(f"{models}: no model is in service; alog-detect train LOGDIR {models} makes one")
    return found


def settings(read: Bundle, config: EngineConfig) -> tuple[EngineConfig, bytes]:
    """The configuration with all that gives the bundle's templates their meaning, and the state to parse from.

    Raises BadBundle.
    """
    state = read.files.get(read.vocabulary.state or "")
    if state is None:
        raise BadBundle(f"{read.path}: the bundle has no state of an engine")
    try:
        saved = Engine.saved_settings(state)
        kind, name = saved["key"]
        key = {kind: name} if name else kind
        users = tuple((str(mask), str(pattern)) for mask, pattern in saved["user_masks"])
        same: dict[str, Any] = {name: value for name, value in saved.items() if isinstance(value, (bool, int))}
        same |= {name: tuple(saved[name]) for name in ("masks", "extra_delimiters")}
        own = replace(config, **same, user_masks=users, key=key, header=saved["header"])
        Engine.load(state, own)
    except (ValueError, KeyError) as error:
        raise BadBundle(f"{read.path}: {error}") from None
    return own, state


def same_mining(read: Bundle, parsed: Vocabulary, folder: Path) -> None:
    """Raises BadData when the log was parsed under settings that give templates another meaning than the model's."""
    ours, theirs = dict(parsed.engine), dict(read.vocabulary.engine)
    other = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if other:
        raise BadData(f"{folder} was parsed with another {', '.join(other)} than {read.path}; give the log itself")


def windows(read: Bundle, config: EngineConfig) -> tuple[WindowOptions, Key]:
    """What the models were trained on. Raises BadBundle for a key that parsed logs do not have."""
    options = msgspec.convert(read.manifest.windows, WindowOptions)
    kind, name = config.key_parts()
    if kind == "mask":
        return options, Key(pattern=f"(?P<key>{dict(config.user_masks)[name]})")
    if kind not in COLUMNS:
        raise BadBundle(f"{read.path}: trained on windows by {kind} {name}, which parsed logs do not keep")
    return options, Key(column=COLUMNS[kind])


def numbers(read: Bundle, parsed: Vocabulary) -> I32:
    """The model's number of each of the parsed log's."""
    theirs = [read.vocabulary.number(one.fingerprint, one.text) for one in parsed.templates]
    return np.array([*range(len(SPECIAL)), *theirs], np.int32)


def judge(read: Bundle, folder: Path, number: I32, tell: Tell = lambda _: None) -> list[Verdict]:
    """Writes KIND_infer.parquet of every model; what each said. Raises BadBundle when one cannot run."""
    done = []
    for kind in kinds(read):
        asked = Asked(load(read, kind, of_kind(kind)), read.manifest.thresholds[kind], folder, folder, number, tell)
        done.append(JUDGES[kind](asked))
    return done


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model is to judge by what, and where the verdicts go."""

    model: Any
    limit: float
    source: Path  # sequences.parquet or window_counts.parquet, or the directory it is in
    out: Path  # a directory
    number: I32  # the model's, by those of the file
    tell: Tell = lambda _: None
    k: int = 0  # of deeplog: above 0, an event is odd that is not among the k likeliest (the paper's verdict)
    percentile: float | None = None  # of logbert: of the file's own scores, in place of the limit


def _sessions(asked: Asked) -> Iterator[tuple[int, Sessions]]:
    at = 0
    for table in tables.batches(asked.source, tables.SEQUENCES, ["sequence", "fresh", "ends"], 8192):
        lists = table.column("sequence").combine_chunks()
        numbers = lists.flatten().to_numpy()
        _check(numbers, asked)
        tokens = asked.number[numbers].astype(np.int32)
        start = np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy())]).astype(np.int64)
        fresh = table.column("fresh").to_numpy().astype(np.int64)
        yield at, Sessions(tokens, start, fresh, table.column("ends").to_numpy())
        at += len(table)
        asked.tell(at)


def _check(numbers: I32, asked: Asked) -> None:
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < len(asked.number):
        raise BadData(f"{asked.source} has template {numbers.max()}, which the vocabulary beside it does not know")


def _deeplog(asked: Asked) -> Verdict:
    """One row an event that was judged."""
    kind, count, odd = tables.DEEPLOG_INFER, 0, 0
    model: NextTemplate = asked.model
    extra = {"surprise": "float64", "is_anomaly": "bool", "threshold": "float64"}
    schema = tables.with_columns(kind, **extra)
    noted = {"alogd.k": str(asked.k)} if asked.k else {"alogd.threshold": str(asked.limit)}
    with tables.writer(asked.out / kind.file, schema, noted) as out:
        for at, one in _sessions(asked):
            found = model.judge(one.tokens, one.start, one.fresh, one.ends)
            due = found.surprise > 0
            surprise, missed = found.surprise[due], found.rank[due] >= (asked.k or model.k)
            # what an event must exceed for its session, the largest of whose surprises is judged, to be odd by it
            own = np.minimum(asked.limit + np.log(found.asked[found.session[due]]), np.nextafter(UNSEEN, 0.0))
            count += len(one)
            verdict = missed if asked.k else surprise > own
            odd += len(np.unique(found.session[due][verdict]))
            out.write_table(
                tables.table(
                    kind,
                    idx=found.session[due] + at,
                    target=found.event[due].astype(np.int32),
                    in_topk=~missed,
                    surprise=surprise,
                    is_anomaly=verdict,
                    threshold=np.full(len(own), np.nan) if asked.k else own,
                )
            )
    return Verdict("deeplog", count, odd, asked.limit)


def _logbert(asked: Asked) -> Verdict:
    """One row a session."""
    score: F64 = np.concatenate(
        [asked.model.scores(one.tokens, one.start, one.fresh, one.ends) for _, one in _sessions(asked)]
    )
    limit = asked.limit if asked.percentile is None else float(np.percentile(score, asked.percentile))
    odd: Bool = score > limit
    table = tables.table(
        tables.LOGBERT_INFER,
        seq_idx=np.arange(len(score)),
        avg_loss=score,
        is_anomaly=odd,
        threshold=np.full(len(score), limit),
    )
    tables.write(asked.out / tables.LOGBERT_INFER.file, table)
    return Verdict("logbert", len(score), int(odd.sum()), limit)


def histories(asked: Asked) -> Iterator[Histories]:
    """The windows of window_counts.parquet with those before each of its series, in order."""
    model: Signatures = asked.model
    series, names = Series(model.plan.history, model.plan.side), dict[str, int]()
    into = np.zeros((len(asked.number), model.plan.side), np.int64)
    into[np.arange(len(asked.number)), model.places[asked.number]] = 1
    done = 0
    for counts, keys in count_tables(asked.source, len(asked.number)):
        made = (counts @ into).astype(np.int32)
        group = np.array([names.setdefault(key, len(names)) for key in keys], np.uint64)
        yield series.before(group, made)
        series.follow(group, made)
        done += len(made)
        asked.tell(done)


def _mscred(asked: Asked) -> Verdict:
    """One row a window."""
    score: F64 = np.concatenate([asked.model.judge(part) for part in histories(asked)])
    odd: Bool = score > asked.limit
    windows = tables.read(asked.source, tables.WINDOW_COUNTS, ["window_idx"])
    table = tables.table(
        tables.MSCRED_INFER,
        window_idx=windows.column("window_idx"),
        reconstruction_error=score,
        is_anomaly=odd,
        threshold=np.full(len(score), asked.limit),
    )
    tables.write(asked.out / tables.MSCRED_INFER.file, table)
    return Verdict("mscred", len(score), int(odd.sum()), asked.limit, "window")


JUDGES: dict[str, Callable[[Asked], Verdict]] = {"deeplog": _deeplog, "logbert": _logbert, "mscred": _mscred}
