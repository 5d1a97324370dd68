"""Loads a configuration: YAML -> checked, frozen `Config`, or one ConfigError that names all that is wrong.

What no type can say (parts that speak of each other, masks that must compile) is checked by the rules below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alogd.config.decode import Decoder, Rule
from alogd.config.nodes import MAX_BYTES, ConfigError, Mark, Problem, YamlError, parse
from alogd.config.scalar import nearest
from alogd.config.tree import (
    SEARCH,
    Alerts,
    Config,
    EngineOptions,
    Http,
    Maintenance,
    Multiline,
    Risk,
    StreamOptions,
    WindowOptions,
    budget_per_day,
)
from alogd.engine.names import MASKS

__all__ = ["SEARCH", "ConfigError", "Loaded", "check_listen", "find_config", "load", "load_config"]

_RECORD_KEYS = ("source", "program", "host", "pid", "none")
_SURELY_FIT = 60_000  # bytes of phrases, a state each at most; only more than that has to be tried out
_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):([0-9]{1,5})\Z")

Findings = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A good configuration, the name messages call it by, and what is doubtful in it."""

    config: Config
    name: str
    warnings: list[Problem]


def find_config() -> Path | None:
    """The first file of SEARCH that exists."""
    return next((Path(place) for place in SEARCH if os.path.exists(place)), None)


def load_config(source: str | Path, *, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration in a file, or in a text (a str with a newline in it). Raises ConfigError, OSError."""
    return load(source, environment=environment).config


def load(source: str | Path, *, environment: Mapping[str, str] | None = None) -> Loaded:
    """`load_config` together with warnings. Raises ConfigError, OSError."""
    is_text = isinstance(source, str) and "\n" in source
    name = "<text>" if is_text else str(source)
    text = str(source) if is_text else _read(Path(source), name)
    try:
        root = parse(text)
    except YamlError as error:
        raise ConfigError(name, [error.problem]) from None
    decoder = Decoder(os.environ if environment is None else environment, RULES)
    config = decoder.root(Config, root)
    if decoder.problems or config is None:
        raise ConfigError(name, decoder.problems)
    warnings = [Problem(_mark(decoder.marks, path), path, text) for path, text in _doubts(config)]
    return Loaded(config, name, sorted(warnings, key=lambda warning: warning.mark.line))


def _read(path: Path, name: str) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        raise ConfigError(name, [Problem(mark, "", "not valid UTF-8")]) from None


def _mark(marks: Mapping[str, Mark], path: str) -> Mark:
    """The place of a path, or of the nearest part around it."""
    while path and path not in marks:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return marks.get(path, Mark(1, 1))


# Rules: what is wrong though every value alone is right


def _engine(options: EngineOptions) -> Findings:
    names = [mask.name for mask in options.user_masks]
    for index, mask in enumerate(options.user_masks):
        if mask.name in names[:index]:
            yield f"user_masks[{index}].name", f'a mask named "{mask.name}" stands above'
        if message := _mask_problem(mask.pattern):
            yield f"user_masks[{index}].pattern", message
    if len(set(options.masks)) != len(options.masks):
        yield "masks", "a mask is named twice"


def _mask_problem(pattern: str) -> str | None:
    from alogd.engine import dfa

    try:
        dfa.compile(pattern)
    except ValueError as error:
        return str(error)
    return None


def _phrases_problem(phrases: list[str]) -> str | None:
    try:
        if sum(len(phrase.encode()) for phrase in phrases) <= _SURELY_FIT:
            return None
        from alogd.engine import dfa

        dfa.compile_literals(phrases)
    except ValueError as error:
        return str(error)
    return None


def _multiline(options: Multiline) -> Findings:
    if options.max_bytes < options.max_lines:
        yield "max_bytes", f"{options.max_bytes} bytes cannot hold max_lines {options.max_lines} lines"


def _windows(options: WindowOptions) -> Findings:
    if options.stride > options.size:
        yield "stride", f"{options.stride} is larger than size {options.size}: records would be left out"
    key = options.key
    if isinstance(key, str):
        if key not in _RECORD_KEYS:
            yield "key", f"unknown key {key!r}; {nearest(key, _RECORD_KEYS)} (or {{field: NAME}}, {{mask: NAME}})"
    elif len(key) != 1 or not set(key) <= {"field", "mask"} or not all(key.values()):
        yield "key", "expected {field: NAME} or {mask: NAME}"
    if options.kind == "session" and key in ("source", "none"):
        yield "key", f'windows of kind "session" need a key that tells sessions apart, not "{key}"'


def _stream(options: StreamOptions) -> Findings:
    key = options.windows.key
    if isinstance(key, dict) and (name := key.get("mask")):
        known = [mask.name for mask in options.engine.user_masks]
        if name not in known:
            yield "windows.key.mask", f'no mask named "{name}" in engine.user_masks; {nearest(name, known)}'


def _alerts(options: Alerts) -> Findings:
    try:
        budget_per_day(options.budget)
    except ValueError as error:
        yield "budget", str(error)
    if message := _phrases_problem([rule.match for rule in options.severity_rules]):
        yield "severity_rules", message
    if options.adopt_after <= options.resolve_after:
        yield "adopt_after", "has to be longer than resolve_after, or every incident would be learned as normal"


def _risk(options: Risk) -> Findings:
    if not options.low < options.medium < options.high < options.critical:
        yield "", "low, medium, high and critical have to rise in this order"
    if abs(options.anomaly_weight + options.severity_weight - 1) > 1e-9:
        yield "", "anomaly_weight and severity_weight have to add up to 1, so that risk is 0 to 100"


def check_listen(address: str) -> str | None:
    """What is wrong with an address to listen on; None when nothing is."""
    match = _LISTEN.match(address)
    if not match or int(match[2]) > 65535:
        return f"{address!r} is not HOST:PORT (port 0 to 65535)"
    return None


def _http(options: Http) -> Findings:
    if message := check_listen(options.listen):
        yield "listen", message


def _maintenance(window: Maintenance) -> Findings:
    from alogd.feedback.maintenance import problems

    yield from problems(window)


def _linked(config: Config) -> Findings:
    if config.http.link_secret_file and not config.http.external_url:
        yield "http.link_secret_file", "links lead nowhere without http.external_url"


def _config(config: Config) -> Findings:
    names = [stream.name for stream in config.streams]
    windows = [window.name for window in config.maintenance]
    for index, window in enumerate(config.maintenance):
        if window.name in windows[:index]:
            yield f"maintenance[{index}].name", f'a window named "{window.name}" stands above'
        for number, name in enumerate(window.streams):
            if name not in names:
                yield f"maintenance[{index}].streams[{number}]", f'no stream named "{name}"; {nearest(name, names)}'
    for index, name in enumerate(names):
        if name in names[:index]:
            yield f"streams[{index}].name", f'a stream named "{name}" stands above'
    sinks = [sink.get("name") or sink["kind"] for sink in config.sinks]
    for index, name in enumerate(sinks):
        if name in sinks[:index]:
            yield f"sinks[{index}]", f'a sink named "{name}" stands above; give one of them another `name`'
    for index, sink in enumerate(config.sinks):
        for number, name in enumerate(sink.get("when", {}).get("streams", ())):
            if name not in names:
                yield f"sinks[{index}].when.streams[{number}]", f'no stream named "{name}"; {nearest(name, names)}'
    yield from _redact(config)
    yield from _linked(config)


def _redact(config: Config) -> Findings:
    """A mask of the engine has to be on wherever it redacts, or templates would show what lines hide."""
    users = {mask.name for stream in config.streams for mask in stream.engine.user_masks}
    for index, name in enumerate(config.alerts.redact):
        if name not in MASKS and name not in users:
            yield f"alerts.redact[{index}]", f'no mask named "{name}"; {nearest(name, [*MASKS, *sorted(users)])}'
        off = next((s.name for s in config.streams if name in MASKS and name not in s.engine.masks), None)
        if off is not None:
            yield f"alerts.redact[{index}]", f'stream "{off}" has the mask {name} off, so its templates would show it'


RULES: dict[type, Rule] = {
    Alerts: _alerts,
    Config: _config,
    EngineOptions: _engine,
    Http: _http,
    Maintenance: _maintenance,
    Multiline: _multiline,
    Risk: _risk,
    StreamOptions: _stream,
    WindowOptions: _windows,
}


# Doubts: what runs, but probably not as meant


def _doubts(config: Config) -> Findings:
    taken: list[tuple[str, str]] = []
    for index, stream in enumerate(config.streams):
        globs = list(_includes(index, stream))
        for path, glob in globs:
            if not os.path.isabs(glob):
                yield path, f"{glob} is looked for below the directory alogd is started in; write the whole path"
            if owner := next((name for wide, name in taken if _covers(wide, glob)), None):
                yield path, f'{glob} belongs to stream "{owner}", which stands before; put the narrower stream first'
        taken.extend((glob, stream.name) for _, glob in globs)
    for name in ("token_file", "link_secret_file"):
        secret = getattr(config.http, name)
        if secret and (mode := os.stat(secret).st_mode) & 0o077:
            yield f"http.{name}", f"{secret} can be read by others (mode {mode & 0o777:o})"


def _includes(index: int, stream: StreamOptions) -> Iterator[tuple[str, str]]:
    for number, collector in enumerate(stream.collect):
        if collector["kind"] == "file":
            for place, glob in enumerate(collector.get("include", ())):
                yield f"streams[{index}].collect[{number}].include[{place}]", glob


def _covers(wide: str, narrow: str) -> bool:
    """Whether a file that `narrow` names is one that `wide` names, judged by a sample path."""
    from alogd.collectors.globs import Walk

    sample = narrow.replace("**", "x").replace("*", "x").replace("?", "x")
    return Walk([], [wide], False).excluded(os.path.abspath(sample))
