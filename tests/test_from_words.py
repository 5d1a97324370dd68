"""What `alogd retrain --from` names: files, streams of the configuration, bundles; and what it says of all else."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from alogd.cli.failures import BadData, Failed, Usage
from alogd.cli.from_words import From, understand
from tests import deep_models


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """web.log, rotated twice; names in one order, ages in another."""
    place = tmp_path / "logs"
    place.mkdir()
    text = deep_models.workflow_log(30)
    (place / "web.log.2.gz").write_bytes(gzip.compress(b"".join(text[:50])))
    (place / "web.log.1").write_bytes(b"".join(text[50:100]))
    (place / "web.log").write_bytes(b"".join(text[100:]))
    (place / "access.log").write_bytes(b"".join(text))
    for age, name in enumerate(("web.log", "web.log.1", "web.log.2.gz", "access.log")):
        os.utime(place / name, (1_760_000_000 - 1000 * age,) * 2)
    return place


@pytest.fixture
def config(tmp_path: Path, logs: Path) -> str:
    streams = [
        {"name": "audit", "collect": [{"kind": "file", "include": [str(logs / "audit*.log")]}]},
        {"name": "web", "collect": [{"kind": "file", "include": [str(logs / "*.log")], "exclude": ["*.tmp.log"]}]},
        {"name": "journal", "collect": [{"kind": "journald"}]},
    ]
    path = tmp_path / "alogd.yaml"
    path.write_text(json.dumps({"streams": streams, "state": {"directory": str(tmp_path / "state")}}))
    return str(path)


def names(found: From) -> list[str]:
    return [os.path.basename(path) for path in found.paths]


def test_a_stream_stands_for_its_files_rotated_ones_too_oldest_first(config: str) -> None:
    found = understand(["web"], config, None)
    assert names(found) == ["access.log", "web.log.2.gz", "web.log.1", "web.log"]
    assert (found.options.name, found.stream, found.base) == ("web", "web", None)


def test_it_has_no_files_that_the_daemon_would_not_read(
    config: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "wtmp.log").write_bytes(bytes(range(256)) * 50)
    (logs / "web.log.3.xz").write_bytes(b"\xfd7zXZ\x00" + b"x" * 100)
    (logs / "empty.log").touch()
    (logs / "audit.log").write_text("of the stream before\n")
    (logs / "x.tmp.log").write_text("excluded\n")
    (logs / "also.log").symlink_to(logs / "web.log")
    found = understand(["web"], config, None)
    said = capsys.readouterr().err
    assert len(found.paths) == 4
    assert "wtmp.log is no text" in said
    assert "web.log.3.xz is an xz file" in said
    assert "audit" not in said


def test_many_files_left_out_are_counted(config: str, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(9):
        (logs / f"b{number}.log").write_bytes(bytes(range(256)) * 50)
    understand(["web"], config, None)
    assert "left out: 6 more files" in capsys.readouterr().err


def test_a_file_of_that_name_is_taken_and_said(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web").write_text("a file\n")
    assert understand(["web"], config, None).paths == ["web"]
    assert "stream:web is the stream" in capsys.readouterr().err
    assert len(understand(["stream:web"], config, None).paths) == 4


def test_a_stream_flag_is_how_files_are_read(config: str, logs: Path) -> None:
    found = understand([str(logs / "web.log")], config, "audit")
    assert (found.options.name, found.stream, names(found)) == ("audit", None, ["web.log"])


def test_a_bundle_is_what_to_go_on_from(config: str, logs: Path, tmp_path: Path) -> None:
    old = tmp_path / "models" / "20260101"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text("{}")
    assert understand([str(old), str(logs / "web.log")], config, None).base == old
    both = understand([str(old)], config, "web")
    assert (both.base, both.stream, len(both.paths)) == (old, "web", 4)
    with pytest.raises(Usage, match="name the logs to learn too"):
        understand([str(old)], config, None)
    with pytest.raises(Usage, match="goes on from one"):
        understand([str(old), str(old), "web"], config, None)


@pytest.mark.parametrize(
    ("words", "stream", "error", "says"),
    [
        (["journal"], None, Failed, r"journalctl .* alogd retrain --from - --stream journal"),
        (["audit"], None, BadData, "has no file that can be read"),
        (["wbe"], None, Failed, "no such file, nor a stream .*; streams: audit, web, journal"),
        (["stream:wbe"], None, Usage, 'no stream "wbe"; there are: audit, web, journal'),
        (["web", "audit"], None, Usage, "name it alone"),
        (["web"], "audit", Usage, "read as what they are"),
    ],
)
def test_what_cannot_be_meant(
    words: list[str], stream: str | None, error: type[Failed], says: str, config: str
) -> None:
    with pytest.raises(error, match=says):
        understand(words, config, stream)


def test_a_stream_needs_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Usage, match="there is no configuration"):
        understand(["stream:web"], None, None)
