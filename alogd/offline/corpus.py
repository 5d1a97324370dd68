"""From log files to what is trained on: the windows a daemon's stream would judge, and the templates in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alogd.cli.inputs import Input, batches
from alogd.config import Alerts, StreamOptions
from alogd.detectors._sequences import I32
from alogd.engine_config import EngineConfig, available_engine
from alogd.event import NO_TIME
from alogd.offline.sessions import EvenSample, Sessions
from alogd.stream import engine_config
from alogd.template_name import fingerprint
from alogd.vocabulary import UNK, Vocabulary, mining
from alogd.windows import Windows

if TYPE_CHECKING:
    from alogd.engine import Engine

LONGEST_QUIET_NS = 30 * 86_400 * 10**9  # log time after the last line at which every window has closed
STATE = "engine.alog"


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
    inputs: Sequence[Input], options: StreamOptions, alerts: Alerts, tell: Callable[[int], None] = lambda _: None
) -> Corpus:
    """All inputs, one after another; tell(lines) after every block. Raises ValueError when there is nothing in them."""
    config = engine_config(options, alerts)
    engine = available_engine(options.engine.kind)(config)
    windows, sample = Windows(options.windows), EvenSample()
    for batch in batches(engine, inputs):
        if len(batch):
            sample.add(windows.push(batch))
        tell(engine.counters()["lines"])
    last = windows.watermark
    if last == NO_TIME:
        last = max((one.modified_ns for one in inputs), default=0)
    sample.add(windows.tick(last + LONGEST_QUIET_NS))
    vocabulary, numbers = _vocabulary(engine, config)
    return Corpus(
        sample.sessions(numbers), vocabulary, engine.save(), engine.counters()["lines"], sample.seen, sample.step
    )


def _vocabulary(engine: Engine, config: EngineConfig) -> tuple[Vocabulary, I32]:
    """Templates in order of id, known by the text they had at first: it never changes, whatever the log says next."""
    texts = {slot: engine.first_text(slot) for slot in engine.slots()}
    vocabulary = Vocabulary.of(((fingerprint(text), text) for text in texts.values()), mining(config), STATE)
    numbers = np.full(max(texts, default=0) + 1, UNK, np.int32)
    for slot, text in texts.items():
        numbers[slot] = vocabulary.number(fingerprint(text), text)
    return vocabulary, numbers
