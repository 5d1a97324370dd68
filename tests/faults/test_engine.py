"""E9 and the way to the other rows of the engine: threads under ThreadSanitizer, all tests under ASan and UBSan."""

from __future__ import annotations

import gc
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from tests.faults.conftest import Tally

ROOT = Path(__file__).parents[2]


def engine_sources() -> list[str]:
    """The engine without its Python face and its programs."""
    skipped = ("py", "fuzz", "main", "infer_")
    return sorted(str(path) for path in (ROOT / "engine_c").glob("*.c") if not path.name.startswith(skipped))


@pytest.mark.slow
def test_e9_engines_in_threads_share_nothing(tmp_path: Path, tally: Tally) -> None:
    compiler = shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    program = tmp_path / "threads"
    flags = ["-std=c11", "-O1", "-g", "-fsanitize=thread", "-pthread", f"-I{ROOT / 'engine_c'}"]
    sources = [*engine_sources(), str(ROOT / "tests" / "c" / "threads.c")]
    built = subprocess.run([compiler, *flags, *sources, "-lm", "-o", program], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    # Addresses that are not drawn at random: ThreadSanitizer's shadow memory needs its place.
    done = subprocess.run(["setarch", "-R", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "WARNING: ThreadSanitizer" not in done.stderr, done.stderr[-4000:]
    tally.add(rounds=int(done.stdout), lines=int(done.stdout) * 2000)


@pytest.mark.slow
def test_e1_the_engine_s_tests_under_address_and_undefined_behaviour_sanitizers(tally: Tally) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    done = subprocess.run(["tests/sanitize.sh"], cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    said = done.stdout[-3000:] + done.stderr[-3000:]
    assert done.returncode == 0, said
    assert "passed" in done.stdout, said
    tally.add()


CUTTABLE = (
    b"Jun  3 10:00:00 web sshd[812]: session opened for user anna by uid=0\r\n"
    b"Jun  3 10:00:01 web app[1]: Traceback (most recent call last):\n"
    b'  File "a.py", line 7, in <module>\n\tKeyError: 12\n\n'
    b'{"time":"2026-06-03T10:00:02Z","level":"error","msg":"disk /dev/sda1 at 97 %"}\n'
    b"level=warn ts=2026-06-03T10:00:03Z msg=\"peer 10.0.0.7:443 left\" b='\xe2\x80\xa8'\n"
    b"\0\0 torn \xff\xfe bytes 0xdeadbeef " + b"long " * 40 + b"\n"
    b"Jun  3 10:00:04 web sshd[813]: session opened for user bert by uid=0\n"
    b"no newline at the end"
)


def records(engine: Engine, blocks: list[bytes]) -> list[tuple[int, ...]]:
    batches = [*map(engine.feed, blocks), engine.flush()]
    columns = ("offset", "length", "timestamp_ns", "severity", "template_id", "slot", "is_new", "key")
    return [row for batch in batches for row in zip(*(getattr(batch, name).tolist() for name in columns), strict=True)]


def test_e1_blocks_cut_at_every_point(tally: Tally) -> None:
    """Two blocks for each byte there is, and one block a byte: the same records, counters and state, to the byte."""
    options = EngineConfig(seed=1, max_line_bytes=128, max_tokens=16, key="host")
    whole = Engine(options)
    expected, size = records(whole, [CUTTABLE]), len(CUTTABLE)
    assert len(expected) >= 6
    bytewise = [CUTTABLE[at : at + 1] for at in range(size)]
    for blocks in [*([CUTTABLE[:at], CUTTABLE[at:]] for at in range(1, size)), bytewise]:
        engine = Engine(options)
        assert records(engine, blocks) == expected, len(blocks[0])
        assert engine.counters() == whole.counters()
        assert engine.save() == whole.save()
        tally.add(lines=CUTTABLE.count(b"\n") + 1)


def test_e9_a_second_thread_is_refused_and_harms_nothing(tally: Tally) -> None:
    """Whatever it asks while another one feeds: an error, and the engine ends up as if nobody had asked."""
    block = b"Jun  3 10:00:00 web sshd[812]: session opened for user anna\n" * 100_000
    engine, alone = Engine(EngineConfig(seed=1)), Engine(EngineConfig(seed=1))
    questions = (engine.save, engine.counters, engine.templates, engine.consumed, lambda: engine.explain(b"a line"))
    refused = dict.fromkeys(range(len(questions)), 0)
    for _ in range(100):
        feeding = threading.Thread(target=engine.feed, args=(block,))
        feeding.start()
        while feeding.is_alive():
            for number, question in enumerate(questions):
                refused[number] += is_refused(question)
        alone.feed(block)
        tally.add(lines=100_000)
        if min(refused.values()):
            break
    assert min(refused.values()) > 0, refused
    assert engine.counters() == alone.counters()
    assert engine.save() == alone.save()


def is_refused(question: Callable[[], object]) -> bool:
    try:
        question()
    except RuntimeError as error:
        assert "another thread" in str(error)  # noqa: PT017
        return True
    return False


def test_e9_let_go_while_it_is_fed() -> None:
    """The call that feeds it keeps it: it is freed after that, and not before."""
    fed: list[int] = []
    engine = Engine(EngineConfig(seed=1))
    feeding = threading.Thread(target=lambda raw: fed.append(len(raw.feed(b"some words\n" * 400_000))), args=(engine,))
    feeding.start()
    del engine
    gc.collect()
    feeding.join()
    assert fed[0] >= 399_999
