"""YAML text -> a tree of nodes that know their line and column; the first step of loading a configuration.

Nothing but mappings, lists and plain scalars comes out, whatever is written: no tags that run code, no duplicate
keys, and size, depth and the number of nodes (aliases counted at every use) are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 100_000

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Where something stands; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at `path` ("streams[0].engine.depth"; "" is the whole file)."""

    mark: Mark
    path: str
    message: str

    def text(self, name: str) -> str:
        """One line: `alogd.yaml:12:5: streams[0].engin: unknown key`."""
        place = f"{name}:{self.mark.line}:{self.mark.column}: "
        return place + (f"{self.path}: " if self.path else "") + self.message


class ConfigError(ValueError):
    """A configuration that cannot be used, with everything that is wrong with it."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.name = name
        self.problems = sorted(problems, key=lambda problem: (problem.mark.line, problem.mark.column))
        super().__init__("\n".join(problem.text(name) for problem in self.problems))


class YamlError(Exception):
    """Text that is not the YAML accepted here."""

    def __init__(self, mark: Mark, message: str) -> None:
        self.problem = Problem(mark, "", message)
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Node:
    """A value: `entries` of a mapping (key -> its mark and value), `items` of a list, or the `text` of a scalar."""

    mark: Mark
    kind: str  # "mapping", "list" or "scalar"
    text: str = ""
    plain: bool = False  # not quoted: its text says which type it has
    entries: dict[str, tuple[Mark, Node]] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)
    size: int = 1  # nodes in it, aliases counted at every use
    height: int = 1  # levels in it


_INT = re.compile(r"[-+]?[0-9](_?[0-9])*\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9](_?[0-9])*(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NAMED: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def scalar(text: str, plain: bool) -> Scalar:
    """What a scalar means by YAML 1.2's core rules: `off`, `no` and `12:30` are text, not booleans and numbers."""
    if not plain:
        return text
    if text in _NAMED:
        return _NAMED[text]
    if len(text) > 64:
        return text
    if _INT.match(text):
        return int(text.replace("_", ""))
    if _HEX.match(text):
        return int(text, 16)
    if _FLOAT.match(text):
        return float(text.replace("_", ""))
    return text


def parse(text: str) -> Node:
    """The tree of a YAML text. Raises YamlError with the place of the first thing that is not accepted."""
    if len(text) > MAX_BYTES:
        raise YamlError(Mark(1, 1), f"longer than {MAX_BYTES} characters")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(yaml.parse(text, Loader=loader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(_mark(mark), f"not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise YamlError(Mark(1, 1), f"not valid YAML: {str(error).splitlines()[0]}") from None


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


class _Composer:
    """Builds nodes from parser events, counting as it goes."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, (yaml.StreamStartEvent, yaml.StreamEndEvent)):
                continue
            if isinstance(event, yaml.DocumentEndEvent):
                continue
            if not isinstance(event, yaml.DocumentStartEvent):
                root = self._node(event, 1)
            elif root is not None:
                raise YamlError(_mark(event.start_mark), "a second document; one file holds one configuration")
        return root or Node(Mark(1, 1), "scalar", plain=True)

    def _node(self, event: Any, depth: int) -> Node:
        mark = _mark(event.start_mark)
        if depth > MAX_DEPTH:
            raise YamlError(mark, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), mark, depth)
        self._count(1, mark)
        if event.tag and not event.tag.startswith("tag:yaml.org,2002:str") and event.tag != "!":
            raise YamlError(mark, f"tag {event.tag} is not accepted")
        node = self._fresh(event, mark, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _fresh(self, event: Any, mark: Mark, depth: int) -> Node:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(mark, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(mark, depth)
        return Node(mark, "scalar", text=event.value, plain=bool(event.implicit[0]) and not event.tag)

    def _alias(self, name: str, mark: Mark, depth: int) -> Node:
        if name not in self._anchors:
            raise YamlError(mark, f"*{name} stands before (or within) the value it names, or no value has that name")
        node = self._anchors[name]
        self._count(node.size, mark)
        if depth + node.height > MAX_DEPTH:
            raise YamlError(mark, f"nested more than {MAX_DEPTH} deep")
        return replace(node, mark=mark)

    def _count(self, nodes: int, mark: Mark) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise YamlError(mark, f"more than {MAX_NODES} values once aliases are written out")

    def _mapping(self, mark: Mark, depth: int) -> Node:
        entries: dict[str, tuple[Mark, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, entries)
            value = self._node(next(self._events), depth + 1)
            entries[key] = (_mark(event.start_mark), value)
        values = [value for _, value in entries.values()]
        return Node(mark, "mapping", entries=entries, size=_size(values), height=_height(values))

    def _key(self, event: Any, entries: dict[str, tuple[Mark, Node]]) -> str:
        mark = _mark(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            raise YamlError(mark, "a key has to be a plain word")
        key = str(event.value)
        if key == "<<":
            raise YamlError(mark, "merge keys (<<) are not accepted; name the whole value with *alias")
        if key in entries:
            raise YamlError(mark, f'key "{key}" stands here twice; first at line {entries[key][0].line}')
        return key

    def _list(self, mark: Mark, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Node(mark, "list", items=items, size=_size(items), height=_height(items))


def _size(nodes: list[Node]) -> int:
    return 1 + sum(node.size for node in nodes)


def _height(nodes: list[Node]) -> int:
    return 1 + max((node.height for node in nodes), default=0)
