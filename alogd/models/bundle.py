"""A model bundle as the daemon takes it: a directory whose manifest names every file with its hash, and nothing else.

Read whole and checked before anything of it is used; nothing in it is ever executed or unpickled.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from alogd.config.tree import Strict
from alogd.models.vocabulary import Vocabulary

SCHEMA = 1
KIND = "alogd-bundle"
MANIFEST, VOCABULARY, IN_SERVICE = "manifest.json", "vocab.json", "current"
LARGEST_MANIFEST = 16 * 2**20  # bytes
LARGEST_FILE = 1 << 30  # bytes; ONNX itself ends at 2 GiB
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class FileFacts(Strict, frozen=True, kw_only=True):
    """One file of a bundle."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Meta(ge=0, le=LARGEST_FILE)]


class TrainedOn(Strict, frozen=True, kw_only=True):
    """What a bundle was trained on."""

    paths: tuple[str, ...]
    lines: int
    sessions: int
    seed: int
    base: str | None = None  # the bundle it went on from


class Quality(Strict, frozen=True, kw_only=True):
    """How well it does on recent normal data that was held back, and on anomalies injected into it."""

    total: Annotated[float, Meta(ge=0, le=100)]
    parts: dict[str, float]


class Manifest(Strict, frozen=True, kw_only=True):
    """manifest.json."""

    schema: int
    kind: str
    created: str  # UTC, ISO 8601
    alogd: str  # version
    vocabulary: str  # hash
    files: dict[str, FileFacts]
    windows: dict[str, Any]  # the stream's window options it was trained with
    thresholds: dict[str, float]  # by model: score from which one normal session in 500 on is as odd
    trained_on: TrainedOn
    quality: Quality


class BadBundle(Exception):
    """A bundle that is damaged, foreign or does not fit. No ValueError: the state beside it is not to blame."""

    exit_code = 65


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle in memory."""

    path: Path
    manifest: Manifest
    vocabulary: Vocabulary
    files: Mapping[str, bytes]  # the models, by name of file

    @property
    def id(self) -> str:
        """Of its content, 16 hex digits."""
        return hashlib.sha256(msgspec.json.encode(self.manifest, order="sorted")).hexdigest()[:16]

    def model(self, kind: str) -> bytes:
        """The ONNX graph of a kind. Raises BadBundle when it has none."""
        try:
            return self.files[f"{kind}.onnx"]
        except KeyError:
            raise BadBundle(f"{self.path}: the bundle has no {kind}.onnx; train one: alogd retrain") from None


def in_service(models: str | os.PathLike[str]) -> Path | None:
    """The bundle a models directory points to now; None when none was promoted yet."""
    link = Path(models) / IN_SERVICE
    try:
        return link.parent / os.readlink(link)
    except OSError:
        return None


def read_in_service(models: str | os.PathLike[str]) -> Bundle | None:
    """What a models directory has in service, checked; None when there is nothing. Raises BadBundle."""
    place = in_service(models)
    return None if place is None else read(place)


def read(path: str | os.PathLike[str]) -> Bundle:
    """Everything in it, checked. Raises BadBundle that names what is wrong."""
    place = Path(path)
    manifest = read_manifest(place)
    files = {name: _file(place, name, facts) for name, facts in manifest.files.items()}
    if VOCABULARY not in files:
        raise BadBundle(f"{place}: the bundle has no {VOCABULARY}")
    try:
        vocabulary = Vocabulary.from_json(files[VOCABULARY])
    except ValueError as error:
        raise BadBundle(f"{place}: {error}") from None
    if vocabulary.hash != manifest.vocabulary:
        raise BadBundle(f"{place}: {VOCABULARY} is not the vocabulary the models were trained with")
    for name, data in files.items():
        if name.endswith(".onnx") and has_external_data(data):
            raise BadBundle(f"{place}: {name} wants data from files outside of it; that is refused")
    return Bundle(place, manifest, vocabulary, files)


def read_manifest(place: Path) -> Manifest:
    """The manifest alone. Raises BadBundle."""
    try:
        data = _read(place / MANIFEST, LARGEST_MANIFEST)
        manifest = msgspec.json.decode(data, type=Manifest)
    except OSError as error:
        raise BadBundle(f"{place}: no model bundle: {MANIFEST}: {(error.strerror or str(error)).lower()}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBundle(f"{place}: {MANIFEST}: {error}") from None
    if manifest.kind != KIND or manifest.schema != SCHEMA:
        raise BadBundle(f"{place}: {manifest.kind} of schema {manifest.schema}; this alogd reads {KIND} {SCHEMA}")
    for name in manifest.files:
        if not _NAME.fullmatch(name) or name == MANIFEST:
            raise BadBundle(f"{place}: {MANIFEST} names a file {name!r}; only plain names beside it are allowed")
    return manifest


def _file(place: Path, name: str, facts: FileFacts) -> bytes:
    try:
        data = _read(place / name, facts.bytes)
    except OSError as error:
        raise BadBundle(f"{place}: {name}: {(error.strerror or str(error)).lower()}") from None
    if len(data) != facts.bytes or hashlib.sha256(data).hexdigest() != facts.sha256:
        raise BadBundle(f"{place}: {name} is not the file the manifest was written for; its sha256 differs")
    return data


def _read(path: Path, most: int) -> bytes:
    """At most one byte more than `most`; never through a link or from a pipe."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        return file.read(most + 1)


# -- ONNX as it lies in the file (protocol buffers), as far as the question goes whether it is alone

_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_FUNCTION_NODE, _NODE_ATTRIBUTE = 7, 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES, _SPARSE_VALUES, _SPARSE_INDICES = 22, 23, 1, 2
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_TENSOR, _SPARSE, _GRAPH, _NODE, _ATTRIBUTE, _FUNCTION, _MODEL = range(7)
# message -> field -> the message in it
_INSIDE: dict[int, dict[int, int]] = {
    _MODEL: {_MODEL_GRAPH: _GRAPH, _MODEL_FUNCTIONS: _FUNCTION},
    _GRAPH: {_GRAPH_NODE: _NODE, _GRAPH_INITIALIZER: _TENSOR, _GRAPH_SPARSE: _SPARSE},
    _FUNCTION: {_FUNCTION_NODE: _NODE},
    _NODE: {_NODE_ATTRIBUTE: _ATTRIBUTE},
    _ATTRIBUTE: {
        _ATTRIBUTE_TENSOR: _TENSOR,
        _ATTRIBUTE_TENSORS: _TENSOR,
        _ATTRIBUTE_GRAPH: _GRAPH,
        _ATTRIBUTE_GRAPHS: _GRAPH,
        _ATTRIBUTE_SPARSE: _SPARSE,
        _ATTRIBUTE_SPARSES: _SPARSE,
    },
    _SPARSE: {_SPARSE_VALUES: _TENSOR, _SPARSE_INDICES: _TENSOR},
    _TENSOR: {},
}
_DEEPEST = 64  # messages within messages


def has_external_data(graph: bytes) -> bool:
    """Whether an ONNX file takes tensors from other files; also true of what cannot be read as one to its end."""
    try:
        return _is_external(memoryview(graph), _MODEL, _DEEPEST)
    except (IndexError, RecursionError):
        return True


def _is_external(data: memoryview, message: int, depth: int) -> bool:
    if depth == 0:
        raise RecursionError
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        field, kind = tag >> 3, tag & 7
        value, begin, at = _skip(data, at, kind)
        if message == _TENSOR and (field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value)):
            return True
        inner = _INSIDE[message].get(field) if kind == 2 else None
        if inner is not None and _is_external(data[begin:at], inner, depth - 1):
            return True
    return False


def _skip(data: memoryview, at: int, kind: int) -> tuple[int, int, int]:
    """(value of a number, where the bytes begin, where the field ends). Raises IndexError beyond the end."""
    if kind == 0:
        value, at = _varint(data, at)
        return value, at, at
    if kind == 2:
        size, at = _varint(data, at)
    else:
        size = {1: 8, 5: 4}[kind] if kind in (1, 5) else len(data) + 1
    if size > len(data) - at:
        raise IndexError
    return 0, at, at + size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError
