"""LogBERT: a transformer says which template may stand at each place of a sequence; what it did not expect is odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alogd.config.tree import Strict
from alogd.detectors._answers import Answers, Wanted
from alogd.detectors._in_service import InService
from alogd.detectors._network import Network
from alogd.detectors._sequences import I32, beyond_chance, ended, largest
from alogd.detectors.base import Contribution, never
from alogd.detectors.deeplog import UNSEEN
from alogd.event import F64, I64, IDLE, U64, Bool, WindowBatch
from alogd.models.vocabulary import DIST, END, MASK, PAD, UNK
from alogd.registry import register
from alogd.windows import rows

STEP = 4  # a sequence is filled up to a multiple of it
BATCH = 2  # rows the network sees at once: one sequence, hidden in as many ways as usual. More cost as much each
CALL = 64  # sequences whose answers are looked at together: one places() of them takes as many times length x size
CHUNK = 2048  # sequences looked at together, so that memory is bounded whatever the input
NEVER_THERE = (PAD, UNK, MASK)  # of these the network's opinion is not asked
MOST_SHOWN = 5  # records of a window that are explained, and templates named as expected for each
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


class LogBertOptions(Strict, frozen=True, kw_only=True):
    """models: the directory `alogd retrain --out` writes; what it has promoted is in service."""

    models: str


@dataclass(frozen=True, slots=True)
class Pieces:
    """Sequences cut to what the network can see at once, one a row."""

    tokens: I32  # (n, most), PAD behind
    fresh: I64  # (n,) the last so many are to be judged
    session: I64  # (n,) which session it is of


def pieces(tokens: I32, start: I64, fresh: I64, most: int) -> Pieces:
    """Every session as equal parts of at most `most` records each; those without anything to judge are left out.

    >>> import numpy as np
    >>> from alogd.detectors.logbert import pieces
    >>> cut = pieces(np.arange(4, 13, dtype=np.int32), np.array([0, 2, 9]), np.array([2, 3]), 4)
    >>> cut.tokens.tolist(), cut.fresh.tolist(), cut.session.tolist()
    ([[4, 5, 0, 0], [9, 10, 11, 12]], [2, 3], [0, 1])
    """
    sizes = np.diff(start)
    parts = -(-sizes // most)
    session = np.repeat(np.arange(len(sizes)), parts)
    number = np.arange(len(session)) - np.repeat(np.cumsum(parts) - parts, parts)
    begin, end = (sizes[session] * at // parts[session] for at in (number, number + 1))
    due = np.clip(end - (sizes - fresh)[session], 0, end - begin)
    asked = due > 0
    begin, end, session, due = begin[asked], end[asked], session[asked], due[asked]
    column = np.arange(most)
    place = np.minimum((start[:-1][session] + begin)[:, None] + column, max(0, len(tokens) - 1))
    table = np.where(column < (end - begin)[:, None], tokens[place] if len(tokens) else PAD, PAD)
    return Pieces(table.astype(np.int32), due, session)


def hidden_in(table: I32, passes: int) -> I32:
    """In which of the passes each key is hidden, shape of `table`; -1 for padding.

    A hash of the sequence decides, so that the same sequence is always asked the same way, however much padding stands
    behind it. Every pass hides as many keys, up to one.
    """
    state = np.zeros(len(table), np.uint64)
    for column in table.T:
        state = np.where(column == PAD, state, _mixed(state ^ column.astype(np.uint64)))
    noise = _mixed(state[:, None] ^ _mixed(np.arange(1, table.shape[1] + 1, dtype=np.uint64)))
    noise[table == PAD] = np.iinfo(np.uint64).max
    place = np.argsort(noise, axis=1, kind="stable")
    rank = np.empty_like(place)
    np.put_along_axis(rank, place, np.broadcast_to(np.arange(table.shape[1]), table.shape), axis=1)
    return np.where(table == PAD, -1, rank % passes).astype(np.int32)


def _mixed(numbers: U64) -> U64:
    """Every bit of each number on every bit of its result (splitmix64)."""
    mixed = numbers + _STEP
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> shift)) * factor
    return mixed ^ (mixed >> np.uint64(31))


def masked(table: I32, hide: Bool) -> I64:
    """What the network sees: DIST in front, MASK for what is hidden or unknown."""
    seen = np.where(hide | (table == UNK), MASK, table).astype(np.int64)
    return np.concatenate([np.full((len(table), 1), DIST, np.int64), seen], axis=1)


class Doubts:
    """How odd each of n sessions is, of which the network has yet to tell some (base.Question)."""

    def __init__(self, wanted: Wanted, cut: Pieces, sessions: int, radius: float) -> None:
        self._wanted, self._cut, self._sessions, self._radius = wanted, cut, sessions, radius

    @property
    def left(self) -> int:
        return self._wanted.left

    def run(self, stop: Callable[[], bool]) -> None:
        self._wanted.run(stop)

    def surprise(self) -> F64:
        """Of each session: -log p of the key that was expected least, nats."""
        return self._largest(0)

    def misses(self) -> I64:
        """Of each session: keys that were not among the g likeliest. With more than r the paper calls it odd."""
        return np.bincount(self._cut.session, self._wanted.take()[:, 1], self._sessions).astype(np.int64)

    def distance(self) -> F64:
        """Of each session: squared distance to the center, of its farthest part."""
        return self._largest(2)

    def _largest(self, column: int) -> F64:
        with np.errstate(invalid="ignore"):  # NaN is larger than any: what was not answered
            return largest(self._wanted.take()[:, column], self._cut.session, self._sessions)

    def scores(self) -> F64:
        """Of each session: largest surprise beyond chance and distance beyond the usual, nats; UNSEEN at most."""
        asked = np.bincount(self._cut.session, self._cut.fresh, self._sessions).astype(np.int64)
        beyond = np.log(np.maximum(self.distance(), 1e-12) / self._radius)
        return np.minimum(UNSEEN, beyond_chance(self.surprise(), asked, UNSEEN) + np.maximum(0.0, beyond))


class MaskedTemplates:
    """Masked template prediction after Guo, Yuan and Wu, "LogBERT: Log Anomaly Detection via BERT" (IJCNN 2021).

    Keys of a sequence are hidden and the network says what stood there; a hidden key is a miss when it is not among the
    g likeliest, and a sequence with more than r misses is odd. Deviations: the paper hides a share of the keys once, at
    random; here every key is hidden once, in as many passes as it takes, and a hash of the sequence says in which. A
    session may end with a mark of its own. A sequence longer than the network sees is judged in equal parts. What the
    vocabulary does not know counts as hidden for the keys around it. Beside the verdict there is a score that
    calibration can rank: the largest surprise (-log p) of a session's n keys less log n, for the largest of many is
    large by chance, and the logarithm of how far beyond the usual its distance to the center of the hypersphere is (the
    paper uses the hypersphere for training alone).
    """

    KIND = "logbert"

    def __init__(self, graph: bytes) -> None:
        """Raises ValueError when the graph is no LogBERT."""
        self._network = Network(graph, kind=self.KIND, batch=BATCH)
        self.length = self._network.number("length")  # of a sequence, DIST included
        self.k = self._network.number("k")  # the paper's g
        self.passes = self._network.number("passes")
        self.ends = bool(self._network.number("ends"))  # sessions carry the mark of their end
        self.size = self._network.number("size")  # entries of the vocabulary
        self.vocabulary = self._network.facts.get("alogd.vocabulary", "")  # its hash
        self.radius = self._network.number("radius") / 1e6  # distance that one held-back sequence in 100 exceeds
        self.answers = Answers(self._ask, width=3)

    def judge(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> Doubts:
        """The last `fresh` keys of every session (_sequences.py), and the end of one that `ends` if the model knows.

        Raises ValueError for a number beyond the vocabulary.
        """
        doubts = self.ask(tokens, start, fresh, ends)
        doubts.run(never)
        return doubts

    def ask(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> Doubts:
        """The same, begun."""
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < self.size:
            raise ValueError(
                f"template numbers from {tokens.min()} to {tokens.max()}; the model knows 0-{self.size - 1}"
            )
        ending = ends & self.ends
        tokens, start = ended(tokens, start, ending)
        cut = pieces(tokens, start, fresh + ending, self.length - 1)
        wanted = self.answers.look_up(np.column_stack([cut.fresh.astype(np.int32), cut.tokens]))
        return Doubts(wanted, cut, len(start) - 1, self.radius)

    def scores(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> F64:
        """Doubts.scores."""
        parts = [np.empty(0)]
        for at in range(0, len(start) - 1, CHUNK):
            some = slice(at, min(len(start) - 1, at + CHUNK))
            begin, end = start[some.start], start[some.stop]
            within = start[some.start : some.stop + 1] - begin
            parts.append(self.judge(tokens[begin:end], within, fresh[some], ends[some]).scores())
        return np.concatenate(parts)

    def places(self, table: I32) -> tuple[F64, F64, F64]:
        """Of sequences, shape (n, at most length - 1): log p of every template at each place when that was hidden.

        (log p (n, width, size), -log p of what stood there (n, width), distance (n,)); 0 where there is padding.
        """
        width = table.shape[1]
        log_p = np.zeros((len(table), width, self.size))
        hiding = hidden_in(table, self.passes)
        hides = np.stack([hiding == turn for turn in range(self.passes)], axis=1)  # (n, passes, width)
        rows = masked(np.repeat(table, self.passes, axis=0), hides.reshape(-1, width))
        answered, far = self._network.run(rows, "tokens")
        row, place = np.nonzero(hides.reshape(-1, width))
        logits = answered[row, place + 1].astype(np.float64)
        logits[:, NEVER_THERE] = -np.inf
        if not self.ends:
            logits[:, END] = -np.inf
        logits -= logits.max(axis=1, keepdims=True)
        log_p[row // self.passes, place] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        distance = far.reshape(-1, self.passes).max(axis=1, initial=0.0).astype(np.float64)
        own = np.take_along_axis(log_p, table[:, :, None].astype(np.int64), axis=2)[:, :, 0]
        unseen = np.isin(table, (UNK, MASK))
        surprise = np.where(unseen, UNSEEN, np.minimum(-own, UNSEEN)) * (table != PAD)
        return log_p, surprise, distance

    def _ask(self, asked: npt.NDArray[np.int32]) -> F64:
        fresh, table = asked[:, 0], asked[:, 1:]
        sizes = (table != PAD).sum(axis=1)
        filled = np.minimum(-(-(sizes + 1) // STEP) * STEP, self.length)
        answers = np.empty((len(asked), 3))
        for length in np.unique(filled).tolist():
            which, width = np.flatnonzero(filled == length), length - 1
            for at in range(0, len(which), CALL):
                part = which[at : at + CALL]
                answers[part] = self._told(table[part, :width], sizes[part], fresh[part])
        return answers

    def _told(self, table: I32, sizes: I64, fresh: I32) -> F64:
        log_p, surprise, distance = self.places(table)
        column = np.arange(table.shape[1])
        due = (column < sizes[:, None]) & (column >= (sizes - fresh)[:, None])
        own = np.take_along_axis(log_p, table[:, :, None].astype(np.int64), axis=2)
        before = np.arange(self.size) < table[:, :, None]
        rank = ((log_p > own) | ((log_p == own) & before)).sum(axis=2)
        miss = due & ((rank >= self.k) | np.isin(table, (UNK, MASK)))
        return np.column_stack([(surprise * due).max(axis=1), miss.sum(axis=1), distance])


@register("detectors", "logbert")
class LogBert(InService[MaskedTemplates]):
    """The model in service, over a stream's windows; it was trained offline and learns nothing here.

    A window's score is the largest surprise (-log p, nats) of its fresh records given all others around them, less the
    logarithm of their number; on top of it comes the logarithm of how far beyond the usual the window as a whole lies.
    Templates the model does not know are taken for the most similar one it knows, else they are a surprise of 30 nats.
    """

    heavy = True  # about a thousand times as slow as the statistical detectors

    Options = LogBertOptions
    Model = MaskedTemplates

    def __init__(self, options: LogBertOptions) -> None:
        """Raises BadBundle when there is no model in service or it is damaged."""
        super().__init__(options.models, MaskedTemplates.KIND, MaskedTemplates)

    def score(self, windows: WindowBatch) -> F64:
        """Shape (n,), nats."""
        question = self.ask(windows)
        question.run(never)
        return question.scores()

    def ask(self, windows: WindowBatch) -> Doubts:
        """The same, begun."""
        ends = np.asarray((windows.reason == IDLE) & (windows.group == 0))
        return self.model.ask(self.numbers.of(windows), windows.start, windows.fresh.astype(np.int64), ends)

    def remembered(self) -> tuple[int, int]:
        """Rows answered from memory, and rows that were not in it."""
        return self.model.answers.hits, self.model.answers.misses

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """The most surprising records, and what was expected in their place."""
        window = rows.part(windows, index, index + 1)
        tokens, size, fresh = self.numbers.of(window), len(window.slot), int(window.fresh[0])
        ends = self.model.ends and bool(window.reason[0] == IDLE and window.group[0] == 0)
        if ends:
            tokens, fresh = np.append(tokens, np.int32(END)), fresh + 1
        told = self._told(tokens, fresh)
        total = sum(surprise for surprise, _, _ in told) or 1.0
        found: dict[int, Contribution] = {}
        for surprise, at, texts in sorted(told, key=lambda one: -one[0])[:MOST_SHOWN]:
            if surprise > 0:
                slot = int(window.slot[min(at, size - 1)])
                seen = float((window.slot == slot).sum())
                found.setdefault(slot, Contribution(slot, seen, 0.0, surprise / total, instead=texts))
        return list(found.values())

    def _told(self, tokens: I32, fresh: int) -> list[tuple[float, int, tuple[str, ...]]]:
        """Of each key to be judged: its surprise, its place, and the templates expected there, likeliest first."""
        cut = pieces(tokens, np.array([0, len(tokens)]), np.array([fresh]), self.model.length - 1)
        told, end = [], len(tokens)
        for row, due in zip(cut.tokens[::-1], cut.fresh[::-1].tolist(), strict=True):
            table = row[None, row != PAD]
            size = table.shape[1]
            log_p, surprise, _ = self.model.places(table)
            for place in range(size - due, size):
                likeliest = np.argsort(-log_p[0, place], kind="stable")[:MOST_SHOWN].tolist()
                texts = tuple(self.bundle.vocabulary.text(number) for number in likeliest)
                told.append((float(surprise[0, place]), end - size + place, texts))
            end -= size
        return told
