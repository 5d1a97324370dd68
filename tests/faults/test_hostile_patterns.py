"""X5: no pattern of a mask and no line costs more than its length."""

from __future__ import annotations

import json

import pytest

from alogd.config.load import ConfigError, load_config
from alogd.engine import dfa
from alogd.engine.dfa import Automaton
from alogd.engine.native import Engine, EngineConfig

CATASTROPHES = ["(a|a)*b", "(a*)*b|b", "(a+)+b", "(a|aa)+b", "a.*a.*a.*b", "(x+x+)+y", r"([\w.]+)+@b"]


class Counting(list):
    """Cells of a table that count how often they are read."""

    reads = 0

    def __getitem__(self, at):
        Counting.reads += 1
        return super().__getitem__(at)


def compiled(pattern):
    try:
        return dfa.compile(pattern)
    except ValueError:
        return None


@pytest.mark.parametrize("pattern", [p for p in CATASTROPHES if compiled(p)])
@pytest.mark.parametrize("letter", [b"a", b"x"])
def test_x5_steps_grow_with_the_line_not_with_its_powers(tally, pattern, letter):
    """Counted, not timed: `re` takes 2^n steps on the first of these; here at most 256 for each byte."""
    steps = {}
    for size in (500, 1000, 2000):
        walk = Automaton(compiled(pattern))
        walk._following = Counting(walk._following)
        Counting.reads = 0
        assert list(walk.finditer(letter * size, 0, size)) == []
        steps[size] = Counting.reads
        assert steps[size] <= dfa.MAX_MATCH * size
        tally.add(rounds=steps[size])
    assert steps[2000] <= 2.2 * steps[1000] + dfa.MAX_MATCH**2


@pytest.mark.parametrize("pattern", CATASTROPHES)
def test_x5_a_long_line_passes_through_the_engine(tally, pattern):
    """A hundred thousand bytes that a backtracking matcher would never finish."""
    if not compiled(pattern):
        pytest.skip("refused when the configuration is read, which is as good")
    masks = tuple((f"M{number}", pattern) for number in range(4))
    engine = Engine(EngineConfig(header=None, user_masks=masks, max_line_bytes=2**20))
    batch = engine.feed(b"a" * (2**17) + b"\n" + b"x" * 60_000 + b"\n")
    assert len(batch) + len(engine.flush()) == 2
    tally.add(lines=2)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(a|b)*a(a|b){14}", "more than 4096 states"),
        (r"((a{50}){50}){50}", "bytes long, more than"),
        (r"(?:(?:a{20}){20}){20}|b+", "longer than 5000 bytes"),
        (r"(a)\1", "back-reference"),
        (r"(?=a)b", "look"),
        ("(" * 51 + "a" + ")" * 51, "more than 50 groups"),
        ("a" * 4097, "4096"),
    ],
)
def test_x5_patterns_that_would_grow_are_refused_when_the_configuration_is_read(pattern, message):
    engine = {"user_masks": [{"name": "M", "pattern": pattern}]}
    text = json.dumps({"streams": [{"name": "a", "collect": [{"kind": "stdin"}], "engine": engine}]})
    with pytest.raises(ConfigError, match=message):
        load_config(text + "\n")
