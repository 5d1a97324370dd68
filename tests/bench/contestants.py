"""What the bench times: each call does the whole work once, from new, and returns its CPU seconds."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from alogd.config import Alerts, Risk, StreamOptions
from alogd.engine import Engine, EngineConfig
from alogd.stream import Stream
from tests.bench.corpus import KEPT, ROOT
from tests.bench.drain3_masks import MASKS

BLOCK = 1 << 18
Contestant = Callable[[], float]


def engine(path: Path) -> Contestant:
    """The whole file: all masks, headers found, columns as numpy arrays."""

    def run() -> float:
        miner = Engine(EngineConfig(seed=1))
        begun = time.process_time()
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                miner.feed(block)
        return time.process_time() - begun

    return run


def engine_on(lines: Sequence[bytes]) -> Contestant:
    """The same on lines that are in memory, headers and all."""
    text = b"".join(line + b"\n" for line in lines)
    blocks = [text[at : at + BLOCK] for at in range(0, len(text), BLOCK)]

    def run() -> float:
        miner = Engine(EngineConfig(seed=1))
        begun = time.process_time()
        for block in blocks:
            miner.feed(block)
        miner.flush()
        return time.process_time() - begun

    return run


def replay(path: Path) -> Contestant:
    """The whole core on the file: engine, windows, both detectors, calibration, risk, incidents."""
    data = path.read_bytes()

    def text(_source: int, offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    def run() -> float:
        stream = Stream(
            StreamOptions(name="bench", collect=()),
            alerts=Alerts(),
            risk=Risk(),
            budget_per_day=5.0,
            text=text,
            names=lambda _source: path.name,
        )
        stream.open(0)
        begun = time.process_time()
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                stream.feed(0, block)
        stream.close(0)
        return time.process_time() - begun

    return run


def messages(lines: Sequence[bytes]) -> list[str]:
    """What is left of lines when the engine has cut their headers: Drain3 is not asked to read those."""
    reader = Engine()
    reader.feed(b"".join(line + b"\n" for line in lines))
    return [reader.explain(line).message for line in lines]


def drain3(texts: Sequence[str], *, masked: bool) -> Contestant:
    """Drain3's own face, fed with messages."""
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS] if masked else []

    def run() -> float:
        miner = TemplateMiner(config=config)
        begun = time.process_time()
        for text in texts:
            miner.add_log_message(text)
        return time.process_time() - begun

    return run


def wc(path: Path) -> Contestant:
    """`wc -l`, less what it takes to start."""
    start = min(_child("wc", "-l", "/dev/null") for _ in range(20))
    return lambda: max(_child("wc", "-l", str(path)) - start, 1e-6)


def _child(*command: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def c_program(path: Path) -> Contestant:
    """The engine without Python, on the same file in the same blocks. Raises OSError where it cannot be built."""
    program = _built()
    return lambda: float(subprocess.run([program, str(path)], check=True, stdout=subprocess.PIPE).stdout)


def _built() -> Path:
    program = KEPT / "feed"
    folder = ROOT / "engine_c"
    sources = [
        path for path in folder.glob("*.c") if not path.name.startswith(("py", "fuzz_")) and "main" not in path.name
    ]
    command = ["cc", "-std=c11", "-O3", "-flto=auto", "-fPIC", f"-I{folder}", str(Path(__file__).with_name("feed.c"))]
    done = subprocess.run([*command, *map(str, sources), "-lm", "-o", str(program)], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"feed.c does not compile: {done.stderr.splitlines()[0]}")
    return program


def head(path: Path, lines: int) -> list[bytes]:
    """The first lines of a file."""
    with path.open("rb") as file:
        return [line.rstrip(b"\n") for line in islice(file, lines)]
