"""One alert laid out for a person: what happened, why it is unusual, what was expected, and the lines themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alogd.alerts.as_json import shown_ack
from alogd.cli.output import count, level_style, paint, safe, time_text, width
from alogd.event import Alert, Also, EvidenceLine, TemplateEvidence
from alogd.feedback.acks import Ack

_BAR = 12


def show_alert(alert: Alert, color: bool, ack: Ack | None = None, root: Alert | None = None) -> None:
    """Print all of it; root: the alert that tells of it."""
    for line in lines_of(alert, color, ack=shown_ack(ack), root=root):
        print(line)


def lines_of(
    alert: Alert,
    color: bool,
    *,
    incident: bool = True,
    ack: Mapping[str, Any] | None = None,
    root: Alert | None = None,
) -> Iterator[str]:
    """The alert's layout, line by line, or that of one window told as an alert; text of logs is made safe."""
    badge = paint(f" {alert.level} ", level_style(alert.level), color)
    yield f"{badge} {paint(safe(alert.title), 'bold', color)}"
    yield f"  {_state(alert) if incident else _window(alert)}"
    if ack is not None:
        yield f"  {acked_text(ack)}"
    name = f"   id {alert.id}" if incident else ""
    yield paint(f"  stream {safe(alert.stream)}{_key(alert)}{name}", "dim", color)
    yield from _together(alert, root, color)
    yield ""
    yield f"  risk {alert.risk:.0f} = anomaly {alert.anomaly:.0f} with severity {alert.severity:.0f}"
    for name, signed in sorted(alert.detectors.items(), key=lambda item: -item[1]):
        share = max(0.0, signed)  # never "-0%"
        found = f"   finds it {max(0.0, alert.scores[name]):.0f} of 100 unusual" if name in alert.scores else ""
        yield f"    {name:<11}{bar(share)} {share:4.0%}{found}"
    if alert.reasons:
        yield from ("", paint("  Why", "bold", color))
        yield from _wrapped(alert.reasons)
    if alert.templates:
        yield from ("", paint("  What is unusual", "bold", color))
        for template in alert.templates:
            yield from _template(template, color)
    if alert.lines:
        yield from ("", paint("  Lines", "bold", color))
        yield from _evidence(alert.lines, color)


def _together(alert: Alert, root: Alert | None, color: bool) -> Iterator[str]:
    """What began at the same time in other streams, the first of it first."""
    first = root if alert.cause else alert
    if first is None:
        yield f"  began together with {alert.cause}, which tells of it"
        return
    if first is not alert:
        yield _other("began in", first, color)
    elif alert.also:
        yield f"  began here, in {safe(alert.stream)}"
    yield from (_other("also in", one, color) for one in first.also if one.id != alert.id)


def _other(how: str, one: Alert | Also, color: bool) -> str:
    level = paint(one.level, level_style(one.level), color)
    return f"  {how} {safe(one.stream)}: {level} {safe(one.title)}  ({one.id})"


def in_short(alert: Alert) -> str:
    """Its title, with the streams it stands for, or the alert that stands for it."""
    if alert.cause:
        return f"{alert.title} [with {alert.cause[:12]}]"
    also = ", ".join(one.stream for one in alert.also)
    return f"{alert.title} [also in {also}]" if also else alert.title


def acked_text(ack: Mapping[str, Any]) -> str:
    """Who has taken an alert on, when and why, as the API tells it."""
    why = f": {safe(ack['why'])}" if ack["why"] else ""
    return f"acknowledged by {safe(ack['by']) or 'somebody'}, {time_text(int(ack['at'] * 1e9))}{why}"


def bar(share: float) -> str:
    """A share as a bar of fixed width."""
    filled = round(max(0.0, min(1.0, share)) * _BAR)
    return "#" * filled + "." * (_BAR - filled)


def _state(alert: Alert) -> str:
    opened, updated = time_text(alert.opened_ns), time_text(alert.updated_ns)
    times = f"firing since {opened}, last seen {updated}"
    if alert.resolved_ns is not None:
        times = f"{opened} to {updated}, resolved {time_text(alert.resolved_ns)}"
    if not alert.lines_seen:  # it is about what did not come
        return times
    return f"{times}; {count(alert.windows, 'odd window')} of {count(alert.lines_seen, 'line')}"


def _window(alert: Alert) -> str:
    text = f"a window of {count(alert.lines_seen, 'line')}"
    return f"{text}, {time_text(alert.opened_ns)} to {time_text(alert.updated_ns)}" if alert.opened_ns > 0 else text


def _key(alert: Alert) -> str:
    return f"   {safe(alert.key)}" if alert.key else ""


def _wrapped(sentences: Sequence[str]) -> Iterator[str]:
    limit = min(width(), 110)
    for sentence in sentences:
        yield from textwrap.wrap(safe(sentence), limit - 4, initial_indent="    - ", subsequent_indent="      ")


def _template(template: TemplateEvidence, color: bool) -> Iterator[str]:
    new = paint("new ", "yellow", color) if template.is_new else ""
    yield f"    {bar(template.share)} {template.share:4.0%}  {new}{safe(template.text)}"
    yield paint(f"{'':22}seen {_number(template.seen)}, expected {_number(template.expected)}", "dim", color)
    if template.nearest and is_alike(template.text, template.difference):
        yield paint(f"{'':22}nearest known: {safe(template.nearest)}", "dim", color)
        for there, here in template.difference:
            yield f"{'':22}{paint('- ' + safe(there), 'red', color)}  {paint('+ ' + safe(here), 'green', color)}"


def is_alike(text: str, difference: Sequence[tuple[str, str]]) -> bool:
    """Whether half of the tokens are shared; listing all differences of two strangers tells nothing."""
    words = sum(max(len(there.split()), len(here.split())) for there, here in difference)
    return 2 * words <= len(text.split())


def _number(number: float) -> str:
    return f"{number:.0f}" if number == int(number) or number >= 10 else f"{number:.2g}"


def _evidence(lines: Sequence[EvidenceLine], color: bool) -> Iterator[str]:
    source = None
    wide = max(len(str(line.offset)) for line in lines)
    for line in lines:
        if line.source != source:
            source = line.source
            yield paint(f"    {safe(source)}, at byte", "dim", color)
        place, style = (f"{line.offset:>{wide}} > ", "") if line.marked else (f"{line.offset:>{wide}}   ", "dim")
        for row in line.text.split("\n"):
            yield f"    {paint(place + safe(row.expandtabs(4)), style, color)}"
            place = " " * len(place)
