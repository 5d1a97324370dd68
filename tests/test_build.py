"""`alog-detect build-*` and `detect`: the daemon's windows, in the table's words."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from alogd.cli.settings import single_stream
from alogd.config.tree import WindowOptions
from alogd.engine.native import Engine
from alogd.models.vocabulary import Vocabulary
from alogd.offline.main import main
from alogd.stream import engine_config
from alogd.windows.gather import Windows

pytest.importorskip("pyarrow")
from alogd.offline import tables
from alogd.offline.windows import building, counting, windowing

STEPS = ("open", "read", "write", "close")


def log(count: int = 4000) -> bytes:
    choose, text, stage = random.Random(5), [], dict.fromkeys(range(40), 0)
    for i in range(count):
        block = choose.randrange(40)
        step = STEPS[stage[block] % 4]
        stage[block] += 1
        stamp = f"2026-01-02 {3 + i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}"
        text.append(f"{stamp} INFO [main] svc.{i % 3}: {step} of blk_{block} done\n".encode())
    return b"".join(text)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("build")
    (place / "x.log").write_bytes(log())
    assert main(["parse", "--input", str(place / "x.log"), "--out-dir", str(place)]) == 0
    return place


def run(command: str, parsed: Path, out: Path, *words: str, code: int = 0) -> None:
    assert main([command, "--parsed", str(parsed), "--out-dir", str(out), *words]) == code


def test_windows_are_the_daemons(parsed: Path, tmp_path: Path) -> None:
    """The same log through the engine and the windows of a stream, as sequences of first texts."""
    config = single_stream(["x"])
    engine, windows = Engine(engine_config(config.streams[0], config.alerts)), Windows(WindowOptions())
    closed = [windows.push(engine.feed(log())), windows.push(engine.flush()), windows.tick(2**62)]
    wanted = sorted(
        [engine.first_text(slot) for slot in batch.slot[a:b].tolist()]
        for batch in closed
        for a, b in zip(batch.start, batch.start[1:], strict=False)
    )
    run("build-deeplog", parsed, tmp_path)
    vocabulary = Vocabulary.from_json((tmp_path / "vocab.json").read_bytes())
    rows = tables.read(tmp_path, tables.SEQUENCES).to_pylist()
    assert sorted([vocabulary.text(number) for number in row["sequence"]] for row in rows) == wanted
    assert {row["session"] for row in rows} == {"svc.0", "svc.1", "svc.2"}
    assert len(rows) > 100


def test_sessions_by_a_pattern(parsed: Path, tmp_path: Path) -> None:
    run("build-deeplog", parsed, tmp_path, "--session-regex", "blk_[0-9]+")
    rows = tables.read(tmp_path, tables.SEQUENCES).to_pylist()
    assert sorted(row["session"] for row in rows) == sorted(f"blk_{i}" for i in range(40))
    assert all(row["ends"] and row["fresh"] == len(row["sequence"]) for row in rows)
    assert sum(len(row["sequence"]) for row in rows) == 4000
    lines = log().decode().split("\n")
    for row in rows:
        assert f" of {row['session']} " in lines[row["first_line"] - 1]
        assert f" of {row['session']} " in lines[row["last_line"] - 1]
        assert row["sequence"][0] == rows[0]["sequence"][0]  # all begin with "open"
    run("build-deeplog", parsed, tmp_path / "b", "--session-regex", "blk_(?P<key>[0-9]+)")
    again = tables.read(tmp_path / "b", tables.SEQUENCES)
    assert set(again.column("session").to_pylist()) == {str(i) for i in range(40)}


def test_long_sessions_are_cut(parsed: Path, tmp_path: Path) -> None:
    words = ("--session-regex", "blk_[0-9]+")
    run("build-deeplog", parsed, tmp_path / "a", *words)
    run("build-logbert", parsed, tmp_path / "b", *words, "--max-seq-len", "30")
    whole = tables.read(tmp_path / "a", tables.SEQUENCES).to_pylist()
    pieces = tables.read(tmp_path / "b", tables.SEQUENCES).to_pylist()
    assert max(len(row["sequence"]) for row in pieces) == 30
    for row in whole:
        mine = [piece for piece in pieces if piece["session"] == row["session"]]
        assert [number for piece in mine for number in piece["sequence"]] == row["sequence"]
        assert [piece["ends"] for piece in mine] == [False] * (len(mine) - 1) + [True]
        assert (mine[0]["first_line"], mine[-1]["last_line"]) == (row["first_line"], row["last_line"])


def test_pieces_that_only_repeat_are_left_out(parsed: Path, tmp_path: Path) -> None:
    """Windows overlap by half: each record is fresh once, however windows are cut."""
    run("build-logbert", parsed, tmp_path, "--max-seq-len", "25")
    rows = tables.read(tmp_path, tables.SEQUENCES).to_pylist()
    assert sum(row["fresh"] for row in rows) == 4000
    assert all(0 < row["fresh"] <= len(row["sequence"]) <= 25 for row in rows)


@pytest.mark.parametrize("dense", [4096, 3])
def test_counts_of_windows(parsed: Path, tmp_path: Path, dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "DENSE", dense)
    run("build-mscred", parsed, tmp_path, "--key", "none", "--window-size", "100", "--stride", "40")
    template = tables.read(parsed, tables.PARSED).column("template_id").to_numpy()
    known = len(Vocabulary.from_json((parsed / "vocab.json").read_bytes()))
    counted = np.concatenate([counts for counts, _ in counting.count_tables(tmp_path, known)])
    rows = tables.read(tmp_path, tables.WINDOW_COUNTS).to_pylist()
    assert len(rows) == len(counted) > 90
    for number, (counts, row) in enumerate(zip(counted, rows, strict=True)):
        index, first, last = row["window_idx"], row["start_line"], row["end_line"]
        assert index == number
        assert counts.tolist() == np.bincount(template[first - 1 : last], minlength=known).tolist()
    form = tables.metadata(tmp_path, tables.WINDOW_COUNTS)["alogd.counts"]
    assert form == ("dense" if dense > 3 else "sparse")


def test_detect_finds_the_burst(tmp_path: Path) -> None:
    text = log(6000).split(b"\n")[:-1]
    odd = [b"2026-01-02 04:20:00 ERROR [main] svc.1: disk failed at sector %d" % i for i in range(12)]
    at = 5000
    path = tmp_path / "x.log"
    path.write_bytes(b"\n".join(text[:at] + odd + text[at:]) + b"\n")
    assert main(["parse", "--input", str(path), "--out-dir", str(tmp_path)]) == 0
    run("detect", tmp_path, tmp_path, "--q", "0.99")
    table = tables.read(tmp_path, tables.BASELINE_SCORES)
    rows = table.to_pylist()
    top = max(rows[40:], key=lambda row: row["score"])
    assert top["is_anomaly"]
    assert top["window_start_line"] <= at + 12
    assert top["window_end_line"] > at
    assert all(row["is_anomaly"] == (row["score"] > row["threshold"]) for row in rows[200:])
    run("detect", tmp_path, tmp_path / "again", "--q", "0.99")
    assert tables.read(tmp_path / "again", tables.BASELINE_SCORES).equals(table)


def test_names_take_no_more_than_their_room(parsed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windowing, "MOST_NAMES", 30)
    key = windowing.Key(pattern="(?P<key>blk_[0-9]+)")
    options = msgspec.structs.replace(WindowOptions(), kind="session", idle=3600.0)
    named = [name for _, names in windowing.closed(parsed, options, key) for name in names]
    known = {name for name in named if name.startswith("blk_")}
    assert len(known) == len(key._names) == 30
    assert len(set(named)) == 40


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--window-size", "1"), "a size of 2 to 100000"),
        (("--stride", "60"), "a stride from 1 to the size"),
        (("--key", "colour"), "no such column; there are: none, line_no"),
        (("--session-regex", "("), "--session-regex"),
        (("--session-regex", "x", "--window", "60s"), "makes sessions"),
        (("--window", "soon"), "--window soon"),
    ],
)
def test_flags_that_make_no_sense(
    parsed: Path, tmp_path: Path, words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("build-deeplog", parsed, tmp_path, *words, code=2)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("command", ["build-deeplog", "build-logbert", "build-mscred", "detect"])
def test_what_cannot_be_built_from_is_said(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(command, tmp_path / "parsed.parquet", tmp_path / "out", code=65)
    assert "alog-detect parse writes" in capsys.readouterr().err
    for content in (b"", b"text\n"):
        (tmp_path / "parsed.parquet").write_bytes(content)
        run(command, tmp_path / "parsed.parquet", tmp_path / "out", code=65)
        assert "parsed.parquet" in capsys.readouterr().err


def test_a_vocabulary_of_another_log_is_refused(
    parsed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parsed.parquet").write_bytes((parsed / "parsed.parquet").read_bytes())
    (tmp_path / "vocab.json").write_bytes(Vocabulary.of([("00aa", "x")], {}).to_json())
    run("build-deeplog", tmp_path, tmp_path, code=65)
    assert "do not belong together" in capsys.readouterr().err
