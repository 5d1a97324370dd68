"""What the bench times of alogd itself, and the two it is held against: Drain3 and `wc -l`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from alogd.cli import inputs
from alogd.config.tree import Alerts, Risk, StreamOptions
from alogd.engine.native import Engine, EngineConfig
from alogd.stream import Stream
from tests.bench.corpus import KEPT, ROOT, Corpus
from tests.bench.drain3_masks import MASKS
from tests.bench.timing import Absent, Contestant, beyond_start, child

BLOCK = 1 << 18


def engine(corpus: Corpus, **settings: object) -> Contestant:
    """The whole file: all masks, headers found, columns as numpy arrays."""

    def run() -> float:
        miner = Engine(EngineConfig(seed=1, **settings))  # type: ignore[arg-type]
        begun = time.process_time()
        with corpus.path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                miner.feed(block)
        return time.process_time() - begun

    return Contestant(run, corpus.lines)


def engine_on(text: bytes) -> Contestant:
    """The engine on lines that are in memory, headers and all."""
    blocks = [text[at : at + BLOCK] for at in range(0, len(text), BLOCK)]

    def run() -> float:
        miner = Engine(EngineConfig(seed=1))
        begun = time.process_time()
        for block in blocks:
            miner.feed(block)
        miner.flush()
        return time.process_time() - begun

    return Contestant(run, text.count(b"\n"))


def stream(name: str, data: bytes) -> Stream:
    """The whole core at default settings, evidence read from memory."""

    def text(_source: int, offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    return Stream(
        StreamOptions(name="bench", collect=()),
        alerts=Alerts(),
        risk=Risk(),
        budget_per_day=5.0,
        text=text,
        names=lambda _source: name,
    )


def whole_core(path: Path, data: bytes) -> float:
    """CPU seconds of engine, windows, both detectors, calibration, risk and incidents, in the blocks replay reads."""
    core = stream(path.name, data)
    core.open(0)
    begun = time.process_time()
    with path.open("rb", buffering=0) as file:
        while block := file.read(inputs.BLOCK):
            core.feed(0, block)
    core.close(0)
    return time.process_time() - begun


def replay(corpus: Corpus) -> Contestant:
    data = corpus.path.read_bytes()
    return Contestant(lambda: whole_core(corpus.path, data), corpus.lines)


def drain3(corpus: Corpus, *, masked: bool) -> Contestant:
    """Drain3's own face, fed with the first messages: it gets slower with more."""
    texts = corpus.messages
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS] if masked else []

    def run() -> float:
        miner = TemplateMiner(config=config)
        begun = time.process_time()
        for text in texts:
            miner.add_log_message(text)
        return time.process_time() - begun

    return Contestant(run, len(texts), slow=True)


def wc(corpus: Corpus) -> Contestant:
    """`wc -l`, less what it takes to start."""
    run = beyond_start(lambda: child("wc", "-l", str(corpus.path)), lambda: child("wc", "-l", "/dev/null"), 20)
    return Contestant(run, corpus.lines)


def c_program(corpus: Corpus) -> Contestant:
    """The engine without Python, on the same file in the same blocks."""
    program = str(feed_program())
    return Contestant(lambda: _printed(program, str(corpus.path)), corpus.lines)


def engine_process(corpus: Corpus, env: Mapping[str, str]) -> Contestant:
    """`engine` in a process of its own, which the environment tells what to do."""
    command = (sys.executable, "-m", "tests.bench.engine_child", str(corpus.path))
    return Contestant(lambda: _printed(*command, env={**os.environ, **env}), corpus.lines)


def _printed(*command: str, env: Mapping[str, str] | None = None) -> float:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
    return float(done.stdout)


@lru_cache(maxsize=4)
def feed_program(name: str = "feed", *flags: str) -> Path:
    """feed.c with the engine's sources, compiled as setup.py does. Raises Absent where it cannot be."""
    KEPT.mkdir(parents=True, exist_ok=True)
    program, folder = KEPT / name, ROOT / "engine_c"
    sources = [path for path in folder.glob("*.c") if not path.name.startswith(("py", "fuzz_", "infer_"))]
    command = ["cc", "-std=c11", "-O3", "-fPIC", *(flags or ("-flto=auto",)), f"-I{folder}"]
    command += [str(Path(__file__).with_name("feed.c")), *map(str, sources), "-lm", "-o", str(program)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Absent("no C compiler; on Debian: apt install gcc libc6-dev") from None
    if done.returncode:
        raise Absent(f"feed.c does not compile: {done.stderr.splitlines()[0]}")
    return program
