"""What engine_c/pymodule.c offers; alogd.engine.native and alogd.windows.gather are the faces to use."""

from typing import Any, Self

from numpy.typing import NDArray
from typing_extensions import Buffer

_Array = NDArray[Any]

def cpu() -> str: ...
def fingerprint(text: Buffer, /) -> int: ...
def snapshot_seal(payload: Buffer, /) -> bytes: ...
def snapshot_meta(data: Buffer, /) -> bytes: ...

# begins, joins, OTel number, time, host, program, pid, message, key; kind and year of the source after the line
_Header = tuple[int, int, int, int | None, bytes, bytes, bytes, bytes, bytes, int, int]

def headers(text: Buffer, kind: int, year: int, utc_offset_s: int, key_field: Buffer, /) -> list[_Header]: ...

# slot, id, text, fingerprint, count, first text
_Template = tuple[int, int, bytes, int, int, bytes]
# records, capacity, columns one after the other
_Columns = tuple[int, int, bytes]
# rows; masked, host, program, each as (int32 offsets, bytes); OTel numbers
_Text = tuple[bytes, bytes]
_Texts = tuple[int, _Text, _Text, _Text, bytes]
# begins, time, otel, host, program, pid, message, masked, tokens, slot, best, equal, severity, rule, key, key hash
_Explanation = tuple[int, int, int, bytes, bytes, bytes, bytes, bytes, list[bytes], int, int, int, int, int, bytes, int]

# Features of windows; what they do is told in engine_c/counts.h, groups.h, terms.h and digest.h.

def count_power(
    start: _Array,
    slot: _Array,
    row: _Array,
    groups: int,
    width: int,
    is_new: _Array,
    mean: _Array,
    scale: _Array,
    usual: _Array,
    base: _Array,
    blank: _Array,
    novelty_mean: float,
    novelty_scale: float,
    out: _Array,
    /,
) -> None: ...
def count_learn(
    start: _Array,
    slot: _Array,
    row: _Array,
    groups: int,
    width: int,
    is_new: _Array,
    gain: _Array,
    sums: _Array,
    squares: _Array,
    created: _Array,
    /,
) -> None: ...
def count_derive(
    row: _Array,
    groups: int,
    width: int,
    sums: _Array,
    squares: _Array,
    weight: _Array,
    windows: _Array,
    floor: float,
    mean: _Array,
    scale: _Array,
    usual: _Array,
    blank: _Array,
    /,
) -> None: ...
def group_rows(keys: _Array, order: _Array, group: _Array, out: _Array, /) -> None: ...
def term_scores(
    start: _Array,
    slot: _Array,
    row: _Array,
    groups: int,
    width: int,
    terms: _Array,
    idf: _Array,
    lines: int,
    mean: _Array,
    scale: _Array,
    out: _Array,
    /,
) -> None: ...
def term_sums(
    start: _Array,
    slot: _Array,
    row: _Array,
    groups: int,
    width: int,
    terms: _Array,
    idf: _Array,
    lines: int,
    sums: _Array,
    squares: _Array,
    /,
) -> None: ...
def term_sample(
    start: _Array,
    slot: _Array,
    row: _Array,
    groups: int,
    lines: int,
    skip: int,
    count: int,
    first: int,
    slots: _Array,
    rows: _Array,
    /,
) -> None: ...
def digest_merge(
    mean: _Array,
    weight: _Array,
    kept: float,
    scores: _Array,
    centroids: float,
    total: float,
    new_mean: _Array,
    new_weight: _Array,
    /,
) -> int: ...
def digest_tail(
    scores: _Array,
    mean: _Array,
    at_least: _Array,
    midway: _Array,
    total: float,
    threshold: float,
    tail_mass: float,
    shape: float,
    scale: float,
    tail_used: float,
    smallest: float,
    out: _Array,
    /,
) -> None: ...

class Engine:
    def __new__(
        cls,
        *,
        depth: int,
        sim_th: float,
        max_children: int,
        max_clusters: int,
        numeric: bool,
        max_tokens: int,
        max_memory: int,
        masks: int,
        user_tables: tuple[bytes, ...],
        user_names: tuple[bytes, ...],
        delimiters: tuple[bytes, ...],
        header: int,
        multiline: bool,
        multiline_max_lines: int,
        multiline_max_bytes: int,
        max_line_bytes: int,
        max_sources: int,
        utc_offset_s: int,
        key: int,
        key_name: bytes,
        key_mask: int,
        severity_table: bytes,
        severities: bytes,
        keep_empty: bool,
        seed: int,
        snapshot: Buffer,
    ) -> Self: ...
    @property
    def seed(self) -> int: ...
    def open(self, source: int, offset: int, year: int, header: int, /) -> None: ...
    def resume(self, source: int, offset: int, /) -> bool: ...
    def close(self, source: int, /) -> None: ...
    def feed(self, block: Buffer, source: int, /) -> _Columns: ...
    def settle(self, source: int, /) -> _Columns: ...
    def flush(self, source: int, /) -> _Columns: ...
    def consumed(self, source: int, /) -> int: ...
    def templates(self) -> list[_Template]: ...
    def template(self, slot: int, /) -> _Template | None: ...
    def nearest(self, tokens: tuple[bytes, ...], below: int, but: int, /) -> int: ...
    def explain(self, line: Buffer, source: int, /) -> _Explanation: ...
    def capture(self) -> None: ...
    def captured(self) -> _Texts: ...
    def mask(self, text: Buffer, /) -> tuple[bytes, list[bytes]]: ...
    def counters(self) -> dict[str, int]: ...
    def save(self, meta: Buffer, /) -> bytes: ...

class Windows:
    def __new__(
        cls,
        kind: int,
        size: int,
        stride: int,
        width_ns: int,
        max_age_ns: int,
        idle_ns: int,
        max_keys: int,
        max_records: int,
        /,
    ) -> Self: ...
    @classmethod
    def load(cls, data: Buffer, config: tuple[int, ...], /) -> Self: ...
    @property
    def watermark(self) -> int: ...
    @property
    def open_windows(self) -> int: ...
    def push(
        self,
        source: int,
        key: _Array,
        timestamp_ns: _Array,
        slot: _Array,
        severity: _Array,
        is_new: _Array,
        offset: _Array,
        length: _Array,
        /,
    ) -> tuple[int, int]: ...
    def take(
        self,
        start: _Array,
        key: _Array,
        group: _Array,
        fresh: _Array,
        reason: _Array,
        closed_ns: _Array,
        slot: _Array,
        severity: _Array,
        is_new: _Array,
        source: _Array,
        offset: _Array,
        length: _Array,
        timestamp_ns: _Array,
        /,
    ) -> None: ...
    def tick(self, watermark_ns: int, /) -> tuple[int, int]: ...
    def flush(self) -> tuple[int, int]: ...
    def counters(self) -> tuple[int, ...]: ...
    def save(self) -> bytes: ...
