"""The engine without C: drain3.Drain behind alogd.engine.native's face, where there is no compiler (`kind: drain3`).

It reads lines and records as the C engine does and gives the same ids, slots, texts and severities; keys are other
hashes. What it has not: the memory cap (max_clusters is its bound). It is some hundred times slower.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np

from alogd.engine import dfa, drain3_snapshot
from alogd.engine.drain_state import Cluster, DrainState, Node
from alogd.engine.settings import EngineConfig, Explanation, differing, header_number, token_difference
from alogd.event import NO_TIME, Batch, Template
from alogd.reference.header_levels import severity_of
from alogd.reference.headers import Fields, HeaderReader
from alogd.reference.masks import UserMask, mask, tokens
from alogd.reference.miner import Miner
from alogd.reference.records import LINE_COUNTERS, Record, SourceReader, State

_MAGIC = b"ALOGDRN3"


class Drain3Engine:
    """alogd.engine.native.Engine in plain Python; see there."""

    def __init__(self, config: EngineConfig | None = None) -> None:
        self.config = config or EngineConfig()
        self._user: tuple[UserMask, ...] = tuple(
            (name, dfa.Automaton(dfa.compile(pattern)).finditer) for name, pattern in self.config.user_masks
        )
        self._key_kind, self._key_name = self.config.key_parts()
        self._rules = [(phrase.encode("utf-8", "surrogateescape"), sev) for phrase, sev in self.config.severity_rules]
        masked = [self._mask(phrase) for phrase, _ in self._rules]
        self._changed = [text for text, (phrase, _) in zip(masked, self._rules, strict=True) if text != phrase]
        self._blank()

    def _blank(self) -> None:
        self._miner = Miner(self.config)
        self._sources: dict[int, SourceReader] = {}
        self._closed: Counter[str] = Counter()
        self._records = self._tokens_cut = 0

    # -- bytes in, records out

    def open(self, source: int, offset: int = 0, year: int | None = None, header: str | None = None) -> None:
        """Name a source's place and kind of header. Raises OverflowError at max_sources."""
        kind = (self.config.header if header is None else header) or "none"
        header_number(kind)
        self.close(source)
        if len(self._sources) >= self.config.max_sources:
            raise OverflowError("more sources than max_sources")
        reader = SourceReader(source, self.config, offset, 1970 if year is None else year, kind, self._worst)
        self._sources[source] = reader

    def resume(self, source: int, offset: int) -> bool:
        """Let a source go on from `consumed`; False when it is not known or `offset` is another place."""
        reader = self._sources.get(source)
        if reader is None or reader.saved().offset != offset:
            return False
        reader.restore(reader.saved())
        return True

    def feed(self, block: bytes | bytearray | memoryview, source: int = 0) -> Batch:
        """Take the next bytes of a source; blocks may end anywhere."""
        if source not in self._sources:
            self.open(source)
        return self._batch(source, self._sources[source].feed(bytes(block)))

    def settle(self, source: int = 0) -> Batch:
        """The source is quiet: return its unfinished record."""
        reader = self._sources.get(source)
        return self._batch(source, reader.settle() if reader else ())

    def flush(self, source: int = 0) -> Batch:
        """The source has ended: return its unfinished record, and a last line without newline."""
        reader = self._sources.get(source)
        return self._batch(source, reader.flush() if reader else ())

    def consumed(self, source: int = 0) -> int:
        """Absolute offset from which reading has to resume after `load`."""
        reader = self._sources.get(source)
        return reader.saved().offset if reader else 0

    def close(self, source: int) -> None:
        """Forget a source."""
        reader = self._sources.pop(source, None)
        if reader is not None:
            self._closed += reader.state.counters

    def _batch(self, source: int, records: Iterable[Record]) -> Batch:
        rows = [(record, *self._learn(record), self._key(source, record.fields)[0]) for record in records]
        return Batch(
            source=source,
            offset=np.array([row[0].offset for row in rows], np.uint64),
            length=np.array([row[0].end - row[0].offset for row in rows], np.uint32),
            timestamp_ns=np.array([row[0].timestamp_ns for row in rows], np.int64),
            severity=np.array([row[4] for row in rows], np.uint8),
            template_id=np.array([row[1] for row in rows], np.uint32),
            slot=np.array([row[2] for row in rows], np.uint32),
            is_new=np.array([row[3] for row in rows], np.bool_),
            key=np.array([row[5] for row in rows], np.uint64),
        )

    def _learn(self, record: Record) -> tuple[int, int, bool, int]:
        cut = self._tokens(record.fields.message)
        self._records += 1
        self._tokens_cut += len(cut) > self.config.max_tokens
        cut = cut[: self.config.max_tokens]
        number, slot, is_new = self._miner.add(cut)
        return number, slot, is_new, max(record.severity, self._severity(record.fields.message, cut)[0])

    def _mask(self, message: bytes) -> bytes:
        return mask(message, self.config.masks, self._user)

    def _tokens(self, message: bytes) -> list[bytes]:
        return tokens(self._mask(message), self.config.extra_delimiters)

    # -- severity and key

    def _worst(self, text: bytes) -> int:
        return max((severity for phrase, severity in self._rules if phrase in text), default=0)

    def _severity(self, message: bytes, cut: list[bytes]) -> tuple[int, str | None]:
        """By the rules, and the phrase: of the masked text, and of the message where masks may hide a phrase."""
        joined = b" ".join(cut)
        raw = message if any(text in joined for text in self._changed) else b""
        found = [(severity, phrase) for phrase, severity in self._rules if phrase in joined or phrase in raw]
        if not found:
            return 0, None
        severity, phrase = max(found, key=lambda pair: (pair[0], len(pair[1])))
        return severity, phrase.decode("utf-8", "surrogateescape")

    def _key(self, source: int, fields: Fields) -> tuple[int, bytes]:
        if self._key_kind in ("none", "source"):
            return (0 if self._key_kind == "none" else _hash(b"%d" % source)), b""
        text = self._key_text(fields)
        if not text:
            return 0, b""
        return _hash(text, fields.host if self._key_kind == "pid" else b""), text

    def _key_text(self, fields: Fields) -> bytes:
        if self._key_kind == "field":
            return fields.key
        if self._key_kind != "mask":
            return {"host": fields.host, "program": fields.program, "pid": fields.pid}[self._key_kind]
        find = next(find for name, find in self._user if name == self._key_name)
        message = fields.message
        return next((message[begin:end] for begin, end in find(message, 0, len(message))), b"")

    # -- what was learned

    def templates(self) -> list[Template]:
        """All templates, in order of id."""
        return sorted((_template(cluster) for cluster in self._miner.clusters()), key=lambda template: template.id)

    def template(self, slot: int) -> Template | None:
        """The template that has a slot now."""
        cluster = self._miner.at(slot)
        return None if cluster is None else _template(cluster)

    def slots(self) -> list[int]:
        """Slots of all templates, in order of their ids."""
        return [slot for _, slot in sorted(self._miner.slots.items())]

    def first_text(self, slot: int) -> str:
        """The text a template had when it was created."""
        cluster = self._miner.at(slot)
        return "" if cluster is None else _shown(self._miner.firsts[cluster.cluster_id])

    def nearest(self, what: str | int) -> tuple[Template, list[tuple[str, str]]] | None:
        """The other template most like a text or a slot, and the tokens in which they differ."""
        if isinstance(what, str):
            text, own = _text(b" ".join(self._tokens(_encoded(what)))), 0
        elif (cluster := self._miner.at(what)) is not None:
            text, own = self._miner.firsts[cluster.cluster_id], cluster.cluster_id
        else:
            return None
        number = self._nearest(text, lambda other: other != own)
        if number is None:
            return None
        other = self._miner.firsts[number]
        found = _template(self._miner.drain.id_to_cluster.get(number))
        return found, token_difference(_shown(other).split(" "), _shown(text).split(" "))

    def nearest_older(self, slot: int) -> tuple[str, list[tuple[str, str]]] | None:
        """First text of the most similar template that was there before, and where the two differ."""
        cluster = self._miner.at(slot)
        if cluster is None:
            return None
        text = self._miner.firsts[cluster.cluster_id]
        number = self._nearest(text, lambda other: other < cluster.cluster_id)
        if number is None:
            return None
        other = _shown(self._miner.firsts[number])
        return other, token_difference(other.split(" "), _shown(text).split(" "))

    def _nearest(self, text: str, allowed: Callable[[int], bool]) -> int | None:
        words = text.split(" ")
        in_place, in_common = [], []
        for number, first in self._miner.firsts.items():
            if not allowed(number):
                continue
            theirs = first.split(" ") if first else []
            if len(theirs) == len(words):
                in_place.append((sum(a == b for a, b in zip(theirs, words, strict=True)), -number))
            common = sum(word in words for word in theirs)
            in_common.append((common / max(len(theirs), len(words)), -number))
        for candidates in (in_place, in_common):
            if candidates and max(candidates)[0] > 0:
                return -max(candidates)[1]
        return None

    def explain(self, line: bytes, source: int = 0) -> Explanation:
        """What the engine would make of a line; nothing is learned."""
        first, _, rest = line[: self.config.max_line_bytes].partition(b"\n")
        fields = self._header_of(source).read(first.removesuffix(b"\r"))
        cut = self._tokens(fields.message)[: self.config.max_tokens]
        candidate, similarity = self._miner.candidate(cut)
        matches = candidate is not None and (not cut or similarity >= self.config.sim_th)
        severity, rule = max(
            self._severity(fields.message, cut), self._severity(rest, [rest]), key=lambda pair: pair[0]
        )
        key_hash, key = self._key(source, fields)
        shown = None if candidate is None else _template(candidate)
        return Explanation(
            begins=fields.begins,
            timestamp_ns=NO_TIME if fields.timestamp_ns is None else fields.timestamp_ns,
            otel=fields.otel,
            host=_raw(fields.host),
            program=_raw(fields.program),
            pid=_raw(fields.pid),
            message=_raw(fields.message),
            masked=_raw(self._mask(fields.message)),
            tokens=tuple(_raw(token) for token in cut),
            template=shown if matches else None,
            nearest=shown,
            similarity=similarity,
            creates=not matches,
            severity=max(severity, severity_of(fields.otel)),
            rule=rule,
            key=_raw(key) or None,
            key_hash=key_hash,
        )

    def _header_of(self, source: int) -> HeaderReader:
        """A reader of its own, in the state of the source's."""
        known = self._sources.get(source)
        if known is None:
            known = SourceReader(source, self.config, 0, 1970, self.config.header or "none", self._worst)
        copy = SourceReader(source, self.config, 0, 1970, known.kind, self._worst)
        copy.restore(known.saved(now=True))
        return copy.reader

    def counters(self) -> dict[str, int]:
        """As the C engine's; what this one cannot run into is 0."""
        lines = self._closed + sum((reader.state.counters for reader in self._sources.values()), Counter[str]())
        return {
            **{name: lines[name] for name in LINE_COUNTERS},
            "records": self._records,
            "tokens_cut": self._tokens_cut,
            **self._miner.counters,
            "pruned": 0,
            "overflow": 0,
            "clusters": len(self._miner.slots),
            "memory": 0,
            "sources": len(self._sources),
        }

    # -- state

    def save(self) -> bytes:
        """Everything learned and where each source resumes."""
        miner = self._miner
        state = miner.state()
        whole = {
            "meaning": self.config.meaning(),
            "drain": [state.last_id, [[c.id, [_text(t) for t in c.tokens], c.size] for c in state.clusters]],
            "trees": {count: _listed(tree) for count, tree in state.trees.items()},
            "slots": list(miner.slots.items()),
            "firsts": list(miner.firsts.items()),
            "free": miner.free,
            "counters": [miner.counters, self._records, self._tokens_cut, self._closed],
            "sources": [[r.number, r.kind, *r.saved().values()] for r in self._sources.values()],
        }
        text = zlib.compress(json.dumps(whole).encode())
        return _MAGIC + zlib.crc32(text).to_bytes(4, "little") + text

    @staticmethod
    def saved_settings(data: bytes) -> dict[str, Any]:
        """The settings a snapshot was saved under. Raises ValueError when it is damaged or of another engine."""
        meaning: dict[str, Any] = _opened(data)["meaning"]
        return meaning

    @classmethod
    def load(cls, data: bytes, config: EngineConfig | None = None) -> Self:
        """Back from `save`. Raises ValueError as alogd.engine.native.Engine.load does."""
        whole = _opened(data)
        engine = cls(config)
        other = differing(whole["meaning"], engine.config)
        if other:
            raise ValueError(f"engine snapshot was saved with another {', '.join(other)}")
        engine._take_over(whole)
        return engine

    def _take_over(self, whole: dict[str, Any]) -> None:
        last_id, clusters = whole["drain"]
        if self.config.max_clusters is not None and len(clusters) > self.config.max_clusters:
            raise ValueError("engine snapshot does not fit max_clusters")
        miner = self._miner
        miner.restore(
            DrainState(
                last_id,
                [Cluster(number, [_encoded(t) for t in cut], size) for number, cut, size in clusters],
                {int(count): _unlisted(tree) for count, tree in whole["trees"].items()},
            )
        )
        miner.slots, miner.firsts, miner.free = dict(whole["slots"]), dict(whole["firsts"]), whole["free"]
        miner.counters, self._records, self._tokens_cut, closed = whole["counters"]
        self._closed = Counter(closed)
        for number, kind, *values, header, counters in whole["sources"]:
            reader = SourceReader(number, self.config, 0, 1970, kind, self._worst)
            saved = State(*values)
            saved.header, saved.counters = tuple(header), Counter(counters)
            reader.restore(saved)
            self._sources[number] = reader

    def load_drain3(self, path: str | Path) -> None:
        """Take over what Drain3 has learned, instead of what was learned here."""
        state = drain3_snapshot.read(path, self.config.depth)
        if self.config.max_clusters is not None and len(state.clusters) > self.config.max_clusters:
            raise ValueError(f"{path} holds more than max_clusters")
        self._blank()
        self._miner.restore(state)

    def save_drain3(self, path: str | Path, *, compressed: bool = False) -> None:
        """Write what was learned as a snapshot that Drain3 loads."""
        drain3_snapshot.write(path, self._miner.state(), self.config, compressed)


def _hash(text: bytes, host: bytes = b"") -> int:
    return int.from_bytes(blake2b(text + b"\0" + host, digest_size=8).digest(), "little") or 1


def _listed(node: Node) -> list[Any]:
    return [[[_text(token), _listed(child)] for token, child in node.children.items()], node.clusters]


def _unlisted(node: list[Any]) -> Node:
    return Node({_encoded(token): _unlisted(child) for token, child in node[0]}, node[1])


def _text(token: bytes) -> str:
    return token.decode("utf-8", "surrogateescape")


def _encoded(token: str) -> bytes:
    return token.encode("utf-8", "surrogateescape")


def _raw(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


def _shown(text: str) -> str:
    return _raw(_encoded(text))


def _template(cluster: Any) -> Template:
    raw = _encoded(cluster.get_template())
    name = blake2b(raw, digest_size=8).hexdigest()
    return Template(id=cluster.cluster_id, text=_raw(raw), fingerprint=name, count=cluster.size)


def _opened(data: bytes) -> dict[str, Any]:
    text = bytes(data[12:])
    if data[:8] != _MAGIC or zlib.crc32(text).to_bytes(4, "little") != data[8:12]:
        raise ValueError("engine snapshot is damaged or of another kind of engine")
    whole: dict[str, Any] = json.loads(zlib.decompress(text))
    return whole
