"""`alog-detect parse`: the rows are what the engine and the references say of each record, however they came."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alogd.engine.native import Engine
from alogd.models.vocabulary import SPECIAL, Vocabulary
from alogd.offline.main import main
from alogd.reference import masks as reference

ROOT = Path(__file__).parents[1]
pytest.importorskip("pyarrow")
from alogd.cli.inputs import BLOCK  # noqa: E402
from alogd.offline import tables  # noqa: E402
from alogd.offline.rows import lines, parsing  # noqa: E402

LOG = (
    b"Jan  2 03:04:05 web1 sshd[12]: failed password for root from 10.0.0.1\n"
    b"Jan  2 03:04:06 web1 sshd[13]: failed password for anna from 10.0.0.2\n"
    b"\n"
    b"Jan  2 03:04:07 web2 app[9]: Traceback (most recent call last):\n"
    b'  File "a.py", line 1, in <module>\n'
    b"\n"
    b"KeyError: 'x'\n"
    b"Jan  2 03:04:08 web2 app[9]: <warning> caf\xc3\xa9 is \xff\xfe closed\n"
)


def parse(out: Path, *args: str) -> list[dict[str, Any]]:
    assert main(["parse", "--out-dir", str(out), *args]) == 0
    return rows(out)


def rows(out: Path) -> list[dict[str, Any]]:
    table = tables.read(out, tables.PARSED)
    return table.set_column(6, "timestamp", table.column("timestamp").cast("int64")).to_pylist()  # type: ignore[no-any-return]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(LOG)
    return path


def long_log(count: int = 40_000) -> bytes:
    return b"".join(
        b"2026-01-02 03:04:%02d,%03d %s [main] svc.%d: request %d of user u%d took %d ms\n"
        % (i % 60, i % 1000, (b"INFO", b"WARN")[i % 7 == 0], i % 3, i, i % 50, i)
        + (b"\tat a.b(c.java:1)\n" if i % 100 == 0 else b"")
        for i in range(count)
    )


def test_what_a_row_says(log: Path, tmp_path: Path) -> None:
    got = parse(tmp_path / "out", "--input", str(log))
    assert [row["line_no"] for row in got] == [1, 2, 4, 8]
    assert [row["lines"] for row in got] == [1, 1, 4, 1]
    assert [row["offset"] for row in got] == [0, 70, 141, LOG.index(b"Jan  2 03:04:08")]
    assert [row["app"] for row in got] == ["sshd", "sshd", "app", "app"]
    assert [row["host"] for row in got] == ["web1", "web1", "web2", "web2"]
    assert [row["is_new"] for row in got] == [True, False, True, True]
    assert got[0]["raw"] == LOG[:69].decode()
    assert got[2]["raw"].endswith("\n\nKeyError: 'x'")
    assert got[3]["raw"].endswith("caf\u00e9 is \\xff\\xfe closed")
    assert got[0]["masked"] == "failed password for root from <IP>"
    assert got[0]["template_id"] == got[1]["template_id"] == len(SPECIAL)
    assert got[1]["timestamp"] - got[0]["timestamp"] == 10**9


def test_a_template_stands_as_it_ended(log: Path, tmp_path: Path) -> None:
    """The first row was written when Drain knew one line only."""
    got = parse(tmp_path / "out", "--input", str(log))
    assert got[0]["template"] == got[1]["template"] == "failed password for <*> from <IP>"
    vocabulary = Vocabulary.from_json((tmp_path / "out" / "vocab.json").read_bytes())
    assert vocabulary.text(got[0]["template_id"]) == "failed password for root from <IP>"


def test_rows_equal_the_engine_and_the_reference(tmp_path: Path) -> None:
    path, text = tmp_path / "x.log", long_log(3000)
    path.write_bytes(text)
    got = parse(tmp_path / "out", "--input", str(path))
    raw = [line for line in text.decode().split("\n") if line.startswith("2026")]
    assert [row["raw"].split("\n")[0] for row in got] == raw
    assert [row["masked"] for row in got] == [reference.mask(r.split(": ", 1)[1].encode()).decode() for r in raw]
    assert {row["level"] for row in got} == {"INFO", "WARN"}
    assert [row["line_no"] for row in got] == [i + 1 for i, line in enumerate(text.split(b"\n")) if line[:4] == b"2026"]


def test_row_groups_and_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(long_log())
    assert path.stat().st_size > 2 * BLOCK
    one = parse(tmp_path / "one", "--input", str(path))
    monkeypatch.setattr(parsing, "GROUP_ROWS", 700)
    monkeypatch.setattr(lines, "APART", 1)
    monkeypatch.setattr("alogd.cli.inputs.BLOCK", 50_001)
    assert parse(tmp_path / "two", "--input", str(path)) == one
    assert len(one) == 40_000


def test_gzip_and_pipe_give_the_same_rows(tmp_path: Path) -> None:
    path, packed = tmp_path / "x.log", tmp_path / "x.log.gz"
    path.write_bytes(long_log(2000))
    packed.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(packed, (path.stat().st_mtime,) * 2)
    plain = parse(tmp_path / "one", "--input", str(path))
    again = parse(tmp_path / "two", "--input", str(packed))
    command = [sys.executable, "-c", "from alogd.offline.main import main; main()"]
    with path.open("rb") as stdin:
        words = ["parse", "--input", "-", "--out-dir", str(tmp_path / "three")]
        subprocess.run([*command, *words], cwd=ROOT, stdin=stdin, check=True, stdout=subprocess.DEVNULL)
    assert {row.pop("file") for row in plain + again} == {str(path), str(packed)}
    piped = rows(tmp_path / "three")
    assert {row.pop("file") for row in piped} == {"stdin"}
    assert plain == again == piped


def test_lines_are_counted_over_all_inputs(tmp_path: Path) -> None:
    parts = [tmp_path / name for name in ("a.log", "b.log", "c.log")]
    for part, text in zip(parts, (b"one 1\ntwo 2", b"three 3\n\n\n", b"four 4\n"), strict=True):
        part.write_bytes(text)
    got = parse(tmp_path / "out", "--input", *map(str, parts))
    assert [(row["line_no"], row["offset"], Path(row["file"]).name) for row in got] == [
        (1, 0, "a.log"), (2, 6, "a.log"), (3, 0, "b.log"), (6, 0, "c.log"),
    ]  # fmt: skip


def test_a_line_without_end_needs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"first 1\n" + b"x" * (5 * BLOCK) + b"\nlast 2\n")
    got = parse(tmp_path / "out", "--input", str(path))
    assert [row["line_no"] for row in got] == [1, 2, 3]
    assert len(got[1]["raw"]) == 65536


def test_masks_can_be_switched_off(log: Path, tmp_path: Path) -> None:
    got = parse(tmp_path / "out", "--input", str(log), "--no-mask-ips")
    assert got[0]["masked"].endswith("from <NUM>")
    got = parse(tmp_path / "out", "--input", str(log), "--no-mask-ips", "--no-mask-num")
    assert got[0]["masked"].endswith("from 10.0.0.1")


def test_the_state_goes_on_where_it_was_left(tmp_path: Path) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    first.write_bytes(b"disk sda is full\ncable cut\n")
    second.write_bytes(b"link up now\ndisk sdb is full\n")
    state = tmp_path / "state"
    parse(tmp_path / "one", "--input", str(first), "--drain-state", str(state))
    got = parse(tmp_path / "two", "--input", str(second), "--drain-state", str(state))
    assert [(row["template_id"], row["is_new"]) for row in got] == [(6, True), (4, False)]
    assert got[1]["template"] == "disk <*> is full"
    assert sorted(one.name for one in state.iterdir()) == ["engine.alog", "vocab.json"]
    engine = Engine.saved_settings((state / "engine.alog").read_bytes())
    assert engine["masks"]
    whole = tmp_path / "both.log"
    whole.write_bytes(first.read_bytes() + second.read_bytes())
    assert [row["template_id"] for row in parse(tmp_path / "all", "--input", str(whole))][2:] == [6, 4]


def test_preview(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parse(tmp_path / "out", "--input", str(log))
    said = capsys.readouterr().out
    assert "8 lines" in said
    assert "4 records" in said
    preview = json.loads((tmp_path / "out" / "preview.json").read_text())
    assert (preview["records"], preview["lines"], preview["templates_known"]) == (4, 8, 3)
    assert preview["hosts"] == {"web1": 2, "web2": 2}
    assert preview["templates"][0]["count"] == 2
    assert len(preview["first_records"]) == 4
    assert preview["first_time"].endswith("-01-02T03:04:05.000000000Z")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "is empty"),
        (b"\n\n  \n", "not one line in it"),
        (b"\x7fELF" + bytes(500), "cannot be read as a log: a program"),
        (bytes(range(32)) * 300, "cannot be read as a log"),
        (gzip.compress(b"text\n" * 9000, mtime=0)[:40], "damaged gzip"),
    ],
)
def test_what_cannot_be_parsed_is_said(
    tmp_path: Path, content: bytes | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.log"
    if content is not None:
        path.write_bytes(content)
    assert main(["parse", "--input", str(path), "--out-dir", str(tmp_path / "out")]) == 65
    err = capsys.readouterr().err
    assert says in err
    assert "x.log" in err
    assert not list((tmp_path / "out").glob("*"))


def test_a_state_that_does_not_fit_is_refused(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, out = tmp_path / "state", str(tmp_path / "out")
    parse(tmp_path / "out", "--input", str(log), "--drain-state", str(state))
    words = ["parse", "--input", str(log), "--out-dir", out, "--drain-state", str(state)]
    assert main([*words, "--no-mask-num"]) == 65
    assert "saved with another masks" in capsys.readouterr().err
    vocabulary = (state / "vocab.json").read_bytes()
    (state / "vocab.json").write_bytes(Vocabulary.of([("00aa", "x")], {}).to_json())
    assert main(words) == 65
    assert "does not belong to" in capsys.readouterr().err
    (state / "vocab.json").write_bytes(vocabulary)
    (state / "engine.alog").write_bytes(b"nonsense")
    assert main(words) == 65
    (state / "engine.alog").unlink()
    assert main(words) == 65
    assert "stands without" in capsys.readouterr().err


def test_a_stream_needs_its_configuration(log: Path, tmp_path: Path) -> None:
    assert main(["parse", "--input", str(log), "--out-dir", str(tmp_path), "--stream", "x"]) == 2


def test_a_file_cut_short_meanwhile_is_said(log: Path) -> None:
    from alogd.cli.failures import BadData
    from alogd.offline.rows.logs import open_logs

    (one,) = open_logs([str(log)])
    with pytest.raises(BadData, match="was cut short while it was being read"):
        list(one.again(len(LOG) + 1))
    one.close()
