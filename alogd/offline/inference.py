"""A trained bundle and a log in, what each model makes of every session out: the daemon's models over a log at rest.

The log is parsed from where the bundle's engine stood, so that templates have the bundle's numbers; those that are new
are known by the nearest the model has, as in the daemon. Windows are those it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from alogd import bundle
from alogd.bundle import BadBundle, Bundle
from alogd.cli.failures import BadData
from alogd.config import WindowOptions
from alogd.detectors._in_service import Model, kinds, load, of_kind
from alogd.detectors._sequences import I32
from alogd.detectors.deeplog import UNSEEN, NextTemplate
from alogd.engine import Engine
from alogd.engine_config import EngineConfig
from alogd.event import F64, Bool
from alogd.offline import tables
from alogd.offline.sessions import Sessions
from alogd.offline.windowing import Key
from alogd.vocabulary import SPECIAL, Vocabulary

COLUMNS = {"program": "app", "host": "host", "source": "file", "none": ""}  # of parsed.parquet, by window key

Tell = Callable[[int], None]  # sessions so far


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one model said."""

    kind: str
    sessions: int
    odd: int
    threshold: float


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


def judge(read: Bundle, folder: Path, number: I32, tell: Tell = lambda _: None) -> tuple[list[Verdict], list[str]]:
    """Writes KIND_infer.parquet of every model that judges sessions; gives verdicts, and the kinds left out."""
    done, left_out = [], []
    for kind in kinds(read):
        if kind not in _JUDGES:
            left_out.append(kind)
            continue
        model = load(read, kind, of_kind(kind))
        done.append(_JUDGES[kind](model, read.manifest.thresholds[kind], folder, number, tell))
    return done, left_out


def _sessions(folder: Path, number: I32, tell: Tell) -> Any:
    at = 0
    for table in tables.batches(folder, tables.SEQUENCES, ["sequence", "fresh", "ends"], 8192):
        lists = table.column("sequence").combine_chunks()
        tokens = number[lists.flatten().to_numpy()].astype(np.int32)
        start = np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy())]).astype(np.int64)
        fresh = table.column("fresh").to_numpy().astype(np.int64)
        yield at, Sessions(tokens, start, fresh, table.column("ends").to_numpy())
        at += len(table)
        tell(at)


def _deeplog(model: NextTemplate, limit: float, folder: Path, number: I32, tell: Tell) -> Verdict:
    """One row an event that was judged."""
    kind, count, odd = tables.DEEPLOG_INFER, 0, 0
    extra = {"surprise": "float64", "is_anomaly": "bool", "threshold": "float64"}
    schema = tables.with_columns(kind, **extra)
    with tables.writer(folder / kind.file, schema, {"alogd.threshold": str(limit)}) as out:
        for at, one in _sessions(folder, number, tell):
            found = model.judge(one.tokens, one.start, one.fresh, one.ends)
            asked = found.surprise > 0
            count += len(one)
            odd += int((found.scores() > limit).sum())
            surprise = found.surprise[asked]
            # what an event must exceed for its session, the largest of whose surprises is judged, to be odd by it
            own = np.minimum(limit + np.log(found.asked[found.session[asked]]), np.nextafter(UNSEEN, 0.0))
            out.write_table(
                tables.table(
                    kind,
                    idx=found.session[asked] + at,
                    target=found.event[asked].astype(np.int32),
                    in_topk=found.rank[asked] < model.k,
                    surprise=surprise,
                    is_anomaly=surprise > own,
                    threshold=own,
                )
            )
    return Verdict("deeplog", count, odd, limit)


def _logbert(model: Model, limit: float, folder: Path, number: I32, tell: Tell) -> Verdict:
    """One row a session."""
    parts = [model.scores(one.tokens, one.start, one.fresh, one.ends) for _, one in _sessions(folder, number, tell)]
    score: F64 = np.concatenate(parts)
    odd: Bool = score > limit
    table = tables.table(
        tables.LOGBERT_INFER,
        seq_idx=np.arange(len(score)),
        avg_loss=score,
        is_anomaly=odd,
        threshold=np.full(len(score), limit),
    )
    tables.write(folder / tables.LOGBERT_INFER.file, table)
    return Verdict("logbert", len(score), int(odd.sum()), limit)


_JUDGES: dict[str, Callable[..., Verdict]] = {"deeplog": _deeplog, "logbert": _logbert}
