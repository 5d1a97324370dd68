"""Drain's learned state as plain Python values, and its place in an engine snapshot.

Between the two snapshot formats: engine_c/drain_snapshot.c says how the bytes are laid out; here they are only packed
and unpacked, and the C engine validates what it is given.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

HEADER = 28  # bytes before the payload of a snapshot (engine_c/snapshot.h)
_WILD = 1 << 31
WILDCARD = b"<*>"


@dataclass(slots=True)
class Cluster:
    """One template: its id, its tokens now, and how many lines it matched."""

    id: int
    tokens: list[bytes]
    size: int


@dataclass(slots=True)
class Node:
    """A node of the prefix tree: children in order of arrival or, in a leaf, ids of clusters."""

    children: dict[bytes, Node] = field(default_factory=dict)
    clusters: list[int] = field(default_factory=list)


@dataclass(slots=True)
class DrainState:
    """What Drain has learned. Clusters stand in order of their last use, least recent first."""

    last_id: int
    clusters: list[Cluster]
    trees: dict[int, Node]  # by token count


# -- packing


def pack(state: DrainState, depth: int, meta: bytes, seed: int) -> bytes:
    """Payload of the snapshot of an engine that has read nothing yet. Raises ValueError for a tree of another depth."""
    slots = {cluster.id: slot for slot, cluster in enumerate(sorted(state.clusters, key=lambda c: c.id), 1)}
    out = [_span(meta), struct.pack("<Q", seed)]
    out.append(struct.pack("<I6QII", state.last_id, state.last_id, 0, 0, 0, 0, 0, len(slots) + 1, 0))
    out.append(struct.pack("<I", len(state.clusters)))
    for cluster in state.clusters:
        out.append(struct.pack("<IIQI", cluster.id, slots[cluster.id], cluster.size, len(cluster.tokens)))
        out += [_token(token) for token in cluster.tokens]
    out.append(struct.pack("<I", len(state.trees)))
    for count, tree in sorted(state.trees.items()):
        out.append(struct.pack("<I", count))
        out += _pack_node(tree, _levels(count, depth), slots)
    out.append(struct.pack("<QQ8QI", sum(cluster.size for cluster in state.clusters), 0, *[0] * 8, 0))
    return b"".join(out)


def _levels(count: int, depth: int) -> int:
    """Levels of tokens between the first layer and the leaves of lines of `count` tokens."""
    return max(0, min(count - 1, depth - 3))


def _pack_node(node: Node, levels: int, slots: dict[int, int]) -> Iterator[bytes]:
    if node.children if levels == 0 else node.clusters:
        raise ValueError("the tree has another depth than the configuration")
    if levels == 0:
        known = [slots[cluster] for cluster in node.clusters if cluster in slots]  # the others were evicted
        yield struct.pack(f"<I{len(known)}I", len(known), *known)
        return
    yield struct.pack("<I", len(node.children))
    for token, child in node.children.items():
        yield struct.pack("<I", _WILD) if token == WILDCARD else _span(token)
        yield from _pack_node(child, levels - 1, slots)


def _span(raw: bytes) -> bytes:
    return struct.pack("<I", len(raw)) + raw


def _token(token: bytes) -> bytes:
    return struct.pack("<I", len(token) | (_WILD if token == WILDCARD else 0)) + token


# -- unpacking, of bytes the C engine has just written


class _Cursor:
    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, HEADER

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self.raw, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def run(self, length: int) -> bytes:
        self.at += length
        return self.raw[self.at - length : self.at]

    def token(self) -> bytes:
        (head,) = self.take("I")
        text = self.run(head & ~_WILD)
        return WILDCARD if head & _WILD else text


def unpack(snapshot: bytes, depth: int) -> DrainState:
    """Drain's part of the snapshot of an engine (of Engine.save, not of a file of unknown origin)."""
    cursor = _Cursor(snapshot)
    cursor.run(cursor.take("I")[0])
    last_id = cursor.take("QI6QI")[1]
    cursor.take(f"{cursor.take('I')[0]}I")
    ids: dict[int, int] = {}
    clusters: list[Cluster] = []
    for _ in range(cursor.take("I")[0]):
        number, slot, size, count = cursor.take("IIQI")
        clusters.append(Cluster(number, [cursor.token() for _ in range(count)], size))
        ids[slot] = number
    trees: dict[int, Node] = {}
    for _ in range(cursor.take("I")[0]):
        (count,) = cursor.take("I")
        trees[count] = _unpack_node(cursor, _levels(count, depth), ids)
    return DrainState(last_id, clusters, trees)


def _unpack_node(cursor: _Cursor, levels: int, ids: dict[int, int]) -> Node:
    (count,) = cursor.take("I")
    if levels == 0:
        return Node(clusters=[ids[slot] for slot in cursor.take(f"{count}I")])
    return Node({cursor.token(): _unpack_node(cursor, levels - 1, ids) for _ in range(count)})
