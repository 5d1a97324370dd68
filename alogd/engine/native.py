"""Face of the C engine: raw bytes of a source in, columns of records out.

What is learned depends on the bytes alone, never on how they were cut into blocks. An engine is for one thread at a
time (a second one gets RuntimeError); the GIL is released for the whole of a block.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from alogd import _engine
from alogd.engine import dfa, drain3_snapshot, drain_state
from alogd.engine.names import KEYS, MASKS
from alogd.engine.settings import (
    Difference,
    EngineConfig,
    Explanation,
    TextColumn,
    Texts,
    differing,
    header_number,
    token_difference,
)
from alogd.event import Batch, Template

__all__ = ["Engine", "EngineConfig", "Explanation", "fingerprint", "token_difference"]

Block = bytes | bytearray | memoryview
_ANY = 2**32 - 1  # above every template's id


class Engine:
    """One stream's template miner, over any number of sources.

    A record is a line with its continuation lines. It is learned and returned when the next record of its source
    begins, or by `settle` (the source is quiet) and `flush` (it has ended).
    """

    def __init__(self, config: EngineConfig | None = None) -> None:
        """Raises ValueError when a user mask cannot be compiled."""
        self.config = config or EngineConfig()
        self._start(b"")

    def _start(self, snapshot: bytes) -> None:
        tables = tuple(dfa.compile(pattern) for _, pattern in self.config.user_masks)
        self._rules, table, severities = _severity_rules(self.config, tables)
        self._raw = _raw_engine(self.config, tables, table, severities, snapshot)

    # -- bytes in, records out

    def open(self, source: int, offset: int = 0, year: int | None = None, header: str | None = None) -> None:
        """Name a source's place and kind of header; a source already known is set back to it.

        year is that of stamps that carry none (1970 when not given). Raises OverflowError at max_sources.
        """
        kind = header_number(self.config.header if header is None else header)
        self._raw.open(source, offset, 1970 if year is None else year, kind)

    def resume(self, source: int, offset: int) -> bool:
        """Let a source go on from `consumed` with all that is known of it, which `open` forgets.

        False, and nothing is done, when the source is not known or `offset` is another place.
        """
        return self._raw.resume(source, offset)

    def feed(self, block: Block, source: int = 0) -> Batch:
        """Take the next bytes of a source; blocks may end anywhere. Columns: see Batch, n entries, read-only.

        Raises OverflowError when the source is new and there are max_sources, MemoryError when nothing was taken.
        """
        return _batch(source, *self._raw.feed(block, source))

    def settle(self, source: int = 0) -> Batch:
        """The source is quiet: return its unfinished record. Lines that still belong to it are only counted."""
        return _batch(source, *self._raw.settle(source))

    def flush(self, source: int = 0) -> Batch:
        """The source has ended: as settle, after taking a last line that has no newline as whole."""
        return _batch(source, *self._raw.flush(source))

    def capture(self) -> None:
        """From now on, keep the texts of the records that a call returns. Feed one source to its end at a time."""
        self._raw.capture()

    def captured(self) -> Texts:
        """Of the records that the last feed, settle or flush returned, in order. Raises RuntimeError before `capture`.

        OverflowError, MemoryError: not all of them could be kept.
        """
        rows, masked, host, program, otel = self._raw.captured()
        return Texts(rows, TextColumn(*masked), TextColumn(*host), TextColumn(*program), otel)

    def consumed(self, source: int = 0) -> int:
        """Absolute offset from which reading has to resume after `load`; 0 for an unknown source."""
        return self._raw.consumed(source)

    def close(self, source: int) -> None:
        """Forget a source; what it has unfinished is lost."""
        self._raw.close(source)

    # -- what was learned

    def templates(self) -> list[Template]:
        """All templates, in order of id."""
        return sorted((_template(row) for row in self._raw.templates()), key=lambda template: template.id)

    def template(self, slot: int) -> Template | None:
        """The template that has a slot now."""
        row = self._raw.template(slot)
        return None if row is None else _template(row)

    def slots(self) -> list[int]:
        """Slots of all templates, in order of their ids."""
        return [row[0] for row in sorted(self._raw.templates(), key=lambda row: row[1])]

    def first_text(self, slot: int) -> str:
        """The text a template had when it was created, which never changes; "" for a slot that is free."""
        row = self._raw.template(slot)
        return "" if row is None else _text(row[5])

    def nearest(self, what: str | int) -> tuple[Template, Difference] | None:
        """The other template most like a text (masked first) or a slot: of as many tokens, else by tokens shared.

        The difference is (their tokens, our tokens) where the two are not the same.
        """
        if isinstance(what, str):
            own, tokens = 0, self._raw.mask(what.encode("utf-8", "surrogateescape"))[1]
        elif (row := self._raw.template(what)) is not None:
            own, tokens = row[1], row[5].split(b" ")
        else:
            return None
        other = self._raw.template(self._raw.nearest(tuple(tokens), _ANY, own))
        return None if other is None else (_template(other), _difference(other, tokens))

    def nearest_older(self, slot: int) -> tuple[str, Difference] | None:
        """First text of the most similar template that was there before this one, and where the two differ."""
        row = self._raw.template(slot)
        if row is None:
            return None
        tokens = row[5].split(b" ")
        older = self._raw.template(self._raw.nearest(tuple(tokens), row[1], 0))
        return None if older is None else (_text(older[5]), _difference(older, tokens))

    def explain(self, line: bytes, source: int = 0) -> Explanation:
        """What the engine would make of a line (or a record with its continuation lines); nothing is learned."""
        row = self._raw.explain(line, source)
        begins, time, otel, *texts, tokens, slot, best, equal, severity, rule, key, key_hash = row
        candidate = self.template(best) if best else None
        host, program, pid, message, masked = (_text(text) for text in texts)
        return Explanation(
            begins=bool(begins),
            timestamp_ns=time,
            otel=otel,
            host=host,
            program=program,
            pid=pid,
            message=message,
            masked=masked,
            tokens=tuple(_text(token) for token in tokens),
            template=candidate if slot else None,
            nearest=candidate,
            similarity=1.0 if candidate and not tokens else equal / max(1, len(tokens)),
            creates=not slot,
            severity=severity,
            rule=self._rules[rule] if 0 <= rule < len(self._rules) else None,
            key=_text(key) or None,
            key_hash=key_hash,
        )

    def counters(self) -> dict[str, int]:
        """Totals since the first byte (`save` keeps them) and the gauges clusters, memory (bytes) and sources."""
        return self._raw.counters()

    # -- state

    def save(self) -> bytes:
        """Everything learned and where each source resumes: the same bytes for the same input, however it was cut."""
        return self._raw.save(self._meta())

    def _meta(self) -> bytes:
        return json.dumps(self.config.meaning(), sort_keys=True).encode()

    @staticmethod
    def saved_settings(data: bytes) -> dict[str, Any]:
        """The settings a snapshot was saved under. Raises ValueError when it is damaged or of another engine."""
        meaning: dict[str, Any] = json.loads(_engine.snapshot_meta(data))
        return meaning

    @classmethod
    def load(cls, data: bytes, config: EngineConfig | None = None) -> Self:
        """Back from `save`. Feed each source from `consumed` on.

        Raises ValueError when the data are damaged, do not fit the caps, or were saved under settings that gave what
        was learned another meaning (all are named).
        """
        config = config or EngineConfig()
        other = differing(cls.saved_settings(data), config)
        if other:
            raise ValueError(f"engine snapshot was saved with another {', '.join(other)}")
        loaded = cls.__new__(cls)
        loaded.config = config
        loaded._start(data)
        return loaded

    def load_drain3(self, path: str | Path) -> None:
        """Take over what Drain3 has learned (its snapshot, plain or compressed), instead of what was learned here.

        Counters begin anew, sources are forgotten. Raises ValueError and changes nothing when the file is no such
        snapshot, or its tree has another depth, or it holds more than max_clusters.
        """
        state = drain3_snapshot.read(path, self.config.depth)
        payload = drain_state.pack(state, self.config.depth, self._meta(), self._raw.seed)
        self._start(_engine.snapshot_seal(payload))

    def save_drain3(self, path: str | Path, *, compressed: bool = False) -> None:
        """Write what was learned as a snapshot that Drain3 0.9.11 loads (compressed: as its default setting asks)."""
        state = drain_state.unpack(self._raw.save(b""), self.config.depth)
        drain3_snapshot.write(path, state, self.config, compressed)


def fingerprint(text: str | bytes) -> str:
    """Name of a template that is the same on every host: 16 hex digits (BLAKE2b; `b2sum -l 64` gives the same)."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return f"{_engine.fingerprint(raw):016x}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _difference(other: tuple[int, int, bytes, int, int, bytes], tokens: Sequence[bytes]) -> Difference:
    return token_difference(_text(other[5]).split(" "), [_text(token) for token in tokens])


def _template(row: tuple[int, int, bytes, int, int, bytes]) -> Template:
    return Template(id=row[1], text=_text(row[2]), fingerprint=f"{row[3]:016x}", count=row[4])


def _batch(source: int, n: int, cap: int, columns: bytes) -> Batch:
    """Views on the columns as pyengine.c lays them out; no copies."""
    return Batch(
        source=source,
        offset=np.frombuffer(columns, np.uint64, n, 0),
        timestamp_ns=np.frombuffer(columns, np.int64, n, 8 * cap),
        key=np.frombuffer(columns, np.uint64, n, 16 * cap),
        length=np.frombuffer(columns, np.uint32, n, 24 * cap),
        template_id=np.frombuffer(columns, np.uint32, n, 28 * cap),
        slot=np.frombuffer(columns, np.uint32, n, 32 * cap),
        severity=np.frombuffer(columns, np.uint8, n, 36 * cap),
        is_new=np.frombuffer(columns, np.bool_, n, 37 * cap),
    )


def _severity_rules(config: EngineConfig, user_tables: tuple[bytes, ...]) -> tuple[tuple[str, ...], bytes, bytes]:
    """Phrase, table and severity of every pattern of engine_c/severity.c."""
    if not config.severity_rules:
        return (), b"", b""
    meaning = (config.masks, config.user_masks, config.extra_delimiters)
    return _severity_table(config.severity_rules, *meaning, user_tables)


@lru_cache(maxsize=8)  # streams mostly share their rules and masks, and the table takes milliseconds
def _severity_table(
    rules: tuple[tuple[str, int], ...],
    masks: tuple[str, ...],
    user_masks: tuple[tuple[str, str], ...],
    delimiters: tuple[str, ...],
    user_tables: tuple[bytes, ...],
) -> tuple[tuple[str, ...], bytes, bytes]:
    config = EngineConfig(masks=masks, user_masks=user_masks, extra_delimiters=delimiters)
    mask = _raw_engine(config, user_tables, b"", b"", b"").mask
    raw_rules = [(phrase.encode("utf-8", "surrogateescape"), severity) for phrase, severity in rules]
    patterns = {raw: phrase for (raw, _), (phrase, _) in zip(raw_rules, rules, strict=True)}
    as_written = len(patterns)
    for raw, phrase in list(patterns.items()):
        patterns.setdefault(mask(raw)[0], phrase)
    severities = [_worst(raw, raw_rules) for raw in patterns]
    flags = [0] * as_written + [0x80] * (len(patterns) - as_written)
    both = bytes(severity | flag for severity, flag in zip(severities, flags, strict=True))
    return tuple(patterns.values()), _literals(tuple(patterns)), both


def _worst(text: bytes, rules: Sequence[tuple[bytes, int]]) -> int:
    """The search gives the longest phrase at a place: it stands for those inside it too."""
    return max((severity for phrase, severity in rules if phrase in text), default=0)


@lru_cache(maxsize=8)
def _literals(phrases: tuple[bytes, ...]) -> bytes:
    return dfa.compile_literals(phrases)


def _raw_engine(
    config: EngineConfig, user_tables: tuple[bytes, ...], severity_table: bytes, severities: bytes, snapshot: bytes
) -> _engine.Engine:
    kind, name = config.key_parts()
    user_names = [mask for mask, _ in config.user_masks[: len(user_tables)]]
    return _engine.Engine(
        depth=config.depth,
        sim_th=config.sim_th,
        max_children=config.max_children,
        max_clusters=config.max_clusters or 0,
        numeric=config.parametrize_numeric_tokens,
        max_tokens=config.max_tokens,
        max_memory=config.max_memory,
        masks=sum(1 << MASKS.index(mask) for mask in set(config.masks)),
        user_tables=user_tables,
        user_names=tuple(mask.encode() for mask in user_names),
        delimiters=tuple(delimiter.encode() for delimiter in config.extra_delimiters),
        header=header_number(config.header),
        multiline=config.multiline,
        multiline_max_lines=config.multiline_max_lines,
        multiline_max_bytes=config.multiline_max_bytes,
        max_line_bytes=config.max_line_bytes,
        max_sources=config.max_sources,
        utc_offset_s=config.utc_offset_s,
        key=KEYS.index(kind),
        key_name=name.encode() if kind == "field" else b"",
        key_mask=user_names.index(name) if kind == "mask" else 0,
        severity_table=severity_table,
        severities=severities,
        keep_empty=config.keep_empty,
        seed=_hash_seed() if config.seed is None else config.seed,
        snapshot=snapshot,
    )


def _hash_seed() -> int:
    """Random, so that nobody can write lines whose hashes collide; ALOGD_HASH_SEED makes two runs alike to the byte."""
    return int(os.environ.get("ALOGD_HASH_SEED") or secrets.randbits(64))
