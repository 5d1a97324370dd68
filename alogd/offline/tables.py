"""The toolbox's Parquet files: the columns each has, reading with errors a person can act upon, writing whole.

Between all commands of `alog-detect`: a reader gets the columns named here, in these types, or BadData that says which
file, what is wrong with it and which command makes it. Further columns are allowed and kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alogd.cli.failures import BadData, Failed
from alogd.offline.atomic import replacing

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError as error:
    raise Failed(f"this needs {error.name}: pip install 'alogd[offline]'") from None

ROWS = 65_536  # of a batch that `batches` yields, and of a row group of small rows
MAGIC = b"PAR1"

_NAME = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the toolbox's files."""

    file: str  # its usual name
    made_by: str  # the command
    about: str
    schema: Any  # pa.Schema: the columns that must be there; null where the table says so


def _kind(file: str, made_by: str, about: str, /, **columns: Any) -> Kind:
    return Kind(file, made_by, about, pa.schema(list(columns.items())))


PARSED = _kind(
    "parsed.parquet",
    "parse",
    "one row a record: a line with its continuation lines",
    line_no=pa.int64(),  # of its first line, from 1; counted on over all inputs
    offset=pa.int64(),  # where it begins in its file, bytes (unpacked)
    raw=pa.string(),  # all its lines; what is no UTF-8 as \xNN
    masked=pa.string(),  # the message of its first line, without the header, masked
    template_id=pa.int32(),  # number in vocab.json
    template=_NAME,  # what the template of that id had become at the end
    timestamp=pa.timestamp("ns", "UTC"),  # null where the log carries no time
    host=_NAME,  # null where the line names none, as app and level
    app=_NAME,
    level=_NAME,  # TRACE DEBUG INFO WARN ERROR FATAL
    is_new=pa.bool_(),  # it created its template
    lines=pa.int32(),
    severity=pa.uint8(),  # 0-100, of level and exception types
    file=_NAME,
)
SEQUENCES = _kind(
    "sequences.parquet",
    "build-deeplog, build-logbert",
    "one row a session (or window): the templates in order",
    session=pa.string(),
    sequence=pa.list_(pa.int32()),  # numbers in vocab.json
    fresh=pa.int32(),  # of them, the last so many are in no earlier row
    ends=pa.bool_(),  # the session came to its end
    first_line=pa.int64(),  # line_no
    last_line=pa.int64(),
)
WINDOW_COUNTS = _kind(
    "window_counts.parquet",
    "build-mscred",
    "one row a window: how often each template occurs",
    window_idx=pa.int32(),
    start_line=pa.int64(),  # line_no
    end_line=pa.int64(),
    counts=pa.list_(pa.int32()),  # by number in vocab.json: as many in every row
)
BASELINE_SCORES = _kind(
    "baseline_scores.parquet",
    "detect",
    "one row a window, scored by the ewma detector",
    window_start_line=pa.int64(),
    score=pa.float64(),
    is_anomaly=pa.bool_(),
)
DEEPLOG_INFER = _kind(
    "deeplog_infer.parquet",
    "deeplog-infer",
    "one row an event that was to be predicted",
    idx=pa.int64(),  # row of sequences.parquet
    target=pa.int32(),
    in_topk=pa.bool_(),
)
LOGBERT_INFER = _kind(
    "logbert_infer.parquet",
    "logbert-infer",
    "one row a session",
    seq_idx=pa.int64(),
    avg_loss=pa.float64(),
    is_anomaly=pa.bool_(),
    threshold=pa.float64(),
)
MSCRED_INFER = _kind(
    "mscred_infer.parquet",
    "mscred-infer",
    "one row a window",
    window_idx=pa.int32(),
    reconstruction_error=pa.float64(),
    is_anomaly=pa.bool_(),
    threshold=pa.float64(),
)
KINDS = (PARSED, SEQUENCES, WINDOW_COUNTS, BASELINE_SCORES, DEEPLOG_INFER, LOGBERT_INFER, MSCRED_INFER)


def by_name(path: str | os.PathLike[str]) -> Kind | None:
    """The kind whose usual name this is."""
    return next((kind for kind in KINDS if kind.file == Path(path).name), None)


# -- reading


def at(path: str | os.PathLike[str], kind: Kind) -> Path:
    """The file itself, or the one of its usual name in the directory given."""
    return Path(path) / kind.file if Path(path).is_dir() else Path(path)


def rows(path: str | os.PathLike[str], kind: Kind) -> int:
    """How many rows a sound file has."""
    with _open(path, kind) as file:
        return int(file.metadata.num_rows)


def metadata(path: str | os.PathLike[str], kind: Kind) -> dict[str, str]:
    """What the writer noted beside the columns."""
    with _open(path, kind) as file:
        noted = file.schema_arrow.metadata or {}
    return {key.decode(): value.decode() for key, value in noted.items() if key != b"pandas"}


def read_schema(path: str | os.PathLike[str], kind: Kind) -> Any:
    """The pa.Schema of a sound file."""
    with _open(path, kind) as file:
        return file.schema_arrow


def read(path: str | os.PathLike[str], kind: Kind, columns: Sequence[str] | None = None) -> Any:
    """All of it as a pa.Table, or some of the columns; those of the kind come in its types.

    Raises BadData when it is missing, empty, foreign, damaged or lacks a column.
    """
    with _open(path, kind) as file, _reading(path):
        return _cast(file.read(columns=_names(columns)), path, kind)


def batches(
    path: str | os.PathLike[str], kind: Kind, columns: Sequence[str] | None = None, size: int = ROWS
) -> Iterator[Any]:
    """As `read`, as pa.Tables of `size` rows at most: memory does not grow with the file."""
    with _open(path, kind) as file, _reading(path):
        for batch in file.iter_batches(size, columns=_names(columns)):
            yield _cast(pa.Table.from_batches([batch]), path, kind)


def _names(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


@contextmanager
def _open(path: str | os.PathLike[str], kind: Kind) -> Iterator[Any]:
    place = at(path, kind)
    _look(place, kind)
    with _reading(place), pq.ParquetFile(place) as file:
        if missing := [name for name in kind.schema.names if name not in file.schema_arrow.names]:
            raise BadData(f"{place} is no {kind.file}: it has no column {', '.join(missing)}; {_way(kind)}")
        if not file.metadata.num_rows:
            raise BadData(f"{place} holds no rows; {_way(kind)}")
        yield file


def _look(place: Path, kind: Kind) -> None:
    try:
        with place.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise BadData(f"{place}: no such file; {_way(kind)}") from None
    if not head:
        raise BadData(f"{place} is empty; {_way(kind)}")
    if head != MAGIC:
        raise BadData(f"{place} is no Parquet file; {_way(kind)}")


def _way(kind: Kind) -> str:
    return f"alog-detect {kind.made_by.split(',')[0]} writes one"


@contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """pyarrow's errors as ours. Its OSError (a damaged page) carries no errno, the operating system's does."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise BadData(f"{path} is damaged: {str(error).splitlines()[0]}") from None


def _cast(table: Any, path: str | os.PathLike[str], kind: Kind) -> Any:
    for i, name in enumerate(table.column_names):
        place = kind.schema.get_field_index(name)
        if place < 0 or table.schema.field(i).type == kind.schema.field(place).type:
            continue
        wanted = kind.schema.field(place)
        try:
            column = _as(table.column(i), wanted.type)
        except pa.ArrowException:
            raise BadData(
                f"{path}: column {name} holds {table.schema.field(i).type}, {wanted.type} is wanted"
            ) from None
        table = table.set_column(i, wanted, column)
    return table


def _as(column: Any, wanted: Any) -> Any:
    if pa.types.is_dictionary(wanted) and not pa.types.is_dictionary(column.type):
        return column.cast(wanted.value_type).dictionary_encode()
    return column.cast(wanted)


# -- writing


def table(kind: Kind, **columns: Any) -> Any:
    """A pa.Table of these columns (lists, numpy or pyarrow arrays), those of the kind first and in its types."""
    missing = [name for name in kind.schema.names if name not in columns]
    if missing:
        raise ValueError(f"{kind.file}: no column {', '.join(missing)}")
    arrays, fields = [], []
    for name in [*kind.schema.names, *(one for one in columns if one not in kind.schema.names)]:
        place = kind.schema.get_field_index(name)
        wanted = kind.schema.field(place).type if place >= 0 else None
        value = columns[name]
        ready = isinstance(value, (pa.Array, pa.ChunkedArray))
        array = (_as(value, wanted) if wanted else value) if ready else pa.array(value, wanted)
        arrays.append(array)
        fields.append(pa.field(name, array.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def with_columns(kind: Kind, **more: str) -> Any:
    """The pa.Schema of a kind with further columns: name -> name of a type."""
    return pa.schema([*kind.schema, *(pa.field(name, pa.type_for_alias(alias)) for name, alias in more.items())])


def write(path: str | os.PathLike[str], data: Any, noted: Mapping[str, str] | None = None) -> None:
    """A pa.Table as a file that is there whole or not at all; `noted` is what `metadata` gives back."""
    with writer(path, data.schema, noted) as out:
        out.write_table(data)


@contextmanager
def writer(
    path: str | os.PathLike[str], schema: Any, noted: Mapping[str, str] | None = None, **how: Any
) -> Iterator[Any]:
    """A pq.ParquetWriter for tables too large for memory; the file is there when the block ends well."""
    with_notes = schema.with_metadata({**(schema.metadata or {}), **(noted or {})})
    with (
        replacing(path) as place,
        pq.ParquetWriter(place, with_notes, **{"compression": "zstd", "compression_level": 1, **how}) as out,
    ):
        yield out
