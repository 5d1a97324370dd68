"""What an engine is told, and what it says about a line: shared by the C engine and its slow fallback.

Settings that change the meaning of what was learned are part of every snapshot; the others may be changed freely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from importlib import import_module
from typing import TYPE_CHECKING

from alogd.engine.names import HEADERS, KEYS, MASKS
from alogd.event import Template

if TYPE_CHECKING:
    from alogd.engine.native import Engine

_RANGES: dict[str, tuple[float, float]] = {
    "depth": (3, 64),
    "sim_th": (0, 1),
    "max_children": (1, 2**31),
    "max_clusters": (1, 2**31),
    "multiline_max_lines": (1, 2**31),
    "multiline_max_bytes": (1, 2**28),
    "max_line_bytes": (16, 2**24),
    "max_tokens": (1, 65536),
    "max_memory": (65536, 2**48),
    "max_sources": (1, 2**24),
    "utc_offset_s": (-86400, 86400),
    "seed": (0, 2**64 - 1),
}

Difference = list[tuple[str, str]]

# A change of these would give learned templates, window keys or positions another meaning.
_MEANING = (
    "depth",
    "max_children",
    "extra_delimiters",
    "parametrize_numeric_tokens",
    "masks",
    "user_masks",
    "header",
    "multiline",
    "max_line_bytes",
    "max_tokens",
    "key",
    "keep_empty",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """One stream's template miner. Raises ValueError naming the field that is out of range."""

    depth: int = 4
    sim_th: float = 0.4
    max_children: int = 100
    max_clusters: int | None = None  # least recently used go when there are more; None: bounded by max_memory
    extra_delimiters: tuple[str, ...] = ()
    parametrize_numeric_tokens: bool = True
    masks: tuple[str, ...] = MASKS
    user_masks: tuple[tuple[str, str], ...] = ()  # (name, pattern), applied before the built-in masks
    header: str | None = "auto"  # of sources opened without one; None or "none": lines are taken as they are
    multiline: bool = True
    multiline_max_lines: int = 500  # of one record; the next line begins a new one
    multiline_max_bytes: int = 65536  # of one record
    max_line_bytes: int = 65536  # the rest of a longer line is skipped
    max_tokens: int = 512  # of one message; the rest is not looked at
    max_memory: int = 256 * 2**20  # bytes of templates and tree
    max_sources: int = 10_000  # open at once
    utc_offset_s: int = 0  # of stamps that carry no zone
    # "none", "source", "host", "program", "pid", {"field": NAME} or {"mask": NAME of a user mask}
    key: str | Mapping[str, str] | None = None
    severity_rules: tuple[tuple[str, int], ...] = ()  # (phrase, 0-100)
    seed: int | None = None  # of all hashes; None: random. Alike seeds give alike snapshots
    keep_empty: bool = False  # empty lines are records too

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}; it must be from {low} to {high}")
        for name in self.masks:
            if name not in MASKS:
                raise ValueError(f"no mask {name!r}; there are: {', '.join(MASKS)}")
        for phrase, severity in self.severity_rules:
            if not phrase or not 0 <= severity <= 100:
                raise ValueError(f"severity rule {phrase!r}: {severity}; a phrase and a severity from 0 to 100")
        header_number(self.header)
        self.key_parts()

    def key_parts(self) -> tuple[str, str]:
        """Kind of key (see KEYS) and the name that "field" and "mask" come with."""
        if self.key is None:
            return "none", ""
        pairs = [(self.key, "")] if isinstance(self.key, str) else list(self.key.items())
        kind, name = pairs[0] if len(pairs) == 1 else ("", "")
        if kind not in KEYS or (kind in ("field", "mask")) != bool(name):
            raise ValueError(f"key {self.key!r} is none of {', '.join(KEYS[:5])}, {{field: NAME}}, {{mask: NAME}}")
        if kind == "mask" and name not in [mask for mask, _ in self.user_masks]:
            raise ValueError(f"key: no user mask {name!r}")
        return kind, name

    def meaning(self) -> dict[str, object]:
        """The settings a snapshot is bound to, as plain JSON values."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name in _MEANING}
        plain["masks"] = sorted(self.masks)
        plain["header"] = self.header or "none"
        plain["key"] = list(self.key_parts())
        loaded: dict[str, object] = json.loads(json.dumps(plain))
        return loaded


def header_number(name: str | None) -> int:
    """Number of a header kind for C. Raises ValueError that names the known ones."""
    if (name or "none") not in HEADERS:
        raise ValueError(f"no header {name!r}; there are: {', '.join(HEADERS)}")
    return HEADERS.index(name or "none")


def differing(saved: object, config: EngineConfig) -> list[str]:
    """Names of the settings in which a snapshot differs from a configuration. Raises ValueError when it has none."""
    if not isinstance(saved, dict):
        raise ValueError("engine snapshot does not say under which settings it was saved")
    meaning = config.meaning()
    return sorted(name for name in {*saved, *meaning} if saved.get(name) != meaning.get(name))


def token_difference(theirs: Sequence[str], ours: Sequence[str]) -> Difference:
    """(their tokens, our tokens) at every place where two texts differ."""
    if len(theirs) == len(ours):
        return [(a, b) for a, b in zip(theirs, ours, strict=True) if a != b]
    blocks = SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes()
    return [(" ".join(theirs[a:b]), " ".join(ours[c:d])) for tag, a, b, c, d in blocks if tag != "equal"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the engine makes of a line without learning from it. Texts are for display (`backslashreplace`)."""

    begins: bool  # the line carries the source's header
    timestamp_ns: int  # NO_TIME when it carries none
    otel: int  # OpenTelemetry severity number, 0 when the line names none
    host: str
    program: str
    pid: str
    message: str
    masked: str
    tokens: tuple[str, ...]
    template: Template | None  # the one it would match
    nearest: Template | None  # the best candidate Drain looked at, matched or not
    similarity: float  # to that candidate, 0-1; Drain matches from sim_th on
    creates: bool  # it would make a new template
    severity: int  # 0-100, by level and rules
    rule: str | None  # the phrase of the rule that gives most
    key: str | None  # text of the window key
    key_hash: int


@dataclass(frozen=True, slots=True)
class TextColumn:
    """n texts as Arrow's string arrays lie: text i is data[offsets[i]:offsets[i + 1]]. Bytes of the log, any at all."""

    offsets: bytes  # (n + 1,) int32
    data: bytes


@dataclass(frozen=True, slots=True)
class Texts:
    """What n records say, beside the columns of Batch; an empty text stands for none."""

    rows: int
    masked: TextColumn  # message of the first line, as alogd/reference/masks.py masks it
    host: TextColumn
    program: TextColumn
    otel: bytes  # (n,) OpenTelemetry severity number of the header, 0 for none


def engine_class(kind: str) -> type[Engine]:
    """The engine named in the configuration: "c", or "drain3", its slow twin in plain Python.

    Raises ImportError for "c" where the C extension was not built.
    """
    if kind == "c":
        return import_module("alogd.engine.native").Engine  # type: ignore[no-any-return]
    return import_module("alogd.reference.engine").Drain3Engine  # type: ignore[no-any-return]


def available_engine(kind: str) -> type[Engine]:
    """The engine named; where the C extension was not built, its slow twin."""
    try:
        return engine_class(kind)
    except ImportError:
        return engine_class("drain3")
