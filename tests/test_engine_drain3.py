"""Snapshots of Drain3, both ways, with the real drain3: who takes over goes on without a difference."""

from __future__ import annotations

import base64
import json
import random
import zlib
from pathlib import Path

import jsonpickle
import pytest
from drain3 import TemplateMiner
from drain3.drain import Drain
from drain3.file_persistence import FilePersistence
from drain3.template_miner_config import TemplateMinerConfig

from alogd.engine import drain3_snapshot
from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from tests.drain_lines import lines, settings
from tests.test_drain_exact import compare, drain_of


def miner(config: EngineConfig, path: Path, compressed: bool) -> TemplateMiner:
    """A TemplateMiner without masks, on a file."""
    options = TemplateMinerConfig()
    options.drain_depth = config.depth
    options.drain_sim_th = config.sim_th
    options.drain_max_children = config.max_children
    options.drain_max_clusters = config.max_clusters
    options.drain_extra_delimiters = list(config.extra_delimiters)
    options.parametrize_numeric_tokens = config.parametrize_numeric_tokens
    options.snapshot_compress_state = compressed
    return TemplateMiner(FilePersistence(str(path)), options)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_from_drain3_and_back(tmp_path: Path, seed: int, compressed: bool) -> None:
    rng = random.Random(seed)
    config, path = settings(rng), tmp_path / "state"
    theirs = miner(config, path, compressed)
    log = list(lines(rng, 1200))
    for line in log[:400]:
        theirs.drain.add_log_message(line.decode("utf-8", "surrogateescape"))
    theirs.save_state("test")

    ours = Engine(config)
    ours.load_drain3(path)
    assert ours.counters()["clusters"] == len(theirs.drain.id_to_cluster)
    compare(ours, theirs.drain, log[400:800])

    ours.save_drain3(path, compressed=compressed)
    again = miner(config, path, compressed)
    assert again.drain.clusters_counter == theirs.drain.clusters_counter
    compare(ours, again.drain, log[800:])


@pytest.mark.parametrize("token", ["py/object", "py/tuple", "py/id", "json://1", "json://", 'json://"json://1"'])
def test_tokens_that_look_like_marks(tmp_path: Path, token: str) -> None:
    config = EngineConfig(masks=(), header=None, multiline=False, parametrize_numeric_tokens=False, seed=1)
    ours, drain = Engine(config), drain_of(config)
    compare(ours, drain, [f"{token} said {token}".encode(), b"another line is"])
    ours.save_drain3(tmp_path / "state")
    again = miner(config, tmp_path / "state", False).drain
    compare(ours, again, [f"{token} said nothing".encode(), b"another line was"])
    fresh = Engine(config)
    ours.save_drain3(tmp_path / "state")
    fresh.load_drain3(tmp_path / "state")
    assert [t.text for t in fresh.templates()] == [t.text for t in ours.templates()]


def old_snapshot(clusters: dict[str, object], **more: object) -> str:
    """As Drain3 up to 0.9.1 wrote them: attributes beside the class, ids as strings, tokens in lists."""
    node = {"py/object": "drain3.drain.Node", "key_to_child_node": {}, "cluster_ids": [1]}
    first = {"py/object": "drain3.drain.Node", "key_to_child_node": {"a": node}, "cluster_ids": []}
    root = {"py/object": "drain3.drain.Node", "key_to_child_node": {"3": first}, "cluster_ids": []}
    drain = {"depth": 2, "root_node": root, "id_to_cluster": clusters, "clusters_counter": 4}
    return json.dumps({"py/object": "drain3.drain.Drain", **more, **drain})


OLD_CLUSTER = {
    "py/object": "drain3.drain.LogCluster",
    "log_template_tokens": ["a", "<*>", "c"],
    "cluster_id": 1,
    "size": 7,
}


@pytest.mark.parametrize("referred", [False, True])
def test_old_versions(tmp_path: Path, referred: bool) -> None:
    """With the cluster where it belongs, or as a reference to a place before."""
    text = old_snapshot({"1": OLD_CLUSTER})
    if referred:
        text = old_snapshot({"1": {"py/id": 1}}, seen=OLD_CLUSTER)
        assert jsonpickle.loads(text, keys=True).id_to_cluster["1"].get_template() == "a <*> c"
    (tmp_path / "state").write_text(text)
    engine = Engine(EngineConfig(masks=(), header=None, multiline=False))
    engine.load_drain3(tmp_path / "state")
    assert [(t.id, t.text, t.count) for t in engine.templates()] == [(1, "a <*> c", 7)]
    assert engine.feed(b"a x c\nd e f\n").template_id.tolist() == [1, 5]


class Evil:
    """Pickled, it would leave a file behind when it is restored."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(self.path),)


def test_nothing_in_the_file_is_run(tmp_path: Path) -> None:
    drain = Drain()
    drain.add_log_message("a b c")
    drain.profiler = Evil(tmp_path / "PWNED")
    text = jsonpickle.dumps(drain, keys=True)
    assert "py/reduce" in text
    (tmp_path / "state").write_text(text)
    engine = Engine(EngineConfig(masks=(), header=None, multiline=False))
    engine.load_drain3(tmp_path / "state")
    assert not (tmp_path / "PWNED").exists()
    jsonpickle.loads(text, keys=True)
    assert (tmp_path / "PWNED").exists()  # so the trap works


DAMAGED = {
    "empty": b"",
    "not json": b"{",
    "list": b"[]",
    "other class": json.dumps({"py/object": "os.system"}).encode(),
    "not base64": b"\x00\x01",
    "not zlib": base64.b64encode(b"hello"),
    "deep": b'{"py/object":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "cut": base64.b64encode(zlib.compress(b"{" + b" " * 5000)[:20]),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / "state").write_bytes(DAMAGED[name])
    engine = Engine(EngineConfig(header=None))
    engine.feed(b"a b c\nd e f\n")
    with pytest.raises(ValueError, match="is not a snapshot of Drain3"):
        engine.load_drain3(tmp_path / "state")
    assert len(engine.templates()) == 1


def test_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain3_snapshot, "MAX_BYTES", 100_000)
    (tmp_path / "state").write_bytes(base64.b64encode(zlib.compress(b" " * 200_000)))
    with pytest.raises(ValueError, match="larger than"):
        drain3_snapshot.read(tmp_path / "state", 4)


def mutate(rng: random.Random, value: object) -> object:
    """The same with one place changed for something else."""
    if rng.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return rng.choice([None, -1, 2**40, 1.5, "x", [], {}, True, {"py/id": 3}, {"py/tuple": []}, "1", 2])
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [*value[:at], mutate(rng, value[at]), *value[at + 1 :]]
    key = rng.choice(list(value))
    return {**value, key: mutate(rng, value[key])}


@pytest.mark.parametrize("clusters", [None, 3])
def test_changed_files_load_or_are_refused(tmp_path: Path, clusters: int | None) -> None:
    rng = random.Random(5)
    config = EngineConfig(masks=(), header=None, multiline=False, max_clusters=clusters, seed=1)
    drain = drain_of(config)
    for line in ("a b c", "a b d", "x y", "", "1 2 3", "x z"):
        drain.add_log_message(line)
    good = json.loads(jsonpickle.dumps(drain, keys=True))
    refused = 0
    for _ in range(600):
        (tmp_path / "state").write_text(json.dumps(mutate(rng, good)))
        engine = Engine(config)
        try:
            engine.load_drain3(tmp_path / "state")
        except ValueError:
            refused += 1
            continue
        assert len(engine.feed(b"a b c\nx y\n")) == 2
    assert 50 < refused < 600
