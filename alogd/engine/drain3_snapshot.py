"""Drain3's own snapshots, read and written without jsonpickle: nothing that stands in a file is ever run.

Reading follows jsonpickle's order of restoring, on which its `py/id` references depend, but makes plain values only.
Everything is bounded: the size of the file and of what it decompresses to, and the depth of its nesting.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alogd.engine.drain_state import WILDCARD, Cluster, DrainState, Node
from alogd.engine.settings import EngineConfig

MAX_BYTES = 1 << 30  # of the file and of the JSON in it
_JSON_KEY = "json://"


# -- reading


def read(path: str | Path, depth: int) -> DrainState:
    """What a file of Drain3 holds, plain or compressed. Raises ValueError when it is none, damaged or of another depth.

    depth: of the engine that is to go on with it; a tree of another depth would be misread.
    """
    with Path(path).open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    try:
        drain = _Restorer().restore(json.loads(_plain(raw)))
        return _state(drain, depth)
    except (RecursionError, KeyError, TypeError, AttributeError, IndexError, UnicodeError) as error:
        raise ValueError(f"{path} is not a snapshot of Drain3: {error!r}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a snapshot of Drain3 that fits: {error}") from None


def _plain(raw: bytes) -> bytes:
    if len(raw) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    if raw.lstrip()[:1] == b"{":
        return raw
    try:
        stream = zlib.decompressobj()
        text = stream.decompress(base64.b64decode(raw.strip(), validate=True), MAX_BYTES)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"neither JSON nor compressed JSON: {error}") from None
    if not stream.eof:
        raise ValueError(f"cut short, or larger than {MAX_BYTES} bytes")
    return text


@dataclass(slots=True, eq=False)
class _Object:
    """An instance of some class, as its attributes."""

    name: str
    attributes: dict[Any, Any] = field(default_factory=dict)


class _Restorer:
    """jsonpickle 1.5.1's Unpickler, as far as numbering of references goes, with _Object for every class."""

    def __init__(self) -> None:
        self.objects: list[Any] = []

    def restore(self, value: Any) -> Any:
        if isinstance(value, list):
            return self._list(value)
        if not isinstance(value, dict):
            return value
        if "py/id" in value:
            return self.objects[value["py/id"]]
        if "py/type" in value:
            return None
        if "py/reduce" in value:
            return self._reduce(value["py/reduce"])
        if "py/object" in value:
            return self._object(value)
        if "py/tuple" in value:
            return tuple([self.restore(item) for item in value["py/tuple"]])
        return self._dict(value)

    def _list(self, value: list[Any]) -> list[Any]:
        made: list[Any] = []
        self.objects.append(made)
        made += [self.restore(item) for item in value]
        return made

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self.objects.append(made)
        coded = [key for key in value if isinstance(key, str) and key.startswith(_JSON_KEY)]
        for key in [key for key in value if key not in coded] if coded else value:
            made[key] = self.restore(value[key])
        for key in coded:
            made[_scalar(json.loads(key[len(_JSON_KEY) :]))] = self.restore(value[key])
        return made

    def _reduce(self, value: list[Any]) -> Any:
        """Only an OrderedDict is written so; its items are the last of five."""
        place = len(self.objects)
        self.objects.append(None)
        parts = [self.restore(item) for item in value]
        self.objects[place] = dict(parts[4] or ()) if len(parts) > 4 else {}
        return self.objects[place]

    def _object(self, value: dict[str, Any]) -> _Object:
        made = _Object(str(value["py/object"]))
        self.objects.append(made)
        for key, item in value.items():
            if not key.startswith("py/"):
                made.attributes[key] = self.restore(item)
        state = self.restore(value.get("py/state"))
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):  # jsonpickle restores what a state holds twice
                made.attributes.update({key: self.restore(item) for key, item in part.items()})
        return made


def _scalar(key: Any) -> Any:
    if not isinstance(key, str | int):
        raise ValueError(f"key {key!r}")
    return key


def _state(drain: Any, depth: int) -> DrainState:
    own = _of_class(drain, "Drain").attributes
    saved = own.get("max_node_depth", own.get("depth"))
    if saved is not None and saved != depth - 2:
        raise ValueError(f"it has depth {saved + 2}, the configuration {depth}")
    if own.get("param_str", "<*>") != "<*>":
        raise ValueError(f"its wildcard is {own['param_str']!r}, not '<*>'")
    clusters = [_cluster(number, value) for number, value in _by_last_use(own["id_to_cluster"])]
    root = _of_class(own["root_node"], "Node").attributes
    trees = {int(count): _node(tree) for count, tree in root["key_to_child_node"].items()}
    last_id = max([_count(own["clusters_counter"]), *(cluster.id for cluster in clusters)])
    return DrainState(last_id, clusters, trees)


def _of_class(value: Any, name: str) -> _Object:
    if not isinstance(value, _Object) or value.name.rpartition(".")[2] != name:
        raise ValueError(f"no {name} where one belongs")
    return value


def _by_last_use(held: Any) -> list[tuple[Any, Any]]:
    """(id, cluster), least recently used first. Keys were strings up to Drain3 0.9.1."""
    if isinstance(held, dict):
        return sorted(held.items(), key=lambda item: int(item[0]))
    if not isinstance(held, _Object) or "_Cache__data" not in held.attributes:
        raise ValueError("no clusters")
    clusters, order = held.attributes["_Cache__data"], held.attributes.get("_LRUCache__order")
    used = list(clusters if order is None else order)
    if {int(key) for key in used} != {int(key) for key in clusters}:
        raise ValueError("the order of use does not name every cluster once")
    by_number = {int(key): value for key, value in clusters.items()}
    return [(int(key), by_number[int(key)]) for key in used]


def _cluster(number: Any, value: Any) -> Cluster:
    own = _of_class(value, "LogCluster").attributes
    if _count(own["cluster_id"]) != int(number):
        raise ValueError(f"cluster {number} says it is {own['cluster_id']}")
    return Cluster(int(number), [_encode(token) for token in own["log_template_tokens"]], _count(own["size"]))


def _node(value: Any) -> Node:
    own = _of_class(value, "Node").attributes
    children = {_encode(token): _node(child) for token, child in own["key_to_child_node"].items()}
    return Node(children, [_count(number) for number in own["cluster_ids"]])


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        raise ValueError(f"{value!r} where a number belongs")
    return value


def _encode(token: Any) -> bytes:
    """Bytes of a token; a surrogate that does not stand for a byte is kept as it is."""
    if not isinstance(token, str) or not token:
        raise ValueError(f"{token!r} where a token belongs")
    try:
        return token.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return token.encode("utf-8", "surrogatepass")


# -- writing


def _settings(config: EngineConfig) -> dict[str, Any]:
    """Attributes of Drain3's Drain that say what an engine is told."""
    return {
        "log_cluster_depth": config.depth,
        "max_node_depth": config.depth - 2,
        "sim_th": config.sim_th,
        "max_children": config.max_children,
        "max_clusters": config.max_clusters,
        "extra_delimiters": list(config.extra_delimiters),
        "parametrize_numeric_tokens": config.parametrize_numeric_tokens,
    }


def write(path: str | Path, state: DrainState, config: EngineConfig, compressed: bool) -> None:
    """A file that Drain3 0.9.11 loads, written atomically."""
    # Drain3 looks up the first cluster of the empty line's leaf without asking whether there is one
    trees = {count: tree for count, tree in sorted(state.trees.items()) if count or tree.clusters}
    children = {str(count): _written_node(tree) for count, tree in trees.items()}
    drain = {
        **_settings(config),
        "root_node": {
            "py/object": "drain3.drain.Node",
            "py/state": _slots(key_to_child_node=children, cluster_ids=[]),
        },
        "profiler": {"py/object": "drain3.simple_profiler.NullProfiler", "py/state": None},
        "param_str": WILDCARD.decode(),
        "id_to_cluster": _written_clusters(state, config.max_clusters),
        "clusters_counter": state.last_id,
    }
    raw = json.dumps({"py/object": "drain3.drain.Drain", "py/state": drain}).encode()
    _replace(Path(path), base64.b64encode(zlib.compress(raw)) if compressed else raw)


def _replace(path: Path, raw: bytes) -> None:
    """The whole file or, when something fails, the one that was there."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise


def _slots(**attributes: Any) -> dict[str, Any]:
    return {"py/tuple": [None, attributes]}


def _decode(token: bytes) -> str:
    return token.decode("utf-8", "surrogateescape")


def _written_node(node: Node) -> dict[str, Any]:
    children = {_key(_decode(token)): _written_node(child) for token, child in node.children.items()}
    return {
        "py/object": "drain3.drain.Node",
        "py/state": _slots(key_to_child_node=children, cluster_ids=list(node.clusters)),
    }


def _key(token: str) -> str:
    """A token that jsonpickle would take for one of its own marks is coded twice, as it decodes it twice."""
    if not token.startswith(("py/", _JSON_KEY)):
        return token
    return _JSON_KEY + json.dumps(_JSON_KEY + json.dumps(token))


def _written_clusters(state: DrainState, max_clusters: int | None) -> dict[str, Any]:
    clusters = {f"{_JSON_KEY}{cluster.id}": _written_cluster(cluster) for cluster in state.clusters}
    if max_clusters is None:
        return clusters
    order = [{"py/tuple": [cluster.id, None]} for cluster in state.clusters]
    kept = {
        "_Cache__data": clusters,
        "_Cache__currsize": len(clusters),
        "_Cache__maxsize": max_clusters,
        "_LRUCache__order": {
            "py/reduce": [{"py/type": "collections.OrderedDict"}, {"py/tuple": []}, None, None, {"py/tuple": order}]
        },
    }
    return {"py/object": "drain3.drain.LogClusterCache", "py/state": kept}


def _written_cluster(cluster: Cluster) -> dict[str, Any]:
    tokens = {"py/tuple": [_decode(token) for token in cluster.tokens]}
    return {
        "py/object": "drain3.drain.LogCluster",
        "py/state": _slots(log_template_tokens=tokens, cluster_id=cluster.id, size=cluster.size),
    }
