"""Why a window is odd, in lines, templates and sentences a person can act on.

Everything told is taken from the lines themselves and from what templates were when they were created, so the same
log gives the same words whenever and however it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alogd.alerts.redact import Redactor
from alogd.detectors.base import NEW, Contribution
from alogd.event import EvidenceLine, TemplateEvidence, WindowBatch

MAX_TEMPLATES = 5
MAX_LINES = 5  # marked lines
CONTEXT = 2  # lines before and after each
MAX_TEXT = 512  # bytes of a line shown
FEW = 10  # records; of a window closed with fewer nothing is said to be missing
LOOK_BACK = 4096  # bytes read before a marked line for its context


@dataclass(frozen=True, slots=True)
class Reader:
    """How evidence gets at texts; all pure look-ups."""

    text: Callable[[int, int, int], bytes | None]  # source, offset, length -> bytes
    name: Callable[[int], str]  # of a source
    masked: Callable[[bytes, int], tuple[str, str, str, str]]  # line, source -> masked, key, why so severe, host
    first: Callable[[int], str]  # template slot -> its text when created
    nearest: Callable[[int], tuple[str, Sequence[tuple[str, str]]] | None]  # slot -> nearest older template, difference
    fingerprint: Callable[[str], str]
    show: Redactor  # hides what alerts do not show


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an alert shows."""

    templates: Sequence[TemplateEvidence]
    lines: Sequence[EvidenceLine]
    reasons: Sequence[str]
    key: str
    causes: Sequence[str]  # fingerprints of the templates shown
    worst: str  # fingerprint of the most severe record's template
    hosts: tuple[str, ...]  # that its odd lines name


def gather(
    windows: WindowBatch, index: int, contributions: Mapping[str, Sequence[Contribution]], reader: Reader
) -> Evidence:
    """Evidence for one window; `contributions` by detector, shares of the whole anomaly."""
    begin, end = int(windows.start[index]), int(windows.start[index + 1])
    merged = _merge(contributions)
    where = {slot: _first_record(windows, begin, end, slot) for slot in merged}
    odd = [at for at in where.values() if at is not None]
    worst = begin + int(np.argmax(windows.severity[begin:end]))
    marked = sorted(dict.fromkeys([worst, *odd][:MAX_LINES]))
    records = slice(begin, end)
    shown = [
        _template(windows, records, where[part.slot], part, reader) for part in list(merged.values())[:MAX_TEMPLATES]
    ]
    says, key = _read(windows, worst, reader)
    return Evidence(
        templates=shown,
        lines=_lines(windows, marked, end - 1, reader),
        reasons=_reasons(shown, int(windows.severity[worst]), says, end - begin),
        key=key,
        causes=[template.fingerprint for template in shown],
        worst=reader.fingerprint(reader.first(int(windows.slot[worst]))),
        hosts=_hosts(windows, marked, reader),
    )


def _merge(contributions: Mapping[str, Sequence[Contribution]]) -> dict[int, Contribution]:
    """One contribution a template, shares added over detectors, largest first; the novelty itself is no template."""
    shares: dict[int, float] = {}
    first: dict[int, Contribution] = {}
    instead: dict[int, tuple[str, ...]] = {}
    for parts in contributions.values():
        for part in parts:
            if part.slot == NEW or part.share < 0.01:
                continue
            shares[part.slot] = shares.get(part.slot, 0.0) + part.share
            first.setdefault(part.slot, part)
            if part.instead:
                instead.setdefault(part.slot, part.instead)
    order = sorted(shares, key=lambda slot: (-shares[slot], slot))
    return {slot: replace(first[slot], share=shares[slot], instead=instead.get(slot, ())) for slot in order}


def _first_record(windows: WindowBatch, begin: int, end: int, slot: int) -> int | None:
    at = np.flatnonzero(windows.slot[begin:end] == slot)
    return begin + int(at[0]) if len(at) else None


def _read(windows: WindowBatch, at: int, reader: Reader) -> tuple[str, str]:
    """What tells a record's severity, and its key; "" where its text is gone."""
    line = _text(windows, at, reader)
    if line is None:
        return "", ""
    _, key, says, _ = reader.masked(line, int(windows.source[at]))
    return says, key


def _hosts(windows: WindowBatch, marked: Sequence[int], reader: Reader) -> tuple[str, ...]:
    lines = [(line, int(windows.source[at])) for at in marked if (line := _text(windows, at, reader)) is not None]
    return tuple(sorted({host for line, source in lines if (host := reader.masked(line, source)[3])}))


def _text(windows: WindowBatch, at: int, reader: Reader) -> bytes | None:
    return reader.text(int(windows.source[at]), int(windows.offset[at]), int(windows.length[at]))


def _template(
    windows: WindowBatch, records: slice, at: int | None, part: Contribution, reader: Reader
) -> TemplateEvidence:
    line = None if at is None else _text(windows, at, reader)
    text = reader.first(part.slot) if line is None else reader.masked(line, int(windows.source[at or 0]))[0]
    new = bool((windows.is_new[records] & (windows.slot[records] == part.slot)).any())
    nearest = reader.nearest(part.slot) if new else None
    return TemplateEvidence(
        text=reader.show.template(text)[:MAX_TEXT],
        fingerprint=reader.fingerprint(reader.first(part.slot)),
        is_new=new,
        seen=round(part.seen, 3),
        expected=round(part.expected, 3),
        share=round(part.share, 4),
        nearest=None if nearest is None else nearest[0][:MAX_TEXT],
        difference=() if nearest is None else tuple(nearest[1])[:16],
        instead=tuple(reader.show.template(other)[:MAX_TEXT] for other in part.instead),
    )


def _lines(windows: WindowBatch, marked: Sequence[int], last: int, reader: Reader) -> list[EvidenceLine]:
    """Marked lines with their neighbours in the same source, up to the window's last line there, each line once."""
    shown: dict[tuple[int, int], EvidenceLine] = {}
    for at in marked:
        source, offset, length = int(windows.source[at]), int(windows.offset[at]), int(windows.length[at])
        name = reader.name(source)
        ends = int(windows.offset[last]) + int(windows.length[last]) if int(windows.source[last]) == source else None
        for where, line in _neighbours(source, offset, length, ends, reader):
            mine = where == offset
            old = shown.get((source, where))
            if old is None or (mine and not old.marked):
                shown[source, where] = EvidenceLine(name, where, display(reader.show.line(line)), mine)
    return [shown[place] for place in sorted(shown)]


def _neighbours(source: int, offset: int, length: int, ends: int | None, reader: Reader) -> list[tuple[int, bytes]]:
    before = max(0, offset - LOOK_BACK)
    head = reader.text(source, before, offset - before) or b""
    found: list[tuple[int, bytes]] = []
    at = offset
    whole = head.split(b"\n")[1:-1] if before else head.split(b"\n")[:-1]  # the first began before what was read
    for line in reversed(whole[-CONTEXT:]):
        at -= len(line) + 1
        found.insert(0, (at, line))
    own = reader.text(source, offset, length)
    if own is not None:
        found.append((offset, own))
    after = offset + length + 1
    if ends is not None and ends > after:
        at = after
        tail = (reader.text(source, after, min(ends - after, LOOK_BACK)) or b"").split(b"\n")
        if ends - after > LOOK_BACK and reader.show.is_on:
            tail.pop()  # cut: what a mask would find in it may have lost its end
        for line in tail[:CONTEXT]:
            found.append((at, line))
            at += len(line) + 1
    return [(where, line) for where, line in found if line.strip()]


def display(line: bytes) -> str:
    """A line's beginning as text; bytes that are not UTF-8 are shown as escapes."""
    return line[:MAX_TEXT].rstrip(b"\r\n").decode("utf-8", "backslashreplace")


def _reasons(templates: Sequence[TemplateEvidence], severity: int, says: str, records: int) -> list[str]:
    """Sentences, the most telling first; at least one where any template is known."""
    new = [template for template in templates if template.is_new]
    more = f" and {len(new) - 1} more" if new[1:] else ""
    sentences = [f"never seen before: {_quote(new[0].text)}{more}"] if new else []
    if unexpected := next((t for t in templates if t.instead and not t.is_new), None):
        sentences.append(f"expected {_either(unexpected.instead[:2])}, saw {_quote(unexpected.text)}")
    counted = [t for t in templates if not t.is_new and _differs(t) and (t.seen > t.expected or records >= FEW)]
    sentences += [_count(template) for template in counted[: 3 - len(sentences)]]
    if severity >= 60 and says:
        sentences.append(f"a line {says} (severity {severity})")
    if not sentences and templates:
        sentences.append(f"an unusual mix or order of lines, most of all {_quote(templates[0].text)}")
    return sentences


def _either(texts: Sequence[str]) -> str:
    return " or ".join(map(_quote, texts))


def _count(template: TemplateEvidence) -> str:
    text, expected = _quote(template.text), template.expected
    if template.seen < expected:
        return f"missing: {text}, usually {_number(expected)} times, now {_number(template.seen)}"
    seen = "once" if template.seen == 1 else f"{_number(template.seen)} times"
    if expected >= 1:
        return f"{seen} {text}, usually {_number(expected)}"
    return f"{seen} {text}, " + (
        f"usually once in {1 / expected:.0f} windows" if expected >= 0.005 else "usually never"
    )


def _differs(template: TemplateEvidence) -> bool:
    """Whether the count itself is worth a sentence; where only the order is odd it is not."""
    return abs(template.seen - template.expected) >= max(1.0, 0.25 * template.expected)


def _quote(text: str) -> str:
    return f'"{text[:117]}..."' if len(text) > 120 else f'"{text}"'


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.2g}"
