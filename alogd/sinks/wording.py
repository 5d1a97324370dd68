"""Texts of an operator's own with an alert's values in them: `{level} on {stream}: {title}`.

A closed list of fields and nothing else: no attributes, no formats, nothing that runs. What comes from logs is made
safe by the sink that sends it; the words around it are the operator's and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Annotated

from msgspec import Meta

from alogd.alerts.as_json import rfc3339
from alogd.alerts.links import ACTIONS
from alogd.config.scalar import nearest
from alogd.event import Alert
from alogd.sinks.client import HttpOptions

MOST = 10  # templates and lines told
Template = Annotated[str, Meta(min_length=1, max_length=2000)]

FIELDS: Mapping[str, Callable[[Alert], Sequence[str]]] = {
    "id": lambda alert: (alert.id,),
    "status": lambda alert: (alert.status,),
    "stream": lambda alert: (alert.stream,),
    "key": lambda alert: (alert.key,),
    "hosts": lambda alert: (", ".join(alert.hosts),),
    "also": lambda alert: (", ".join(one.stream for one in alert.also),),
    "level": lambda alert: (alert.level,),
    "title": lambda alert: (alert.title,),
    "reasons": lambda alert: ("; ".join(alert.reasons),),
    "templates": lambda alert: [template.text for template in alert.templates[:MOST]],
    "risk": lambda alert: (f"{alert.risk:.0f}",),
    "anomaly": lambda alert: (f"{alert.anomaly:.0f}",),
    "severity": lambda alert: (f"{alert.severity:.0f}",),
    "windows": lambda alert: (str(alert.windows),),
    "lines_seen": lambda alert: (str(alert.lines_seen),),
    "opened": lambda alert: (rfc3339(alert.opened_ns) or "",),
    "updated": lambda alert: (rfc3339(alert.updated_ns) or "",),
    "resolved": lambda alert: (rfc3339(alert.resolved_ns) or "",),
    "lines": lambda alert: [line.text for line in alert.lines if line.marked][:MOST],
}
LINKS = ("link", *(f"link_{action}" for action in ACTIONS))


class WordedOptions(HttpOptions, frozen=True, kw_only=True):
    """What a sink may be told that sends texts for people."""

    lines: bool = False  # send the lines themselves, not only their templates and where they stand
    title: Template | None = None  # your own words for the headline: "{level} on {stream}: {title}"
    text: Template | None = None  # ... and for what stands below it

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, template in (("title", self.title), ("text", self.text)):
            try:
                parsed(template or "", self.lines)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None


Parts = Sequence[tuple[str, str]]  # words, and the field that follows them ("": none)


def parsed(template: str, lines: bool) -> Parts:
    """Its parts. Raises ValueError for a field that there is not, and for `{lines}` where lines are not to be sent."""
    parts = []
    try:
        found = list(Formatter().parse(template))
    except ValueError:
        raise ValueError("a brace stands alone; write {{ or }} for one that is meant") from None
    for words, name, form, conversion in found:
        if name is not None and name not in FIELDS and name not in LINKS:
            raise ValueError(f"{{{name}}} is no field; {nearest(name, [*FIELDS, *LINKS])}")
        if form or conversion:
            raise ValueError(f"{{{name}}} takes no format")
        if name == "lines" and not lines:
            raise ValueError("{lines} needs `lines: true`: they leave the host with it")
        parts.append((words, name or ""))
    return parts


class Wording:
    """The two texts of one sink; what is not given is the sink's own."""

    def __init__(self, options: WordedOptions) -> None:
        self._title = None if options.title is None else parsed(options.title, options.lines)
        self._text = None if options.text is None else parsed(options.text, options.lines)

    def title(self, alert: Alert, links: Mapping[str, str], safe: Callable[[str], str]) -> str | None:
        return None if self._title is None else _filled(self._title, alert, links, safe)

    def text(self, alert: Alert, links: Mapping[str, str], safe: Callable[[str], str]) -> str | None:
        return None if self._text is None else _filled(self._text, alert, links, safe)


def _filled(parts: Parts, alert: Alert, links: Mapping[str, str], safe: Callable[[str], str]) -> str:
    """Values are made safe one by one; of several each has a line of its own."""
    told = []
    for words, name in parts:
        told.append(words)
        if name in LINKS:
            told.append(links.get(name, ""))  # ours: nothing of a log is in it
        elif name:
            told.append("\n".join(safe(value) for value in FIELDS[name](alert)))
    return "".join(told)
