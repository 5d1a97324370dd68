"""M1, M3, M4, H6: model files that are damaged, run something or lead elsewhere, and names that climb."""

from __future__ import annotations

import ast
import hashlib
import io
import pickle
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch

from alogd.cli.failures import BadData
from alogd.cli.main import main
from alogd.config.load import ConfigError, load_config
from alogd.models import bundle
from alogd.models.bundle import BadBundle
from alogd.offline.models import checkpoints, model_files, retrain
from tests import deep_models
from tests.daemon_process import ROOT, DaemonProcess, wait_until
from tests.faults.conftest import Tally

pytestmark = pytest.mark.slow  # a model is trained first

CLIMBING = ["../../etc/passwd", "..", "/etc/passwd", "%2e%2e%2f", "a/b", "a\\b", "a\nb", ".hidden"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of a sound bundle, in a models directory that has it in service."""
    found = bundle.in_service(deep_models.models())
    assert found is not None
    models = tmp_path / "models"
    copy = Path(shutil.copytree(found, models / "first"))
    (models / "current").symlink_to("first")
    return copy


def test_m1_every_file_cut_or_with_a_bit_flipped_anywhere(place: Path, tally: Tally) -> None:
    """All of them, the manifest too: refused, or what is read is what was written (a blank more in the manifest is)."""
    sound = bundle.read(place)
    for path in sorted(place.iterdir()):
        data = path.read_bytes()
        places = range(0, len(data), max(1, len(data) // 40))
        damaged = [data[:at] for at in places]
        damaged += [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in places]
        for bad in damaged:
            path.write_bytes(bad)
            try:
                read = bundle.read(place)
            except BadBundle:
                pass
            else:
                assert path.name == "manifest.json"
                assert read.files == sound.files
            tally.add()
        path.write_bytes(data)
    assert bundle.read(place).id == sound.id


def test_m1_the_running_model_stays_when_a_damaged_one_is_promoted(place: Path, tmp_path: Path, tally: Tally) -> None:
    (tmp_path / "logs").mkdir()
    lines = deep_models.workflow_log(300)
    detectors = [{"name": "ewma"}, {"name": "deeplog", "options": {"models": str(place.parent)}}]
    daemon = DaemonProcess(tmp_path)
    collect = [{"kind": "file", "include": [f"{tmp_path}/logs/*.log"]}]
    daemon.configure(streams=[{"name": "host", "collect": collect, "detectors": detectors}])
    daemon.write(lines[:300])
    try:
        daemon.start().wait_ready()
        wait_until(lambda: daemon.lines() == 300, "the first lines")
        second = shutil.copytree(place, place.parent / "second")
        graph = second / "deeplog.onnx"
        graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
        (place.parent / "new").symlink_to("second")
        (place.parent / "new").rename(place.parent / "current")
        wait_until(lambda: "the one before stays in service" in daemon.said(), "the refusal")
        assert "deeplog.onnx is not the file" in daemon.said()
        daemon.write(lines[300:])
        wait_until(lambda: daemon.lines() == len(lines), "all lines")
        assert set(daemon.stream()["core"]["detector_failures"].values()) == {0}
        assert daemon.stop() == 0
    finally:
        daemon.kill()
    tally.add(lines=len(lines))


class Touch:
    """What a pickle runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


class Kept:
    """Where a training keeps its state."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def load(self) -> bytes:
        return self.data


def test_m3_a_pickle_in_place_of_weights_runs_nothing(place: Path, tmp_path: Path, tally: Tally) -> None:
    trap = tmp_path / "PWNED"
    zipped = io.BytesIO()
    torch.save({"weights": Touch(trap), "state": Touch(trap), "chance": Touch(trap)}, zipped)
    for evil in (pickle.dumps(Touch(trap)), pickle.dumps({"weights": Touch(trap)}, protocol=2), zipped.getvalue()):
        (tmp_path / "evil.pth").write_bytes(evil)
        with pytest.raises(BadData, match=r"evil\.pth holds no weights"):
            model_files.read_weights(tmp_path / "evil.pth")
        assert checkpoints.load(Kept(evil), np.random.default_rng(1)) is None  # type: ignore[arg-type]
        sound = bundle.read(place)
        swapped = replace(sound, files={**sound.files, "deeplog.pth": evil})
        with pytest.raises(BadBundle, match="no weights of deeplog"):
            retrain._start(swapped, "deeplog")
        assert not trap.exists()
        tally.add(rounds=3)
    pickle.loads(zipped_pickle(zipped.getvalue()))
    assert trap.exists()  # so the trap works


def zipped_pickle(data: bytes) -> bytes:
    """The pickle in what torch.save wrote."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return packed.read(next(name for name in packed.namelist() if name.endswith("data.pkl")))


def test_m3_nothing_that_unpickles_is_called(tally: Tally) -> None:
    """In the whole package: pickle is named for its error alone, and whoever reads weights reads weights only."""
    never = {"jsonpickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
    for path in sorted((ROOT / "alogd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not {name.name.partition(".")[0] for name in node.names} & never, where
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in {*never, "pickle"}, where
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pickle":
                assert node.attr == "UnpicklingError", where
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load", "numpy.load"):
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("weights_only", "False") == str(ast.unparse(node.func) == "torch.load"), where
                assert given.get("allow_pickle", "False") == "False", where
                tally.add()


@pytest.mark.parametrize("where", ["../weights", "/etc/passwd", "weights", "link"])
def test_m4_a_graph_with_data_outside_of_it_is_refused(place: Path, where: str, tally: Tally) -> None:
    """However the data is named, also beside it or through a link, and whoever wrote the manifest anew for it."""
    path = place / "deeplog.onnx"
    graph = onnx.load(str(path))
    tensor = graph.graph.initializer[0]
    (place / "weights").write_bytes(tensor.raw_data)
    (place / "link").symlink_to("/etc/passwd")
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value=where)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    data = graph.SerializeToString()
    path.write_bytes(data)
    manifest = msgspec.json.decode((place / "manifest.json").read_bytes())
    manifest["files"]["deeplog.onnx"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (place / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(BadBundle, match="wants data from files outside"):
        bundle.read(place)
    tally.add()


@pytest.mark.parametrize("name", CLIMBING)
def test_h6_names_of_models_streams_and_sinks_do_not_climb(
    name: str, place: Path, capsys: pytest.CaptureFixture[str], tally: Tally
) -> None:
    for action in ("show", "promote"):
        assert main(["models", action, str(place.parent), name]) == 1
        assert "names 0 models" in capsys.readouterr().err
    manifest = msgspec.json.decode((place / "manifest.json").read_bytes())
    manifest["files"][name] = manifest["files"]["vocab.json"]
    (place / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(BadBundle, match="only plain names beside it are allowed"):
        bundle.read(place)
    for stream, sink in ((name, "good"), ("good", name)):
        collect = [{"kind": "stdin"}]
        sinks = [{"kind": "log", "name": sink}]
        text = msgspec.json.encode({"streams": [{"name": stream, "collect": collect}], "sinks": sinks}).decode()
        with pytest.raises(ConfigError, match="name: "):
            load_config(text + "\n", environment={})
    tally.add(rounds=5)
