"""One alert laid out for a person: what happened, why it is unusual, what was expected, and the lines themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from alogd.cli.output import count, level_style, paint, safe, time_text, width
from alogd.event import Alert, EvidenceLine, TemplateEvidence

_BAR = 12


def show_alert(alert: Alert, color: bool) -> None:
    """Print all of it."""
    for line in lines_of(alert, color):
        print(line)


def lines_of(alert: Alert, color: bool, *, incident: bool = True) -> Iterator[str]:
    """The alert's layout, line by line, or that of one window told as an alert; text of logs is made safe."""
    badge = paint(f" {alert.level} ", level_style(alert.level), color)
    yield f"{badge} {paint(safe(alert.title), 'bold', color)}"
    yield f"  {_state(alert) if incident else _window(alert)}"
    name = f"   id {alert.id}" if incident else ""
    yield paint(f"  stream {safe(alert.stream)}{_key(alert)}{name}", "dim", color)
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
