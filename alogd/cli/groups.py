"""Alerts of several streams that began together, as lists in a terminal show them: the root, the others below it.

Pure. Every alert that is given is in what comes back, once; one that names a root which is not among them is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from alogd.event import Alert

One = TypeVar("One")
Brief = Mapping[str, Any]


def groups(alerts: Sequence[One], named: Callable[[One], tuple[str, str, int]]) -> list[tuple[One, list[One]]]:
    """(root, others as they began), where the first of them stands; named: an alert's id, cause and first moment."""
    roots = {named(one)[0]: one for one in alerts}
    found: dict[str, tuple[One, list[One]]] = {}
    for one in alerts:
        own, cause, _ = named(one)
        root = cause if cause in roots else own
        group = found.setdefault(root, (roots[root], []))
        if root != own:
            group[1].append(one)
    return [(root, sorted(others, key=lambda one: named(one)[2])) for root, others in found.values()]


def of_alerts(alerts: Sequence[Alert]) -> list[tuple[Alert, bool]]:
    """Row by row, with whether it stands below its root."""
    found = groups(alerts, lambda one: (one.id, one.cause, one.opened_ns))
    return [row for root, others in found for row in [(root, False), *((one, True) for one in others)]]


def of_briefs(alerts: Sequence[Brief], unfolded: Collection[str]) -> list[tuple[Brief, str]]:
    """Row by row, with what stands before its title: how many are folded below it, or that it is one of those."""
    rows: list[tuple[Brief, str]] = []
    for root, others in groups(alerts, lambda one: (one["id"], one.get("cause", ""), one.get("opened_ns", 0))):
        rows.append((root, f"(+{len(others)}) " if others else ""))
        if root["id"] in unfolded:
            rows += [(one, "  + ") for one in others]
    return rows
