"""When a log changes and what differs between logs: found where it was made, and not where there is only chance."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
from alogd.cli.failures import BadData
from alogd.offline.main import main
from alogd.offline.reports import temporal
from alogd.offline.verdicts import comparison
from alogd.offline.verdicts.processed import Processed
from tests.processed_dir import processed

MONDAY = 1_777_852_800  # seconds


def test_a_change_of_level_is_found_where_it_is() -> None:
    chance = np.random.default_rng(3)
    counts = np.concatenate([chance.poisson(10, 200), chance.poisson(16, 100), chance.poisson(10, 100)]).astype(float)
    points = [at for at, _ in temporal.change_points(counts)]
    assert points == pytest.approx([200, 300], abs=2)


def test_chance_alone_is_no_change_and_neither_is_a_rhythm() -> None:
    false = sum(
        len(temporal.change_points(np.random.default_rng(seed).poisson(12, 400).astype(float))) for seed in range(40)
    )
    assert false <= 1
    day = np.tile(np.repeat([5.0, 40.0], 12), 10)
    noisy = np.random.default_rng(1).poisson(day).astype(float)
    assert temporal.change_points(noisy)
    assert temporal.change_points(noisy, rhythm=24) == []


def test_hours_and_weekdays_are_those_of_the_log() -> None:
    seconds = MONDAY + np.array([0, 10, 3600 * 13, 86_400 * 6 + 3600 * 23])
    cells, hours = temporal.by_week(seconds)
    assert (cells[0, 0], cells[0, 13], cells[6, 23], cells.sum()) == (2, 1, 1, 4)
    assert hours.sum() == pytest.approx((seconds.max() + 1 - MONDAY) / 3600)
    assert temporal.bin_width(3600) == 10
    assert temporal.bin_width(10**9) >= 10**9 // temporal.MOST_BINS


def shop(path: Path, seed: int, records: int = 4000, **rates: float) -> Path:
    """Lines of some kinds, in bursts, as logs have them."""
    chance = np.random.default_rng(seed)
    kinds = {"request served quickly": 8.0, "job of the queue done": 3.0, "login from the office": 1.0} | rates
    lines: list[str] = []
    while len(lines) < records:
        kind = chance.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values()))
        lines += [kind] * int(chance.geometric(0.2))
    stamps = [f"{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}" for i in range(records)]
    lines = [f"2026-05-04T{stamp}.000Z INFO  [h] a - {kind}\n" for stamp, kind in zip(stamps, lines, strict=False)]
    path.write_text("".join(lines))
    return path


def compared(folder: Path, target: Path, *baselines: Path) -> dict[str, dict[str, str]]:
    words = ["analyze-comparative", "--target", str(target), "--baselines", *map(str, baselines)]
    assert main([*words, "--out-dir", str(folder)]) == 0
    rows = list(csv.DictReader((folder / "comparative_analysis.csv").open()))
    return {row["template"]: row for row in rows}


def test_what_is_new_gone_risen_and_fallen_is_told(tmp_path: Path) -> None:
    bases = [shop(tmp_path / f"b{i}.log", i, **{"old thing went by": 1.0}) for i in range(3)]
    target = shop(tmp_path / "t.log", 9, **{"strange thing came up": 1.0, "login from the office": 6.0})
    found = compared(tmp_path, target, *bases)
    kinds = {template: (row["kind"], row["differs"]) for template, row in found.items()}
    assert kinds["strange thing came up"] == ("new", "1")
    assert kinds["old thing went by"] == ("gone", "1")
    assert kinds["login from the office"] == ("risen", "1")
    text = (tmp_path / "comparative_analysis.md").read_text()
    assert text.index("strange thing") < text.index("## Gone") < text.index("old thing") < text.index("## Risen")


def test_bursts_alone_differ_from_nothing(tmp_path: Path) -> None:
    wrong, tried = 0, 0
    for seed in range(8):
        paths = [shop(tmp_path / f"{i}.log", 100 + 10 * seed + i) for i in range(2)]
        found = compared(tmp_path, *paths)
        wrong += sum(row["differs"] == "1" for row in found.values())
        tried += len(found)
    assert tried >= 24
    assert wrong <= 2  # a plain G-test calls most of these different


def test_a_parsed_directory_stands_for_its_log(tmp_path: Path) -> None:
    base, target = shop(tmp_path / "b.log", 1), shop(tmp_path / "t.log", 2, **{"strange thing came up": 1.0})
    processed(target, tmp_path / "parsed")
    plain, parsed = compared(tmp_path, target, base), compared(tmp_path, tmp_path / "parsed", base)
    assert plain == parsed


def test_benjamini_hochberg_agrees_with_its_definition() -> None:
    p = np.random.default_rng(4).random(50) ** 3
    for q in (0.01, 0.05, 0.2):
        passing = [k for k in range(1, 51) if np.sort(p)[k - 1] <= q * k / 50]
        found = p <= (np.sort(p)[max(passing) - 1] if passing else -1)
        assert (comparison.benjamini_hochberg(p) <= q).tolist() == found.tolist()


def test_counts_do_not_depend_on_how_records_come() -> None:
    slots = np.random.default_rng(2).integers(0, 5, 5000)
    one, many = comparison.Counts("a"), comparison.Counts("a")
    one.add(slots)
    for part in np.array_split(slots, 37):
        many.add(part)
    assert (one.chunks, one.records) == (many.chunks, many.records) == (25, 5000)
    assert one.squares.tolist() == many.squares.tolist()


def test_the_temporal_report_tells_the_change_and_draws(tmp_path: Path) -> None:
    first, later = (
        shop(tmp_path / "1.log", 1, 9000),
        shop(tmp_path / "2.log", 2, 9000, **{"job of the queue done": 30.0}),
    )
    lines = first.read_text().splitlines()[:6000] + later.read_text().splitlines()[6000:]
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    processed(tmp_path / "a.log", tmp_path)
    assert main(["analyze-temporal", "--processed-dir", str(tmp_path)]) == 0
    text = (tmp_path / "temporal_analysis.md").read_text()
    (row,) = [line for line in text.splitlines() if "job of the queue" in line]
    assert "2026-05-04 01:3" in row or "2026-05-04 01:4" in row
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"volume.svg", "week.svg", "odd_week.svg"}


def test_a_log_without_times_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("hello\n" * 100)
    with pytest.raises(BadData, match="none of its records carries a time"):
        temporal.write(Processed(processed(tmp_path / "a.log", tmp_path)), 5.0)


@pytest.mark.parametrize(
    ("name", "content"), [("no.log", None), ("empty.log", b""), ("binary.log", b"\x7fELF\0\0\1" * 90)]
)
def test_logs_that_cannot_be_read_are_refused(
    name: str, content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    good = shop(tmp_path / "g.log", 1, 300)
    words = ["analyze-comparative", "--target", str(good), "--baselines", str(tmp_path / name)]
    assert main([*words, "--out-dir", str(tmp_path)]) == 65
    assert name in capsys.readouterr().err
    assert main([*words[:-1], str(good), "--q", "2"]) == 2
