"""Compiles users' patterns and phrases to the automaton tables that engine_c/dfa.c walks (its header has the layout).

Matching is leftmost-longest, unlike Python's `re`, which takes the first alternative that fits: `a|ab` on "ab" is "ab"
here and "a" there. A match is at most `max_match` bytes long. Time is linear in the text, whatever the pattern.
alogd/engine/dfa_pattern.py describes the language.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence

from alogd.engine.dfa_build import NONE, Dfa, Work, build
from alogd.engine.dfa_pattern import WORD, lengths, read_patterns

MAX_LITERAL_STATES = 65_535  # of phrases: about one a byte of text that they do not share
MAX_MATCH = 256  # bytes of a match of a pattern that has no longest match of its own
_LONGEST_MATCH = 65_535

Pattern = str | bytes


def compile_patterns(patterns: Sequence[Pattern], max_match: int = MAX_MATCH, work: Work | None = None) -> bytes:
    """One table for several patterns; of those that match the same bytes the lowest number wins.

    Raises ValueError naming the construct and its position for what the language lacks, and for patterns that match
    the empty text, cannot match within `max_match` bytes, need more than 4,096 states, or take more
    work than may be done; `work`: what may, shared by several calls.
    """
    if not patterns:
        raise ValueError("no patterns")
    read = read_patterns(patterns)
    longest = [lengths(branch.node)[1] for branches in read for branch in branches]
    bound = min(max(max_match if most is None else most for most in longest), _LONGEST_MATCH)
    for pattern, branches in zip(patterns, read, strict=True):
        shortest = min(lengths(branch.node)[0] for branch in branches)
        if shortest == 0:
            raise ValueError(f"pattern {pattern!r}: it matches the empty text")
        if shortest > bound:
            raise ValueError(f"pattern {pattern!r}: its shortest match is {shortest} bytes long, more than {bound}")
    return build(read, work or Work()).table(len(patterns), bound)


def compile(pattern: Pattern) -> bytes:
    """The table of one pattern. Raises ValueError as compile_patterns does."""
    return compile_patterns([pattern])


def compile_literals(phrases: Sequence[Pattern], *, ignore_case: bool = False) -> bytes:
    """One table for many phrases taken as they are; of equal ones the lowest number wins. Raises ValueError."""
    if not phrases:
        raise ValueError("no phrases")
    texts = [phrase.encode() if isinstance(phrase, str) else phrase for phrase in phrases]
    if ignore_case:
        texts = [text.lower() for text in texts]
    states, edges, accept = _trie(texts)
    longest = max(map(len, texts))
    if states > MAX_LITERAL_STATES or longest > _LONGEST_MATCH:
        raise ValueError(f"the phrases need more than {MAX_LITERAL_STATES} states")
    class_of = bytearray(256)
    for number, byte in enumerate(sorted({byte for text in texts for byte in text}), 1):
        class_of[byte] = number % 256  # with all 256 in use the last takes class 0, which is free then
    if ignore_case:
        class_of[0x41:0x5B] = class_of[0x61:0x7B]
    classes = max(class_of) + 1
    following = array("H", bytes(2 * states * classes))
    for edge, target in edges.items():
        following[(edge >> 8) * classes + class_of[edge & 255]] = target
    accepts = array("H", [NONE]) * (4 * states)
    for state, number in accept.items():
        accepts[4 * state : 4 * state + 4] = array("H", [number] * 4)
    return Dfa((1, 1, 1), bytes(class_of), classes, accepts, following).table(len(phrases), longest)


def _trie(texts: Sequence[bytes]) -> tuple[int, dict[int, int], dict[int, int]]:
    """States (0 is dead, 1 the start), where state * 256 + byte leads to, and the number of the text a state ends."""
    states = 2
    edges: dict[int, int] = {}
    accept: dict[int, int] = {}
    for number, text in enumerate(texts):
        if not text:
            raise ValueError(f"phrase {number} is empty")
        state = 1
        for byte in text:
            following = edges.setdefault(state << 8 | byte, states)
            states += following == states
            state = following
        accept.setdefault(state, number)
    return states, edges, accept


class Automaton:
    """A table walked in Python: the meaning of engine_c/dfa.c, for tests and where there is no C engine."""

    def __init__(self, table: bytes) -> None:
        states, self._classes, _, self._max_match, *self._start = struct.unpack_from("<7I", table, 8)
        self._class_of = table[36:292]
        cells = array("H", table[292:])
        if sys.byteorder == "big":
            cells.byteswap()
        self._accept, self._following = cells[: 4 * states], cells[4 * states :]

    def find(self, text: bytes, begin: int, end: int) -> tuple[int, int, int] | None:
        """The pattern, begin and end of the first match in text[begin:end]; what stands before `begin` is seen."""
        for at in range(begin, end):
            found = self._longest(text, at, end)
            if found is not None:
                return found[0], at, found[1]
        return None

    def fits(self, text: bytes) -> bool:
        """Whether the whole text is a match, in one walk of it."""
        found = self._longest(text, 0, len(text))
        return found is not None and found[1] == len(text)

    def _longest(self, text: bytes, begin: int, end: int) -> tuple[int, int] | None:
        state = self._start[0 if begin == 0 else 1 + _is_word(text[begin - 1])]
        best = None
        for at in range(begin, min(end, begin + self._max_match)):
            state = self._following[state * self._classes + self._class_of[text[at]]]
            if state == 0:
                break
            ends = at + 1 == end
            boundary = _is_word(text[at]) != (not ends and _is_word(text[at + 1]))
            pattern = self._accept[4 * state + 2 * ends + boundary]
            if pattern != NONE:
                best = pattern, at + 1
        return best

    def finditer(self, text: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Begin and end of all matches, from left to right, none in another."""
        found = self.find(text, begin, end)
        while found is not None:
            yield found[1], found[2]
            found = self.find(text, found[2], end)


def _is_word(byte: int) -> bool:
    return bool(WORD >> byte & 1)
