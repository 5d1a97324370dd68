"""What docs/offline.md shows under `$` gives what stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
from alogd.offline.main import COMMANDS, main

GUIDE = (Path(__file__).parent.parent / "docs" / "offline.md").read_text()


def test_the_guide_shows_what_its_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"<!-- run -->\n```console\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        shown = []
        for line in block.splitlines():
            if line.startswith("$ alog-detect "):
                assert main(shlex.split(line)[2:]) == 0
                shown += [line, *capsys.readouterr().out.splitlines()]
        assert "\n".join(shown).rstrip() == block.rstrip()


def test_commands_the_guide_names_are_there() -> None:
    named = set(re.findall(r"`alog-detect ([a-z-]+)|^\$ alog-detect ([a-z-]+)", GUIDE, re.MULTILINE))
    assert {one or other for one, other in named} <= {name for _, name, _ in COMMANDS}
