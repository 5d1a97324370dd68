"""What another configuration would have meant: two replays of the same files compared, alert by alert.

Two alerts are one when they are of the same stream and overlap in log time, each with the one it covers best (shared
time by the time of both); what has no counterpart appears or vanishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from alogd.alerts import as_json as alert_json
from alogd.amounts import count
from alogd.cli.output import level_style, table, time_text, use_color, write
from alogd.event import Alert

Kind = Literal["appears", "vanishes", "level", "same"]
HEADS = ("time (UTC)", "level", "risk", "change", "stream", "id", "title")
_WORDS: dict[Kind, str] = {"appears": "+ appears", "vanishes": "- vanishes", "level": "~ level", "same": "  stays"}


@dataclass(frozen=True, slots=True)
class Change:
    """An alert of either side, or of both."""

    old: Alert | None
    new: Alert | None

    @property
    def kind(self) -> Kind:
        if self.old is None:
            return "appears"
        if self.new is None:
            return "vanishes"
        return "same" if self.old.level == self.new.level else "level"

    @property
    def shown(self) -> Alert:
        """The one that tells when and what."""
        one = self.new or self.old
        assert one is not None
        return one


def last_moments(alerts: Iterable[Alert], since_ns: int | None = None) -> list[Alert]:
    """Each alert as it stood at the end, oldest first; without those that were last seen before `since_ns`."""
    last = {alert.id: alert for alert in alerts}.values()
    kept = (alert for alert in last if since_ns is None or alert.updated_ns >= since_ns)
    return sorted(kept, key=lambda alert: (alert.opened_ns, alert.id))


def compare(old: Sequence[Alert], new: Sequence[Alert]) -> list[Change]:
    """Every alert of both sides once, in order of time. Both sides sorted by `opened_ns`, at most one moment an id."""
    pairs = dict(_pairs(old, new))
    counterparts = set(pairs.values())
    changes = [Change(old[pairs[i]] if i in pairs else None, alert) for i, alert in enumerate(new)]
    changes += [Change(alert, None) for i, alert in enumerate(old) if i not in counterparts]
    return sorted(changes, key=lambda change: (change.shown.opened_ns, change.shown.id))


def _pairs(old: Sequence[Alert], new: Sequence[Alert]) -> Iterable[tuple[int, int]]:
    """Indexes (new, old) of what is one: the same id first, then what covers each other best."""
    meets: list[tuple[bool, float, int, int]] = []  # another id, what is not covered, new, old
    begun = 0
    longest = max((one.updated_ns - one.opened_ns for one in old), default=0)
    for i, one in enumerate(new):
        while begun < len(old) and old[begun].opened_ns + longest < one.opened_ns:
            begun += 1
        for j in range(begun, len(old)):
            if old[j].opened_ns > one.updated_ns:
                break
            shared = min(one.updated_ns, old[j].updated_ns) - max(one.opened_ns, old[j].opened_ns)
            if shared >= 0 and old[j].stream == one.stream:
                both = max(one.updated_ns, old[j].updated_ns) - min(one.opened_ns, old[j].opened_ns)
                meets.append((old[j].id != one.id, -(shared + 1) / (both + 1), i, j))
    taken_new: set[int] = set()
    taken_old: set[int] = set()
    for _, _, i, j in sorted(meets):
        if i not in taken_new and j not in taken_old:
            taken_new.add(i)
            taken_old.add(j)
            yield i, j


def show(changes: Sequence[Change], output: str, no_color: bool) -> None:
    """What differs as a table; all of it, with both sides' alerts, as JSON."""
    if output != "table":
        _emit(changes, output)
        return
    rows = [change for change in changes if change.kind != "same"]
    if not rows:
        print("no alert appears, vanishes or changes its level")
        return
    styles = [level_style(change.shown.level) for change in rows]
    table(HEADS, [_row(change) for change in rows], use_color(no_color), styles)


def _row(change: Change) -> tuple[object, ...]:
    one = change.shown
    level, risk = one.level, f"{one.risk:.0f}"
    if change.kind == "level" and change.old is not None:
        level, risk = f"{change.old.level} > {level}", f"{change.old.risk:.0f} > {risk}"
    return (time_text(one.opened_ns), level, risk, _WORDS[change.kind], one.stream, one.id[:12], one.title)


def _emit(changes: Sequence[Change], output: str) -> None:
    rows = [
        b'{"change":"%s","old":%s,"new":%s}' % (change.kind.encode(), _side(change.old), _side(change.new))
        for change in changes
    ]
    write(b"[" + b",\n".join(rows) + b"]\n" if output == "json" else b"".join(row + b"\n" for row in rows))


def _side(alert: Alert | None) -> bytes:
    return b"null" if alert is None else alert_json.encode(alert)


def summary(changes: Sequence[Change]) -> str:
    """How much differs, in one sentence."""
    kinds = [change.kind for change in changes]
    appear, vanish, level, same = (kinds.count(kind) for kind in ("appears", "vanishes", "level", "same"))
    return (
        f"{count(appear, 'alert')} {_verb(appear, 'appear')}, {vanish:,} {_verb(vanish, 'vanish', 'vanishes')},"
        f" {level:,} {_verb(level, 'change')} level, {same:,} {_verb(same, 'stay')}"
    )


def _verb(number: int, many: str, one: str | None = None) -> str:
    return (one or f"{many}s") if number == 1 else many
