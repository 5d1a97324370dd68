"""The plugins: one dict per kind, filled by decorators and by the entry points of third parties."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

T = TypeVar("T", bound=type)

# One line a built-in plugin: its name and the module that registers it, imported when it is first asked for.
BUILT_IN: dict[str, dict[str, str]] = {
    "collectors": {
        "file": "alogd.collectors.file",
        "stdin": "alogd.collectors.stdin",
        "journald": "alogd.collectors.journald",
        "kafka": "alogd.collectors.kafka",
    },
    "detectors": {
        "ewma": "alogd.detectors.ewma",
        "loganomaly": "alogd.detectors.loganomaly",
        "deeplog": "alogd.detectors.deeplog",
        "logbert": "alogd.detectors.logbert",
        "mscred": "alogd.detectors.mscred",
    },
    "sinks": {
        "log": "alogd.sinks.log",
        "jsonl": "alogd.sinks.jsonl",
        "webhook": "alogd.sinks.webhook",
        "alertmanager": "alogd.sinks.alertmanager",
        "slack": "alogd.sinks.slack",
        "pagerduty": "alogd.sinks.pagerduty",
        "kafka": "alogd.sinks.kafka",
    },
}

_classes: dict[tuple[str, str], type] = {}


def register(kind: str, name: str) -> Callable[[T], T]:
    """Class decorator: `@register("detectors", "ewma")`. Raises ValueError when another class has the name."""

    def add(cls: T) -> T:
        other = _classes.setdefault((kind, name), cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"{kind[:-1]} {name!r} of {cls.__module__} is already registered by {other.__module__}")
        return cls

    return add


def names(kind: str) -> list[str]:
    """Names of all plugins of a kind, third parties' (entry point group `alogd.<kind>`) included."""
    return sorted({*BUILT_IN[kind], *(point.name for point in _entry_points(kind))})


def has(kind: str, name: str) -> bool:
    """Whether `names` has it; what is installed is looked through only for names that are not built in."""
    return name in BUILT_IN[kind] or name in names(kind)


def find(kind: str, name: str) -> type:
    """The class registered under a name. Raises KeyError that names the known ones."""
    if (kind, name) not in _classes:
        if module := BUILT_IN[kind].get(name):
            import_module(module)
        else:  # looking through all that is installed takes a while, and a built-in name is not to be had anyway
            for point in _entry_points(kind):
                if point.name == name:
                    register(kind, name)(point.load())
    if (kind, name) not in _classes:
        raise KeyError(f"no {kind[:-1]} named {name!r}; there are: {', '.join(names(kind))}")
    return _classes[kind, name]


def _entry_points(kind: str) -> EntryPoints:
    found: EntryPoints = _installed().select(group=f"alogd.{kind}")
    return found


@cache
def _installed() -> Any:
    """Entry points of all that is installed; looking takes a while, so it is done once, and only when asked for."""
    from importlib.metadata import entry_points

    return entry_points()
