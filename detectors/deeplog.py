"""DeepLog: an LSTM says which template may come next; what it did not expect is odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alogd.config.tree import Strict
from alogd.detectors._answers import Answers, Wanted
from alogd.detectors._in_service import InService
from alogd.detectors._network import Network
from alogd.detectors._sequences import I32, beyond_chance, ended, fresh_events, histories, largest
from alogd.detectors.base import Contribution, never
from alogd.event import F64, I64, IDLE, Bool, WindowBatch
from alogd.models.vocabulary import END, PAD, UNK
from alogd.registry import register
from alogd.windows import rows

UNSEEN = 30.0  # nats; the surprise of a template that training never saw, and the largest there is
CHUNK = 16_384  # events looked at together, so that memory is bounded whatever the input
NEVER_NEXT = (PAD, UNK)  # of these the network's opinion is not asked
MOST_SHOWN = 5  # events of a window that are explained, and templates named as expected for each


class DeepLogOptions(Strict, frozen=True, kw_only=True):
    """models: the directory `alogd retrain --out` writes; what it has promoted is in service."""

    models: str


@dataclass(frozen=True, slots=True)
class Surprises:
    """n events of some sessions; those that only came before what was asked for have rank and surprise 0."""

    event: I32  # (n,) number of its template
    session: I64  # (n,)
    rank: I64  # (n,) how many templates were likelier; 0 = the likeliest came
    surprise: F64  # (n,) -log p of what came, nats
    asked: I64  # of each session, how many of its events were asked for

    def __len__(self) -> int:
        return len(self.event)

    def scores(self) -> F64:
        """Of each session: largest surprise less the logarithm of the events asked for, nats; UNSEEN at most."""
        return beyond_chance(self.largest(len(self.asked)), self.asked, UNSEEN)

    def largest(self, sessions: int) -> F64:
        """Of each session, shape (sessions,)."""
        return largest(self.surprise, self.session, sessions)

    def misses(self, sessions: int, k: int) -> I64:
        """Events of each session that were not among the k likeliest, shape (sessions,)."""
        return np.bincount(self.session[self.rank >= k], minlength=sessions)


class Surprising:
    """How odd each of n sessions is, of which the network has yet to tell some (base.Question)."""

    def __init__(self, wanted: Wanted, session: I64, sessions: int) -> None:
        self._wanted = wanted
        self._session = session
        self._sessions = sessions

    @property
    def left(self) -> int:
        return self._wanted.left

    def run(self, stop: Callable[[], bool]) -> None:
        self._wanted.run(stop)

    def scores(self) -> F64:
        with np.errstate(invalid="ignore"):  # NaN is larger than any: what was not answered
            most = largest(self._wanted.take()[:, 1], self._session, self._sessions)
        return beyond_chance(most, np.bincount(self._session, minlength=self._sessions), UNSEEN)


class NextTemplate:
    """Next-template prediction after Du, Li, Zheng and Srikumar (CCS 2017), section 3: execution-path anomalies.

    The network sees the `window` templates before an event and gives every template a probability. As in the paper an
    event is a miss when it is not among the k likeliest (ties: the lower number first). Deviations: histories shorter
    than the window are padded in front, so that a session's first events are judged too (the paper begins with the
    (h+1)-th); a session may end with a mark of its own, so that one that breaks off is judged; and beside the top-k
    verdict there is a score that calibration can rank: the largest surprise (-log p) of a session's n events less
    log n, for the largest of many is large by chance. The paper's second model, of parameter values, is not part of it.
    """

    KIND = "deeplog"

    def __init__(self, graph: bytes) -> None:
        """Raises ValueError when the graph is no DeepLog."""
        self._network = Network(graph, kind=self.KIND)
        self.window = self._network.number("window")
        self.k = self._network.number("k")
        self.ends = bool(self._network.number("ends"))  # sessions carry the mark of their end
        self.vocabulary = self._network.facts.get("alogd.vocabulary", "")  # its hash
        self.size = self._network.number("size")  # entries of the vocabulary
        self.answers = Answers(self._ask, width=2 + MOST_SHOWN)

    def judge(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> Surprises:
        """The last `fresh` events of every session (_sequences.py), and the end of one that `ends` if the model knows.

        Raises ValueError for a number beyond the vocabulary.
        """
        tokens, start, asked = self._asked(tokens, start, fresh, ends)
        answers = np.zeros((len(tokens), 2))
        for at in range(0, len(asked), CHUNK):
            part = asked[at : at + CHUNK]
            answers[part] = self.answers.of(self._rows(tokens, start, part)[0])[:, :2]
        session = np.repeat(np.arange(len(start) - 1), np.diff(start))
        counts = np.bincount(session[asked], minlength=len(start) - 1)
        return Surprises(tokens.astype(np.int32), session, answers[:, 0].astype(np.int64), answers[:, 1], counts)

    def ask(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> Surprising:
        """The score of each session, begun: as `scores` otherwise, but the memory for it is not bounded."""
        tokens, start, asked = self._asked(tokens, start, fresh, ends)
        rows, session = self._rows(tokens, start, asked)
        return Surprising(self.answers.look_up(rows), session, len(start) - 1)

    def _asked(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> tuple[I32, I64, I64]:
        """The sessions with their ends, and the places of what is asked for."""
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < self.size:
            raise ValueError(
                f"template numbers from {tokens.min()} to {tokens.max()}; the model knows 0-{self.size - 1}"
            )
        ending = ends & self.ends
        if ending.any():
            tokens, start = ended(tokens, start, ending)
        return tokens, start, fresh_events(start, fresh + ending)

    def _rows(self, tokens: I32, start: I64, asked: I64) -> tuple[I32, I64]:
        """A history with its event for each place, as `_ask` takes them, and the session of each."""
        cut = histories(tokens, start, self.window, asked)
        return np.column_stack([cut.before, cut.event]), cut.session

    def scores(self, tokens: I32, start: I64, fresh: I64, ends: Bool) -> F64:
        """Surprises.scores."""
        return self.judge(tokens, start, fresh, ends).scores()

    def likeliest(self, rows: I32) -> I32:
        """Of histories with their events, as they were asked about: the MOST_SHOWN likeliest next, PAD behind fewer.

        Answered from memory while it lasts: for evidence nobody waits for the network.
        """
        return self.answers.of(rows)[:, 2:].astype(np.int32)

    def expected(self, before: I32, most: int | None = None) -> list[tuple[int, float]]:
        """The likeliest next templates after one history, shape (window,): (number, probability), likeliest first."""
        p = np.exp(self._log_p(before[None]))[0]
        order = np.argsort(-p, kind="stable")[: self.k if most is None else most]
        return [(int(number), float(p[number])) for number in order]

    def _ask(self, rows: npt.NDArray[np.int32]) -> F64:
        log_p = self._log_p(rows[:, :-1])
        event = rows[:, -1]
        own = log_p[np.arange(len(rows)), event][:, None]
        before = np.arange(log_p.shape[1]) < event[:, None]
        rank = ((log_p > own) | ((log_p == own) & before)).sum(axis=1)
        unseen = np.isin(event, NEVER_NEXT)
        surprise = np.where(unseen, UNSEEN, np.minimum(-own[:, 0], UNSEEN))
        return np.column_stack([np.where(unseen, self.size, rank), surprise, _likeliest(log_p)])

    def _log_p(self, before: I32) -> F64:
        (logits,) = self._network.run(before.astype(np.int64), "sequence")
        logits = logits.astype(np.float64)
        logits[:, NEVER_NEXT] = -np.inf
        if not self.ends:
            logits[:, END] = -np.inf
        logits -= logits.max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def _likeliest(log_p: F64) -> F64:
    """Numbers of the MOST_SHOWN likeliest of each row, likeliest first; of equals the lower. PAD behind fewer."""
    found = np.full((len(log_p), MOST_SHOWN), PAD, np.float64)
    order = np.argsort(-log_p, axis=1, kind="stable")[:, :MOST_SHOWN]
    possible = np.isfinite(np.take_along_axis(log_p, order, axis=1))
    found[:, : order.shape[1]] = np.where(possible, order, PAD)
    return found


@register("detectors", "deeplog")
class DeepLog(InService[NextTemplate]):
    """The model in service, over a stream's windows; it was trained offline and learns nothing here.

    A window's score is the largest surprise (-log p, nats) of its fresh records, given those before them in the
    window, less the logarithm of their number; a session that has ended is asked for its end too. Templates the model
    does not know are taken for the most similar one it knows, else they are a surprise of 30 nats.
    """

    Options = DeepLogOptions
    Model = NextTemplate

    def __init__(self, options: DeepLogOptions) -> None:
        """Raises BadBundle when there is no model in service or it is damaged."""
        super().__init__(options.models, NextTemplate.KIND, NextTemplate)

    def score(self, windows: WindowBatch) -> F64:
        """Largest surprise of each window's fresh records less the logarithm of their number, nats, shape (n,)."""
        question = self.ask(windows)
        question.run(never)
        return question.scores()

    def ask(self, windows: WindowBatch) -> Surprising:
        """The same, begun."""
        fresh = windows.fresh.astype(np.int64)
        return self.model.ask(self.numbers.of(windows), windows.start, fresh, _ends(windows))

    def remembered(self) -> tuple[int, int]:
        """Rows answered from memory, and rows that were not in it."""
        return self.model.answers.hits, self.model.answers.misses

    def _judged(self, windows: WindowBatch) -> Surprises:
        fresh = windows.fresh.astype(np.int64)
        return self.model.judge(self.numbers.of(windows), windows.start, fresh, _ends(windows))

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """The most surprising records, and what was expected in their place."""
        window = rows.part(windows, index, index + 1)
        surprise = self._judged(window).surprise
        total = float(surprise.sum()) or 1.0
        told: dict[int, Contribution] = {}
        for at in np.argsort(-surprise, kind="stable")[:MOST_SHOWN].tolist():
            if surprise[at] <= 0:
                continue
            slot = int(window.slot[min(at, len(window.slot) - 1)])
            seen = float((window.slot == slot).sum())
            expected = tuple(self.bundle.vocabulary.text(number) for number in self._expected(window, at))
            told.setdefault(slot, Contribution(slot, seen, 0.0, float(surprise[at]) / total, instead=expected))
        return list(told.values())

    def _expected(self, window: WindowBatch, at: int) -> list[int]:
        """What might have stood at a place of the window, or behind its last (END)."""
        tokens, start = ended(self.numbers.of(window), np.array([0, len(window.slot)]))
        cut = histories(tokens, start, self.model.window, np.array([at]))
        (found,) = self.model.likeliest(np.column_stack([cut.before, cut.event])).tolist()
        return [number for number in found if number != PAD]


def _ends(windows: WindowBatch) -> Bool:
    """Sessions that fell quiet: their end is asked for too."""
    return np.asarray((windows.reason == IDLE) & (windows.group == 0))
