"""The man pages: as `--help` and the schema have it now, and nothing in them that man or mandoc finds amiss."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from alogd.cli.main import COMMANDS
from alogd.cli.manual import pages, text
from alogd.cli.manual_infer import help_text, paragraphs
from alogd.config.schema import schema
from alogd.offline.main import COMMANDS as OFFLINE

MAN = Path(__file__).parent.parent / "man"
PAGES = ("alogd.1", "alog-detect.1", "alog-infer.1", "alogd.yaml.5")


def said(*command: str | Path) -> str:
    """What a program complains of."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"no {command[0]} here (Debian: apt install man-db mandoc)")
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 or done.stdout + done.stderr
    return done.stdout * (command[0] == "mandoc") + done.stderr


def test_they_are_current() -> None:
    made = pages()
    assert {path.name for path in MAN.iterdir()} == set(made)
    for name, page in made.items():
        assert (MAN / name).read_text() == page, f"{name} is not what `make man` makes"


def test_every_command_and_every_key_is_there() -> None:
    made = pages()
    for page, program, commands in (("alogd.1", "alogd", COMMANDS), ("alog-detect.1", "alog-detect", OFFLINE)):
        for _, name, _ in commands:
            assert f'.SS "{text(f"{program} {name}")}"' in made[page]
    for shape in (schema(), *schema()["$defs"].values()):
        for key in shape.get("properties", {}):
            assert f"\\fB{text(key)}\\fR" in made["alogd.yaml.5"]


def test_the_c_program_s_page_has_all_that_its_help_says() -> None:
    """help_text is what the program prints: tests/test_infer.py."""
    usage, about, examples, options, after = paragraphs()
    told = [usage, about, *examples, *(word for option in options for word in option), *after]
    words = " ".join(" ".join(told).split())
    rest = help_text().replace("usage: ", "", 1)
    assert sorted(words.replace(",", "").split()) == sorted(rest.replace(",", "").split())
    assert [names for names, _, _ in options][-1] == "-h, --help"


@pytest.mark.parametrize("name", PAGES)
def test_mandoc_finds_nothing(name: str) -> None:
    assert said("mandoc", "-Tlint", "-Wwarning", MAN / name) == ""


@pytest.mark.parametrize("name", PAGES)
def test_man_warns_of_nothing(name: str) -> None:
    assert said("man", "--warnings", "-l", "-Tutf8", "-Z", MAN / name) == ""


def test_text_stays_text() -> None:
    assert text(".so /etc/passwd\n'a \\n-^~") == "\\&.so /etc/passwd\n\\&'a \\en\\-\\(ha\\(ti"
