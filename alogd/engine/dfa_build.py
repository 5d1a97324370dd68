"""Makes the smallest automaton of pattern trees: positions (Glushkov), sets of them, equal states merged (Hopcroft)."""

from __future__ import annotations

import struct
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alogd.engine.dfa_pattern import ALL, WORD, Branch, Bytes, Choice, Node, Repeat

MAX_STATES = 4096
MAX_POSITIONS = 5000  # bytes that patterns name once their counts are written out
MAX_STEPS = 4_000_000  # of work, about a second or two
NONE = 0xFFFF

Accept = tuple[int, int, int, int]  # the pattern that matches by what follows, see engine_c/dfa.h
_NOTHING: Accept = (NONE, NONE, NONE, NONE)

# What a pattern's edge allows as first byte, where nothing, a non-word byte or a word byte stands before it.
_ALLOWED: dict[str, tuple[int, int, int]] = {"": (ALL, ALL, ALL), "^": (ALL, 0, 0), "\\b": (WORD, WORD, ALL & ~WORD)}


@dataclass(frozen=True, slots=True)
class Dfa:
    """A finished automaton, state 0 dead."""

    start: Sequence[int]  # before a match: after nothing, a non-word byte, a word byte
    class_of: bytes
    classes: int
    accept: array[int]  # 4 a state
    following: array[int]  # one row of `classes` a state

    def table(self, patterns: int, max_match: int) -> bytes:
        """The bytes that alog_dfa_load takes."""
        cells = array("H", self.accept)
        cells.extend(self.following)
        if sys.byteorder == "big":
            cells.byteswap()
        head = struct.pack("<4s8I", b"ALGD", 1, len(self.accept) // 4, self.classes, patterns, max_match, *self.start)
        return head + self.class_of + cells.tobytes()


class Work:
    """How much work patterns may take together, counted in steps and not in time: the same patterns always pass."""

    def __init__(self, most: int = MAX_STEPS) -> None:
        self.most = most
        self.done = 0

    def add(self, steps: int) -> None:
        """Raises ValueError when it is too much."""
        self.done += steps
        if self.done > self.most:
            raise ValueError(f"the patterns take more than {self.most} steps of work; write smaller counts")


def build(patterns: Sequence[Sequence[Branch]], work: Work) -> Dfa:
    """The automaton of all patterns. Raises ValueError beyond MAX_STATES, MAX_POSITIONS or `work`."""
    return _merged(_Subsets(_Positions(patterns, work), work), work)


def _bits(number: int) -> Iterator[int]:
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


Part = tuple[int, int, bool]  # first positions, last positions, whether the empty text matches


class _Positions:
    """The bytes that patterns name, and which may follow which; sets of positions are numbers, one bit a position."""

    def __init__(self, patterns: Sequence[Sequence[Branch]], work: Work) -> None:
        self._work = work
        self.members: list[int] = []  # the byte set of each position
        self.follow: list[int] = []
        self.finals: dict[int, list[tuple[int, str]]] = defaultdict(
            list
        )  # position: (pattern, its edge) that end there
        self.entries: list[tuple[int, str]] = []  # first positions of each alternative, and its edge
        for number, branches in enumerate(patterns):
            for branch in branches:
                first, last, _ = self._walk(branch.node)
                self.entries.append((first, branch.before))
                for position in _bits(last):
                    self.finals[position].append((number, branch.after))

    def _walk(self, node: Node) -> Part:
        self._work.add(1)  # a part without any byte has no position to count
        if isinstance(node, Bytes):
            return self._position(node.members)
        if isinstance(node, Repeat):
            return self._repeat(node)
        if isinstance(node, Choice):
            parts = [self._walk(part) for part in node.parts]
            return _union(part[0] for part in parts), _union(part[1] for part in parts), any(part[2] for part in parts)
        return self._row(self._walk(part) for part in node.parts)

    def _position(self, members: int) -> Part:
        if len(self.members) == MAX_POSITIONS:
            raise ValueError(f"the patterns are longer than {MAX_POSITIONS} bytes once their counts are written out")
        self.members.append(members)
        self.follow.append(0)
        bit = 1 << (len(self.members) - 1)
        return bit, bit, False

    def _row(self, parts: Iterable[Part]) -> Part:
        first, last, empty = 0, 0, True
        for part_first, part_last, part_empty in parts:
            self._link(last, part_first)
            first |= part_first if empty else 0
            last = part_last | (last if part_empty else 0)
            empty = empty and part_empty
        return first, last, empty

    def _repeat(self, node: Repeat) -> Part:
        """The part written out: `least` times, then either the last one loops or the rest may be left out."""
        if node.most is None:
            copies = [self._walk(node.part) for _ in range(max(node.least, 1))]
            self._link(copies[-1][1], copies[-1][0])
            first, last, empty = self._row(copies)
            return first, last, empty or node.least == 0
        copies = [self._walk(node.part) for _ in range(node.most)]
        return self._row(
            (first, last, empty or number >= node.least) for number, (first, last, empty) in enumerate(copies)
        )

    def _link(self, last: int, first: int) -> None:
        self._work.add(last.bit_count())
        for position in _bits(last):
            self.follow[position] |= first


def _union(numbers: Iterable[int]) -> int:
    total = 0
    for number in numbers:
        total |= number
    return total


class _Subsets:
    """The automaton whose states are sets of positions. State 0 is the empty set, 1 to 3 are the starts."""

    def __init__(self, positions: _Positions, work: Work) -> None:
        self._positions = positions
        self._work = work
        self.class_of, representatives = _byte_classes({*positions.members, WORD})
        self._representatives = representatives
        self._taking = _taking(positions.members, representatives)
        self._numbers: dict[int, int] = {0: 0}
        self._sets = [0, 0, 0, 0]
        self.accept: list[Accept] = [_NOTHING] * 4
        self.rows = [[0] * len(representatives)]
        self.rows += [self._start_row(context) for context in range(3)]
        while len(self.rows) < len(self._sets):
            self.rows.append(self._row([(self._after(self._sets[len(self.rows)]), ALL)]))

    def _after(self, positions: int) -> int:
        """Which positions may follow any of these."""
        self._work.add(positions.bit_count())
        return _union(self._positions.follow[at] for at in _bits(positions))

    def _row(self, steps: Sequence[tuple[int, int]]) -> list[int]:
        """Where each class of bytes leads to when these positions may come next, each with the bytes allowed for it."""
        self._work.add(len(steps) * len(self._representatives))
        return [
            self._state(_union(positions & taking for positions, allowed in steps if allowed >> byte & 1))
            for byte, taking in zip(self._representatives, self._taking, strict=True)
        ]

    def _start_row(self, context: int) -> list[int]:
        return self._row([(first, _ALLOWED[edge][context]) for first, edge in self._positions.entries])

    def _state(self, positions: int) -> int:
        """The number of the state in which these positions were matched last."""
        number = self._numbers.get(positions)
        if number is not None:
            return number
        if len(self._sets) == MAX_STATES:
            raise ValueError(f"the patterns need more than {MAX_STATES} states")
        self._work.add(positions.bit_count())
        self._numbers[positions] = len(self._sets)
        self._sets.append(positions)
        self.accept.append(self._accept(positions))
        return len(self._sets) - 1

    def _accept(self, positions: int) -> Accept:
        finals = [final for position in _bits(positions) for final in self._positions.finals.get(position, ())]

        def lowest(ends: bool, boundary: bool) -> int:
            holds = {"": True, "$": ends, "\\b": boundary}
            return min((number for number, after in finals if holds[after]), default=NONE)

        return lowest(False, False), lowest(False, True), lowest(True, False), lowest(True, True)


def _taking(members: Sequence[int], representatives: Sequence[int]) -> list[int]:
    """The positions that take a byte of each class."""
    at: dict[int, int] = defaultdict(int)
    for position, taken in enumerate(members):
        at[taken] |= 1 << position
    return [_union(positions for taken, positions in at.items() if taken >> byte & 1) for byte in representatives]


def _byte_classes(sets: Iterable[int]) -> tuple[bytes, list[int]]:
    """The class of each byte, and a byte of each class: bytes that no set tells apart share one."""
    ordered = sorted(sets)
    numbers: dict[tuple[int, ...], int] = {}
    class_of = bytearray(256)
    representatives: list[int] = []
    for byte in range(256):
        signature = tuple(members >> byte & 1 for members in ordered)
        if signature not in numbers:
            numbers[signature] = len(numbers)
            representatives.append(byte)
        class_of[byte] = numbers[signature]
    return bytes(class_of), representatives


def _blocks(accept: Sequence[Accept], rows: Sequence[Sequence[int]], work: Work) -> list[int]:
    """The block of each state: states in one block match the same texts (Hopcroft)."""
    classes = len(rows[0])
    sources: list[dict[int, list[int]]] = [defaultdict(list) for _ in range(classes)]
    for state, row in enumerate(rows):
        for number, target in enumerate(row):
            sources[number][target].append(state)
    by_accept: dict[Accept, set[int]] = defaultdict(set)
    for state, accepted in enumerate(accept):
        by_accept[accepted].add(state)
    blocks = list(by_accept.values())
    block_of = [0] * len(rows)
    for number, block in enumerate(blocks):
        for state in block:
            block_of[state] = number
    waiting = {(number, label) for number in range(len(blocks)) for label in range(classes)}
    while waiting:
        number, label = waiting.pop()
        into = [source for target in blocks[number] for source in sources[label].get(target, ())]
        work.add(1 + len(blocks[number]) + len(into))
        touched: dict[int, set[int]] = defaultdict(set)
        for state in into:
            touched[block_of[state]].add(state)
        for old, part in touched.items():
            if len(part) == len(blocks[old]):
                continue
            rest = blocks[old] - part
            small, large = (part, rest) if len(part) <= len(rest) else (rest, part)
            blocks[old] = large
            new = len(blocks)
            blocks.append(small)
            for state in small:
                block_of[state] = new
            waiting |= {(new, each) for each in range(classes)}
    return block_of


def _merged(subsets: _Subsets, work: Work) -> Dfa:
    """The automaton with equal states, then equal classes merged; states stand as a walk from the starts meets them."""
    block_of = _blocks(subsets.accept, subsets.rows, work)
    order: dict[int, int] = {block_of[0]: 0}
    members = [0]
    for start in (1, 2, 3):
        if block_of[start] not in order:
            order[block_of[start]] = len(order)
            members.append(start)
    for state in members:
        for target in subsets.rows[state]:
            if block_of[target] not in order:
                order[block_of[target]] = len(order)
                members.append(target)
    rows = [[order[block_of[target]] for target in subsets.rows[state]] for state in members]
    columns: dict[tuple[int, ...], int] = {}
    merged_class = [columns.setdefault(column, len(columns)) for column in zip(*rows, strict=True)]
    accept = array("H", [number for state in members for number in subsets.accept[state]])
    following = array("H", [number for row in zip(*columns, strict=True) for number in row])
    starts = [order[block_of[start]] for start in (1, 2, 3)]
    return Dfa(starts, bytes(merged_class[number] for number in subsets.class_of), len(columns), accept, following)
