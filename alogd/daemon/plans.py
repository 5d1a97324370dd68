"""From the configuration to what runs: a plan for each stream, checked before anything is stopped or started."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from alogd.config.tree import Config, StreamOptions, effective_excludes, stream_budget
from alogd.daemon.members import Plan
from alogd.daemon.runner import Core
from alogd.models import bundle
from alogd.models import windows as model_windows
from alogd.registry import find


def plans(config: Config) -> list[Plan]:
    """A plan for each stream. Raises ValueError for what no stream could be made of."""
    own = own_paths(config)
    made = [_plan(config, index, own) for index in range(len(config.streams))]
    for plan in made:
        _check(plan)
    return made


def own_paths(config: Config) -> tuple[str, ...]:
    """What the daemon itself writes; following it would be a loop."""
    paths = [os.path.abspath(config.state.directory)]
    paths += [os.path.abspath(sink["path"]) for sink in config.sinks if sink.get("kind") == "jsonl" and "path" in sink]
    return (*paths, *_redirected())


def _redirected() -> list[str]:
    """The files behind standard output and error, when they are files."""
    paths = []
    for fd in (1, 2):
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                paths.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue
    return paths


def _plan(config: Config, index: int, own: tuple[str, ...]) -> Plan:
    stream = config.streams[index]
    taken = effective_excludes(config, index)
    return Plan(
        name=stream.name,
        make=_maker(config, stream),
        collect=tuple(_without(entry, taken) for entry in stream.collect),
        exclude_paths=own,
        flush_after=_longest_window(stream),
        settings=(stream, config.alerts, config.risk, stream_budget(config), models_in_service(stream)),
    )


def model_directories(stream: StreamOptions) -> list[str]:
    """Where the stream's detectors take trained models from."""
    return [one.options["models"] for one in stream.detectors if isinstance(one.options.get("models"), str)]


def models_in_service(stream: StreamOptions) -> tuple[str, ...]:
    """Which models are in service: another one makes another stream. Raises ValueError that names what is wrong."""
    return tuple(_id_in_service(stream, where) for where in model_directories(stream))


def _id_in_service(stream: StreamOptions, where: str) -> str:
    try:
        found = bundle.read_in_service(where)
    except bundle.BadBundle as error:
        raise ValueError(f"stream {stream.name}: {error}") from None
    if found is None:
        raise ValueError(
            f"stream {stream.name}: no model is in service in {where}; train one: alogd retrain --out {where}"
        )
    if why := model_windows.refusal(found.manifest.windows, stream.windows):
        raise ValueError(f"stream {stream.name}: {found.path}: {why}")
    return found.id


def model_doubts(stream: StreamOptions) -> list[str]:
    """Where its windows differ from those its models were trained on, though not in kind. Raises BadBundle."""
    found: dict[str, None] = {}
    for where in model_directories(stream):
        if (place := bundle.in_service(where)) is not None:
            told = model_windows.doubts(bundle.read_manifest(place).windows, stream.windows)
            found |= dict.fromkeys(f"stream {stream.name}: {place}: {text}" for text in told)
    return list(found)


def _without(entry: Mapping[str, Any], taken: tuple[str, ...]) -> Mapping[str, Any]:
    """A collector's options, less the files that belong to streams before."""
    if entry["kind"] != "file" or not taken:
        return entry
    return {**entry, "exclude": (*entry.get("exclude", ()), *taken)}


def _longest_window(stream: StreamOptions) -> float:
    windows = stream.windows
    return {"count": windows.max_age, "time": windows.width, "session": max(windows.idle, windows.max_age)}[
        windows.kind
    ]


def _maker(config: Config, stream: StreamOptions) -> Callable[..., Core]:
    def make(text: Callable[[int, int, int], bytes | None], names: Callable[[int], str]) -> Core:
        from alogd.stream import Stream

        budget = stream_budget(config)
        return Stream(stream, alerts=config.alerts, risk=config.risk, budget_per_day=budget, text=text, names=names)

    return make


def _check(plan: Plan) -> None:
    for entry in plan.collect:
        options = {name: value for name, value in entry.items() if name != "kind"}
        try:
            cls: Any = find("collectors", str(entry.get("kind")))
            msgspec.convert(options, cls.Options)
        except (KeyError, ValueError) as error:
            raise ValueError(f"stream {plan.name}: {error.args[0] if error.args else error}") from None
