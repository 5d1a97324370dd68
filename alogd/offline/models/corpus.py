"""From log files to what is trained on: the windows a daemon's stream would judge, and the templates in them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from alogd.cli.inputs import Input, batches
from alogd.config.tree import Alerts, StreamOptions
from alogd.detectors._sequences import I32
from alogd.engine.of_stream import engine_config
from alogd.engine.settings import EngineConfig, available_engine
from alogd.engine.template_name import fingerprint
from alogd.event import NO_TIME
from alogd.models.bundle import Bundle
from alogd.models.vocabulary import UNK, Vocabulary, mining
from alogd.offline.models.series import Counts, CountSample
from alogd.offline.models.sessions import EvenSample, Sessions, series_of
from alogd.windows.gather import Windows

if TYPE_CHECKING:
    from alogd.engine.native import Engine

LONGEST_QUIET_NS = 30 * 86_400 * 10**9  # log time after the last line at which every window has closed
STATE = "engine.alog"
SERIES = ("start", "number", "count", "group", "place")  # columns of Counts


@dataclass(frozen=True, slots=True)
class Corpus:
    """What some logs say, as a model takes it."""

    sessions: Sessions
    vocabulary: Vocabulary
    engine: bytes  # state of the engine that read them
    lines: int
    windows: int  # closed, of which
    step: int  # every so many was kept


def read(
    inputs: Sequence[Input],
    options: StreamOptions,
    alerts: Alerts,
    tell: Callable[[int], None] = lambda _: None,
    base: Bundle | None = None,
) -> Corpus:
    """All inputs, one after another; tell(lines) after every block. With `base`, its templates keep their numbers.

    Raises ValueError when there is nothing in them, or `base` was mined with other settings.
    """
    config = engine_config(options, alerts)
    engine = _engine(available_engine(options.engine.kind), config, base)
    before = engine.counters()["lines"]
    windows, sample = Windows(options.windows), EvenSample()
    counts = CountSample(alone=options.windows.kind == "session")
    for batch in batches(engine, inputs):
        if len(batch):
            closed = windows.push(batch)
            sample.add(closed)
            counts.add(closed)
        tell(engine.counters()["lines"] - before)
    last = windows.watermark
    if last == NO_TIME:
        last = max((one.modified_ns for one in inputs), default=0)
    closed = windows.tick(last + LONGEST_QUIET_NS)
    sample.add(closed)
    counts.add(closed)
    vocabulary, numbers = _vocabulary(engine, config, base)
    sessions = replace(sample.sessions(numbers), series=counts.counts(numbers))
    lines = engine.counters()["lines"] - before
    return Corpus(sessions, vocabulary, engine.save(), lines, sample.seen, sample.step)


def _engine(kind: type[Engine], config: EngineConfig, base: Bundle | None) -> Engine:
    if base is None:
        return kind(config)
    if base.vocabulary.engine != mining(config):
        ours = mining(config)
        other = sorted(name for name in ours if base.vocabulary.engine.get(name) != ours[name])
        raise ValueError(f"{base.path} was trained with another {', '.join(other)} than the stream has: train anew")
    state = base.files.get(base.vocabulary.state or "")
    if state is None:
        raise ValueError(f"{base.path} holds no state of an engine to go on from: train anew")
    return kind.load(state, config)


def _vocabulary(engine: Engine, config: EngineConfig, base: Bundle | None) -> tuple[Vocabulary, I32]:
    """Templates in order of id, known by the text they had at first: it never changes, whatever the log says next.

    Those of `base` come first, also when the engine no longer has them.
    """
    texts = {slot: engine.first_text(slot) for slot in engine.slots()}
    known = [(one.fingerprint, one.text) for one in base.vocabulary.templates] if base else []
    named = {fingerprint(text): text for text in texts.values()}
    old = {name for name, _ in known}
    fresh = [pair for pair in named.items() if pair[0] not in old]
    vocabulary = Vocabulary.of([*known, *fresh], mining(config), STATE)
    numbers = np.full(max(texts, default=0) + 1, UNK, np.int32)
    for slot, text in texts.items():
        numbers[slot] = vocabulary.number(fingerprint(text), text)
    return vocabulary, numbers


# -- kept between two runs of a training


def pack(corpus: Corpus) -> bytes:
    """As `unpack` reads it: arrays, and no objects."""
    sessions, series = corpus.sessions, series_of(corpus.sessions)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        tokens=sessions.tokens,
        start=sessions.start,
        fresh=sessions.fresh,
        ends=sessions.ends,
        **{f"series_{name}": getattr(series, name) for name in SERIES},
        series_alone=np.array(series.alone),
        vocabulary=np.frombuffer(corpus.vocabulary.to_json(), np.uint8),
        engine=np.frombuffer(corpus.engine, np.uint8),
        counts=np.array([corpus.lines, corpus.windows, corpus.step], np.int64),
    )
    return buffer.getvalue()


def unpack(data: bytes) -> Corpus:
    """Raises ValueError, KeyError for what `pack` did not write."""
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        start, number, count, group, place = (kept[f"series_{name}"] for name in SERIES)
        series = Counts(start, number, count, group, place, bool(kept["series_alone"]))
        sessions = Sessions(kept["tokens"], kept["start"], kept["fresh"], kept["ends"], series)
        vocabulary = Vocabulary.from_json(kept["vocabulary"].tobytes())
        lines, windows, step = kept["counts"].tolist()
        return Corpus(sessions, vocabulary, kept["engine"].tobytes(), lines, windows, step)
