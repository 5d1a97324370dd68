"""What the demo shows: on a terminal a live table, elsewhere a line for each event; the tally at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alogd.cli.alert_view import lines_of
from alogd.cli.output import paint, safe, time_text
from alogd.demo.score import Found, Score
from alogd.demo.stage import HISTORY, SPEED, Stage, Struck

if TYPE_CHECKING:
    from rich.console import RenderableType

_LEVELS = {"CRITICAL": "bold white on red", "HIGH": "bold red", "MEDIUM": "yellow", "LOW": "cyan", "INFO": "dim"}


@dataclass(slots=True)
class Facts:
    """What the daemon said of itself last."""

    lines: int = 0
    templates: int = 0


class Plain:
    """For pipes and files: one line for each thing that happens."""

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self._say = say

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def learning(self, stage: Stage, facts: Facts) -> None:
        """Called while the daemon reads the history."""

    def injected(self, struck: Struck) -> None:
        """An incident begins."""
        self._say(f"{_clock(struck.began)}  INJECTED  {struck.incident.what}")

    def alerted(self, found: Found) -> None:
        """The daemon raised an alert."""
        about = f"{_after(found)} after: {found.struck.incident.what}" if found.struck else "FALSE ALARM"
        alert = found.alert
        self._say(
            f"{time_text(alert.updated_ns)[11:]}  {alert.level:<9} risk {alert.risk:.0f}  {alert.stream}: "
            f"{safe(alert.title)}  ({about})"
        )

    def draw(self, stage: Stage, score: Score, facts: Facts) -> None:
        """Called many times a second."""


class Live:
    """For terminals: one table that fills as it happens."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._console = Console(highlight=False)
        self._live = RichLive(console=self._console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def learning(self, stage: Stage, facts: Facts) -> None:
        """Called while the daemon reads the history."""
        from rich.text import Text

        share = min(1.0, facts.lines / max(1, stage.lines))
        bar = "━" * round(40 * share)
        self._live.update(
            Text.assemble(
                ("  learning what is usual  ", "bold"),
                (bar, "green"),
                ("━" * (40 - len(bar)), "dim"),
                f"  {facts.lines:,} of {stage.lines:,} lines, {facts.templates} templates",
            )
        )

    def injected(self, struck: Struck) -> None:
        """The table shows it."""

    def alerted(self, found: Found) -> None:
        """The table shows it."""

    def draw(self, stage: Stage, score: Score, facts: Facts) -> None:
        """The present state of everything."""
        self._live.update(self._table(stage, score, facts))

    def _table(self, stage: Stage, score: Score, facts: Facts) -> RenderableType:
        from rich.box import SIMPLE_HEAD
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
        table.add_column("log time", style="dim", width=8)
        table.add_column("what really happened", ratio=4)
        table.add_column("alert after", width=12)
        table.add_column("risk", width=13)
        table.add_column("what alogd says", ratio=6)
        rows = [(struck.began, _row(struck, score, stage.now)) for struck in stage.struck]
        rows += [(found.alert.opened_ns // 10**9, _false(found)) for found in score.false()]
        for at, cells in sorted(rows, key=lambda row: row[0]):
            table.add_row(_clock(at), *cells)
        clock = f"  log time {_clock(stage.now)} ({SPEED}x)   {facts.lines:,} lines read   {facts.templates} templates"
        return Group(Text(clock, style="bold"), table)


def _row(struck: Struck, score: Score, now: int) -> tuple[RenderableType, ...]:
    from rich.text import Text

    alerts = score.of(struck)
    what = Text(struck.incident.what, style="bold")
    if not alerts:
        waiting = now < struck.ends
        return what, Text("happening" if waiting else "nothing yet", style="yellow"), Text(""), Text("")
    first, worst = alerts[0], max(alerts, key=lambda found: found.alert.risk)
    titles = Text("\n".join(f"{found.alert.stream}: {safe(found.alert.title)}" for found in alerts[:2]))
    return what, Text(_after(first), style="green"), _badge(worst), titles


def _false(found: Found) -> tuple[RenderableType, ...]:
    from rich.text import Text

    title = Text(f"{found.alert.stream}: {safe(found.alert.title)}", style="dim")
    return Text("(nothing was injected)", style="dim"), Text("false alarm", style="magenta"), _badge(found), title


def _badge(found: Found) -> RenderableType:
    from rich.text import Text

    return Text(f"{found.alert.risk:.0f} {found.alert.level}", style=_LEVELS.get(found.alert.level, ""))


def _clock(seconds: int) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(seconds))


def _after(found: Found) -> str:
    """Between the incident's first line and our seeing the alert, by the clock on the wall."""
    assert found.struck is not None
    return f"{found.at - found.struck.began_at:.1f} s"


def tally(stage: Stage, score: Score, color: bool) -> list[str]:
    """The end: what was found, missed and invented, and the gravest alert in full."""
    found = [struck for struck in stage.struck if score.of(struck)]
    missed = [struck for struck in stage.struck if not score.of(struck)]
    delays = sorted(score.of(struck)[0].at - struck.began_at for struck in found)
    lines = [""]
    if score.found:
        worst = max(score.found, key=lambda one: one.alert.risk)
        lines += [paint("The gravest alert, as `alogd alerts show` prints it", "bold", color), ""]
        lines += [*lines_of(worst.alert, color), ""]
    verdict = f"{len(found)} of {len(stage.struck)} incidents found"
    if delays:
        median = delays[len(delays) // 2]
        verdict += f", half of them within {median:.1f} s ({median * SPEED:.0f} s of log time)"
    lines.append(paint(verdict, "green" if not missed else "yellow", color))
    lines += [f"  missed: {struck.incident.what} ({struck.lines} lines)" for struck in missed]
    hours = (stage.now - stage.opens) / 3600
    false, before = len(score.false()), len(score.before)
    lines.append(f"{false} false alarm{'s' * (false != 1)} in {hours:.1f} hours of log time")
    bears = f"the budget bears one an hour, and there were {HISTORY // 3600} hours of it"
    lines.append(f"{before} alert{'s' * (before != 1)} raised while learning ({bears})")
    return lines
