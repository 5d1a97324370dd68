"""From scores of what a model was trained on to the score above which something is odd: one rule for every kind of
model and detector, which sees no labels."""

from __future__ import annotations

import math

import numpy as np

from alogd.event import F64

FALSE_ALARMS = 500.0  # one of the ordinary in so many may exceed the threshold
TAIL = 50  # largest scores that tell how the scores go on
DOUBT = 0.05  # on either side: a tail that says what a sample like this shows more seldom is not believed


def threshold(scores: F64, most: float = math.inf) -> float:
    """The score that one in 500 of what is like these exceeds.

    Told by a generalised Pareto tail through the 50 largest (as in SPOT: Siffer et al., KDD 2017; so does
    alogd/judging/calibration.py): of a few thousand the five oddest alone would set it, and they differ widely. Where
    scores come in lumps no such tail fits them: it is believed only as far as the order of the scores bears it out. How
    many of n exceed the true value is binomial whatever their distribution, so it lies between two of the largest.

    scores: shape (n,). most: the score of what is odd however often it came, which is not asked; it bounds the answer.
    """
    known = np.sort(scores[scores < most])
    if not len(known):
        return most / 2
    wanted = len(known) / FALSE_ALARMS / TAIL  # of those in the tail, the share that may exceed it
    if len(known) < 2 * TAIL or wanted >= 1:
        return float(np.quantile(known, 1 - 1 / FALSE_ALARMS, method="higher"))
    low, high = borne_out(known)
    return min(most, high, max(low, _pareto(known, wanted)))


def borne_out(known: F64) -> tuple[float, float]:
    """Between which scores, ascending, the one in question lies: at nine of ten samples; no upper end to few scores."""
    n, share = len(known), 1 / FALSE_ALARMS
    fewest, most = _binomial(n, share, DOUBT), _binomial(n, share, 1 - DOUBT)
    return float(known[max(0, n - 1 - most)]), float(known[n - fewest]) if fewest else math.inf


def _pareto(known: F64, wanted: float) -> float:
    begin = known[-TAIL - 1]
    excess = known[-TAIL:] - begin
    average, spread = float(excess.mean()), float(excess.var())
    if spread <= 1e-12 * average * average:
        return float(begin) + average
    shape = min(0.5, max(0.0, 0.5 * (1 - average * average / spread)))
    scale = average * (1 - shape)
    beyond = -math.log(wanted) if shape == 0 else (wanted**-shape - 1) / shape
    return float(begin) + scale * beyond


def _binomial(n: int, share: float, level: float) -> int:
    """The fewest of n that are reached or stayed below at `level`, each coming with the probability `share`."""
    odds = share / (1 - share)
    point = total = (1 - share) ** n
    at = 0
    while total < level and at < n:
        point *= odds * (n - at) / (at + 1)
        at += 1
        total += point
    return at
