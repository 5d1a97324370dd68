"""LogAnomaly, simplified: z-scores of TF-IDF features of templates and their successions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta

from alogd.config.tree import Strict
from alogd.detectors._groups import MAX_GROUPS, Groups
from alogd.detectors.base import Contribution, State, take
from alogd.event import F64, I64, U32, Bool, WindowBatch
from alogd.reference.features import SINGLE, features_of, terms_of, vectors_of
from alogd.registry import register
from alogd.windows import features, rows

NO_SLOT = 0xFFFFFFFF  # fills the chunks of the sample up to their full length
DEVIATION_FLOOR = 0.02  # of a feature: a twentieth of one occurrence in 15 lines or so
SAMPLE = 1024  # chunks kept to choose the vocabulary from
FIRST_REFRESH = 64  # chunks; then at 256, 1024, 4096 ...


class LogAnomalyOptions(Strict, frozen=True, kw_only=True):
    """features: terms kept; lines: records averaged; alpha per `step` chunks."""

    features: Annotated[int, Meta(ge=1, le=1000)] = 100
    lines: Annotated[int, Meta(ge=1, le=1000)] = 15
    alpha: Annotated[float, Meta(gt=0, lt=1)] = 0.3
    step: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000


@register("detectors", "loganomaly")
class LogAnomaly:
    """Largest z-score of a window's TF-IDF features against their learned mean and deviation.

    After Meng et al., LogAnomaly, IJCAI 2019, simplified: no template embeddings and no LSTM. A document is a chunk of
    15 records; its terms are the templates (1-grams) and pairs of successive templates (2-grams) in it; the 100 most
    frequent terms of a sample of learned chunks are the features and all others share one more; a feature is the
    mean over the chunk's records of the term's idf = ln((1 + n) / (1 + df)) + 1 (scikit-learn's TfidfVectorizer with
    smooth_idf, norm=None, divided by the number of records). The score is the largest |x - mean| / sqrt(var + 0.02^2)
    over features and chunks of the window; mean and variance are kept per group. Terms are template ids, not words:
    a template's words change while it is mined, its id does not.

    >>> import numpy as np
    >>> from alogd.detectors.loganomaly import LogAnomaly, LogAnomalyOptions
    >>> from alogd.reference.batches import window_batch
    >>> detector = LogAnomaly(LogAnomalyOptions())
    >>> detector.learn(window_batch([[1, 2] * 15] * 128), np.ones(128, bool))
    >>> usual, swapped = detector.score(window_batch([[1, 2] * 15, [1, 1, 2, 2] * 7 + [1, 2]]))
    >>> bool(swapped > 3 > usual)
    True
    """

    Options = LogAnomalyOptions

    def __init__(self, options: LogAnomalyOptions) -> None:
        self.options = options
        width = options.features + 1  # the last: all other terms
        self.groups = Groups()
        self.terms = np.full(options.features, -1, np.int64)  # feature -> term; -1 = free
        self.idf = np.ones(width)
        self.weight = np.zeros((1, width))  # of the sums below: a feature that came late has less
        self.sums = np.zeros((1, width))
        self.squares = np.zeros((1, width))
        self.sample = np.full((SAMPLE, options.lines), NO_SLOT, np.uint32)
        self.sample_group = np.zeros(SAMPLE, np.int64)
        self.learned = np.zeros(1, np.int64)  # chunks
        self._derive()

    # -- features

    def _rows(self, windows: WindowBatch) -> tuple[I64, U32, I64, int, int]:
        """The windows as alogd.windows.features takes them: start, slot, row and the shape of the tables."""
        return windows.start, windows.slot, self.groups.rows(windows.group), *self.sums.shape

    def _derive(self) -> None:
        """Recompute what scoring looks up."""
        weight = np.maximum(self.weight, 1e-300)
        self._mean = self.sums / weight
        variance = np.maximum(self.squares / weight - self._mean * self._mean, 0.0)
        chunks = self.weight / -np.log1p(-self.options.alpha) * self.options.step
        doubt = 1.0 / (1.0 + chunks) / self.options.lines  # for want of data
        self._scale = np.where(self.weight > 0, 1 / np.sqrt(variance + DEVIATION_FLOOR**2 + doubt), 0.0)

    # -- scoring

    def score(self, windows: WindowBatch) -> F64:
        """Largest z-score over a window's chunks and features, shape (n,)."""
        score = np.empty(len(windows))
        vocabulary = (self.terms, self.idf, self.options.lines)
        features.term_scores(*self._rows(windows), *vocabulary, self._mean, self._scale, score)
        return score

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """Terms with the largest z-scores in the window."""
        part = rows.part(windows, index, index + 1)
        _, vectors = vectors_of(part.start, part.slot, self.terms, self.idf, self.options.lines)
        if not len(vectors):
            return []
        row = int(self.groups.rows(part.group)[0])
        z = np.abs(vectors - self._mean[row]) * self._scale[row]
        best = z.max(axis=0)
        total = float((best**2).sum()) or 1.0
        slots = part.slot.astype(np.int64)
        found = []
        for feature in np.argsort(-best, kind="stable")[:5].tolist():
            if best[feature] <= 0:
                break
            usual = self._mean[row, feature] / self.idf[feature]
            places = self._slots(feature, slots, int(np.argmax(z[:, feature])))
            share = float(best[feature] ** 2 / total) / max(1, len(places))
            for slot, after in places:
                seen = float(_occurrences(slots, slot, after))
                found.append(Contribution(slot, seen, float(usual * len(slots)), share, after))
        return found

    def _slots(self, feature: int, slots: I64, chunk: int) -> list[tuple[int, int | None]]:
        """Template (and the one before it) of a feature; for the rest, the terms of the chunk that fell there."""
        if feature < self.options.features:
            return [_split(int(self.terms[feature]))]
        here = slots[chunk * self.options.lines : (chunk + 1) * self.options.lines]
        _, terms, _ = terms_of(here, np.zeros(len(here), np.int64), 1)
        outside = sorted({*terms[features_of(terms, self.terms) == feature].tolist()})
        single = [term for term in outside if _split(term)[1] is None]
        return [_split(term) for term in (single or outside)[:3]]

    # -- learning

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        """Move means and variances of the kept windows' groups; refresh the vocabulary at 64, 256, 1024 ... chunks."""
        if not keep.any():
            return
        start, slot, row = windows.start, windows.slot, self.groups.adopt(windows.group, keep)
        self._grow(len(self.groups))
        chunks = -(-np.diff(start) // self.options.lines)[keep]
        self._remember(start, slot, row, int(chunks.sum()))
        gain, mean, square = self._moments(start, slot, row, np.bincount(row[keep], chunks, len(self.groups)))
        self.sums += gain * (mean - self.sums)
        self.squares += gain * (square - self.squares)
        self.weight += gain * (1 - self.weight)
        self._derive()

    def _moments(self, start: I64, slot: U32, row: I64, chunks: F64 | I64) -> tuple[F64, F64, F64]:
        """Gain of each group, by its number of chunks, and the means of its features and of their squares."""
        height, width = self.sums.shape
        sums, squares = np.zeros((height, width)), np.zeros((height, width))
        features.term_sums(start, slot, row, height, width, self.terms, self.idf, self.options.lines, sums, squares)
        gain = 1 - (1 - self.options.alpha) ** (chunks / self.options.step)
        each = np.maximum(chunks, 1)[:, None]
        return gain[:, None], sums / each, squares / each

    def _grow(self, rows: int) -> None:
        more = rows - len(self.sums)
        if more > 0:
            blank = np.zeros((more, self.options.features + 1))
            self.weight = np.concatenate([self.weight, blank])
            self.sums = np.concatenate([self.sums, blank])
            self.squares = np.concatenate([self.squares, blank])

    def _remember(self, start: I64, slot: U32, row: I64, chunks: int) -> None:
        """Put the kept chunks into the sample, and choose the vocabulary anew when its hour has come."""
        done = 0
        while done < chunks:
            learned = int(self.learned[0])
            n = min(chunks - done, _next_refresh(learned) - learned, SAMPLE)
            place = (self.options.lines, done, n, learned % SAMPLE)
            features.term_sample(start, slot, row, len(self.groups), *place, self.sample, self.sample_group)
            self.learned[0] += n
            if _next_refresh(learned) == learned + n:
                self._refresh()
            done += n

    def _refresh(self) -> None:
        """The most frequent terms of the sample become the features; those that stay keep their statistics."""
        sample = self.sample[: min(int(self.learned[0]), SAMPLE)]
        present = sample != NO_SLOT
        chunk = np.repeat(np.arange(len(sample)), sample.shape[1]).reshape(sample.shape)[present]
        at, term, _ = terms_of(sample[present].astype(np.int64), chunk, len(sample))
        found, frequency, documents = _frequencies(term, at)
        best = np.argsort(-frequency, kind="stable")[: self.options.features]
        idf = np.log((1 + len(sample)) / (1 + documents)) + 1
        changed = self._adopt(found[best], idf[best], float(np.log(1 + len(sample)) + 1))
        start = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
        self._learn_columns(start, sample[present], changed)

    def _adopt(self, terms: I64, idf: F64, rest_idf: float) -> I64:
        """Replace the terms that are no longer frequent; gives the features whose meaning has changed."""
        old, new = set(self.terms.tolist()), set(terms.tolist())
        leaving = np.array([i for i, term in enumerate(self.terms.tolist()) if term not in new], np.int64)
        arriving = np.array([i for i, term in enumerate(terms.tolist()) if term not in old], np.int64)
        self.terms[leaving] = -1
        taken = leaving[: len(arriving)]
        self.terms[taken], self.idf[taken] = terms[arriving], idf[arriving]
        self.idf[-1] = rest_idf
        return np.append(leaving, self.options.features)

    def _learn_columns(self, start: I64, slot: U32, columns: I64) -> None:
        """Take the statistics of some features from the sample's chunks: nothing older knows them."""
        group = self.sample_group[: len(start) - 1]
        gain, mean, square = self._moments(start, slot, group, np.bincount(group, minlength=len(self.groups)))
        self.weight[:, columns] = gain
        self.sums[:, columns] = (gain * mean)[:, columns]
        self.squares[:, columns] = (gain * square)[:, columns]

    # -- state

    def state(self) -> State:
        """Arrays: group keys, vocabulary, idf, statistics per group and feature, the sample and its count."""
        return {
            "groups": self.groups.keys,
            "terms": self.terms,
            "idf": self.idf,
            "weight": self.weight,
            "sums": self.sums,
            "squares": self.squares,
            "sample": self.sample,
            "sample_group": self.sample_group,
            "learned": self.learned,
        }

    def restore(self, state: State) -> None:
        """Raises ValueError when the arrays do not belong together."""
        groups, terms = Groups(take(state, "groups", np.uint64, 1)), take(state, "terms", np.int64, 1)
        idf, learned = take(state, "idf", np.float64, 1), take(state, "learned", np.int64, 1)
        weight, sums = take(state, "weight", np.float64, 2), take(state, "sums", np.float64, 2)
        squares, sample = take(state, "squares", np.float64, 2), take(state, "sample", np.uint32, 2)
        sample_group = take(state, "sample_group", np.int64, 1)
        table = (len(groups), self.options.features + 1)
        if not weight.shape == sums.shape == squares.shape == table or len(groups) > MAX_GROUPS:
            raise ValueError(f"saved state: loganomaly tables are not {table}")
        if sample.shape != self.sample.shape or terms.shape != self.terms.shape or idf.shape != self.idf.shape:
            raise ValueError("saved state: loganomaly was saved with other options (features or lines)")
        if len(sample_group) != len(sample) or (sample_group < 0).any() or (sample_group >= len(groups)).any():
            raise ValueError("saved state: loganomaly's sample names groups that are not there")
        if len(learned) != 1 or learned[0] < 0 or not all(np.isfinite(a).all() for a in (idf, weight, sums, squares)):
            raise ValueError("saved state: loganomaly holds numbers that are not finite")
        self.groups, self.terms, self.idf, self.learned = groups, terms, idf, learned
        self.weight, self.sums, self.squares, self.sample = weight, sums, squares, sample
        self.sample_group = sample_group
        self._derive()


def _next_refresh(learned: int) -> int:
    due = FIRST_REFRESH
    while due <= learned:
        due *= 4
    return due


def _frequencies(term: I64, chunk: I64) -> tuple[I64, I64, I64]:
    """Every term once, ascending; how often it occurs, and in how many chunks, whose numbers ascend for each term."""
    order = np.argsort(term, kind="stable")
    term, chunk = term[order], chunk[order]
    first = np.diff(term, prepend=-1) != 0
    opens = first | (np.diff(chunk, prepend=-1) != 0)
    at = np.flatnonzero(first)
    return term[at], np.diff(at, append=len(term)), np.add.reduceat(opens.astype(np.int64), at)


def _occurrences(slots: I64, slot: int, after: int | None) -> int:
    if after is None:
        return int((slots == slot).sum())
    return int(((slots[1:] == slot) & (slots[:-1] == after)).sum())


def _split(term: int) -> tuple[int, int | None]:
    before = term >> 32
    return term & 0xFFFFFFFF, None if before == SINGLE else before
