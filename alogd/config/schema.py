"""The configuration's JSON Schema, made from the structs themselves and those of every plugin that is installed.

`alogd check --schema` prints it; configs/alogd.schema.json is that output. Descriptions are the structs' docstrings and
the comments beside their fields, so there is one place to write them.
"""

from __future__ import annotations

import ast
import inspect as source
import io
import textwrap
import tokenize
from typing import Any

import msgspec
from msgspec import inspect

from alogd import registry
from alogd.config.tree import Config, DetectorOptions

Schema = dict[str, Any]

_DURATION = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|w) ?)+$"}
_SIZE = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(B|[KMG]i?B)$"}
_LIMITS = (("ge", "minimum"), ("gt", "exclusiveMinimum"), ("le", "maximum"), ("lt", "exclusiveMaximum"))


def schema() -> Schema:
    """JSON Schema 2020-12 of alogd.yaml."""
    definitions: dict[str, Schema] = {}
    root = _struct(Config, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "alogd.yaml",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """`schema()` as it is published."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"


def _struct(cls: type[msgspec.Struct], definitions: dict[str, Schema], *, first: Schema | None = None) -> Schema:
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType), cls
    comments = field_comments(cls)
    properties = dict(first or {})
    for field in kind.fields:
        about: Schema = {"description": text} if (text := comments.get(field.name)) else {}
        if field.default is not msgspec.NODEFAULT and isinstance(field.default, (str, int, float, tuple, type(None))):
            about["default"] = msgspec.to_builtins(field.default)
        properties[field.encode_name] = {**_type(field.type, definitions, loose=first is not None), **about}
    required = [*(first or {}), *(field.encode_name for field in kind.fields if field.required)]
    shape: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if text := source.getdoc(cls):
        shape["description"] = " ".join(text.split())
    return {**shape, "required": required} if required else shape


def _type(kind: inspect.Type, definitions: dict[str, Schema], *, loose: bool = False) -> Schema:
    unit = None
    if isinstance(kind, inspect.Metadata):
        extra, kind = kind.extra or {}, kind.type
        if "plugin" in extra:
            return _plugin(extra["plugin"], definitions)
        unit = extra.get("unit")
    if isinstance(kind, inspect.StructType):
        return _reference(kind.cls, definitions)
    if isinstance(kind, inspect.UnionType):
        return {"anyOf": [_type(member, definitions, loose=loose) for member in kind.types]}
    if isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
        return _list(kind, definitions)
    if isinstance(kind, inspect.DictType):
        return {"type": "object", "additionalProperties": _type(kind.value_type, definitions)}
    if isinstance(kind, (inspect.IntType, inspect.FloatType)):
        return _number(kind, unit, loose)
    return _scalar(kind)


def _reference(cls: type[msgspec.Struct], definitions: dict[str, Schema]) -> Schema:
    if cls.__name__ not in definitions:
        definitions[cls.__name__] = {}  # holds the place while its own fields are described
        definitions[cls.__name__] = _detector(definitions) if cls is DetectorOptions else _struct(cls, definitions)
    reference = {"$ref": f"#/$defs/{cls.__name__}"}
    required = any(field.required for field in msgspec.structs.fields(cls))
    return reference if required else {"anyOf": [reference, {"type": "null"}]}


def _list(kind: Any, definitions: dict[str, Schema]) -> Schema:
    shape: Schema = {"type": "array", "items": _type(kind.item_type, definitions)}
    if kind.min_length:
        shape["minItems"] = kind.min_length
    return {**shape, "maxItems": kind.max_length} if kind.max_length else shape


def _number(kind: inspect.IntType | inspect.FloatType, unit: str | None, loose: bool) -> Schema:
    whole = isinstance(kind, inspect.IntType)
    limits = {name: getattr(kind, limit) for limit, name in _LIMITS if getattr(kind, limit) is not None}
    number = {"type": "integer" if whole else "number", **limits}
    if loose and unit is None and not limits:
        unit = "size" if whole else "duration"
    return {"anyOf": [number, _DURATION if unit == "duration" else _SIZE]} if unit else number


def _scalar(kind: inspect.Type) -> Schema:
    if isinstance(kind, inspect.LiteralType):
        return {"enum": list(kind.values)}
    if isinstance(kind, inspect.BoolType):
        return {"type": "boolean"}
    if isinstance(kind, inspect.NoneType):
        return {"type": "null"}
    if not isinstance(kind, inspect.StrType):
        return {}
    limits = {"minLength": kind.min_length, "maxLength": kind.max_length, "pattern": kind.pattern}
    return {"type": "string", **{name: limit for name, limit in limits.items() if limit is not None}}


def _options(kind: str, name: str) -> type[msgspec.Struct]:
    return getattr(registry.find(kind, name), "Options", msgspec.Struct)


def _plugin(kind: str, definitions: dict[str, Schema]) -> Schema:
    """Any plugin's name, or a mapping with `kind` and the options of that one."""
    forms: list[Schema] = [{"enum": registry.names(kind)}]
    for name in registry.names(kind):
        forms.append(_struct(_options(kind, name), definitions, first={"kind": {"const": name}}))
    return {"anyOf": forms}


def _detector(definitions: dict[str, Schema]) -> Schema:
    forms: list[Schema] = [{"enum": registry.names("detectors")}]
    for name in registry.names("detectors"):
        options = _struct(_options("detectors", name), definitions)
        properties = {"name": {"const": name}, "options": options}
        forms.append({"type": "object", "properties": properties, "required": ["name"], "additionalProperties": False})
    return {"description": " ".join((source.getdoc(DetectorOptions) or "").split()), "anyOf": forms}


def field_comments(cls: type) -> dict[str, str]:
    """Field name -> the comment at the end of its line or on the line above, of a class and its bases."""
    comments: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(("builtins", "msgspec")):
            continue
        text = textwrap.dedent(source.getsource(base))
        tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]
        at_line = {token.start[0]: token.string.lstrip("# ") for token in tokens}
        above = {token.start[0] + 1: at_line[token.start[0]] for token in tokens if token.line.lstrip()[0] == "#"}
        for statement in ast.parse(text).body[0].body:  # type: ignore[attr-defined]
            rows = range(statement.lineno, (statement.end_lineno or 0) + 1)  # formatters move comments within them
            comment = next((at_line[row] for row in rows if row in at_line), above.get(statement.lineno))
            if comment and isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                comments[statement.target.id] = comment
    return comments
