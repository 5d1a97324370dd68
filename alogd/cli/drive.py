"""Drives the core over log files the way the daemon does, for the commands that look back.

The stream chosen is the one the daemon would read the file in, so that ids and alerts are the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from alogd.cli.failures import BadData, Failed, Usage, cause
from alogd.cli.inputs import Input
from alogd.cli.settings import read_config, single_stream
from alogd.config.tree import Config, StreamOptions, budget_per_day, stream_budget
from alogd.event import Alert
from alogd.stream import Stream

if TYPE_CHECKING:
    from alogd.config.load import Loaded


def choose(config_path: str | None, stream: str | None, paths: Sequence[str]) -> tuple[Config, StreamOptions]:
    """The configuration and the stream these files belong to; by default the one whose patterns match the first."""
    return choose_in(read_config(config_path), stream, paths)


def choose_in(loaded: Loaded | None, stream: str | None, paths: Sequence[str]) -> tuple[Config, StreamOptions]:
    """As `choose`, in a configuration that was read."""
    if loaded is None:
        if stream is not None:
            raise Usage("--stream needs a configuration")
        config = single_stream(paths)
        return config, config.streams[0]
    config = loaded.config
    if stream is None:
        return config, _owner(config, paths[0]) or single_stream(paths).streams[0]
    for options in config.streams:
        if options.name == stream:
            return config, options
    raise Usage(f'no stream "{stream}" in {loaded.name}; there are: {", ".join(s.name for s in config.streams)}')


Chosen = tuple[str, Config, StreamOptions, list[str]]  # title, configuration, stream, its files


def choose_each(config_path: str | None, stream: str | None, paths: Sequence[str], each: bool) -> list[Chosen]:
    """As `choose`, for every file; those of one stream are parts of one log, unless each is a log of its own.

    A part that belongs to no stream goes with the one before it. Titles are names of streams, or of files. Without
    paths: what the streams collect from files.
    """
    loaded = read_config(config_path)
    if not paths:
        return _collected(loaded, stream)
    if each:
        return [(path, *choose_in(loaded, stream, [path]), [path]) for path in paths]
    if loaded is None or stream is not None:
        config, options = choose_in(loaded, stream, paths)
        return [(options.name, config, options, list(paths))]
    return [(options.name, loaded.config, options, parts) for options, parts in _by_owner(loaded.config, paths)]


def _collected(loaded: Loaded | None, stream: str | None) -> list[Chosen]:
    if loaded is None:
        raise Usage("which log files? name them, or with --config a configuration whose streams read files")
    wanted = [choose_in(loaded, stream, ())[1]] if stream else loaded.config.streams
    chosen = [(one.name, loaded.config, one, _files_of(one)) for one in wanted]
    for name, _, _, files in chosen:
        if not files:
            print(f"{name}: no files to read; a journal or standard input is not replayed", file=sys.stderr)
    if not (chosen := [one for one in chosen if one[3]]):
        raise Failed(f"{loaded.name}: none of its streams has files to read; name the files")
    return chosen


def _files_of(options: StreamOptions) -> list[str]:
    """Rotated ones too, what was written longest ago first; each that is left out is said on standard error."""
    from alogd.collectors.globs import Walk, is_compressed

    found: set[str] = set()
    for collector in options.collect:
        if collector["kind"] == "file":
            walk = Walk(collector["include"], collector.get("exclude", ()), collector.get("follow_symlinks", True))
            found |= {path for path in walk.run() if path.endswith(".gz") or not is_compressed(path)}
    return sorted(filter(_is_log, found), key=lambda path: (os.stat(path).st_mtime_ns, path))


def _is_log(path: str) -> bool:
    try:
        Input(path).close()
    except (OSError, BadData) as error:
        _, why = cause(error) or (0, str(error))
        print(f"left out: {why}", file=sys.stderr)
        return False
    return True


def _by_owner(config: Config, paths: Sequence[str]) -> list[tuple[StreamOptions, list[str]]]:
    last = _owner(config, paths[0]) or single_stream(paths).streams[0]
    chosen: dict[str, tuple[StreamOptions, list[str]]] = {}
    for path in paths:
        last = _owner(config, path) or last
        chosen.setdefault(last.name, (last, []))[1].append(path)
    return list(chosen.values())


def _owner(config: Config, path: str) -> StreamOptions | None:
    from alogd.collectors.globs import Walk, unrotated

    folder, name = os.path.split(os.path.abspath(path))
    before = unrotated(name)
    names = [os.path.join(folder, one) for one in (name, before) if one]
    for options in config.streams:
        for collector in options.collect:
            include = collector.get("include", ()) if collector["kind"] == "file" else ()
            if include and any(map(Walk([], include, False).excluded, names)):
                return options
    return None


class Drive:
    """A stream of its own and the inputs it is fed, one after another."""

    def __init__(
        self, config: Config, options: StreamOptions, inputs: Sequence[Input], budget: str | None = None
    ) -> None:
        self.inputs = inputs
        self.lines = self.bytes = 0
        self.is_timed = False  # whether its lines carry times
        self.ended_ns = 0  # log time of the last line; 0 before it was read
        self.budget_per_day = budget_per_day(budget) if budget else stream_budget(config)
        self.stream = Stream(
            options,
            alerts=config.alerts,
            risk=config.risk,
            budget_per_day=self.budget_per_day,
            text=lambda source, offset, length: self.inputs[source].text(offset, length),
            names=lambda source: self.inputs[source].name,
        )

    def run(self) -> Iterator[list[Alert]]:
        """Alerts block by block; the inputs are closed by whoever opened them."""
        for source, one in enumerate(self.inputs):
            self.stream.open(source, year=one.year)
            last = b"\n"
            for block in one.blocks():
                self.bytes += len(block)
                self.lines += block.count(b"\n")
                last = block[-1:]
                yield self.stream.feed(source, block)
            self.lines += last != b"\n"  # the last line of a file may lack its end
            yield self.stream.close(source)
        yield self._end()

    def _end(self) -> list[Alert]:
        """Close the windows that are still open; what is firing stays so, as nothing says that it is over."""
        windows, alerts = self.stream.options.windows, []
        self.is_timed = self.stream.watermark_ns is not None
        if self.stream.watermark_ns is None:  # no line carries a time: all of it is as old as the last input
            alerts = self.stream.tick(self.inputs[-1].modified_ns) if self.inputs else []
        if self.stream.watermark_ns is None:
            return alerts
        self.ended_ns = self.stream.watermark_ns
        longest = {"count": windows.max_age, "time": windows.width, "session": max(windows.idle, windows.max_age)}
        return alerts + self.stream.tick(self.stream.watermark_ns + int(longest[windows.kind] * 1e9))


def with_windows(options: StreamOptions, window: str | None, key: str | None) -> StreamOptions:
    """A stream with other windows: "50/25" lines, "60s" of log time, "session:2m"; key "program", "mask:NAME" ..."""
    changes: dict[str, object] = {}
    if window:
        changes |= _window(window)
    if key:
        kind, _, name = key.partition(":")
        changes["key"] = {kind: name} if name else kind
    windows = msgspec.structs.replace(options.windows, **changes)
    if windows.kind == "count" and not (2 <= windows.size <= 100_000 and 1 <= windows.stride <= windows.size):
        raise Usage(f"--window {window}: write SIZE/STRIDE, a size of 2 to 100000 and a stride from 1 to the size")
    return msgspec.structs.replace(options, windows=windows)


def _window(text: str) -> dict[str, object]:
    from alogd.config.units import duration

    try:
        if text.startswith("session:"):
            return {"kind": "session", "idle": duration(text.removeprefix("session:"))}
        if text[-1:].isalpha():
            return {"kind": "time", "width": duration(text)}
        size, _, stride = text.partition("/")
        return {"kind": "count", "size": int(size), "stride": int(stride or size)}
    except ValueError:
        raise Usage(f'--window {text}: write "50/25" (lines), "60s" (log time) or "session:2m"') from None
