"""The corpus's own messages in other formats, against the same in plain lines: time, level and message."""

from __future__ import annotations

from functools import partial

from tests.bench import formats
from tests.bench.contestants import engine_on
from tests.bench.corpus import Corpus
from tests.bench.table import Maker, Row
from tests.bench.timing import Contestant

HALF = 0.5


def _wrapped(name: str, corpus: Corpus) -> Contestant:
    return engine_on(formats.wrapped(corpus.messages, formats.FORMATS[name]))


MAKERS: dict[str, Maker] = {
    "plain": lambda corpus: engine_on(formats.wrapped(corpus.messages, formats.plain)),
    **{name: partial(_wrapped, name) for name in formats.FORMATS},
    "CLF": lambda corpus: engine_on(formats.clf(len(corpus.messages))),
    "stack traces": lambda corpus: engine_on(formats.traces(corpus.messages)),
}

ROWS = (
    *(Row(f"{name} / plain lines", name, "plain", target=HALF) for name in formats.FORMATS),
    Row("CLF (access lines, not these messages) / plain lines", "CLF", "plain", target=HALF),
    Row("stack traces of 9 lines on every 5th record / plain lines", "stack traces", "plain", target=HALF),
)
