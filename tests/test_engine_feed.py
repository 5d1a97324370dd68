"""Records, their learning and their state depend on the bytes alone: not on cuts, restarts or moments of quiet."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from alogd.event import NO_TIME, Batch
from tests.engine_logs import cuts, log

COLUMNS = ("offset", "length", "timestamp_ns", "severity", "template_id", "slot", "is_new", "key")
RULES = (("EXT4-fs error", 100), ("KeyError", 60), ("Broken pipe", 60), ("panic:", 80))


def config(rng: random.Random) -> EngineConfig:
    return EngineConfig(
        max_clusters=rng.choice([None, 5, 50]),
        header=rng.choice(["auto", "auto", None, "rfc3164", "json"]),
        multiline=rng.random() < 0.8,
        multiline_max_lines=rng.choice([2, 4, 500]),
        multiline_max_bytes=rng.choice([200, 65536]),
        max_line_bytes=rng.choice([64, 256, 65536]),
        max_tokens=rng.choice([4, 512]),
        key=rng.choice([None, "source", "host", "program", "pid", {"field": "user"}, {"mask": "WHO"}]),
        user_masks=(("WHO", r"host[0-9]|u[0-9]"),),
        severity_rules=RULES,
        seed=rng.getrandbits(64),
    )


def rows(batches: Iterable[Batch]) -> list[tuple[int, ...]]:
    return [row for batch in batches for row in zip(*(getattr(batch, name).tolist() for name in COLUMNS), strict=True)]


def whole(engine: Engine, text: bytes) -> list[tuple[int, ...]]:
    return rows([engine.feed(text), engine.flush()])


@pytest.mark.parametrize("seed", range(60))
def test_cuts_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    options, text = config(rng), log(rng, 300)
    once, often = Engine(options), Engine(options)
    expected = whole(once, text)
    assert rows([*map(often.feed, cuts(rng, text)), often.flush()]) == expected
    assert often.counters() == once.counters()
    assert often.save() == once.save()
    assert once.counters()["records"] == len(expected) > 0


@pytest.mark.parametrize("seed", range(60))
def test_resumed_engines_go_on_as_if_nothing_had_been(seed: int) -> None:
    """Killed after any block, from the last save: the records together are those of one run."""
    rng = random.Random(1000 + seed)
    options, text = config(rng), log(rng, 300)
    expected = whole(straight := Engine(options), text)
    engine, seen, at = Engine(options), [], 0
    while at < len(text):
        step = rng.randint(1, rng.choice([5, 300, 3000]))
        seen += rows([engine.feed(text[at : at + step])])
        at += step
        if rng.random() < 0.3:
            engine = Engine.load(engine.save(), options)
            at = engine.consumed()
            assert engine.resume(0, at) or at == 0
    seen += rows([engine.flush()])
    assert seen == expected
    assert engine.save() == straight.save()
    assert engine.counters() == straight.counters()


@pytest.mark.parametrize("seed", range(40))
def test_quiet_changes_no_template(seed: int) -> None:
    """Settled at any moment, and resumed there: the same records with the same templates and times."""
    rng = random.Random(2000 + seed)
    options, text = config(rng), log(rng, 300)
    expected = whole(Engine(options), text)
    engine, seen, at = Engine(options), [], 0
    while at < len(text):
        step = rng.randint(1, rng.choice([5, 300, 3000]))
        seen += rows([engine.feed(text[at : at + step])])
        at += step
        if rng.random() < 0.3:
            seen += rows([engine.settle()])
        if rng.random() < 0.3:
            engine = Engine.load(engine.save(), options)
            at = engine.consumed()
            assert engine.resume(0, at) or at == 0
    seen += rows([engine.flush()])
    without = [COLUMNS.index("length"), COLUMNS.index("severity")]
    assert [np.delete(row, without).tolist() for row in seen] == [np.delete(row, without).tolist() for row in expected]


def test_records_point_at_their_bytes() -> None:
    text = b"one two\nTraceback (most recent call last):\n  File x\nKeyError: 1\nthree\r\n\nfour"
    engine = Engine(EngineConfig(header="auto", seed=1))
    batch = engine.feed(text)
    last = engine.flush()
    places = [*zip(batch.offset.tolist(), batch.length.tolist(), strict=True)]
    places += zip(last.offset.tolist(), last.length.tolist(), strict=True)
    assert [text[at : at + length] for at, length in places] == [
        b"one two",
        b"Traceback (most recent call last):\n  File x\nKeyError: 1",
        b"three",
        b"four",
    ]


def test_positions_are_absolute() -> None:
    engine = Engine(EngineConfig(header=None))
    engine.open(7, offset=10**12, year=2024)
    batch = engine.feed(b"a b\nc d\ne", 7)
    assert (batch.source, batch.offset.tolist()) == (7, [10**12])
    assert engine.consumed(7) == 10**12 + 4
    assert engine.settle(7).offset.tolist() == [10**12 + 4]
    assert engine.consumed(7) == 10**12 + 8
    assert engine.consumed(8) == 0


def test_times_of_the_record_before_are_taken() -> None:
    engine = Engine(EngineConfig(header="auto"))
    engine.open(0, year=2023)
    batch = engine.feed(b"no stamp yet\nJun  3 10:00:00 h p[1]: a\nJun  3 10:00:05 h p[1]: b\n")
    assert batch.timestamp_ns[0] == NO_TIME
    assert batch.timestamp_ns[1] == 1685786400 * 10**9


def test_a_record_never_grows_without_bound() -> None:
    """The line after multiline_max_lines begins a record of its own, settled or not."""
    text = b"".join(b"Jun  3 10:00:00 h p: start\n" + b" frame x\n" * 25 for _ in range(4))
    options = EngineConfig(header="rfc3164", multiline_max_lines=10, seed=1)
    engine, quiet = Engine(options), Engine(options)
    expected = whole(engine, text)
    assert len(expected) == 12
    assert engine.counters()["records_split"] == 8
    seen: list[tuple[int, ...]] = []
    for line in text.splitlines(keepends=True):
        seen += rows([quiet.feed(line), quiet.settle()])
    assert [row[0] for row in seen] == [row[0] for row in expected]
    assert quiet.counters()["late_continuations"] > 80


def test_lines_too_long_cost_no_memory() -> None:
    """100 MB without a newline: cut, counted, gone past; what follows is read."""
    engine = Engine(EngineConfig(header=None, multiline=False, max_line_bytes=1000, seed=1))
    block = b"x" * (1 << 20)
    batches = [engine.feed(block) for _ in range(100)]
    assert sum(map(len, batches)) == 1
    assert (batches[0].offset.tolist(), batches[0].length.tolist()) == ([0], [1000])
    assert engine.consumed() == 100 << 20
    assert len(engine.save()) < 5000
    after = engine.feed(b"yyy\nnext line\n")
    assert after.offset.tolist() == [(100 << 20) + 4]
    assert engine.counters()["too_long"] == 1
    assert engine.counters()["bytes"] == (100 << 20) + 14


def test_a_block_of_nul() -> None:
    engine = Engine(EngineConfig(header="auto", max_line_bytes=4096))
    for _ in range(16):
        engine.feed(bytes(1 << 20))
    assert len(engine.feed(b"\nplain line\n")) == 1
    assert len(engine.flush()) == 1


def test_empty_lines_are_counted() -> None:
    engine = Engine(EngineConfig(header=None))
    assert len(engine.feed(b"\n" * 10_000 + b" \t \n")) == 0
    assert engine.counters()["empty"] == 10_001
    kept = Engine(EngineConfig(header=None, multiline=False, keep_empty=True))
    assert kept.feed(b"\n\nx\n").template_id.tolist() == [1, 1, 2]


def test_explaining_changes_nothing() -> None:
    rng = random.Random(3)
    options, text = config(rng), log(rng, 200)
    engine, asked = Engine(options), Engine(options)
    expected, seen = whole(engine, text), []
    for line in text.splitlines(keepends=True):
        seen += rows([asked.feed(line)])
        asked.explain(line)
    assert [*seen, *rows([asked.flush()])] == expected
    assert asked.save() == engine.save()


def test_explanations_say_what_would_happen() -> None:
    options = EngineConfig(key="program", severity_rules=RULES, seed=1)
    engine = Engine(options)
    engine.open(0, year=2024)
    lines = [f"Jun  3 10:00:0{n} web p[{n}]: EXT{n}-fs error on file {n} now" for n in range(4)]
    for line in lines:
        engine.feed(line.encode() + b"\n")
    batch = engine.feed(b"Jun  3 10:01:00 web p[2]: EXT4-fs error on file 7 now\n")
    assert batch.severity.tolist() == [0]
    batch = engine.flush()
    seen = engine.explain(b"Jun  3 10:01:00 web p[2]: EXT4-fs error on file 7 now")
    assert (seen.host, seen.program, seen.pid, seen.key) == ("web", "p", "2", "p")
    assert (seen.severity, seen.rule) == (100, "EXT4-fs error")
    assert batch.severity.tolist() == [100]
    assert seen.key_hash == int(batch.key[0])
    assert seen.template is not None
    assert seen.template.id == int(batch.template_id[0])
    assert not seen.creates
    other = engine.explain(b"Jun  3 10:01:00 web p[2]: quite another thing\n  KeyError")
    assert other.creates
    assert other.template is None
    assert (other.severity, other.rule) == (60, "KeyError")


def test_phrases_count_though_masks_change_them() -> None:
    """A number in a phrase is what the line says, not any number; a phrase in a parameter counts too."""
    engine = Engine(EngineConfig(header=None, multiline=False, severity_rules=(("exit code 137", 90), ("boom", 70))))
    text = (
        b"".join(b"job ended with exit code %d\n" % code for code in [0, 137, 1, 137] * 3) + b"say x\nsay boom\nsay y\n"
    )
    assert engine.feed(text).severity.tolist() == [0, 90, 0, 90] * 3 + [0, 70, 0]


def test_overlapping_phrases_give_the_worst() -> None:
    rules = (("error", 80), ("error: retry", 20), ("retry now", 95))
    engine = Engine(EngineConfig(header=None, multiline=False, severity_rules=rules))
    assert engine.feed(b"an error: retry now\nan error: retry\nfine\n").severity.tolist() == [95, 80, 0]


@pytest.mark.parametrize("kind", ["source", "host", "program", "pid", {"field": "user"}, {"mask": "BLK"}])
def test_keys_are_the_same_after_a_restart(kind: str | dict[str, str]) -> None:
    options = EngineConfig(key=kind, user_masks=(("BLK", r"blk_-?\d+"),))
    engine = Engine(options)
    line = b'Jun  3 10:00:00 web p[12]: {"user":"x"} blk_-5 done\n'
    text = b'{"time":"2024-01-02T03:04:05Z","msg":"blk_-5","user":"u1"}\n' if kind == {"field": "user"} else line
    engine.open(3)
    first = [*engine.feed(text * 2, 3).key.tolist(), *engine.flush(3).key.tolist()]
    again = Engine.load(engine.save(), options)
    assert first == [*again.feed(text * 2, 3).key.tolist(), *again.flush(3).key.tolist()]
    assert first[0] != 0
    assert Engine(EngineConfig(key="program")).feed(b"no header\nno header\n").key.tolist() == [0]


def test_two_threads_are_refused() -> None:
    engine = Engine(EngineConfig(header=None))
    block = b"some words in a line of text\n" * 400_000
    refused, started = [], threading.Event()

    def feed() -> None:
        started.set()
        try:
            engine.feed(block)
        except RuntimeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=feed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) >= 1
    assert "another thread" in refused[0]
    engine.flush()
    assert engine.counters()["records"] == 400_000 * (4 - len(refused))


def test_buffers_of_all_kinds() -> None:
    engine = Engine(EngineConfig(header=None, multiline=False))
    for block in (b"a b\n", bytearray(b"a b\n"), memoryview(b"xxa b\n")[2:]):
        assert len(engine.feed(block)) == 1
    with pytest.raises((BufferError, TypeError)):
        engine.feed(memoryview(b"a b\nc d\n")[::2])


def test_sources_are_bounded() -> None:
    engine = Engine(EngineConfig(header=None, multiline=False, max_sources=3))
    for source in range(3):
        engine.feed(b"a\n", source)
    with pytest.raises(OverflowError):
        engine.feed(b"a\n", 3)
    engine.close(1)
    assert len(engine.feed(b"a\n", 3)) == 1
    assert engine.counters()["lines"] == 4


def test_sources_come_and_go() -> None:
    """Each open source keeps its place in its log, whichever others are closed."""
    rng = random.Random(11)
    engine = Engine(EngineConfig(header=None, multiline=False, max_sources=300))
    consumed: dict[int, int] = {}
    for step in range(6000):
        source = rng.choice([rng.randrange(400), rng.randrange(400) << 20])
        if source in consumed and rng.random() < 0.45:
            engine.close(source)
            del consumed[source]
        elif source in consumed or len(consumed) < 300:
            engine.feed(b"a\n", source)
            consumed[source] = consumed.get(source, 0) + 2
        if step % 500 == 499:
            engine = Engine.load(engine.save(), EngineConfig(header=None, multiline=False, max_sources=300))
            assert {s: engine.consumed(s) for s in range(400)} == {s: consumed.get(s, 0) for s in range(400)}
            assert {s: engine.consumed(s << 20) for s in range(1, 400)} == {
                s: consumed.get(s << 20, 0) for s in range(1, 400)
            }
    assert engine.counters()["sources"] == len(consumed)


@pytest.mark.parametrize("name", ["elastic/auth.log.gz", "linux/linux_quiet.log.gz", "apache/apache_error.log.gz"])
def test_real_logs_cut_and_resumed(data: Path, name: str) -> None:
    rng = random.Random(name)
    with gzip.open(data / name) as file:
        text = file.read(600_000)
    options = EngineConfig(seed=1, key="program", severity_rules=RULES)
    engine, at, seen = Engine(options), 0, []
    expected = whole(straight := Engine(options), text)
    while at < len(text):
        step = rng.randint(1, 60_000)
        seen += rows([engine.feed(text[at : at + step])])
        at += step
        if rng.random() < 0.3:
            engine = Engine.load(engine.save(), options)
            at = engine.consumed()
            assert engine.resume(0, at) or at == 0
    assert [*seen, *rows([engine.flush()])] == expected
    assert engine.save() == straight.save()
