"""What the guides show under `$` works as it stands there, in the order of the page."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from alogd.cli.main import COMMANDS, main
from tests.app_log import START, app_log

DOCS = Path(__file__).parent.parent / "docs"
GUIDES = ("first-alert.md", "tuning.md")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log, the configuration that docs/first-alert.md shows, and a copy with other windows."""
    folder = tmp_path_factory.mktemp("guides")
    (folder / "app.log").write_text(app_log(1.5, incident_at=1.1))
    os.utime(folder / "app.log", (START + 86_400, START + 86_400))
    (shown,) = re.findall(r"```yaml\n# alogd.yaml\n(.*?)```", (DOCS / "first-alert.md").read_text(), re.DOTALL)
    (folder / "alogd.yaml").write_text(shown)
    (folder / "new.yaml").write_text(shown.replace("5/day", "1/hour"))
    return folder


@pytest.mark.parametrize("guide", GUIDES)
def test_the_commands_of_a_guide_work(
    guide: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    blocks = re.findall(r"<!-- run -->\n```console\n(.*?)```", (DOCS / guide).read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ alogd ")]
    assert len(lines) >= 3
    for line in lines:
        assert main(shlex.split(line)[2:]) == 0, line
        assert capsys.readouterr().out, line


@pytest.mark.parametrize("guide", [*GUIDES, "feedback.md", "models.md", "install.md", "configuration.md"])
def test_commands_and_pages_a_guide_names_are_there(guide: str) -> None:
    text = (DOCS / guide).read_text()
    named = set(re.findall(r"`alogd ([a-z-]+)|^\$ alogd ([a-z-]+)", text, re.MULTILINE))
    assert {one or other for one, other in named} <= {name for _, name, _ in COMMANDS}
    linked = set(re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text))
    assert not [link for link in linked if not (DOCS / link).exists()]
