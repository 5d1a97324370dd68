"""alog-infer for tests: built with sanitizers, bundles it can run, and what the Python path says of the same log."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from alogd.cli.inputs import open_all
from alogd.config.tree import Alerts, EngineOptions, StreamOptions, UserMask, WindowOptions
from alogd.detectors._slots import Numbers
from alogd.detectors.deeplog import MOST_SHOWN, NextTemplate
from alogd.engine.native import Engine, EngineConfig
from alogd.models.vocabulary import UNK, Vocabulary
from alogd.offline.models import corpus
from alogd.offline.models.export import export
from alogd.offline.models.nets.deeplog import DeepLogNet
from tests.scratch import scratch

ROOT = Path(__file__).parent.parent
PLAIN = ("-O1", "-g")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# What ONNX Runtime never frees is its own.
LEAKS = "leak:libonnxruntime\n"


def onnxruntime_library() -> Path:
    """The library in the wheel."""
    (found,) = glob.glob(str(Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime.so*"))
    return Path(found)


@cache
def program(*flags: str) -> Path:
    """alog-infer, built with these flags; by default, where slow tests run, SANITIZED. Skips without a compiler."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    built = scratch("alog-infer-") / "alog-infer"
    names = [p for p in (ROOT / "engine_c").glob("*.c") if not p.name.startswith(("py", "fuzz_"))]
    command = [compiler, "-std=c11", f"-I{ROOT / 'engine_c'}", *map(str, names), "-lm", "-ldl", "-o", str(built)]
    thorough = os.environ.get("ALOGD_TEST_SANITIZED") != "0"
    for chosen in (flags or (SANITIZED if thorough else PLAIN), PLAIN):
        if subprocess.run([*command, *chosen], capture_output=True, check=False).returncode == 0:
            return built
    raise AssertionError("alog-infer does not compile")


def environment(place: Path) -> dict[str, str]:
    """Of the program: where ONNX Runtime is, and what its leaks are."""
    leaks = place / "leaks.supp"
    leaks.write_text(LEAKS)
    return {
        "PATH": os.environ["PATH"],
        "ALOGD_ORT": str(onnxruntime_library()),
        "LSAN_OPTIONS": f"suppressions={leaks}:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def command(place: Path, log: str | Path, results: str | Path, *more: str, built: Path | None = None) -> list[str]:
    files = ["-d", str(place / "deeplog.onnx"), "-v", str(place / "vocab.json"), "-i", str(log), "-o", str(results)]
    return [str(built or program()), *files, *more]


def infer(place: Path, log: Path, *more: str) -> dict[str, Any]:
    """What alog-infer says of a log."""
    results = place / "results.json"
    done = subprocess.run(
        command(place, log, results, *more), env=environment(place), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(results.read_bytes())


# -- bundles


def stream(*masks: UserMask, key: str | dict[str, str] = "program", **engine: Any) -> StreamOptions:
    return StreamOptions(
        name="host",
        collect=({"kind": "file", "include": ["x"]},),
        engine=EngineOptions(user_masks=masks, **engine),
        windows=WindowOptions(size=20, stride=10, key=key),
    )


def untrained(place: Path, log: Path, options: StreamOptions, *, window: int = 10, k: int = 9, ends: int = 1) -> Path:
    """A bundle's files with the templates of a log and a network of random weights, as good as a trained one here."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    inputs = open_all([str(log)])
    read = corpus.read(inputs, options, Alerts())
    inputs[0].close()
    vocabulary = read.vocabulary
    net = DeepLogNet(len(vocabulary), embedding=16, hidden=16)
    for values in net.parameters():
        values.data *= 4  # far from uniform
    example = torch.from_numpy(np.random.default_rng(1).integers(0, len(vocabulary), (64, window)))
    facts = {"window": window, "k": k, "ends": ends, "size": len(vocabulary), "vocabulary": vocabulary.hash}
    graph = export(net, example, name="sequence", outputs=["logits"], kind=NextTemplate.KIND, facts=facts)
    place.mkdir(parents=True, exist_ok=True)
    (place / "deeplog.onnx").write_bytes(graph)
    (place / "vocab.json").write_bytes(vocabulary.to_json())
    (place / "engine.alog").write_bytes(read.engine)
    return place


# -- the Python path


@dataclass
class Said:
    """What the detectors' own functions say of each record."""

    offset: list[int]
    line: list[int]
    rank: list[int]
    p: list[float]
    template: list[str]
    unknown: int
    expected: list[list[str]]  # of the misses alone


def engine_of(place: Path, vocabulary: Vocabulary) -> Engine:
    """As a daemon would have it again: the state's settings, and the vocabulary's."""
    state = (place / "engine.alog").read_bytes()
    settings = Engine.saved_settings(state) | {"sim_th": vocabulary.engine["sim_th"]}
    kind, name = settings.pop("key")
    for listed in ("masks", "extra_delimiters"):
        settings[listed] = tuple(settings[listed])
    settings["user_masks"] = tuple((mask, pattern) for mask, pattern in settings["user_masks"])
    return Engine.load(state, EngineConfig(key={kind: name} if name else kind, **settings))


def python_path(place: Path, log: bytes, k: int | None = None) -> Said:
    """Engine, Numbers and NextTemplate, one sequence a key over the whole log."""
    vocabulary = Vocabulary.from_json((place / "vocab.json").read_bytes())
    model = NextTemplate((place / "deeplog.onnx").read_bytes())
    engine = engine_of(place, vocabulary)
    numbers = Numbers(vocabulary)
    numbers.attach(engine.first_text, dict(vocabulary.engine))
    engine.open(0)
    batches = [engine.feed(log), engine.flush()]
    number = np.concatenate([numbers.of(batch) for batch in batches])
    key = np.concatenate([batch.key for batch in batches])
    slot = np.concatenate([batch.slot for batch in batches])
    offset = np.concatenate([batch.offset for batch in batches]).tolist()
    order = np.argsort(key, kind="stable")
    start = np.concatenate([[0], np.flatnonzero(np.diff(key[order])) + 1, [len(key)]]).astype(np.int64)
    sizes = np.diff(start)
    judged = model.judge(number[order], start, sizes, np.zeros(len(sizes), bool))
    rank, p = np.empty(len(key), np.int64), np.empty(len(key))
    rank[order], p[order] = judged.rank, np.exp(-judged.surprise)
    p[number == UNK] = 0
    newlines = np.flatnonzero(np.frombuffer(log, np.uint8) == 10)
    line = (np.searchsorted(newlines, offset) + 1).tolist()
    before: dict[int, list[int]] = {}
    known: dict[tuple[int, ...], list[str]] = {}
    expected = []
    for event, (one, its_key) in enumerate(zip(number.tolist(), key.tolist(), strict=True)):
        recent = before.setdefault(its_key, [0] * model.window)
        if rank[event] >= (k or model.k):
            if tuple(recent) not in known:
                named = model.expected(np.array(recent, np.int32), min(k or model.k, MOST_SHOWN))
                known[tuple(recent)] = [vocabulary.text(which) for which, chance in named if chance > 0]
            expected.append(known[tuple(recent)])
        before[its_key] = [*recent[1:], one]
    texts = [engine.first_text(one) if one else "<unk>" for one in slot.tolist()]
    return Said(offset, line, rank.tolist(), p.tolist(), texts, int((number == UNK).sum()), expected)


def assert_same(found: dict[str, Any], said: Said, k: int) -> None:
    """Every record has the same verdict, and every anomaly says the same."""
    misses = [event for event, rank in enumerate(said.rank) if rank >= k]
    assert found["events"] == len(said.rank)
    assert found["unknown"] == said.unknown
    anomalies = found["anomalies"]
    assert [one["offset"] for one in anomalies] == [said.offset[event] for event in misses]
    assert [one["line"] for one in anomalies] == [said.line[event] for event in misses]
    assert [one["rank"] for one in anomalies] == [said.rank[event] for event in misses]
    assert [one["template"] for one in anomalies] == [said.template[event] for event in misses]
    assert [one["expected"] for one in anomalies] == said.expected
    assert np.allclose([one["p"] for one in anomalies], [said.p[event] for event in misses], rtol=1e-6, atol=1e-300)
