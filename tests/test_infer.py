"""alog-infer: the same verdict on every line as the Python path, whatever the log; and what it does at the edges."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import onnx
import pytest

from alogd.cli.manual_infer import help_text
from alogd.config.tree import UserMask
from tests import deep_models, engine_logs, infer_program
from tests.daemon_process import wait_until
from tests.infer_program import PLAIN, assert_same, command, environment, infer, program, python_path, stream, untrained


def halves(text: bytes) -> tuple[bytes, bytes]:
    """The first half's lines, and all of it: the second half has templates that the first taught nobody."""
    return text[: text.find(b"\n", len(text) // 2) + 1], text


def agree(place: Path, text: bytes, options=None, *, k: int = 9, **facts: int) -> dict:
    """Both paths on a log whose first half taught the vocabulary."""
    place.mkdir(exist_ok=True)
    taught, log = place / "taught.log", place / "all.log"
    first, whole = halves(text)
    taught.write_bytes(first)
    log.write_bytes(whole)
    untrained(place, taught, options or stream(), k=k, **facts)
    found = infer(place, log)
    assert_same(found, python_path(place, whole), k)
    assert found["complete"]
    assert found["lines"] == whole.count(b"\n") + (not whole.endswith(b"\n"))
    return found


# The same verdicts


def real_logs(data: Path) -> dict[str, bytes]:
    """Every log of the dev data, by name."""
    logs = {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*.log")}
    logs |= {str(path.relative_to(data)): gzip.decompress(path.read_bytes()) for path in data.rglob("*.log.gz")}
    for path in data.rglob("*.tar.gz"):
        with tarfile.open(path) as archive:
            members = [archive.extractfile(one) for one in archive if one.isfile()]
            logs[str(path.relative_to(data))] = b"".join(one.read() for one in members if one)
    return logs


@pytest.mark.slow
def test_every_line_of_the_real_logs(data, tmp_path):
    logs = real_logs(data)
    assert len(logs) >= 10
    for number, (name, text) in enumerate(sorted(logs.items())):
        print(name)
        assert agree(tmp_path / str(number), text)["events"] > 100


@pytest.mark.slow
def test_lines_of_real_logs(data, tmp_path):
    for name in ("Linux", "HDFS", "Hadoop"):
        text = (data / "loghub2k" / name / f"{name}_2k.log").read_bytes()
        assert 0 < len(agree(tmp_path / name, text)["anomalies"]) < 2000


def test_sessions_by_a_user_mask(data, tmp_path):
    """The mask's automaton comes with the vocabulary, and each block has a history of its own."""
    text = (data / "loghub2k" / "HDFS" / "HDFS_2k.log").read_bytes()
    options = stream(UserMask(name="BLK", pattern=r"blk_-?\d+"), key={"mask": "BLK"})
    agree(tmp_path / "masked", text, options)
    vocabulary = json.loads((tmp_path / "masked" / "vocab.json").read_bytes())
    assert any("<BLK>" in one["text"] for one in vocabulary["templates"])


@pytest.mark.parametrize("seed", range(4))
def test_written_logs(tmp_path, seed):
    rng = random.Random(seed)
    options = stream(key=rng.choice(["program", "none", "host", "pid"]), parametrize_numeric_tokens=seed % 2 == 0)
    agree(tmp_path / "x", engine_logs.log(rng, 3000), options, k=rng.randrange(1, 12), window=rng.randrange(1, 30))


HOSTILE = (
    b"\xff\xfe\x80 broken \xe2\x82 bytes \xf0\x9f\x92 here",
    b"\xed\xa0\x80 a surrogate \xc0\xaf overlong \xf4\x90\x80\x80",
    "Zeile mit \u2028 und \u00e4\u00f6\u00fc \U0001f4a9 \u3000 x".encode(),
    b'quote " backslash \\ slash / \x01\x02\x1b[31mred\x1b[0m \x7f',
    b"nul \x00 in \x00 it",
    b"x" * 70_000,
    b"many " * 2000,
    b"<*> <unk> <pad> <*>",
    b"  indented   with   gaps",
    b"\ttab\tseparated\t",
    b"",
    b"\r",
    b" ",
    b"Traceback (most recent call last):\n  File x\nKeyError: 1",
    b"{\"msg\": \"a\\u00e9\\ud83d\", \"level\": \"error\"}",
    b"Jun  3 10:00:00 web p[1]: ",
    b"Jun  3 10:00:00 web p[1]:",
    b"-" * 300,
)  # fmt: skip


def hostile_log(rng: random.Random, count: int) -> bytes:
    """Text first, for it must pass for a log, then anything; the last line has no end."""
    lines = [b"Jun  3 10:00:%02d web p[%d]: open file %d" % (n % 60, n % 3, n) for n in range(200)]
    for _ in range(count):
        line = rng.choice(HOSTILE)
        if rng.random() < 0.3:
            line = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 60)))
        lines.append(line + rng.choice([b"", b"", b"\r"]))
    return b"\n".join(lines)


@pytest.mark.parametrize("seed", range(3))
def test_hostile_lines(tmp_path, seed):
    rng = random.Random(seed)
    found = agree(tmp_path / "x", hostile_log(rng, 1500), stream(masks=("num",) if seed else ("num", "path")))
    assert found["too_long"] > 0


def test_a_template_without_words_is_known_again(tmp_path):
    lines = [b"Jun  3 10:00:00 web p[1]: " + word for word in (b"a b c", b"", b"d e f g")] * 100
    found = agree(tmp_path / "x", b"\n".join(lines) + b"\n")
    assert found["unknown"] == 0


def test_a_model_without_ends_and_another_k(tmp_path):
    rng = random.Random(7)
    agree(tmp_path / "x", engine_logs.log(rng, 1000), ends=0, k=2)
    found = infer(tmp_path / "x", tmp_path / "x" / "all.log", "-k", "20")
    assert_same(found, python_path(tmp_path / "x", (tmp_path / "x" / "all.log").read_bytes(), k=20), 20)
    assert found["model"]["k"] == 20


def test_a_trained_model(tmp_path):
    place = tmp_path / "bundle"
    place.mkdir()
    for path in (deep_models.models() / "current").resolve().iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    lines = deep_models.workflow_log(300, seed=9)
    lines[700:705] = reversed(lines[700:705])
    log = tmp_path / "web.log"
    log.write_bytes(b"".join(lines))
    found = infer(place, log)
    assert_same(found, python_path(place, log.read_bytes()), 3)
    assert any(700 < one["line"] <= 706 for one in found["anomalies"])
    assert len(found["anomalies"]) < 60


def test_few_keys_are_remembered_and_those_that_were_not_are_counted(tmp_path):
    lines = [b"Jun  3 10:00:00 web p%d[1]: step %s" % (n % 5, b"abcde"[n % 3 : n % 3 + 1]) for n in range(600)]
    place = tmp_path / "x"
    agree(place, b"\n".join(lines) + b"\n")
    few = infer(place, place / "all.log", "--max-keys", "3")
    assert few["keys_forgotten"] == 597  # five keys take turns: each has gone when it comes again
    assert infer(place, place / "all.log", "--max-keys", "5")["keys_forgotten"] == 0


# However it is cut


def test_the_same_results_through_a_pipe_in_pieces(tmp_path):
    rng = random.Random(3)
    place = tmp_path / "x"
    text = engine_logs.log(rng, 800) + hostile_log(rng, 200)
    whole = agree(place, text)
    made = subprocess.Popen(command(place, "-", place / "piped.json"), env=environment(place), stdin=subprocess.PIPE)
    assert made.stdin is not None
    for piece in engine_logs.cuts(rng, text):
        made.stdin.write(piece)
        made.stdin.flush()
    made.stdin.close()
    assert made.wait(120) == 0
    assert json.loads((place / "piped.json").read_bytes()) == whole
    with (place / "all.log").open("rb") as log:
        said = subprocess.run(
            command(place, "-", "-"), env=environment(place), stdin=log, capture_output=True, check=True
        )
    assert json.loads(said.stdout) == whole


def test_results_that_nobody_takes_do_not_keep_it_from_stopping(place):
    """Its reader is there, but reads nothing; much more than a pipe holds."""
    (place / "live.log").write_bytes(b"never seen before\n" * 20_000)
    made = subprocess.Popen(
        command(place, place / "live.log", "-"), env=environment(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert made.stdout is not None
    try:
        assert made.stdout.read(1) == b"{"
        with pytest.raises(subprocess.TimeoutExpired):
            made.wait(1.5)
        made.send_signal(signal.SIGTERM)
        assert made.wait(60) == 1
    finally:
        made.kill()
        made.communicate()


# Following


def started(place: Path, log: Path, *more: str) -> subprocess.Popen:
    return subprocess.Popen(command(place, log, place / "results.json", *more), env=environment(place))


def told(place: Path) -> dict:
    """What the results say now; {} while they are being written."""
    try:
        return json.loads((place / "results.json").read_bytes())
    except (ValueError, FileNotFoundError):
        return {}


@pytest.fixture
def place(tmp_path):
    """A bundle of workflow logs, and `log`, one of them."""
    taught, log = tmp_path / "taught.log", tmp_path / "live.log"
    taught.write_bytes(b"".join(deep_models.workflow_log(100)))
    log.write_bytes(b"".join(deep_models.workflow_log(40, seed=2)))
    return untrained(tmp_path, taught, stream(), k=3)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_growing_file_is_followed_until_it_is_asked_to_stop(place, ending):
    log = place / "live.log"
    first, more = log.read_bytes(), b"".join(deep_models.workflow_log(30, seed=3))
    made = started(place, log, "--follow")
    try:
        wait_until(lambda: told(place).get("events") == first.count(b"\n"), "the first lines")
        with log.open("ab") as file:
            file.write(more[:-10])
            file.flush()
            wait_until(lambda: told(place).get("events") == (first + more).count(b"\n") - 1, "the next lines")
            file.write(more[-10:])
        wait_until(lambda: told(place).get("events") == (first + more).count(b"\n"), "the last line")
        made.send_signal(ending)
        assert made.wait(60) == 0
    finally:
        made.kill()
    found = told(place)
    assert not found["complete"]
    assert_same(found, python_path(place, first + more), 3)


def test_rotation_and_truncation_are_followed(place):
    log = place / "live.log"
    parts = [b"".join(deep_models.workflow_log(40, seed=seed)) for seed in (2, 5, 6)]
    short = deep_models.workflow_log(1)[0]
    log.write_bytes(parts[0])
    made = started(place, log, "--follow")
    try:
        wait_until(lambda: told(place).get("lines") == parts[0].count(b"\n"), "the first file")
        log.rename(place / "live.log.1")
        with (place / "live.log.1").open("ab") as file:
            file.write(parts[1])  # its writer has not noticed yet
        log.write_bytes(parts[2])
        wait_until(lambda: told(place).get("lines") == sum(part.count(b"\n") for part in parts), "the second file")
        log.write_bytes(short)
        wait_until(lambda: told(place).get("files") == 3, "the truncation")
        wait_until(lambda: told(place)["lines"] == sum(part.count(b"\n") for part in parts) + 1, "what came after it")
        made.send_signal(signal.SIGTERM)
        assert made.wait(60) == 0
    finally:
        made.kill()
    found = told(place)
    # no history is lost on the way: the verdicts are those of one long log
    said = python_path(place, b"".join(parts) + short)
    misses = [event for event, rank in enumerate(said.rank) if rank >= 3]
    assert [one["rank"] for one in found["anomalies"]] == [said.rank[event] for event in misses]
    lines = [sum(part.count(b"\n") for part in parts[:2]), parts[2].count(b"\n"), 1]
    wanted = [_place(said.line[event], lines) for event in misses]
    assert [(one["line"], one["file"]) for one in found["anomalies"]] == wanted


def _place(line: int, lines: list[int]) -> tuple[int, int]:
    """Line and file, both from 1, of a line of all the files together."""
    for number, count in enumerate(lines, 1):
        if line <= count:
            return line, number
        line -= count
    raise AssertionError(line)


def test_a_run_that_is_stopped_leaves_whole_results(place):
    """A pipe that nobody closes; what came is judged."""
    text = (place / "live.log").read_bytes()
    made = subprocess.Popen(command(place, "-", place / "results.json"), env=environment(place), stdin=subprocess.PIPE)
    assert made.stdin is not None
    try:
        made.stdin.write(text)
        made.stdin.flush()
        wait_until(lambda: told(place).get("events") == text.count(b"\n"), "what was written")
        made.send_signal(signal.SIGTERM)
        assert made.wait(60) == 0
    finally:
        made.kill()
        made.stdin.close()
    assert told(place)["complete"] is False
    assert_same(told(place), python_path(place, text), 3)


# What is refused


def refused(
    place: Path, *words: str, log: str | Path | None = None, results: str | Path | None = None
) -> tuple[int, str]:
    asked = command(place, log or place / "live.log", results or place / "results.json", *words)
    done = subprocess.run(asked, env=environment(place), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-k", "0"], "-k: a number from 1 on, not 0"),
        (["-w", "x"], "-w: a number from 1 to 512, not x"),
        (["--max-keys", "-1"], "--max-keys: a number"),
        (["more"], "unexpected argument more"),
        (["--nonsense"], "unrecognized option"),
    ],
)
def test_wrong_usage(place, words, says):
    code, said = refused(place, *words)
    assert (code, says in said) == (2, True), said


@pytest.mark.parametrize("left_out", "dvio")
def test_what_is_missing_is_named(place, left_out):
    words = command(place, "a", "b")
    at = words.index(f"-{left_out}")
    done = subprocess.run(words[:at] + words[at + 2 :], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"-{left_out} " in done.stderr
    assert "is missing" in done.stderr


def test_help_teaches():
    done = subprocess.run([str(program()), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout == help_text()  # of which the man page is made
    for word in ("retrain", "--follow", "--ort", "Exit codes", "rank"):
        assert word in done.stdout


def test_another_window_than_the_models(place):
    code, said = refused(place, "-w", "9")
    assert code == 65
    assert "looks at 10 templates before an event, not at 9" in said
    assert infer(place, place / "live.log", "-w", "10")["complete"]


def change(place: Path, **values: object) -> None:
    vocabulary = json.loads((place / "vocab.json").read_bytes())
    (place / "vocab.json").write_text(json.dumps(vocabulary | values))


def test_another_vocabulary_than_the_models(place):
    change(place, templates=json.loads((place / "vocab.json").read_bytes())["templates"][::-1])
    code, said = refused(place)
    assert code == 65
    assert "was trained with another vocabulary" in said


def test_a_vocabulary_in_other_words_is_the_same(place):
    """Order of members, white space and escapes say nothing."""
    vocabulary = json.loads((place / "vocab.json").read_bytes())
    vocabulary["engine"] = dict(reversed(vocabulary["engine"].items()))
    before = infer(place, place / "live.log")
    (place / "vocab.json").write_text(json.dumps(dict(reversed(vocabulary.items())), indent=3))
    assert infer(place, place / "live.log") == before


def test_settings_that_differ_are_named(place):
    vocabulary = json.loads((place / "vocab.json").read_bytes())
    other = untrained(place / "deeper", place / "taught.log", stream(depth=6))
    (place / "engine.alog").write_bytes((other / "engine.alog").read_bytes())
    assert vocabulary["state"] == "engine.alog"
    code, said = refused(place)
    assert code == 65
    assert "saved with another depth" in said


def test_user_masks_without_their_tables_are_refused(tmp_path):
    log = tmp_path / "live.log"
    log.write_bytes(b"".join(deep_models.workflow_log(50)))
    untrained(tmp_path, log, stream(UserMask(name="ROW", pattern=r"row \d+")))
    assert infer(tmp_path, log)["unknown"] == 0
    change(tmp_path, mask_tables=[])
    code, said = refused(tmp_path)
    assert code == 65
    assert "user masks but not their tables" in said
    change(tmp_path, mask_tables=["QUJD"])
    code, said = refused(tmp_path)
    assert code == 65
    assert "table is damaged" in said


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"schema": 2}, "schema 1 is wanted"),
        ({"special": ["<unk>"]}, "special entries"),
        ({"state": "../x"}, "name of a file beside it"),
        ({"more": 1}, "a member that this alog-infer knows"),
        ({"engine": {"colour": 1}}, "a setting of the engine that this alog-infer knows"),
        ({"templates": [{"fingerprint": "00aa", "text": "x"}]}, "fingerprint of 16 hexadecimal digits"),
        ({"templates": [{"fingerprint": "0" * 16, "text": "x"}] * 2}, "stands twice"),
    ],
)
def test_a_vocabulary_that_is_wrong(place, values, says):
    change(place, **values)
    code, said = refused(place)
    assert (code, says in said) == (65, True), said


@pytest.mark.parametrize("name", ["deeplog.onnx", "vocab.json", "engine.alog"])
def test_files_that_are_damaged_or_gone(place, name):
    data = (place / name).read_bytes()
    (place / name).write_bytes(data[: len(data) // 2])
    code, said = refused(place)
    assert (code, name in said) == (65, True), said
    (place / name).unlink()
    code, said = refused(place)
    assert (code, name in said, "no such file" in said.lower()) == (1, True, True), said


def test_a_graph_in_int8_is_refused(place):
    graph = onnx.load(str(place / "deeplog.onnx"))
    onnx.helper.set_model_props(graph, {one.key: one.value for one in graph.metadata_props} | {"alogd.int8": "1"})
    (place / "deeplog.onnx").write_bytes(graph.SerializeToString())
    code, said = refused(place)
    assert (code, "in int8" in said) == (65, True), said


def test_a_graph_of_another_kind_or_with_outside_data(place):
    graph = onnx.load(str(place / "deeplog.onnx"))
    onnx.helper.set_model_props(graph, {"alogd.kind": "logbert"})
    (place / "deeplog.onnx").write_bytes(graph.SerializeToString())
    code, said = refused(place)
    assert (code, "of kind 'logbert'" in said) == (65, True), said
    tensor = graph.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "/etc/passwd")
    (place / "deeplog.onnx").write_bytes(graph.SerializeToString())
    code, said = refused(place)
    assert (code, "wants data from other files" in said) == (65, True), said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (gzip.compress(b"x" * 100, mtime=0), "gzip"),
        (b"\x00\x01\x02\x03" * 500, "not text"),
        (b"\x7fELF" + bytes(200), "program"),
    ],
)
def test_what_is_no_log(place, text, says):
    (place / "live.log").write_bytes(text)
    code, said = refused(place)
    assert (code, says in said) == (65, True), said


def test_an_empty_log(place):
    (place / "live.log").write_bytes(b"")
    found = infer(place, place / "live.log")
    assert (found["lines"], found["events"], found["anomalies"], found["complete"]) == (0, 0, [], True)


def test_what_is_read_is_never_written_over(place):
    for name in ("live.log", "vocab.json", "deeplog.onnx", "engine.alog"):
        before = (place / name).read_bytes()
        code, said = refused(place, results=place / name)
        assert (code, "the results need a file of their own" in said) == (1, True), said
        assert (place / name).read_bytes() == before


def test_results_that_cannot_be_written(place):
    code, said = refused(place, results="/dev/full")
    assert (code, "no space left" in said.lower()) == (1, True), said
    code, said = refused(place, results=place / "nowhere" / "x")
    assert (code, "no such file" in said.lower()) == (1, True), said
    code, said = refused(place, log=place)
    assert (code, "is a directory" in said.lower()) == (1, True), said


# ONNX Runtime


def test_a_library_that_is_none_is_refused(place):
    for path, says in (("/nowhere/libonnxruntime.so", "cannot open shared object"), ("libm.so.6", "no ONNX Runtime")):
        code, said = refused(place, "--ort", path)
        assert (code, says in said) == (1, True), said


def test_the_library_is_found_beside_a_python(place, tmp_path):
    capi = tmp_path / "venv" / "lib" / "python3.99" / "site-packages" / "onnxruntime" / "capi"
    capi.mkdir(parents=True)
    library = infer_program.onnxruntime_library()
    (capi / library.name).symlink_to(library)
    known = environment(place) | {"VIRTUAL_ENV": str(tmp_path / "venv")}
    del known["ALOGD_ORT"]
    done = subprocess.run(
        command(place, place / "live.log", place / "results.json"), env=known, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_an_older_library_and_a_table_in_another_order_are_refused(place, tmp_path):
    """One that has not the version asked for, and one whose first entries do something else."""
    for name, body, says in (
        ("old", "return 0;", "is too old"),
        ("other", "for (int i = 0; i < 200; i++) table[i] = f; return table;", "its table of functions"),
    ):
        source, built = tmp_path / f"{name}.c", tmp_path / f"lib{name}.so"
        source.write_text(
            "static void *f(void) { return 0; }\nstatic void *(*table[200])(void);\n"
            f"static const void *get(unsigned v) {{ (void)v; (void)f; (void)table; {body} }}\n"
            'static const char *version(void) { return "1.2.3"; }\n'
            "static const struct { const void *(*get)(unsigned); const char *(*say)(void); } base = {get, version};\n"
            "const void *OrtGetApiBase(void) { return &base; }\n"
        )
        subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(built)], check=True)
        code, said = refused(place, "--ort", str(built))
        assert (code, says in said) == (1, True), said


def test_no_python_is_in_the_process(place):
    """The libraries it has mapped while it waits for more."""
    made = started(place, place / "live.log", "--follow")
    try:
        wait_until(lambda: told(place).get("events"), "the first lines")
        mapped = Path(f"/proc/{made.pid}/maps").read_text()
        assert "libonnxruntime.so" in mapped
        assert "libpython" not in mapped
        assert "pybind11_state" not in mapped
    finally:
        made.terminate()
        made.wait(60)


@pytest.mark.slow
def test_valgrind_finds_nothing(place, tmp_path):
    if shutil.which("valgrind") is None:
        pytest.skip("no valgrind; on Debian: apt install valgrind")
    plain = program(*PLAIN)
    (place / "live.log").write_bytes((place / "live.log").read_bytes() + hostile_log(random.Random(1), 60))
    asked = command(place, place / "live.log", place / "results.json", built=plain)
    suppressed = f"--suppressions={Path(__file__).parent / 'onnxruntime.supp'}"
    checks = ["--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect", suppressed]
    begun = time.monotonic()
    done = subprocess.run(["valgrind", "-q", *checks, *asked], env=environment(place), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    print(f"{time.monotonic() - begun:.0f} s under valgrind")
    assert_same(told(place), python_path(place, (place / "live.log").read_bytes()), 3)
