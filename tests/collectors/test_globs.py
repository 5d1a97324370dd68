"""Include and exclude patterns, and what rotation calls yesterday's file."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from alogd.collectors import globs
from alogd.collectors.globs import Walk, parse, unrotated


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "a.log",
        "b.txt",
        "d/a.log",
        "d/e/a.log",
        "d/e/f/b.log",
        "d/.h/a.log",
        ".h.log",
        "x[1].log",
        "journal/a.log",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    os.symlink("d", tmp_path / "link")
    os.symlink("..", tmp_path / "d" / "loop")
    return tmp_path


def found(tree: Path, include: Sequence[str], exclude: Sequence[str] = (), follow: bool = True) -> list[str]:
    walk = Walk([f"{tree}/{one}" for one in include], exclude, follow)
    return sorted(os.path.relpath(path, tree) for path in walk.run())


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("*.log", "a.log x[1].log"),
        (".*.log", ".h.log"),
        ("**/a.log", "a.log d/a.log d/e/a.log journal/a.log"),
        ("**/e/**/*.log", "d/e/a.log d/e/f/b.log"),
        ("d/**", "d/a.log d/e/a.log d/e/f/b.log"),
        ("*/a.log", "d/a.log journal/a.log link/a.log"),
        ("[ab].*", "a.log b.txt"),
        ("[!a].txt", "b.txt"),
        ("?.log", "a.log"),
        ("a.log", "a.log"),
        ("x[[]1].log", "x[1].log"),
        ("nothing/**", ""),
    ],
)
def test_include(tree: Path, include: str, expected: str) -> None:
    assert found(tree, [include]) == expected.split()


def test_links_to_directories_are_not_entered_when_off(tree: Path) -> None:
    assert found(tree, ["*/a.log"], follow=False) == ["d/a.log", "journal/a.log"]


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ("{}/d/**", "a.log journal/a.log"),
        ("{}/**/e/**", "a.log d/a.log journal/a.log"),
        ("journal", "a.log d/a.log d/e/a.log"),
        ("a.*", ""),
        ("{}/a.log", "d/a.log d/e/a.log journal/a.log"),
    ],
)
def test_exclude(tree: Path, exclude: str, expected: str) -> None:
    assert found(tree, ["**/a.log"], [exclude.format(tree)]) == expected.split()


def test_a_pattern_below_another_is_found_once(tree: Path) -> None:
    assert found(tree, ["**", "*.log", "a.log"]).count("a.log") == 1
    walk = Walk([f"{tree}/*.log", f"{tree}/a.log"], [], True)
    assert [one.explicit for one in walk.run().values()] == [True, False]


def test_a_walk_is_bounded(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(globs, "MAX_ENTRIES", 5)
    walk = Walk([f"{tree}/**"], [], True)
    walk.run()
    assert not walk.complete


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("a.log.1", "a.log"),
        ("a.log.12.gz", "a.log"),
        ("a.log.gz", "a.log"),
        ("a.log-20260101", "a.log"),
        ("a.log-20260101.xz", "a.log"),
        ("a.log-20260101-1767225600", "a.log"),
        ("a.log.2026-01-01", "a.log"),
        ("a.log.2026-01-01-17.gz", "a.log"),
        ("a.log.old", "a.log"),
        ("a~", "a"),
        ("a.log", None),
        ("postgresql-15-main.log", None),
        ("app-2026-01-01.log", None),
        ("Xorg.0.log", None),
        ("x.20261", None),
        (".1", None),
    ],
)
def test_rotated_names(name: str, before: str | None) -> None:
    assert unrotated(name) == before


def test_rotated_files_are_found_by_the_name_they_had(tree: Path) -> None:
    (tree / "a.log.1").touch()
    (tree / "b.txt.2.gz").touch()
    found = Walk([f"{tree}/*.log"], [], True).run()
    assert {os.path.basename(path): one.rotated for path, one in found.items()} == {
        "a.log": False,
        "a.log.1": True,
        "x[1].log": False,
    }


def test_roots() -> None:
    assert parse("/var/log/**/*.log") == globs.Pattern("/var/log", ("**", "*.log"), False)
    assert parse("/var/log/**").segments == ("**", "*")
    assert parse("/var/log/syslog") == globs.Pattern("/var/log", ("syslog",), True)
    assert parse("/*") == globs.Pattern("/", ("*",), False)
