"""From tail probabilities and severity to anomaly (0-100), risk (0-100) and its level."""

from __future__ import annotations

import numpy as np

from alogd.config.tree import Risk
from alogd.event import F64, I64, U8

POINTS_PER_DECADE = 25.0


def rarity(tail: F64) -> F64:
    """Decades of rarity, -log10 p; a window like every other has 0."""
    return np.asarray(-np.log10(np.clip(tail, 1e-12, 1.0)))


def anomaly(decades: F64, bearable: float) -> F64:
    """0-100 from decades of rarity: 50 where the alert budget begins (`bearable` decades), 100 a hundred times rarer.

    Rarity alone would not do: what comes once in ten thousand windows comes every hour on a busy stream.
    """
    below = 50.0 * decades / bearable
    return np.asarray(
        np.clip(np.where(decades < bearable, below, 50.0 + POINTS_PER_DECADE * (decades - bearable)), 0, 100)
    )


def window_severity(severity: U8, start: I64) -> F64:
    """Largest severity of each window's records, shape (n,); `start` as in WindowBatch."""
    if len(start) < 2:
        return np.empty(0)
    return np.maximum.reduceat(severity, start[:-1]).astype(np.float64)


def risk(anomalies: F64, severities: F64, weights: Risk) -> F64:
    """Weighted sum, 0-100."""
    total = weights.anomaly_weight + weights.severity_weight
    return np.asarray((weights.anomaly_weight * anomalies + weights.severity_weight * severities) / total)


def risk_of(decades: float, bearable: float, severity: float, weights: Risk) -> float:
    """Risk of one window: `risk` of its `anomaly`, to the last bit, without the cost of arrays."""
    above = 50.0 + POINTS_PER_DECADE * (decades - bearable)
    odd = 50.0 * decades / bearable if decades < bearable else above
    total = weights.anomaly_weight + weights.severity_weight
    return (weights.anomaly_weight * min(100.0, max(0.0, odd)) + weights.severity_weight * severity) / total


def level(value: float, edges: Risk) -> str:
    """CRITICAL, HIGH, MEDIUM, LOW or INFO."""
    for name, edge in (
        ("CRITICAL", edges.critical),
        ("HIGH", edges.high),
        ("MEDIUM", edges.medium),
        ("LOW", edges.low),
    ):
        if value >= edge:
            return name
    return "INFO"
