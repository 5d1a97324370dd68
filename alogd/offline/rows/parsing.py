"""Log files in, parsed.parquet out, whatever their size: the same engine and settings as a daemon's stream.

Two passes. A template's text changes while Drain learns, and a row is to carry what it had become at the end: so the
first pass learns, and the second does the same once more from the same state, with the texts at hand. Both give the
same template to the same record, since the engine's answers depend on the bytes alone. Memory is bounded by blocks and
row groups; what cannot be read twice (gzip, a pipe) goes through an unnamed temporary file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from alogd.cli.failures import BadData
from alogd.cli.inputs import Input
from alogd.detectors._sequences import I32
from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from alogd.engine.template_name import fingerprint
from alogd.event import Batch
from alogd.models.vocabulary import MOST_TEMPLATES, SPECIAL, UNK, Vocabulary
from alogd.offline import tables
from alogd.offline.rows import drain_state
from alogd.offline.rows.lines import Lines
from alogd.offline.rows.preview import Preview
from alogd.offline.rows.record_columns import Columns

GROUP_ROWS = 131_072  # of a row group, or
GROUP_BYTES = 48 << 20  # of raw text, whichever comes first
WAITING = 2  # row groups on their way to the disk

Tell = Callable[[int, int], None]  # pass (1 or 2), bytes of text read in it


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came of it."""

    records: int
    lines: int
    bytes: int  # of text, unpacked
    vocabulary: Vocabulary
    created: int  # templates that the state before did not have
    unnumbered: int  # templates beyond the vocabulary's bound, shown as the nearest in it
    preview: Preview


@dataclass(frozen=True, slots=True)
class Learned:
    """What the first pass found."""

    vocabulary: Vocabulary
    number_of_slot: I32
    texts: list[str]  # by number, as the templates ended
    sizes: list[int]  # bytes of text, of each input
    state: bytes
    templates: int  # of the engine
    lines: int


def parse(
    inputs: Sequence[Input],
    config: EngineConfig,
    out: Path,
    before: bytes = b"",
    tell: Tell = lambda *_: None,
) -> tuple[Parsed, bytes]:
    """Writes out/parsed.parquet; gives what is in it, and the engine's state at the end. `before`: its state so far.

    Raises BadData when there is no record in the inputs, or one of them changes while it is being read.
    """
    known = len(_engine(config, before).slots())
    learned = _learn(inputs, config, before, tell)
    preview = Preview(learned.texts)
    schema = tables.PARSED.schema
    with tables.writer(out / tables.PARSED.file, schema, _notes(inputs), **_encodings()) as file:
        records = _write(file, _record_tables(inputs, config, before, learned, preview, tell))
        if not records:
            raise BadData(f"{', '.join(one.name for one in inputs)}: not one line in it")
    found = learned.templates
    more = max(0, found - MOST_TEMPLATES)
    parsed = Parsed(records, learned.lines, sum(learned.sizes), learned.vocabulary, found - known, more, preview)
    return parsed, learned.state


def _notes(inputs: Sequence[Input]) -> dict[str, str]:
    return {"alogd.inputs": "\n".join(one.name for one in inputs)}


def _encodings() -> dict[str, object]:
    """Numbers that only rise as differences; texts that repeat once a row group."""
    rising = {"line_no": "DELTA_BINARY_PACKED", "offset": "DELTA_BINARY_PACKED"}
    plain = {"raw", "is_new", *rising}
    return {
        "use_dictionary": [name for name in tables.PARSED.schema.names if name not in plain],
        "column_encoding": rising,
        "write_statistics": ["line_no", "timestamp", "template_id"],
        "dictionary_pagesize_limit": 4 << 20,
    }


# -- the first pass


def _engine(config: EngineConfig, before: bytes) -> Engine:
    return Engine.load(before, config) if before else Engine(config)


def _learn(inputs: Sequence[Input], config: EngineConfig, before: bytes, tell: Tell) -> Learned:
    engine, sizes = _engine(config, before), []
    done = 0
    lines = engine.counters()["lines"]
    for source, one in enumerate(inputs):
        engine.open(source, year=one.year)
        size = 0
        for block in one.blocks():
            engine.feed(block, source)
            size += len(block)
            tell(1, done + size)
        engine.flush(source)
        engine.close(source)
        sizes.append(size)
        done += size
    vocabulary = drain_state.vocabulary_of(engine, config)
    numbers, texts = _numbers(engine, vocabulary)
    return Learned(
        vocabulary, numbers, texts, sizes, engine.save(), len(engine.slots()), engine.counters()["lines"] - lines
    )


def _numbers(engine: Engine, vocabulary: Vocabulary) -> tuple[I32, list[str]]:
    """The number of each slot (UNK where it has no template), and each number's text at the end."""
    slots = engine.slots()
    numbers = np.full(max(slots, default=0) + 1, UNK, np.int32)
    texts = [*SPECIAL, *(one.text for one in vocabulary.templates)]
    seen: set[int] = set()
    for slot in slots:
        text = engine.first_text(slot)
        number = vocabulary.number(fingerprint(text), text)
        numbers[slot] = number
        template = engine.template(slot)
        if template is not None and number not in seen:
            texts[number] = template.text
            seen.add(number)
    return numbers, texts


# -- the second pass


def _record_tables(
    inputs: Sequence[Input], config: EngineConfig, before: bytes, learned: Learned, preview: Preview, tell: Tell
) -> Iterator[pa.Table]:
    """Tables of a row group each."""
    engine = _engine(config, before)
    engine.capture()
    columns = Columns(learned.number_of_slot, learned.texts)
    done = first_line = 0
    for source, one in enumerate(inputs):
        engine.open(source, year=one.year)
        lines = Lines(one, first_line, learned.sizes[source])
        for batch in _batches(engine, source, one, learned.sizes[source]):
            tell(2, done + min(lines.offset, learned.sizes[source]))
            if not len(batch):
                continue
            columns.add(batch, engine.captured(), lines.read(batch), one.name)
            if columns.rows >= GROUP_ROWS or columns.bytes >= GROUP_BYTES:
                yield _seen(preview, columns.take())
        engine.close(source)
        done += learned.sizes[source]
        first_line = lines.to_the_end()
    if columns.rows:
        yield _seen(preview, columns.take())


def _seen(preview: Preview, table: pa.Table) -> pa.Table:
    preview.add(table)
    return table


def _batches(engine: Engine, source: int, one: Input, size: int) -> Iterator[Batch]:
    for block in one.again(size):
        yield engine.feed(block, source)
    yield engine.flush(source)


def _write(file: object, parts: Iterator[pa.Table]) -> int:
    """Rows written, by a thread of its own: packing takes as long as parsing."""
    rows = 0
    waiting: list[Future[None]] = []
    with ThreadPoolExecutor(1) as writer:
        for part in parts:
            rows += len(part)
            if len(waiting) >= WAITING:
                waiting.pop(0).result()
            waiting.append(writer.submit(file.write_table, part, len(part)))  # type: ignore[attr-defined]
        for one in waiting:
            one.result()
    return rows
