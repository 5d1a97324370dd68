"""Users' patterns: the language, leftmost-longest matching against a brute-force oracle, and what is refused."""

from __future__ import annotations

import random
import re
import struct

import pytest

from alogd.engine.dfa import Automaton, compile_literals, compile_patterns
from alogd.engine.dfa import compile as compile_pattern
from alogd.engine.dfa_build import Work
from alogd.engine.native import Engine, EngineConfig

Match = tuple[int, int, int]

# Patterns whose first fitting alternative is also the longest, so that `re` must agree.
AGREE = [
    r"blk_-?\d+", r"[a-f]{2,4}", r"\d+", r"(?:ab|c)+", r"x.y", r"[^ ]+", r"a\.b", r"[]a]", r"[^]a]", r"[a\-z]",
    r"\x41+",
    r"^a", r"a$", r"\ba", r"a\b", r"^\d+$", r"(?i)AbC", r"{x", r"a{,2}b", r"a{2,}", r"a{3}", r"\[\d\]", r"é",
    r"\S+@\S+",
    r"[\w.-]+", r"[^\W\d]+", r"\D\s\W", r"a|b$", r"^x|\by", r"(a|b)(c|d)?e", r"-{2}", r"a{}", r"[ -~]+", r"\t|\n",
]  # fmt: skip
TEXTS = [
    "", "a", "blk_-12 blk_3 blk_", "abccab", "xay xéy", "é éé", "a.b a-b A.B", "aaaa b aab b", "123 a1 1a", "[5] ]a[",
    "user@host x@", "abce ace be", "\t\n x y_y", "--- a{} {x", "ABC abc aBc", "y x yx xy", "a\nb", "A AA", "x\u00e9",
]  # fmt: skip


def from_re(pattern: str, text: bytes) -> list[tuple[int, int]]:
    compiled = re.compile(pattern.encode().replace(b"$", rb"\Z"))
    return [match.span() for match in compiled.finditer(text)]


@pytest.mark.parametrize("pattern", AGREE)
def test_agrees_with_re(pattern: str) -> None:
    walk = Automaton(compile_pattern(pattern))
    for text in TEXTS:
        encoded = text.encode()
        assert list(walk.finditer(encoded, 0, len(encoded))) == from_re(pattern, encoded), text


@pytest.mark.parametrize("pattern", AGREE)
def test_the_engine_finds_the_same(pattern: str) -> None:
    walk = Automaton(compile_pattern(pattern))
    engine = Engine(EngineConfig(header=None, masks=(), user_masks=(("M", pattern),)))
    for text in TEXTS:
        encoded, expected, at = text.encode(), b"", 0
        for begin, end in walk.finditer(encoded, 0, len(encoded)):
            expected += encoded[at:begin] + b"<M>"
            at = end
        assert engine._raw.mask(encoded)[0] == expected + encoded[at:], text


@pytest.mark.parametrize("pattern", [r"\d+s", r"\b\d+(\.\d+)?(ms|s)", r"[a-f\d]+s$", r"\d+s|5\d?6", r"1*2*s"])
def test_runs_that_fail_and_such_that_a_bound_ends(pattern: str) -> None:
    walk = Automaton(compile_pattern(pattern))
    engine = Engine(EngineConfig(header=None, masks=(), user_masks=(("M", pattern),)))
    choose = random.Random(pattern)
    for _ in range(25):
        runs = [choose.choice("125a") * choose.choice((1, 3, 254, 255, 256, 257, 300)) for _ in range(3)]
        encoded = choose.choice(("", ".", " ", "s", "6")).join(runs).encode() + choose.choice((b"s", b"ms ", b"x", b""))
        expected, at = b"", 0
        for begin, end in walk.finditer(encoded, 0, len(encoded)):
            expected += encoded[at:begin] + b"<M>"
            at = end
        assert engine._raw.mask(encoded)[0] == expected + encoded[at:], encoded


def test_a_character_beyond_ascii_is_repeated_whole() -> None:
    assert list(Automaton(compile_pattern("é+")).finditer("xéé".encode(), 0, 5)) == [(1, 5)]


def test_longest_not_first() -> None:
    assert list(Automaton(compile_pattern("a|ab|abc")).finditer(b"abcab", 0, 5)) == [(0, 3), (3, 5)]


def test_lowest_number_wins() -> None:
    walk = Automaton(compile_patterns(["ab", r"\w+", "abc"]))
    assert walk.find(b"ab ", 0, 3) == (0, 0, 2)
    assert walk.find(b"abc", 0, 3) == (1, 0, 3)


ATOMS = ["a", "b", "c", "_", "1", " ", ".", r"\d", r"\w", r"\s", r"\W", r"\x61", "[ab]", "[^a]", "-"]


def random_pattern(choose: random.Random) -> str:
    def atom(depth: int) -> str:
        kind = choose.random()
        if kind < 0.5 or depth <= 0:
            return choose.choice(
                ["a", "b", "c", "_", "1", " ", ".", r"\d", r"\w", r"\s", r"\W", r"\x61", "[ab]", "[^a]", "-"]
            )
        return "(?:" + choice(depth - 1) + ")" if kind < 0.85 else "(" + choice(depth - 1) + ")"

    def row(depth: int) -> str:
        counts = ["", "", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "{,2}"]
        return "".join(atom(depth) + choose.choice(counts) for _ in range(choose.randrange(1, 4)))

    def choice(depth: int) -> str:
        return "|".join(row(depth) for _ in range(choose.choice((1, 1, 1, 2, 3))))

    before, after = choose.choice(["", "", "", "^", r"\b"]), choose.choice(["", "", "", "$", r"\b"])
    return ("(?i)" if choose.random() < 0.1 else "") + before + row(1) + after


def brute_force(patterns: list[str], text: bytes, begin: int, end: int) -> Match | None:
    """Every begin, from the left; every end, from the right; every pattern, from the lowest number."""
    compiled = [re.compile(pattern.encode().replace(b"$", rb"\Z")) for pattern in patterns]
    for first in range(begin, end):
        for last in range(end, first, -1):
            for number, one in enumerate(compiled):
                source = one.pattern.removeprefix(b"(?i)")
                whole = re.compile(b"(?:%s)(?<=(?s:\\A.{%d}))" % (source, last), one.flags)
                if whole.match(text, first, end):
                    return number, first, last
    return None


def compiled_or_none(patterns: list[str]) -> Automaton | None:
    try:
        return Automaton(compile_patterns(patterns))
    except ValueError:  # the empty text, or too many states
        return None


@pytest.mark.parametrize("seed", range(3))
def test_equals_brute_force(seed: int) -> None:
    choose = random.Random(seed)
    tried = 0
    while tried < 60:
        patterns = [random_pattern(choose) for _ in range(choose.choice((1, 1, 2, 3)))]
        walk = compiled_or_none(patterns)
        if walk is None:
            continue
        tried += 1
        for _ in range(5):
            text = bytes(choose.choice(b"aaabbc1_ -.AB\n\xc3") for _ in range(choose.randrange(12)))
            begin = choose.randrange(len(text) + 1)
            end = choose.randrange(begin, len(text) + 1)
            assert walk.find(text, begin, end) == brute_force(patterns, text, begin, end), (patterns, text, begin, end)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(a)\1", "a back-reference at position 3"),
        (r"a*?", "a lazy quantifier .* at position 1"),
        (r"a++", "a possessive quantifier at position 1"),
        (r"a(?=b)", "look-ahead at position 1"),
        (r"a(?!b)", "look-ahead at position 1"),
        (r"(?<=a)b", "look-behind at position 0"),
        (r"(?P<n>a)", "a named group .* at position 0"),
        (r"a(?i)b", "flags behind the very start at position 1"),
        (r"x$y", "only at the begin or end of the pattern, at position 1"),
        (r"x^y", "only at the begin or end of the pattern, at position 1"),
        (r"a\bb", "only at the begin or end of the pattern, at position 1"),
        (r"(^a)", "only at the begin or end of the pattern, at position 1"),
        (r"a*", "matches the empty text"),
        (r"", "matches the empty text"),
        (r"a|b?", "matches the empty text"),
        (r"^$", "matches the empty text"),
        (r"a{256}", "a count above 255 at position 1"),
        (r"a{3,2}", "the wrong way round at position 1"),
        (r"[z-a]", "a range the wrong way round at position 1"),
        (r"[\d-z]", "a range between classes at position 1"),
        (r"a**", "a quantifier on a quantifier at position 2"),
        (r"a{2}{3}", "a quantifier on a quantifier at position 4"),
        (r"*a", "nothing before '\\*' to repeat at position 0"),
        (r"{2}a", "nothing before '{' to repeat at position 0"),
        (r"(", "a group without its '\\)' at position 0"),
        (r"a)", "unbalanced '\\)' at position 1"),
        (r"[a", "a class without its '\\]' at position 0"),
        ("[", "a class without its '\\]' at position 0"),
        ("a\\", "with nothing behind it at position 1"),
        (r"\q", "an unknown escape '.q' at position 0"),
        (r"\xg1", "without two hexadecimal digits at position 0"),
        (r"[é]", "in a class .* at position 1"),
        (r"[^\x00-\xff]", "a class that no byte is in at position 0"),
        ("(" * 51 + "a" + ")" * 51, "more than 50 groups in each other at position 50"),
        (r"(a|b)*a(a|b){14}", "more than 4096 states"),
        (r"((a{50}){50}){50}", "bytes long, more than"),
        (r"(?:(?:a{20}){20}){20}|b+", "longer than 5000 bytes"),
        (r"a{200}b{200}.*", "400 bytes long, more than 256"),
    ],
)
def test_refused_by_name_and_position(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_pattern(pattern)


def states(table: bytes) -> int:
    return int(struct.unpack_from("<I", table, 8)[0])


def classes(table: bytes) -> int:
    return int(struct.unpack_from("<I", table, 12)[0])


def test_tables_are_the_smallest() -> None:
    assert classes(compile_pattern("a(=|:)b")) == classes(compile_pattern("a[=:]b")) == 4  # a, b, separators, the rest

    assert states(compile_pattern("(a|a)*b")) == states(compile_pattern("a*b")) == 3  # dead, start, matched
    assert states(compile_pattern("ax|bx|cx")) == states(compile_pattern("[abc]x"))
    assert states(compile_pattern(".*.*.*x")) == states(compile_pattern(".*x"))


def test_a_match_is_bounded() -> None:
    assert list(Automaton(compile_pattern("a+")).finditer(b"a" * 300, 0, 300)) == [(0, 256), (256, 300)]
    assert list(Automaton(compile_pattern("xa{250}b{50}")).finditer(b"x" + b"a" * 250 + b"b" * 50, 0, 301)) == [
        (0, 301)
    ]
    assert Automaton(compile_pattern("a+b")).find(b"a" * 300 + b"b", 0, 301) == (0, 45, 301)


@pytest.mark.parametrize(
    "pattern", [r"\w+(=|:)\w+", "a+b", r".*x", r"a[^b]*b|cc", r"\ba+=", "a+b$", r"(?i)a{3,}B", "x.{100}y"]
)
def test_the_engine_finds_the_same_in_long_runs(pattern: str) -> None:
    choose = random.Random(3)
    pieces = [b"a" * 255 + b"b", b"a" * 256 + b"b", b"b", b"=", b":", b"x", b" ", b"cc", b"y", b"A" * 70]
    walk = Automaton(compile_pattern(pattern))
    engine = Engine(EngineConfig(header=None, masks=(), user_masks=(("M", pattern),)))
    for _ in range(30):
        text = b"".join(choose.choice([b"a" * choose.randrange(400), *pieces]) for _ in range(8))
        expected, at = b"", 0
        for begin, end in walk.finditer(text, 0, len(text)):
            expected += text[at:begin] + b"<M>"
            at = end
        assert engine._raw.mask(text)[0] == expected + text[at:]


@pytest.mark.parametrize("ignore_case", [False, True])
def test_literals(ignore_case: bool) -> None:
    choose = random.Random(5)
    phrases = ["".join(choose.choice("abAB .é") for _ in range(choose.randrange(1, 6))) for _ in range(60)]
    walk = Automaton(compile_literals(phrases, ignore_case=ignore_case))
    for _ in range(300):
        text = "".join(choose.choice("abAB .é") for _ in range(20)).encode()
        low = text.lower() if ignore_case else text
        encoded = [phrase.encode().lower() if ignore_case else phrase.encode() for phrase in phrases]
        want = None
        for begin in range(len(low)):
            fitting = [phrase for phrase in encoded if low.startswith(phrase, begin)]
            if fitting:
                longest = max(fitting, key=len)
                want = encoded.index(longest), begin, begin + len(longest)
                break
        assert walk.find(text, 0, len(text)) == want


def test_literals_of_every_byte() -> None:
    walk = Automaton(compile_literals([bytes([byte, byte]) for byte in range(256)]))
    for byte in range(256):
        assert walk.find(bytes([byte, byte]), 0, 2) == (byte, 0, 2)
        assert walk.find(bytes([byte, byte ^ 1]), 0, 2) is None


@pytest.mark.parametrize("phrases", [[], [""], ["a", ""]])
def test_phrases_must_say_something(phrases: list[str]) -> None:
    with pytest.raises(ValueError, match=r"no phrases|is empty"):
        compile_literals(phrases)


@pytest.mark.parametrize("pattern", ["a(?:(?:(?:){255}){255}){255}", "b(?:(?:a?){60}){40}", r"(?:a|b)*a(?:a|b){11}"])
def test_the_work_that_patterns_may_take_is_bounded(pattern: str) -> None:
    """Counts in counts multiply, even of nothing: without a bound the first would not end in hours."""
    work = Work(40_000)
    with pytest.raises(ValueError, match="40000 steps of work"):
        compile_patterns([pattern], work=work)
    assert work.done < 80_000  # it ends soon after
