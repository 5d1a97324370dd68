"""Reads the users' pattern language into trees over bytes; dfa_build.py makes automata of them.

The language, a subset of Python's `re`:
  literals, `.` (any byte but a newline), `[a-z_]`, `[^...]`, `(...)`, `(?:...)`, `|`
  `\\d \\w \\s \\D \\W \\S \\t \\n \\r \\f \\v \\xHH`, and `\\` before punctuation
  `* + ? {m} {m,} {,n} {m,n}` with m and n up to 255
  `(?i)` at the very start
  `^`, `$` and `\\b` only where the pattern, or one of its outermost alternatives, begins or ends
Classes are ASCII; a character beyond ASCII is its UTF-8 bytes, and `.` is one of them. All else is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_COUNT = 255  # in {m,n}
MAX_NESTING = 50  # groups in groups

ALL = (1 << 256) - 1


def byte_set(*parts: bytes | range) -> int:
    """A set of bytes as a number with one bit a byte."""
    return sum(1 << byte for byte in {byte for part in parts for byte in part})


DIGIT = byte_set(range(0x30, 0x3A))
LOWER = byte_set(range(0x61, 0x7B))
UPPER = byte_set(range(0x41, 0x5B))
WORD = DIGIT | LOWER | UPPER | byte_set(b"_")
_SPACE = byte_set(b" \t\n\r\f\v")
_CLASSES = {"d": DIGIT, "w": WORD, "s": _SPACE, "D": ALL & ~DIGIT, "W": ALL & ~WORD, "S": ALL & ~_SPACE}
_REFUSED = {  # after '(?'
    "=": "look-ahead",
    "!": "look-ahead",
    "<": "look-behind",
    ">": "an atomic group",
    "P<": "a named group (write '(...)')",
    "P=": "a back-reference",
    "#": "a comment",
    "(": "a condition",
}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


@dataclass(frozen=True, slots=True)
class Bytes:
    """One byte of a set."""

    members: int


@dataclass(frozen=True, slots=True)
class Row:
    """One part after the other; none at all is the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part `least` to `most` times; `most` None is without an end."""

    part: Node
    least: int
    most: int | None


Node = Bytes | Row | Choice | Repeat


@dataclass(frozen=True, slots=True)
class Branch:
    """An outermost alternative; "^", "\\b" or "" must hold before it, "$", "\\b" or "" after it."""

    node: Node
    before: str
    after: str


def lengths(node: Node) -> tuple[int, int | None]:
    """Bytes of the shortest and of the longest text of a node; None: there is no longest."""
    if isinstance(node, Bytes):
        return 1, 1
    if isinstance(node, Repeat):
        least, most = lengths(node.part)
        longest = 0 if most == 0 or node.most == 0 else None if most is None or node.most is None else most * node.most
        return least * node.least, longest
    pairs = [lengths(part) for part in node.parts]
    longest_ones = [most for _, most in pairs]
    if isinstance(node, Choice):
        return min(least for least, _ in pairs), None if None in longest_ones else max(m or 0 for m in longest_ones)
    return sum(least for least, _ in pairs), None if None in longest_ones else sum(m or 0 for m in longest_ones)


def _folded(members: int) -> int:
    return members | (members & LOWER) >> 32 | (members & UPPER) << 32


class Reader:
    """One pattern being read, from left to right."""

    def __init__(self, pattern: str | bytes) -> None:
        self._pattern = pattern
        # one string a unit: a character, or a byte as the character of its number
        self._text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
        self._fold = self._text.startswith("(?i)")
        self._at = 4 if self._fold else 0
        self._nesting = 0

    def read(self) -> list[Branch]:
        """The outermost alternatives. Raises ValueError naming the construct and its position."""
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        if self._at < len(self._text):
            raise self._error("unbalanced ')'", self._at)
        return branches

    def _error(self, what: str, at: int) -> ValueError:
        return ValueError(f"pattern {self._pattern!r}: {what} at position {at}")

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        if not self._peek(text):
            return False
        self._at += len(text)
        return True

    def _branch(self) -> Branch:
        before = next((anchor for anchor in ("^", "\\b") if self._take(anchor)), "")
        node = self._sequence(outermost=True)
        after = next((anchor for anchor in ("$", "\\b") if self._take(anchor)), "")
        if after and self._at < len(self._text) and not self._peek("|"):
            raise self._error(f"{after} is allowed only at the begin or end of the pattern,", self._at - len(after))
        return Branch(node, before, after)

    def _sequence(self, outermost: bool = False) -> Node:
        parts: list[Node] = []
        while self._at < len(self._text) and not self._peek("|") and not self._peek(")"):
            if outermost and (self._peek("$") or self._peek("\\b")):
                break
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _repeated(self) -> Node:
        node = self._atom()
        at = self._at
        count = self._count()
        if count is None:
            return node
        if self._peek("?"):
            raise self._error("a lazy quantifier (matches are always the longest)", at)
        if self._peek("+"):
            raise self._error("a possessive quantifier", at)
        if self._peek("*") or self._quantifier() is not None:
            raise self._error("a quantifier on a quantifier", self._at)
        return Repeat(node, *count)

    def _count(self) -> tuple[int, int | None] | None:
        for sign, count in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return count
        braces = self._quantifier()
        if braces is None:
            return None
        least, most, end = braces
        if max(least, most or 0) > MAX_COUNT:
            raise self._error(f"a count above {MAX_COUNT}", self._at)
        if most is not None and most < least:
            raise self._error(f"{{{least},{most}}} has its counts the wrong way round", self._at)
        self._at = end
        return least, most

    def _quantifier(self) -> tuple[int, int | None, int] | None:
        """{m}, {m,}, {,n} or {m,n} here: its counts and its end. Other braces are literal, as in `re`."""
        end = self._text.find("}", self._at)
        if not self._peek("{") or end < 0:
            return None
        first, comma, second = self._text[self._at + 1 : end].partition(",")
        if not (first or comma) or not all(
            part == "" or (part.isascii() and part.isdigit()) for part in (first, second)
        ):
            return None
        least = int(first[:6] or 0)
        return least, least if not comma else int(second[:6]) if second else None, end + 1

    def _atom(self) -> Node:
        at, char = self._at, self._text[self._at]
        if char == "(":
            return self._group()
        if char == "[":
            return Bytes(self._class())
        if char == "\\":
            return Bytes(self._escape(in_class=False))
        if char in "*+?" or self._quantifier() is not None:
            raise self._error(f"nothing before {char!r} to repeat", at)
        if char in "^$":
            raise self._error(f"{char} is allowed only at the begin or end of the pattern,", at)
        self._at += 1
        if char == ".":
            return Bytes(ALL & ~byte_set(b"\n"))
        units = [Bytes(self._set(1 << byte)) for byte in self._encode(char, at)]
        return units[0] if len(units) == 1 else Row(tuple(units))

    def _encode(self, char: str, at: int) -> bytes:
        if isinstance(self._pattern, bytes):
            return bytes([ord(char)])
        try:
            return char.encode()
        except UnicodeEncodeError:
            raise self._error("a lone surrogate", at) from None

    def _set(self, members: int) -> int:
        return _folded(members) if self._fold else members

    def _group(self) -> Node:
        at = self._at
        self._at += 1
        if self._take("?") and not self._take(":"):
            raise self._error(self._refused_group(), at)
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(f"more than {MAX_NESTING} groups in each other", at)
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        if not self._take(")"):
            raise self._error("a group without its ')'", at)
        self._nesting -= 1
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _refused_group(self) -> str:
        return next((what for prefix, what in _REFUSED.items() if self._peek(prefix)), "flags behind the very start")

    def _escape(self, in_class: bool) -> int:
        at = self._at
        self._at += 2
        char = self._text[at + 1 : at + 2]
        if char in _CLASSES and char:
            return _CLASSES[char]
        if char in _CONTROLS and char:
            return 1 << _CONTROLS[char]
        if char == "x":
            digits = self._text[self._at : self._at + 2]
            if len(digits) != 2 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                raise self._error("\\x without two hexadecimal digits", at)
            self._at += 2
            return self._set(1 << int(digits, 16))
        if not char:
            raise self._error("a '\\' with nothing behind it", at)
        if char.isascii() and not char.isalnum():
            return 1 << ord(char)
        if char.isdigit() and not in_class:
            raise self._error("a back-reference", at)
        if char == "b" and not in_class:
            raise self._error("\\b is allowed only at the begin or end of the pattern,", at)
        raise self._error(f"an unknown escape '\\{char}'", at)

    def _class(self) -> int:
        at = self._at
        self._at += 1
        negated = self._take("^")
        members, first = 0, True
        while first or not self._peek("]"):
            if self._at >= len(self._text):
                raise self._error("a class without its ']'", at)
            members |= self._class_item()
            first = False
        self._at += 1
        members = self._set(members)
        members = ALL & ~members if negated else members
        if not members:
            raise self._error("a class that no byte is in", at)
        return members

    def _class_item(self) -> int:
        at = self._at
        low = self._class_unit()
        if not self._peek("-") or self._text.startswith("-]", self._at) or self._at + 1 >= len(self._text):
            return low
        self._at += 1
        high = self._class_unit()
        if low.bit_count() != 1 or high.bit_count() != 1:
            raise self._error("a range between classes", at)
        if high < low:
            raise self._error("a range the wrong way round", at)
        return (high << 1) - low

    def _class_unit(self) -> int:
        at, char = self._at, self._text[self._at]
        if char == "\\":
            return self._escape(in_class=True)
        self._at += 1
        if isinstance(self._pattern, str) and not char.isascii():
            raise self._error(f"{char!r} in a class (classes are ASCII; write '(?:{char}|...)')", at)
        return 1 << ord(char)


def read_patterns(patterns: Sequence[str | bytes]) -> list[list[Branch]]:
    """The outermost alternatives of each pattern. Raises ValueError."""
    return [Reader(pattern).read() for pattern in patterns]
