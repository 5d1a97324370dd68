"""YAML nodes -> the typed structs of config.py and of the plugins, collecting every problem with its place.

A value that is wrong is named and left out; decoding goes on, so one run of `alogd check` shows all there is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from alogd import registry
from alogd.config import units
from alogd.config.nodes import Mark, Node, Problem, Scalar, scalar
from alogd.config.scalar import choose, convert, nearest, shown, wanted
from alogd.config.tree import DetectorOptions

# A rule looks at one finished struct and yields (key it speaks of, message) for what no type can say.
Rule = Callable[[Any], Iterable[tuple[str, str]]]

_BAD: Any = object()
_TEXT = inspect.StrType()


class Decoder:
    """Turns nodes into values of the types asked for; `problems` and `marks` (path -> place) fill as it goes."""

    def __init__(self, environment: Mapping[str, str], rules: Mapping[type, Rule]) -> None:
        self.problems: list[Problem] = []
        self.marks: dict[str, Mark] = {}
        self._environment = environment
        self._rules = rules

    def root(self, cls: type[msgspec.Struct], node: Node) -> Any:
        """The whole configuration; None when something required is missing or wrong."""
        value = self._struct(_struct_type(cls), node, "")
        return None if value is _BAD else value

    def _wrong(self, node: Node | Mark, path: str, message: str) -> Any:
        self.problems.append(Problem(node.mark if isinstance(node, Node) else node, path, message))
        return _BAD

    # Structs and plugins

    def _struct(self, kind: inspect.StructType, node: Node, path: str) -> Any:
        self.marks[path] = node.mark
        if kind.cls is DetectorOptions:
            return self._detector(kind, node, path)
        if (values := self._fields(kind, node, path)) is _BAD:
            return _BAD
        return self._build(kind.cls, values, node, path)

    def _build(self, cls: type[msgspec.Struct], values: dict[str, Any], node: Node, path: str) -> Any:
        try:
            built = cls(**values)
        except (ValueError, TypeError) as error:  # of the plugin's own __post_init__
            return self._wrong(node, path, str(error))
        for key, message in (*self._rules.get(cls, _no_rule)(built), *_secret_files(cls, built)):
            place = _join(path, key)
            self._wrong(self.marks.get(place, node.mark), place, message)
        return built

    def _fields(self, kind: inspect.StructType, node: Node, path: str, *, skip: str = "", loose: bool = False) -> Any:
        """Field name -> value of a mapping, for `kind`; all or nothing. `skip` is a key not the struct's own."""
        if node.kind == "scalar" and self._is_null(node):
            node = Node(node.mark, "mapping")
        if node.kind != "mapping":
            return self._wrong(node, path, f"expected a mapping, not {_describe(node)}")
        fields = {field.encode_name: field for field in kind.fields}
        values: dict[str, Any] = {}
        for key, (mark, child) in node.entries.items():
            place = _join(path, key)
            self.marks[place] = child.mark
            if key in fields:
                values[fields[key].name] = self._value(fields[key].type, child, place, loose=loose)
            elif key != skip:
                self._wrong(mark, place, f"unknown key; {nearest(key, {*fields, *filter(None, [skip])})}")
        for name, field in fields.items():
            if field.required and name not in node.entries:
                values[field.name] = self._wrong(node, path, f'required key "{name}" is missing')
        return _BAD if any(value is _BAD for value in values.values()) else values

    def _plugin(self, kind: str, node: Node, path: str) -> Any:
        """A mapping with `kind` and that plugin's options, or the bare name; only what is written comes back."""
        self.marks[path] = node.mark
        if node.kind == "scalar" and not self._is_null(node):
            node = Node(node.mark, "mapping", entries={"kind": (node.mark, node)})
        if node.kind != "mapping" or "kind" not in node.entries:
            known = ", ".join(registry.names(kind))
            return self._wrong(node, path, f'expected a mapping with the key "kind" ({known})')
        named = node.entries["kind"][1]
        name = self._value(_TEXT, named, _join(path, "kind"))
        if name is _BAD:
            return _BAD
        options = self._options(kind, name, named, node, path, skip="kind")
        return options if options is _BAD else {"kind": name, **options}

    def _detector(self, kind: inspect.StructType, node: Node, path: str) -> Any:
        if node.kind == "scalar" and not self._is_null(node):
            node = Node(node.mark, "mapping", entries={"name": (node.mark, node)})
        values = self._fields(kind, node, path)
        if values is _BAD:
            return _BAD
        _, options = node.entries.get("options", (node.mark, Node(node.mark, "mapping")))
        checked = self._options("detectors", values["name"], node.entries["name"][1], options, f"{path}.options")
        return _BAD if checked is _BAD else DetectorOptions(name=values["name"], options=checked)

    def _options(self, kind: str, name: str, named: Node, node: Node, path: str, *, skip: str = "") -> Any:
        place = _join(path, skip) if skip else path.removesuffix(".options") + ".name"
        if not registry.has(kind, name):
            return self._wrong(named, place, f'unknown {kind[:-1]} "{name}"; {nearest(name, registry.names(kind))}')
        try:
            cls = getattr(registry.find(kind, name), "Options", _NoOptions)
        except ImportError as error:
            return self._wrong(named, place, f"{kind[:-1]} {name} cannot be loaded: {error}")
        values = self._fields(_struct_type(cls), node, path, skip=skip, loose=True)
        if values is _BAD or self._build(cls, values, node, path) is _BAD:
            return _BAD
        renamed = _encoded(cls)
        return {renamed[key]: msgspec.to_builtins(value) for key, value in values.items()}

    # Values

    def _value(self, kind: inspect.Type, node: Node, path: str, *, loose: bool = False) -> Any:
        extra: dict[str, Any] = {}
        if isinstance(kind, inspect.Metadata):
            extra, kind = kind.extra or {}, kind.type
        if "plugin" in extra:
            return self._plugin(extra["plugin"], node, path)
        if isinstance(kind, inspect.UnionType):
            member = choose(kind, node.kind, self._peek(node))
            return self._value(member, node, path, loose=loose)
        if isinstance(kind, inspect.StructType):
            return self._struct(kind, node, path)
        if isinstance(kind, inspect.AnyType):
            return self._any(node, path)
        if isinstance(kind, (inspect.VarTupleType, inspect.ListType, inspect.SetType, inspect.FrozenSetType)):
            return self._list(kind, node, path, loose)
        if isinstance(kind, inspect.DictType):
            return self._dict(kind, node, path, loose)
        if node.kind != "scalar":
            return self._wrong(node, path, f"expected {wanted(kind)}, not {_describe(node)}")
        if (text := self._text(node, path)) is _BAD:
            return _BAD
        try:
            return convert(kind, text, node.plain, unit=extra.get("unit"), loose=loose)
        except ValueError as error:
            return self._wrong(node, path, str(error))

    def _list(self, kind: Any, node: Node, path: str, loose: bool) -> Any:
        if node.kind != "list":
            return self._wrong(node, path, f"expected a list, not {_describe(node)}")
        least, most = kind.min_length or 0, kind.max_length
        if len(node.items) < least or (most is not None and len(node.items) > most):
            return self._wrong(node, path, f"{len(node.items)} entries; {least} to {most or 'any number'} are accepted")
        places = [f"{path}[{index}]" for index in range(len(node.items))]
        self.marks.update((place, item.mark) for place, item in zip(places, node.items, strict=True))
        values = [
            self._value(kind.item_type, item, at, loose=loose) for at, item in zip(places, node.items, strict=True)
        ]
        return _BAD if any(value is _BAD for value in values) else tuple(values)

    def _dict(self, kind: inspect.DictType, node: Node, path: str, loose: bool) -> Any:
        if node.kind != "mapping":
            return self._wrong(node, path, f"expected a mapping, not {_describe(node)}")
        values = {}
        for key, (_, child) in node.entries.items():
            self.marks[_join(path, key)] = child.mark
            values[key] = self._value(kind.value_type, child, _join(path, key), loose=loose)
        return _BAD if any(value is _BAD for value in values.values()) else values

    def _any(self, node: Node, path: str) -> Any:
        if node.kind == "list":
            return [self._any(item, path) for item in node.items]
        if node.kind == "mapping":
            return {key: self._any(child, _join(path, key)) for key, (_, child) in node.entries.items()}
        text = self._text(node, path)
        return text if text is _BAD else scalar(text, node.plain)

    def _text(self, node: Node, path: str) -> Any:
        try:
            return units.substitute(node.text, self._environment)
        except ValueError as error:
            return self._wrong(node, path, str(error))

    def _peek(self, node: Node) -> Scalar:
        """The value of a scalar, for choosing its type; what cannot be substituted is reported later."""
        try:
            return scalar(units.substitute(node.text, self._environment), node.plain)
        except ValueError:
            return node.text

    def _is_null(self, node: Node) -> bool:
        return node.kind == "scalar" and self._peek(node) is None


class _NoOptions(msgspec.Struct):
    """Of a plugin that declares none."""


def _no_rule(_: Any) -> Iterable[tuple[str, str]]:
    return ()


def _secret_files(cls: type[msgspec.Struct], built: Any) -> Iterable[tuple[str, str]]:
    """Every `*_file` key names a file that is there."""
    for name, written in _encoded(cls).items():
        path = getattr(built, name) if name.endswith("_file") else None
        if isinstance(path, str) and not os.path.isfile(path):
            yield written, f"{path} is not a file"


def _encoded(cls: type[msgspec.Struct]) -> dict[str, str]:
    """Field name -> the key it is written as."""
    return dict(zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True))


@lru_cache(maxsize=64)  # working a struct's types out takes milliseconds, and streams share their plugins
def _struct_type(cls: type[msgspec.Struct]) -> inspect.StructType:
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType), cls
    return kind


def _join(path: str, key: str) -> str:
    if not key:
        return path
    return f"{path}.{key}" if path and not key.startswith("[") else path + key


def _describe(node: Node) -> str:
    if node.kind != "scalar":
        return f"a {node.kind}"
    return shown("" if scalar(node.text, node.plain) is None else node.text)
