"""What stayed away, as alerts: one for what stops together, firing until all of it is back.

All times are log time. Bounded: MAX_OPEN alerts at once, MAX_NAMED things named in each, and so many begun in a day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import msgspec

from alogd.alerts.evidence import MAX_TEXT, display
from alogd.alerts.redact import Redactor
from alogd.config.tree import Alerts, Risk
from alogd.engine.template_name import fingerprint
from alogd.event import Alert, EvidenceLine, TemplateEvidence
from alogd.judging.risk import level
from alogd.silence.quiet import Kind, Quiet

DETECTOR = "silence"
MAX_OPEN = 64
MAX_NAMED = 16
DAY_NS = 86_400 * 10**9
BURST = 2.0  # at most this many times the alert budget begins in a day
MARKS: dict[Kind, tuple[float, float]] = {  # anomaly and severity: HIGH, MEDIUM and MEDIUM with the usual weights
    "source": (80.0, 60.0),
    "beat": (70.0, 40.0),
    "rate": (60.0, 30.0),
}


class Away(msgspec.Struct, forbid_unknown_fields=True):
    """One alert that fires."""

    alert: Alert
    keys: list[str]  # of what is not back yet
    since: int  # when the first of them was there last


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    open: list[Away]
    began: list[int]
    suppressed: int


@dataclass(frozen=True, slots=True)
class Reader:
    """How alerts get at names and texts; all pure look-ups."""

    stream: str
    text: Callable[[int, int, int], bytes | None]  # source, offset, length -> bytes
    template: Callable[[int], str]  # slot -> its text when created
    show: Redactor


class SilenceAlerts:
    """The alerts of one stream about what is away."""

    def __init__(self, alerts: Alerts, weights: Risk, budget_per_day: float) -> None:
        self.open: list[Away] = []
        self.suppressed = 0  # not told because the day's budget was used up
        self._began: list[int] = []
        self._join_ns = round(alerts.join_within * 1e9)
        self._weights = weights
        self._most = max(1.0, BURST * budget_per_day)

    def tell(self, found: Sequence[Quiet], reader: Reader) -> list[tuple[int, Alert]]:
        """What becomes of it in order, each with when it was found."""
        told = [(one.found, self._back(one) if one.back else self._missing(one, reader)) for one in found]
        return [(when, alert) for when, alert in told if alert is not None]

    def _missing(self, one: Quiet, reader: Reader) -> Alert | None:
        near = next((away for away in reversed(self.open) if abs(one.last - away.since) <= self._join_ns), None)
        if near is not None and len(near.alert.reasons) < MAX_NAMED:
            near.keys.append(one.key)
            near.alert = self._joined(near.alert, self._alert(one, reader))
            return near.alert
        self._began = [at for at in self._began if at > one.at - DAY_NS]
        if len(self._began) >= self._most or len(self.open) >= MAX_OPEN:
            self.suppressed += 1
            return None
        self._began.append(one.at)
        self.open.append(Away(self._alert(one, reader), [one.key], one.last))
        return self.open[-1].alert

    def _joined(self, old: Alert, new: Alert) -> Alert:
        worst = max(old, new, key=lambda alert: alert.risk)
        return replace(
            old,
            risk=worst.risk,
            level=worst.level,
            anomaly=worst.anomaly,
            severity=worst.severity,
            updated_ns=max(old.updated_ns, new.updated_ns),
            windows=old.windows + 1,
            templates=[*old.templates, *new.templates],
            lines=[*old.lines, *new.lines],
            reasons=[*old.reasons, *new.reasons],
        )

    def _back(self, one: Quiet) -> Alert | None:
        """Over once all of it is back; None before."""
        for away in self.open:
            if one.key in away.keys:
                away.keys.remove(one.key)
                if away.keys:
                    return None
                self.open.remove(away)
                return replace(away.alert, status="resolved", updated_ns=one.at, resolved_ns=one.at)
        return None

    def _alert(self, one: Quiet, reader: Reader) -> Alert:
        anomaly, severity = MARKS[one.kind]
        weights = self._weights
        total = weights.anomaly_weight + weights.severity_weight
        risk = (weights.anomaly_weight * anomaly + weights.severity_weight * severity) / total
        why = _why(one, reader)
        return Alert(
            id=blake2b(
                f"{reader.stream}\0{one.key}\0{one.at}".encode("utf-8", "surrogateescape"), digest_size=8
            ).hexdigest(),
            status="firing",
            stream=reader.stream,
            key="",
            title=why,
            risk=round(risk, 1),
            level=level(risk, weights),
            anomaly=anomaly,
            severity=severity,
            opened_ns=one.at,
            updated_ns=one.at,
            resolved_ns=None,
            windows=1,
            lines_seen=0,
            detectors={DETECTOR: 1.0},
            scores={DETECTOR: anomaly},
            templates=_templates(one, reader),
            lines=_lines(one, reader),
            reasons=[why],
        )

    def save(self) -> bytes:
        return msgspec.json.encode(Saved(self.open, self._began, self.suppressed))

    def load(self, data: bytes) -> None:
        """Raises ValueError when damaged."""
        saved = msgspec.json.decode(data, type=Saved)
        self.open, self._began, self.suppressed = saved.open, saved.began, saved.suppressed


def _why(one: Quiet, reader: Reader) -> str:
    away = span(one.at - one.last)
    if one.kind == "rate":
        return f"{one.name} writes less: {one.count:,} records in an hour, at least {one.usual:,} are usual then"
    if one.kind == "source":
        return f"nothing from {one.name} for {away}; up to {span(one.usual)} is usual"
    text = reader.show.template(reader.template(one.slot))
    return f'no more "{text[:117]}" for {away}; it came every {span(one.usual)}'


def _templates(one: Quiet, reader: Reader) -> list[TemplateEvidence]:
    if one.kind != "beat":
        return []
    text = reader.template(one.slot)
    expected = round((one.at - one.last) / one.usual, 1)
    shown = reader.show.template(text)[:MAX_TEXT]
    return [TemplateEvidence(shown, fingerprint(text), is_new=False, seen=0.0, expected=expected, share=1.0)]


def _lines(one: Quiet, reader: Reader) -> list[EvidenceLine]:
    """The last line there was."""
    if one.place is None:
        return []
    number, offset, length, _ = one.place
    line = reader.text(number, offset, length)
    return [] if line is None else [EvidenceLine(one.name, offset, display(reader.show.line(line)), marked=True)]


def span(ns: int) -> str:
    """A time in words: its two largest units."""
    seconds = max(0, ns) // 10**9
    parts: list[str] = []
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
