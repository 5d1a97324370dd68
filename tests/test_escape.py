"""Hostile text (FAULTS X1) cannot steer a terminal, break a line or reorder what a person reads."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alogd.cli.output import emit
from alogd.escape import escape, shown


@given(st.text(st.characters(), max_size=200))
def test_nothing_that_controls_or_hides_is_left(text):
    for char in escape(text):
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(char) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b]52;c;ZXZpbA==\x07", "\\x1b]52;c;ZXZpbA==\\x07"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b31m", "\\x9b31m"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\udc80", "\\udc80"),
        ("Grüße, 世界, שלום", "Grüße, 世界, שלום"),
        ("plain", "plain"),
    ],
)
def test_examples(text, safe):
    assert escape(text) == safe


def test_raw_lines_are_cut_and_say_so():
    assert shown(b"\xff\xfeok") == "\\xff\\xfeok"
    assert shown(b"x" * 10_000, 100) == "x" * 100 + "... (10000 bytes)"


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_json_of_commands_is_safe_to_look_at(output, capsysbinary):
    told = {"text": "\x1b[2J\x9b31m\u202e\u200b\u2028 ends", "more": ["\x7f", "caf\u00e9"]}
    emit([told], output)
    said = capsysbinary.readouterr().out
    assert escape(said.decode().replace("\n", "")) == said.decode().replace("\n", "")
    assert json.loads(said) == ([told] if output == "json" else told)
