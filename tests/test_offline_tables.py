"""The toolbox's front door and its files: help that teaches, columns as promised, failures that name the way out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alogd.offline.main import COMMANDS, main

ROOT = Path(__file__).parents[1]
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
from alogd.cli.failures import BadData  # noqa: E402
from alogd.offline import atomic, tables  # noqa: E402


def scores(count: int = 3) -> object:
    return tables.table(
        tables.BASELINE_SCORES,
        window_start_line=np.arange(1, count + 1),
        score=np.linspace(0, 1, count),
        is_anomaly=np.zeros(count, bool),
        why=["because"] * count,
    )


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for _, name, _ in COMMANDS)
    assert main([]) == 2
    assert main(["--version"]) == 0
    assert "alog-detect 0." in capsys.readouterr().out
    assert main(["prase"]) == 2


def test_help_imports_nothing_that_takes_time() -> None:
    heavy = {"numpy", "pyarrow", "torch", "msgspec", "yaml", "rich", "alogd._engine", "alogd.config.tree"}
    code = (
        f"import sys\nfrom alogd.offline.main import main\nmain(['-h'])\nsys.exit(bool({heavy!r} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0
    )


@pytest.mark.parametrize("name", [name for _, name, _ in COMMANDS])
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: alog-detect {name}")
    assert f"\n  alog-detect {name}" in text


def test_without_pyarrow_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from alogd.offline.main import main; sys.exit(main(['files']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'alogd[offline]'" in done.stderr


def test_the_daemon_knows_nothing_of_arrow() -> None:
    code = "import sys; import alogd.daemon; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / tables.BASELINE_SCORES.file
    tables.write(path, scores(), {"alpha": "0.3"})
    back = tables.read(path.parent, tables.BASELINE_SCORES)
    assert back.column("score").to_pylist() == [0.0, 0.5, 1.0]
    assert back.column("why").to_pylist() == ["because"] * 3
    assert tables.metadata(path, tables.BASELINE_SCORES)["alpha"] == "0.3"
    assert tables.rows(path, tables.BASELINE_SCORES) == 3
    assert [len(part) for part in tables.batches(path, tables.BASELINE_SCORES, ["score"], 2)] == [2, 1]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_other_tools_types_are_taken(tmp_path: Path) -> None:
    """As pandas writes them: wide integers, plain strings."""
    path = tmp_path / "sequences.parquet"
    columns = {
        "session": ["a"],
        "sequence": [[4, 5]],
        "fresh": [2],
        "ends": [True],
        "first_line": [1],
        "last_line": [2],
    }
    pq.write_table(pa.table(columns), path)
    back = tables.read(path, tables.SEQUENCES)
    assert back.schema.field("sequence").type == pa.list_(pa.int32())
    assert back.column("sequence").to_pylist() == [[4, 5]]


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / tables.BASELINE_SCORES.file
    pq.write_table(pa.table({"window_start_line": ["x"], "score": [1.0], "is_anomaly": [True]}), path)
    with pytest.raises(BadData, match="column window_start_line holds string, int64 is wanted"):
        tables.read(path, tables.BASELINE_SCORES)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file; alog-detect detect writes one"),
        (b"", "is empty"),
        (b"Jan  1 00:00:00 host app: text\n", "is no Parquet file"),
        (b"PAR1" + bytes(200), "is damaged"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, content: bytes | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / tables.BASELINE_SCORES.file
    if content is not None:
        path.write_bytes(content)
    assert main(["files", str(path)]) == 65
    err = capsys.readouterr().err
    assert says in err
    assert str(path) in err


def test_a_damaged_page_is_said(tmp_path: Path) -> None:
    path = tmp_path / tables.BASELINE_SCORES.file
    tables.write(path, scores(5000))
    data = bytearray(path.read_bytes())
    data[4:2000] = bytes(1996)
    path.write_bytes(data)
    with pytest.raises(BadData, match="is damaged"):
        tables.read(path, tables.BASELINE_SCORES)


def test_foreign_and_empty_tables_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / tables.BASELINE_SCORES.file
    pq.write_table(pa.table({"score": [1.0]}), path)
    with pytest.raises(BadData, match="it has no column window_start_line, is_anomaly"):
        tables.read(path, tables.BASELINE_SCORES)
    tables.write(path, scores(0))
    with pytest.raises(BadData, match="holds no rows"):
        tables.read(path, tables.BASELINE_SCORES)


def test_a_file_is_known_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files", str(tmp_path / "x.parquet")]) == 2
    path = tmp_path / tables.BASELINE_SCORES.file
    tables.write(path, scores())
    assert main(["files", str(path)]) == 0
    assert "sound, 3 rows" in capsys.readouterr().out
    assert main(["files"]) == 0
    text = capsys.readouterr().out
    assert all(kind.file in text for kind in tables.KINDS)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    atomic.write(path, "old")

    def fails() -> None:
        with atomic.replacing(path) as place:
            place.write_text("half")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fails()
    assert [one.name for one in tmp_path.iterdir()] == ["report.md"]
    assert path.read_text() == "old"


def test_a_missing_column_is_a_bug_of_the_writer() -> None:
    with pytest.raises(ValueError, match="no column score"):
        tables.table(tables.BASELINE_SCORES, window_start_line=[1], is_anomaly=[True])
