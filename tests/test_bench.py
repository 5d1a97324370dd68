"""The bench measures what it says: turns, ratios, formats, rule sets, stages. Nothing here is timed."""

from __future__ import annotations

import itertools
import random
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from alogd.engine.native import Engine, EngineConfig
from tests.bench import code_path, corpus, document, formats, picture, profile, rows, run, timing
from tests.bench.contestants import feed_program
from tests.bench.corpus import ROOT, Corpus
from tests.bench.peers import programs
from tests.bench.peers.shapes import Shapes, shapes
from tests.bench.scaling import Curve, tables
from tests.bench.table import Measured, Row, as_markdown, as_text, notes, table, verdicts
from tests.bench.timing import Absent, Contestant, in_turn, times


@pytest.fixture
def sshd(tmp_path: Path) -> Corpus:
    path = tmp_path / "sshd.log"
    corpus.write("sshd", path, 3000)
    return Corpus("sshd", path)


# -- timing


def test_contestants_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    clock = itertools.count(1)

    def contestant(name: str, *, slow: bool = False) -> Contestant:
        return Contestant(lambda: calls.append(name) or float(next(clock)), lines=1000, slow=slow)  # type: ignore[func-returns-value]

    timed = in_turn({"a": contestant("a"), "b": contestant("b", slow=True)}, 2, lambda text: None)
    assert calls == ["a", "a", "b", "a", "b"]
    assert timed == {"a": [2e6, 4e6], "b": [3e6, 5e6]}


def test_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    assert times([1, 1, 10], [2, 3, 70]) == 3


def test_child_counts_what_a_program_uses() -> None:
    busy = "x = 0\nfor i in range(3_000_000): x += i"
    assert timing.child(sys.executable, "-c", busy) > timing.child(sys.executable, "-c", "")
    with pytest.raises(subprocess.CalledProcessError):
        timing.child(sys.executable, "-c", "raise SystemExit(3)")


def test_undisturbed_time_goes_on_while_a_thread_waits_by_its_own_doing() -> None:
    begun = timing.undisturbed()
    subprocess.run(["sleep", "0.05"], check=True)
    assert timing.undisturbed() > begun


# -- the table

ROWS = (Row("a / b", "a", "b", target=4.0), Row("a, 1000 lines/s", "a", form="{:.0f}"), Row("c / a", "c", "a"))


def measured() -> Measured:
    found = Measured(absent={("c", "X"): "c is not installed", ("c", "Y"): "c is not installed"})
    found.timed = {"X": {"a": [100.0], "b": [200.0]}, "Y": {"a": [100.0], "b": [800.0]}}
    return found


def test_table_has_each_corpus_mean_worst_and_whether_the_target_is_met() -> None:
    cells = table(measured(), ROWS)
    assert cells[1] == ["a / b", "2.00", "8.00", "4.00", "2.00", "4.00", "met"]
    assert cells[2] == ["a, 1000 lines/s", "10000", "10000", "10000", "10000", "", ""]
    assert cells[3] == ["c / a", "not measured: c is not installed"]
    assert table(measured(), [Row("a / b", "a", "b", target=8.0)])[1][-1] == "50% of it"


def test_verdicts_name_every_target() -> None:
    aimed = [ROWS[0], Row("b / a", "b", "a", target=1.0), Row("c / a", "c", "a", target=1.0), ROWS[1]]
    assert list(verdicts(measured(), aimed)) == [
        "Target met: a / b.",
        "Target not met: b / a (25% of it).",
        "Not measured: c / a.",
    ]


def test_what_is_absent_is_said_once() -> None:
    assert list(notes(measured())) == ["c - c is not installed"]


def test_text_and_markdown_have_all_rows() -> None:
    cells = table(measured(), ROWS)
    text, marked = list(as_text(cells)), list(as_markdown(cells))
    assert [line.split("  ")[0] for line in text[1:]] == [row.title for row in ROWS]
    assert {line.count("|") for line in marked} == {8}


def test_rows_know_their_contestants_and_have_titles_of_their_own() -> None:
    assert {name for row in rows.ROWS for name in row.needs} <= set(rows.MAKERS)
    assert len({row.title for row in rows.ROWS}) == len(rows.ROWS)


def test_only_takes_rows_by_their_title() -> None:
    assert {row.title for row in run.chosen_rows("USER MASKS")} == {"5 user masks / none"}
    done = subprocess.run([sys.executable, "-m", "tests.bench.run", "--only", "no such"], cwd=ROOT, capture_output=True)
    assert done.returncode == 2


def test_a_run_measures_what_can_be_had_and_says_what_cannot(sshd: Corpus) -> None:
    only = [row for row in rows.ROWS if row.title in ("engine, avx512 / wc -l", "engine / wc -l")]
    found = run.measure([sshd], only, 1)
    if code_path.asked_for("avx512") == "avx512":
        assert len(found.figures(only[1])) == 1
    else:
        assert re.search("asked for avx512|one code path", found.why(only[1]))
    assert found.figures(only[0])["sshd"] > 0


# -- formats


@pytest.mark.parametrize("name", ["plain", *formats.FORMATS])
def test_every_format_carries_the_same_messages(name: str) -> None:
    messages = ['user "bob" gone after 12 ms', "disk /dev/sda1 is 97% full", "plain words only"]
    wrap = formats.FORMATS.get(name, formats.plain)
    engine = Engine(EngineConfig(seed=1))
    text = formats.wrapped(messages * 20, wrap)
    batch = engine.feed(text)
    lines = text.splitlines()
    assert [engine.explain(line).message for line in lines[:3]] == messages
    assert len(batch) == len(lines) - 1  # the last record is still open
    assert (batch.timestamp_ns > 0).all()
    assert engine.counters()["headerless"] == 0


def test_traces_belong_to_the_record_before_them() -> None:
    text = formats.traces(["stored an order"] * 100)
    engine = Engine(EngineConfig(seed=1))
    assert len(engine.feed(text)) == 99
    assert engine.counters()["continuations"] == text.count(b"\n") - 100 == 100 // formats.TRACED * len(formats.TRACE)


def test_access_lines_are_read_as_such() -> None:
    engine = Engine(EngineConfig(seed=1))
    batch = engine.feed(formats.clf(50))
    assert len(batch) == 49
    assert (batch.timestamp_ns > 0).all()


@pytest.mark.parametrize("name", list(corpus.FORMATS))
def test_generated_corpora_are_the_same_each_time_and_do_not_repeat(name: str, tmp_path: Path) -> None:
    corpus.write(name, tmp_path / "a", 500)
    corpus.write(name, tmp_path / "b", 500)
    lines = (tmp_path / "a").read_bytes().splitlines()
    assert lines == (tmp_path / "b").read_bytes().splitlines()
    assert len(set(lines)) == 500


def test_a_corpus_has_its_messages_without_headers(sshd: Corpus) -> None:
    assert len(sshd.messages) == sshd.lines == 3000
    assert all(not re.search(r"sshd\[\d+\]", message) for message in sshd.messages)


# -- rule sets for peers


def test_shapes_are_those_of_the_generator(sshd: Corpus) -> None:
    found = shapes(sshd)
    assert found.header == 5
    assert ("Failed password for invalid user ", None, " from ", None, " port ", None, " ", None) in found.messages


def test_json_has_no_such_shapes(tmp_path: Path) -> None:
    corpus.write("json", tmp_path / "json.log", 200)
    with pytest.raises(Absent, match="within a structure"):
        shapes(Corpus("json", tmp_path / "json.log"))


def test_patterns_match_the_lines_they_are_made_from(sshd: Corpus) -> None:
    text = programs.mtail_program(shapes(sshd))
    patterns = re.findall(r"^/(.*)/ \{$", text, re.MULTILINE)
    matched = [line for line in sshd.head if any(re.search(p.encode(), line) for p in patterns)]
    assert len(matched) == sshd.lines


def test_rules_escape_percent_signs() -> None:
    found = Shapes(header=1, messages=(("disk 97% full on ", None),))
    assert list(programs.lognorm_rules(found)) == ["%-:word%%-:whitespace%disk 97%% full on %-:word%"]


@pytest.mark.parametrize("name", ["lognormalizer", "mtail", "AMiner", "logparser3"])
def test_peers_read_the_lines(name: str, sshd: Corpus) -> None:
    try:
        peer = rows.MAKERS[name](sshd)
    except Absent as error:
        pytest.skip(str(error))
    assert peer.run() > 0
    if name != "logparser3":
        assert "100% of the lines match" in peer.note


# -- stages

CALLGRIND = """\
fl=(1) /src/engine_c/header.c
fn=(1) alog_header
10 100
fi=(2) /usr/lib/gcc/include/emmintrin.h
20 7
fe=(1)
11 3
cfi=(3) /src/engine_c/mask.c
cfn=(2) alog_mask
calls=5 1
12 5000
fl=(3)
fn=(2)
+1 40
* 2
"""


def test_cost_is_booked_where_it_was_written_and_calls_count_once() -> None:
    cost = profile.by_file(CALLGRIND)
    assert cost == {"/src/engine_c/header.c": 110, "/src/engine_c/mask.c": 42}


@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("/src/engine_c/mask_avx2.c", "masks and tokens"),
        ("/src/engine_c/header_time.c", "header and timestamp"),
        ("/src/engine_c/feed.c", "lines: split, join, columns"),
        ("/src/engine_c/hash.h", "hashes of tokens"),
        ("/src/engine_c/leaf.c", "Drain: tree, similarity, learning"),
        ("./string/../sysdeps/x86_64/multiarch/memchr-avx2.S", "libc (memchr, memcpy, malloc)"),
        ("/src/engine_c/alog.h", profile.OTHER),
    ],
)
def test_source_files_have_a_stage(file: str, stage: str) -> None:
    assert profile.stage(file) == stage


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_c_program_prints_seconds(sshd: Corpus) -> None:
    done = subprocess.run([feed_program("feed-test"), sshd.path, "2"], capture_output=True, check=True)
    assert [float(line) > 0 for line in done.stdout.split()] == [True, True]


# -- the document and its picture

CURVES = [
    Curve("engine", "templates", {10: 200.0, 1000: 300.0, 100_000: 1000.0}),
    Curve("core", "templates", {10: 900.0, 1000: 950.0, 100_000: 990.0}),
    Curve("engine", "sources", {1: 100.0, 10: 100.0, 10_000: 800.0}),
]


def test_growth_is_held_against_that_of_a_logarithm() -> None:
    assert [curve.grows for curve in CURVES] == [1.0, pytest.approx(0.22), 2.0]
    assert [len(cells) for cells in tables(CURVES)] == [3, 2]


def test_picture_is_well_formed_and_reads_on_dark_ground() -> None:
    svg = picture.draw(CURVES)
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    dots = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(dots) == 9
    assert all(0 < float(dot.attrib["cx"]) < width and 0 < float(dot.attrib["cy"]) < height for dot in dots)
    assert "prefers-color-scheme: dark" in svg


def test_document_is_replaced_between_its_markers_only() -> None:
    text = "before\n<!-- bench: table -->\nold\n<!-- end -->\nafter\n<!-- bench: profile -->\nkept\n<!-- end -->\n"
    new = document.replaced(text, "table", "| a |\n| b \\1 |")
    assert new == text.replace("old", "| a |\n| b \\1 |")
    with pytest.raises(ValueError, match="no place for scaling"):
        document.replaced(text, "scaling", "")


def test_document_has_a_place_for_every_part() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    for part in document.PARTS:
        document.replaced(text, part, "")


def test_days_of_one_digit_are_padded() -> None:
    now = datetime(2026, 11, 3, tzinfo=UTC)
    assert corpus.syslog(random.Random(1), now).startswith("Nov  3 00:00:00 ")
