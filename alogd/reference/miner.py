"""drain3.Drain with what the engine's face needs besides: slots that are used again, and each template's first text."""

from __future__ import annotations

from collections.abc import Iterator

from drain3.drain import Drain, LogCluster, LogClusterCache, Node

from alogd.engine import drain_state
from alogd.engine.drain_state import DrainState
from alogd.engine.settings import EngineConfig


class _Cache(LogClusterCache):  # type: ignore[misc]
    """Says which cluster had to go."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self.evicted: list[int] = []

    def popitem(self) -> tuple[int, LogCluster]:
        key, value = super().popitem()
        self.evicted.append(key)
        return key, value


class Miner:
    """Templates of token lists (bytes), with ids as Drain3's and slots as the C engine's."""

    def __init__(self, config: EngineConfig) -> None:
        self.drain = Drain(
            depth=config.depth,
            sim_th=config.sim_th,
            max_children=config.max_children,
            max_clusters=config.max_clusters,
            parametrize_numeric_tokens=config.parametrize_numeric_tokens,
        )
        self.drain.get_content_as_tokens = list  # tokens come cut
        if config.max_clusters is not None:
            self.drain.id_to_cluster = _Cache(config.max_clusters)
        self.slots: dict[int, int] = {}  # of the clusters there are
        self.firsts: dict[int, str] = {}
        self.free: list[int] = []
        self.counters = {"created": 0, "changed": 0, "evicted": 0}

    def add(self, tokens: list[bytes]) -> tuple[int, int, bool]:
        """Learn one line: id, slot and whether it made its template."""
        cluster, change = self.drain.add_log_message([_text(token) for token in tokens])
        number: int = cluster.cluster_id
        self.counters["changed"] += change == "cluster_template_changed"
        if change != "cluster_created":
            return number, self.slots[number], False
        self.counters["created"] += 1
        self._forget_evicted()
        self.slots[number] = self.free.pop() if self.free else len(self.slots) + 1
        self.firsts[number] = cluster.get_template()
        return number, self.slots[number], True

    def _forget_evicted(self) -> None:
        if not isinstance(self.drain.id_to_cluster, _Cache):
            return
        for number in self.drain.id_to_cluster.evicted:
            self.free.append(self.slots.pop(number))
            del self.firsts[number]
            self.counters["evicted"] += 1
        self.drain.id_to_cluster.evicted.clear()

    def clusters(self) -> Iterator[LogCluster]:
        """All, least recently used first; looking does not count as use."""
        held = self.drain.id_to_cluster
        order = list(held._LRUCache__order) if isinstance(held, _Cache) else list(held)
        yield from (held.get(number) for number in order)

    def at(self, slot: int) -> LogCluster | None:
        """The cluster that has a slot now."""
        for number, taken in self.slots.items():
            if taken == slot:
                return self.drain.id_to_cluster.get(number)
        return None

    def candidate(self, tokens: list[bytes]) -> tuple[LogCluster | None, float]:
        """The cluster most like these tokens that Drain would look at, and how much; nothing is learned."""
        texts = [_text(token) for token in tokens]
        cluster = self.drain.tree_search(self.drain.root_node, texts, 0.0, False)
        if cluster is None:
            return None, 0.0
        return cluster, self.drain.get_seq_distance(cluster.log_template_tokens, texts, False)[0]

    # -- state

    def state(self) -> DrainState:
        """What was learned, for a snapshot."""
        clusters = [
            drain_state.Cluster(c.cluster_id, [_bytes(token) for token in c.log_template_tokens], c.size)
            for c in self.clusters()
        ]
        trees = {int(count): _plain(node) for count, node in self.drain.root_node.key_to_child_node.items()}
        return DrainState(self.drain.clusters_counter, clusters, trees)

    def restore(self, state: DrainState) -> None:
        """Take over what was learned elsewhere."""
        self.drain.clusters_counter = state.last_id
        for cluster in state.clusters:
            made = LogCluster([_text(token) for token in cluster.tokens], cluster.id)
            made.size = cluster.size
            self.drain.id_to_cluster[cluster.id] = made
            self.firsts[cluster.id] = made.get_template()
        self._forget_evicted()
        self.slots = {number: slot for slot, number in enumerate(sorted(self.firsts), 1)}
        root = self.drain.root_node
        root.key_to_child_node = {
            str(count): _node(tree) for count, tree in state.trees.items() if count or tree.clusters
        }


def _plain(node: Node) -> drain_state.Node:
    children = {_bytes(token): _plain(child) for token, child in node.key_to_child_node.items()}
    return drain_state.Node(children, list(node.cluster_ids))


def _node(plain: drain_state.Node) -> Node:
    node = Node()
    node.key_to_child_node = {_text(token): _node(child) for token, child in plain.children.items()}
    node.cluster_ids = list(plain.clusters)
    return node


def _text(token: bytes) -> str:
    return token.decode("utf-8", "surrogateescape")


def _bytes(token: str) -> bytes:
    return token.encode("utf-8", "surrogateescape")
