"""A training that goes on from an old bundle: numbers stay, rows are added, and less has to be learned."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

from alogd.cli.inputs import open_all
from alogd.cli.main import main
from alogd.config.tree import Alerts, UserMask
from alogd.detectors.mscred import Signatures
from alogd.models import bundle
from alogd.models.bundle import BadBundle
from alogd.models.vocabulary import SPECIAL
from alogd.offline.models.epochs import grow
from alogd.offline.models.nets.deeplog import DeepLogNet
from alogd.offline.models.retrain import WORSE, Begin, Result, retrain
from alogd.offline.models.train_deeplog import GROWS, Training
from tests import deep_models, every_kind, logbert_models, mscred_models

SMALL = Training(window=6, k=3, epochs=2, embedding=16, hidden=16, batch=32, rate=1e-2)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow as before, and a step that nobody knew."""
    path = tmp_path_factory.mktemp("later") / "web.log"
    lines = deep_models.workflow_log(300, seed=2, start=1_770_000_000)
    step = b"Nov  7 00:00:00 host web[7]: cache warmed with 17 entries\n"
    path.write_bytes(b"".join(step + line if b"stored as row" in line else line for line in lines))
    return path


@pytest.fixture
def old() -> Path:
    place = bundle.in_service(deep_models.models())
    assert place is not None
    return place


def go_on(
    log: Path, models: Path, base: Path | None, chosen: Training | dict[str, Any] = SMALL, *masks: UserMask
) -> Result:
    torch.set_num_threads(1)
    inputs = open_all([str(log)])
    how = chosen if isinstance(chosen, dict) else {"deeplog": chosen}
    try:
        return retrain(
            inputs, deep_models.stream(*masks), Alerts(), models, how, deep_models.SILENT, begin=Begin(base=base)
        )
    finally:
        for one in inputs:
            one.close()


def test_old_numbers_stay_and_new_ones_follow(later: Path, old: Path, tmp_path: Path) -> None:
    before, after = bundle.read(old), bundle.read(go_on(later, tmp_path, old).bundle)
    known = before.vocabulary.templates
    assert after.vocabulary.templates[: len(known)] == known
    assert [one.text for one in after.vocabulary.templates[len(known) :]] == ["cache warmed with <NUM> entries"]
    assert after.manifest.trained_on.base == old.name
    (lines,) = {after.manifest.trained_on.lines}
    assert lines == len(later.read_bytes().splitlines())  # of this log, not of all there ever were
    weights = torch.load(io.BytesIO(after.files["deeplog.pth"]), weights_only=True)
    assert len(weights["head.bias"]) == len(SPECIAL) + len(known) + 1


def test_it_learns_faster_than_anew(later: Path, old: Path, tmp_path: Path) -> None:
    anew, on = go_on(later, tmp_path / "anew", None), go_on(later, tmp_path / "on", old)
    assert on.trained["deeplog"].loss < anew.trained["deeplog"].loss


@pytest.mark.slow
def test_it_becomes_as_good_as_anew(later: Path, old: Path, tmp_path: Path) -> None:
    """Over seeds: on a log of one workflow an anomaly injected is found everywhere or nowhere, which is chance."""
    totals: dict[bool, list[float]] = {True: [], False: []}
    for seed in (1, 2, 3):
        long = replace(SMALL, epochs=6, seed=seed)
        best = go_on(later, tmp_path / f"best{seed}", None, long)
        well = go_on(later, tmp_path / f"well{seed}", old, long)
        assert well.trained["deeplog"].loss < best.trained["deeplog"].loss + 0.05
        for done, on in ((best, False), (well, True)):
            assert done.quality.parts["deeplog.quiet"] == 100
            totals[on].append(done.quality.total)
    assert median(totals[True]) >= median(totals[False]) - WORSE


def test_every_kind_goes_on_with_its_old_templates_in_their_places(later: Path, tmp_path: Path) -> None:
    base = bundle.in_service(every_kind.models())
    assert base is not None
    few = {"logbert": logbert_models.SMALL, "mscred": mscred_models.SMALL}
    chosen = {name: replace(one, epochs=1, rate=1e-9) for name, one in few.items()}  # what it has is what it was given
    before, after = bundle.read(base), bundle.read(go_on(later, tmp_path, base, chosen).bundle)
    weights = {
        kind: [torch.load(io.BytesIO(one.files[f"{kind}.pth"]), weights_only=True) for one in (before, after)]
        for kind in chosen
    }
    known = len(before.vocabulary)
    for name in ("key.weight", "head.weight", "blocks.0.ask.weight"):
        old, new = (one[name] for one in weights["logbert"])
        assert torch.allclose(new[: len(old)], old, atol=1e-6)
    assert len(weights["logbert"][1]["key.weight"]) == known + 1
    for name in ("encoder.0.weight", "decoder.3.bias"):
        old, new = (one[name] for one in weights["mscred"])
        assert torch.allclose(new, old, atol=1e-6)
    plans = [Signatures(one.files["mscred.onnx"]).plan for one in (before, after)]
    assert plans[1].templates == (*plans[0].templates, known)


def test_a_base_without_the_kind_is_said_before_anything_is_read(later: Path, old: Path, tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="no weights of mscred to go on from"):
        go_on(later, tmp_path / "a", old, {"mscred": mscred_models.SMALL})
    assert not (tmp_path / "a").exists()


def test_rows_of_old_templates_are_taken_over_and_new_ones_begin_as_they_would() -> None:
    torch.manual_seed(1)
    old, fresh = DeepLogNet(8, embedding=4, hidden=4), DeepLogNet(10, embedding=4, hidden=4)
    begun = {name: value.clone() for name, value in fresh.state_dict().items()}
    grow(fresh, old.state_dict(), GROWS)
    ours, theirs = fresh.state_dict(), old.state_dict()
    for name, value in ours.items():
        assert torch.equal(value[: len(theirs[name])], theirs[name])
        assert torch.equal(value[len(theirs[name]) :], begun[name][len(theirs[name]) :])
    with pytest.raises(ValueError, match=r"head.weight is 10x4, not 8x4: train anew"):
        grow(old, {**theirs, "head.weight": ours["head.weight"]})


def test_what_cannot_be_gone_on_from(later: Path, old: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trained with another user_masks than the stream has"):
        go_on(later, tmp_path / "a", old, SMALL, UserMask(name="ORDER", pattern="order-[0-9]+"))
    with pytest.raises(BadBundle, match="no model bundle"):
        go_on(later, tmp_path / "a", tmp_path / "none")
    damaged = tmp_path / "damaged"
    shutil.copytree(old, damaged)
    (damaged / "deeplog.pth").write_bytes(b"x" * (damaged / "deeplog.pth").stat().st_size)
    with pytest.raises(BadBundle, match="sha256 differs"):
        go_on(later, tmp_path / "a", damaged)
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="is 64x16, not 128x16: train anew"):
        go_on(later, tmp_path / "b", old, replace(SMALL, hidden=32))
    assert bundle.in_service(tmp_path / "b") is None


def test_the_command(
    later: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no configuration lies
    flags = ["--out", "models", "--epochs", "1", "--seq-len", "4", "--window", "20/10"]
    (tmp_path / "web.log").write_bytes(b"".join(deep_models.workflow_log(100)))
    assert main(["retrain", "--from", "web.log", *flags]) == 0
    assert main(["retrain", "--from", "models/current", str(later), *flags]) == 0
    assert "6 templates" in capsys.readouterr().out
    assert main(["models", "show", "models", "current"]) == 0
    assert "below the threshold" in capsys.readouterr().out
