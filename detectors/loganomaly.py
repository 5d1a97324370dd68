"""LogAnomaly, simplified: z-scores of TF-IDF features of templates and their successions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alogd.config import Strict
from alogd.detectors._groups import MAX_GROUPS, Groups
from alogd.detectors.base import Contribution, State, take
from alogd.event import F64, I64, U32, Bool, WindowBatch
from alogd.registry import register

NO_SLOT = 0xFFFFFFFF  # fills the chunks of the sample up to their full length
SINGLE = 0x7FFFFFFF  # stands for "the slot before" in a term of one template
DEVIATION_FLOOR = 0.02  # of a feature: a twentieth of one occurrence in 15 lines or so
SAMPLE = 1024  # chunks kept to choose the vocabulary from
FIRST_REFRESH = 64  # chunks; then at 256, 1024, 4096 ...


class LogAnomalyOptions(Strict, frozen=True, kw_only=True):
    """features: terms kept; lines: records averaged; alpha per `step` chunks; threshold: the z-score called odd."""

    features: int = 100
    lines: int = 15
    alpha: float = 0.3
    step: int = 1000
    threshold: float = 3.0


@dataclass(frozen=True, slots=True)
class Chunks:
    """Terms (template, and template after template) of every chunk of `lines` records."""

    window: I64  # (chunks,) the window each lies in
    chunk: I64  # (terms,)
    term: I64  # (terms,) slot before << 32 | slot; SINGLE before for single templates
    value: F64  # (terms,) 1 / records in the chunk


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
        self._index()
        self._derive()

    # -- features

    def _index(self) -> None:
        used = np.flatnonzero(self.terms >= 0)
        order = np.argsort(self.terms[used], kind="stable")
        self._sorted, self._feature = self.terms[used][order], used[order]

    def _chunks(self, windows: WindowBatch) -> Chunks:
        lines = self.options.lines
        sizes = np.diff(windows.start)
        per_window = -(-sizes // lines)
        record_window = np.repeat(np.arange(len(windows)), sizes)
        position = np.arange(len(windows.slot)) - windows.start[record_window]
        chunk = (np.cumsum(per_window) - per_window)[record_window] + position // lines
        window = np.repeat(np.arange(len(windows)), per_window)
        return _terms(windows.slot.astype(np.int64), chunk, window)

    def _features_of(self, terms: I64) -> I64:
        """Feature number of every term; the last for those outside the vocabulary."""
        rest = self.options.features
        if not len(self._sorted):
            return np.full(len(terms), rest)
        at = np.minimum(np.searchsorted(self._sorted, terms), len(self._sorted) - 1)
        return np.asarray(np.where(self._sorted[at] == terms, self._feature[at], rest))

    def _vectors(self, chunks: Chunks) -> F64:
        """(chunks, features + 1) mean TF-IDF over each chunk's records."""
        width = self.options.features + 1
        feature = self._features_of(chunks.term)
        cell = chunks.chunk * width + feature
        flat = np.bincount(cell, chunks.value * self.idf[feature], len(chunks.window) * width)
        return np.asarray(flat, np.float64).reshape(-1, width)

    def _z(self, vectors: F64, group: I64) -> F64:
        """|x - mean| / deviation; 0 for a feature the group knows nothing of."""
        return np.asarray(np.abs(vectors - self._mean[group]) * self._scale[group])

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
        result = np.zeros(len(windows))
        if not len(windows):
            return result
        chunks = self._chunks(windows)
        z = self._z(self._vectors(chunks), self.groups.rows(windows.group)[chunks.window])
        np.maximum.at(result, chunks.window, z.max(axis=1, initial=0.0))
        return result

    def explain(self, windows: WindowBatch, index: int) -> Sequence[Contribution]:
        """Terms with the largest z-scores in the window."""
        chunks = self._chunks(windows)
        group = self.groups.rows(windows.group)[chunks.window]
        vectors = self._vectors(chunks)
        z = self._z(vectors, group)
        mine = np.flatnonzero(chunks.window == index)
        if not len(mine):
            return []
        best = z[mine].max(axis=0)
        total = float((best**2).sum()) or 1.0
        slots = windows.slot[windows.start[index] : windows.start[index + 1]].astype(np.int64)
        found = []
        for feature in np.argsort(-best, kind="stable")[:5]:
            if best[feature] <= 0:
                break
            at = mine[int(np.argmax(z[mine, feature]))]
            usual = self._mean[group[at], feature] / self.idf[feature]
            places = self._slots(int(feature), chunks, int(at))
            share = float(best[feature] ** 2 / total) / max(1, len(places))
            for slot, after in places:
                seen = float(_occurrences(slots, slot, after))
                found.append(Contribution(slot, seen, float(usual * len(slots)), share, after))
        return found

    def _slots(self, feature: int, chunks: Chunks, at: int) -> list[tuple[int, int | None]]:
        """Template (and the one before it) of a feature; for the rest, the terms of the chunk that fell there."""
        if feature < self.options.features:
            return [_split(int(self.terms[feature]))]
        here = chunks.term[chunks.chunk == at]
        outside = here[self._features_of(here) == feature]
        single = [term for term in np.unique(outside) if _split(int(term))[1] is None]
        return [_split(int(term)) for term in (single or list(np.unique(outside)))[:3]]

    # -- learning

    def learn(self, windows: WindowBatch, keep: Bool) -> None:
        """Move means and variances of the kept windows' groups; refresh the vocabulary at 64, 256, 1024 ... chunks."""
        if not keep.any():
            return
        chunks = self._chunks(windows)
        self.groups.add(windows.group[keep])
        self._grow(len(self.groups))
        kept = keep[chunks.window]
        self._remember(windows, chunks, kept)
        vectors = self._vectors(chunks)
        group = self.groups.rows(windows.group)[chunks.window]
        for row in np.unique(group[kept]):
            members = vectors[kept & (group == row)]
            gain = self._gain(len(members))
            self.sums[row] += gain * (members.mean(axis=0) - self.sums[row])
            self.squares[row] += gain * ((members * members).mean(axis=0) - self.squares[row])
            self.weight[row] += gain * (1 - self.weight[row])
        self._derive()

    def _grow(self, rows: int) -> None:
        more = rows - len(self.sums)
        if more > 0:
            blank = np.zeros((more, self.options.features + 1))
            self.weight = np.concatenate([self.weight, blank])
            self.sums = np.concatenate([self.sums, blank])
            self.squares = np.concatenate([self.squares, blank])

    def _remember(self, windows: WindowBatch, chunks: Chunks, kept: Bool) -> None:
        """Put the kept chunks into the sample, and choose the vocabulary anew when its hour has come."""
        rows, group = self._rows(windows, chunks)[kept], self.groups.rows(windows.group)[chunks.window][kept]
        while len(rows):
            learned = int(self.learned[0])
            n = min(len(rows), _next_refresh(learned) - learned, SAMPLE)
            places = (learned + np.arange(n)) % SAMPLE
            self.sample[places], self.sample_group[places] = rows[:n], group[:n]
            self.learned[0] += n
            if _next_refresh(learned) == learned + n:
                self._refresh()
            rows, group = rows[n:], group[n:]

    def _rows(self, windows: WindowBatch, chunks: Chunks) -> U32:
        """(chunks, lines) slots of every chunk, filled up with NO_SLOT."""
        lines = self.options.lines
        opening = np.diff(chunks.window, prepend=-1) > 0
        number = np.arange(len(chunks.window))
        within = number - np.maximum.accumulate(np.where(opening, number, 0))
        begin = windows.start[chunks.window] + lines * within
        at = begin[:, None] + np.arange(lines)
        inside = at < windows.start[chunks.window + 1][:, None]
        return np.where(inside, windows.slot[np.minimum(at, len(windows.slot) - 1)], np.uint32(NO_SLOT))

    def _refresh(self) -> None:
        """The most frequent terms of the sample become the features; those that stay keep their statistics."""
        rows = self.sample[: min(int(self.learned[0]), SAMPLE)].astype(np.int64)
        present = rows != NO_SLOT
        row = np.repeat(np.arange(len(rows)), rows.shape[1]).reshape(rows.shape)
        chunks = _terms(rows[present], row[present], np.arange(len(rows)))
        found, which, frequency = np.unique(chunks.term, return_inverse=True, return_counts=True)
        documents = np.bincount(np.unique(which * len(rows) + chunks.chunk) // len(rows), minlength=len(found))
        best = np.argsort(-frequency, kind="stable")[: self.options.features]
        idf = np.log((1 + len(rows)) / (1 + documents)) + 1
        changed = self._adopt(found[best], idf[best], float(np.log(1 + len(rows)) + 1))
        self._learn_columns(chunks, changed)

    def _adopt(self, terms: I64, idf: F64, rest_idf: float) -> I64:
        """Replace the terms that are no longer frequent; gives the features whose meaning has changed."""
        leaving = np.flatnonzero(~np.isin(self.terms, terms))
        arriving = np.flatnonzero(~np.isin(terms, self.terms))
        self.terms[leaving] = -1
        taken = leaving[: len(arriving)]
        self.terms[taken], self.idf[taken] = terms[arriving], idf[arriving]
        self.idf[-1] = rest_idf
        self._index()
        return np.append(leaving, self.options.features)

    def _learn_columns(self, chunks: Chunks, columns: I64) -> None:
        """Take the statistics of some features from the sample: nothing older knows them."""
        for table in (self.weight, self.sums, self.squares):
            table[:, columns] = 0.0
        vectors = self._vectors(chunks)[:, columns]
        group = self.sample_group[: len(vectors)]
        for row in np.unique(group):
            members = vectors[group == row]
            gain = self._gain(len(members))
            self.weight[row, columns] = gain
            self.sums[row, columns] = gain * members.mean(axis=0)
            self.squares[row, columns] = gain * (members * members).mean(axis=0)

    def _gain(self, chunks: int) -> float:
        return float(1 - (1 - self.options.alpha) ** (chunks / self.options.step))

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
        self._index()
        self._derive()


def _next_refresh(learned: int) -> int:
    due = FIRST_REFRESH
    while due <= learned:
        due *= 4
    return due


def _terms(slot: I64, chunk: I64, window: I64) -> Chunks:
    """1-grams and 2-grams of records whose chunk numbers ascend; `window` is that of each chunk."""
    value = 1.0 / np.bincount(chunk, minlength=len(window)).astype(np.float64)
    pairs = np.flatnonzero(chunk[1:] == chunk[:-1]) + 1 if len(chunk) else np.empty(0, np.int64)
    term = np.concatenate([SINGLE << 32 | slot, slot[pairs - 1] << 32 | slot[pairs]])
    at = np.concatenate([chunk, chunk[pairs]])
    return Chunks(window=window, chunk=at, term=term, value=value[at])


def _occurrences(slots: I64, slot: int, after: int | None) -> int:
    if after is None:
        return int((slots == slot).sum())
    return int(((slots[1:] == slot) & (slots[:-1] == after)).sum())


def _split(term: int) -> tuple[int, int | None]:
    before = term >> 32
    return term & 0xFFFFFFFF, None if before == SINGLE else before
