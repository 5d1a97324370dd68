"""Bundles and vocabularies: whole or refused, and the refusal names what is wrong; nothing is promoted half."""

import shutil

import msgspec
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alogd.models import bundle
from alogd.models.bundle import BadBundle, has_external_data
from alogd.models.vocabulary import UNK, Vocabulary
from alogd.offline.models import bundle as bundles
from tests import deep_models


@pytest.fixture
def place(tmp_path):
    """A copy of a sound bundle."""
    found = bundle.in_service(deep_models.models())
    assert found is not None
    return shutil.copytree(found, tmp_path / "bundle")


def test_what_was_written_is_read(place):
    read = bundle.read(place)
    assert {"deeplog.onnx", "deeplog.pth", "engine.alog", "vocab.json"} == set(read.files)
    assert read.manifest.trained_on.lines > 1000
    assert 0 < read.manifest.quality.total <= 100
    assert read.id == bundle.read(place).id


@pytest.mark.parametrize("name", ["deeplog.onnx", "deeplog.pth", "engine.alog", "vocab.json"])
def test_a_flipped_bit_is_noticed(place, name):
    data = bytearray((place / name).read_bytes())
    data[len(data) // 2] ^= 1
    (place / name).write_bytes(data)
    with pytest.raises(BadBundle, match=f"{name} is not the file the manifest was written for"):
        bundle.read(place)


@pytest.mark.parametrize("name", ["deeplog.onnx", "manifest.json"])
def test_a_file_that_is_gone_or_a_link(place, name):
    (place / name).rename(place.parent / "moved")
    with pytest.raises(BadBundle, match="no such file"):
        bundle.read(place)
    (place / name).symlink_to(place.parent / "moved")
    with pytest.raises(BadBundle, match="symbolic link"):
        bundle.read(place)


def change(place, **values):
    manifest = msgspec.json.decode((place / "manifest.json").read_bytes())
    (place / "manifest.json").write_bytes(msgspec.json.encode(manifest | values))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"schema": 2}, "schema 2; this alogd reads alogd-bundle 1"),
        ({"kind": "other"}, "other of schema 1"),
        ({"vocabulary": "0" * 64}, "is not the vocabulary"),
        ({"more": 1}, "unknown field"),
        ({"files": {"../../etc/passwd": {"sha256": "0" * 64, "bytes": 1}}}, "only plain names"),
        ({"files": {}}, "has no vocab.json"),
        ({"quality": {"total": 101, "parts": {}}}, "quality"),
    ],
)
def test_a_manifest_that_says_something_else(place, values, says):
    change(place, **values)
    with pytest.raises(BadBundle, match=says):
        bundle.read(place)


def test_a_graph_that_takes_data_from_elsewhere():
    graph = onnx.load_from_string(deep_models.graph())
    assert not has_external_data(graph.SerializeToString())
    tensor = graph.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    assert has_external_data(graph.SerializeToString())


def test_data_from_elsewhere_deep_inside_a_subgraph():
    tensor = onnx.helper.make_tensor("t", onnx.TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    inner = onnx.helper.make_graph([onnx.helper.make_node("Constant", [], ["x"], value=tensor)], "inner", [], [])
    outer = onnx.helper.make_graph([onnx.helper.make_node("If", ["c"], ["y"], then_branch=inner)], "outer", [], [])
    assert has_external_data(onnx.helper.make_model(outer).SerializeToString())


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data):
    assert has_external_data(data) in (True, False)


@given(st.data())
def test_a_cut_graph_is_refused_or_harmless(data):
    graph = deep_models.graph()
    assert has_external_data(graph[: data.draw(st.integers(0, len(graph) - 1))]) in (True, False)


def test_promotion_is_one_step(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    assert bundle.in_service(tmp_path) is None
    for one in (old, new, old):
        one.mkdir(exist_ok=True)
        bundles.promote(one, "promote", "a test")
        assert bundle.in_service(tmp_path) == tmp_path / one.name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "history.jsonl", "new", "old"]


def test_a_bundle_that_could_not_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundles, "_write", full)
    with pytest.raises(OSError, match="No space"):
        bundles.write(
            tmp_path,
            {},
            vocabulary=deep_models.vocabulary(),
            windows={},
            thresholds={},
            trained_on=bundle.TrainedOn(paths=(), lines=0, sessions=0, seed=1),
            quality=bundle.Quality(total=0, parts={}),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_worse_model_is_not_promoted(tmp_path):
    log = tmp_path / "web.log"
    log.write_bytes(b"".join(deep_models.workflow_log(400)))
    first = deep_models.trained(tmp_path / "models", log)
    second = deep_models.trained(tmp_path / "models", log, epochs=1)
    assert first.promoted
    assert not second.promoted
    assert second.before is not None
    assert second.quality.total < second.before.total - 1
    assert "it stays" in second.why
    assert bundle.in_service(tmp_path / "models") == first.bundle
    assert deep_models.trained(tmp_path / "models", log, epochs=1, force=True).promoted


# The vocabulary


def test_a_vocabulary_is_read_as_it_was_written():
    known = deep_models.vocabulary()
    again = Vocabulary.from_json(known.to_json())
    assert (again, again.hash) == (known, known.hash)
    assert Vocabulary.of([("00aa", "other text")], known.engine).hash != known.hash


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("disk sda is full", 4),
        ("disk sda is back", 5),
        ("disk sda was back", 5),
        ("disk is full", UNK),
        ("a b c d", UNK),
        ("", UNK),
        ("disk <NUM> is what", 4),  # both alike: the lower number
    ],
)
def test_the_most_similar_template(text, number):
    assert deep_models.vocabulary().number("ffff", text) == number


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "vocabulary"),
        (b"[]", "vocabulary"),
        (b'{"schema":9,"special":[],"templates":[],"engine":{}}', "schema 9"),
        (b"\xff\xfe", "vocabulary"),
    ],
)
def test_what_is_no_vocabulary(data, says):
    with pytest.raises(ValueError, match=says):
        Vocabulary.from_json(data)


def test_a_vocabulary_that_points_elsewhere():
    data = deep_models.vocabulary().to_json().replace(b'"state": null', b'"state": "../engine.alog"')
    with pytest.raises(ValueError, match="no name of a file beside it"):
        Vocabulary.from_json(data)
