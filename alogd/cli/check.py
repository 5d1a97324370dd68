"""Check the configuration, and show what it would read: streams, files, sizes, and what cannot be read.

  alogd check                       the configuration that `alogd run` would take
  alogd check -c FILE --deny-warnings
  alogd check --schema              its JSON Schema, for editors

Every problem is one line on standard error, as FILE:LINE:COLUMN: key: what is wrong; exit code 78.
"""

from __future__ import annotations

import argparse
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from alogd.cli.failures import BAD_CONFIG, OK, Unusable
from alogd.cli.output import add_output, count, emit, paint, safe, size, table, use_color
from alogd.cli.settings import add_config, require_config
from alogd.config.load import Loaded
from alogd.config.tree import Config, StreamOptions, budget_per_day, effective_excludes
from alogd.daemon.plans import model_doubts, models_in_service
from alogd.registry import find


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd check`."""
    add_config(parser)
    parser.add_argument("--deny-warnings", action="store_true", help="doubts are errors too")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema and stop")
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Load, then look at what is there."""
    if args.schema:
        from alogd.config.schema import schema_text

        print(schema_text(), end="")
        return OK
    loaded = require_config(args.config)
    try:
        for stream in loaded.config.streams:
            models_in_service(stream)
    except ValueError as error:
        raise Unusable(f"{loaded.name}: {error}") from None
    reads = [look(loaded.config, index) for index in range(len(loaded.config.streams))]
    warnings = [problem.text(loaded.name) for problem in loaded.warnings]
    warnings += [f"{loaded.name}: {text}" for text in _troubles(loaded.config, reads)]
    if args.output == "table":
        _show(loaded, reads, use_color(args.no_color))
    else:
        emit([_record(read) for read in reads], args.output)
    for warning in warnings:
        print(f"warning: {safe(warning)}", file=sys.stderr)
    return BAD_CONFIG if warnings and args.deny_warnings else OK


@dataclass(slots=True)
class Reads:
    """What one stream would read now."""

    stream: str
    what: str
    files: int = 0
    size: int = 0  # bytes
    others: int = 0  # files that match and are not text
    denied: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def look(config: Config, index: int) -> Reads:
    """Walk a stream's patterns as its collectors will."""
    stream = config.streams[index]
    reads = Reads(stream.name, _what(stream))
    for collector in stream.collect:
        if collector["kind"] == "file":
            _look_at_files(collector, effective_excludes(config, index), reads)
        elif collector["kind"] == "journald" and shutil.which("journalctl") is None:
            reads.notes.append("no journalctl here")
    return reads


def _what(stream: StreamOptions) -> str:
    parts = [", ".join(collector.get("include", ())) or collector["kind"] for collector in stream.collect]
    text = "; ".join(parts)
    return text if len(text) <= 60 else text[:57] + "..."


def _look_at_files(collector: dict[str, Any], taken: tuple[str, ...], reads: Reads) -> None:
    from alogd.collectors.globs import Walk

    excludes = [*collector.get("exclude", ()), *taken]
    walk = Walk(collector["include"], excludes, collector.get("follow_symlinks", True))
    for path, found in walk.run().items():
        if found.rotated and not collector.get("rotated"):
            continue
        _look_at(path, collector.get("binary", False), reads)
    if not walk.complete:
        reads.notes.append("too many files to look at; narrow the patterns")
    if not reads.files and not reads.denied:
        reads.notes.append("nothing there now")


def _look_at(path: str, binary: bool, reads: Reads) -> None:
    from alogd.collectors.firstlook import PEEK, not_text

    if not os.path.isfile(path):  # a device, a socket; and opening a FIFO would wait for its writer
        reads.others += 1
        return
    try:
        with open(path, "rb") as file:
            head, size = file.read(PEEK), os.fstat(file.fileno()).st_size
    except PermissionError:
        reads.denied.append(path)
        return
    except OSError:  # gone, or not a file that can be read: the daemon leaves it alone too
        reads.others += 1
        return
    if not binary and not_text(head):
        reads.others += 1
        return
    reads.files += 1
    reads.size += size


def _troubles(config: Config, reads: list[Reads]) -> Iterator[str]:
    for read in reads:
        if read.denied:
            more = f" and {len(read.denied) - 1} more" if read.denied[1:] else ""
            yield f'stream "{read.stream}" cannot read {read.denied[0]}{more}; {_way_in(read.denied[0])}'
    for stream in config.streams:
        yield from model_doubts(stream)
        if slow := never_told_what_is_odd(stream):
            yield (
                f"stream {stream.name}: no detector does without a network, so {slow} is asked about a sample only; "
                "add ewma"
            )
    place = config.state.directory
    while place and not os.path.exists(place):
        place = os.path.dirname(place) if os.path.dirname(place) != place else ""
    if not os.access(place or ".", os.W_OK):
        yield f"state.directory {config.state.directory} cannot be written by this user"


def never_told_what_is_odd(stream: StreamOptions) -> str:
    """A detector that waits for quick ones to find odd windows where there are none; "" otherwise."""
    classes = {chosen.name: find("detectors", chosen.name) for chosen in stream.detectors}
    slow = [name for name, cls in classes.items() if getattr(cls, "heavy", False)]
    quick = [name for name, cls in classes.items() if name not in slow and not hasattr(cls, "ask")]
    return slow[0] if slow and not quick else ""


def _way_in(path: str) -> str:
    """What makes a file readable."""
    import grp

    try:
        about = os.stat(path)
        group = grp.getgrgid(about.st_gid).gr_name
    except (OSError, KeyError):
        return "its folder is closed to this user"
    if about.st_mode & stat.S_IRGRP:
        return f"add the user that runs alogd to group {group}"
    return f"only its owner may; `chmod g+r` lets group {group} read it"


def _show(loaded: Loaded, reads: list[Reads], color: bool) -> None:
    config = loaded.config
    print(f"{loaded.name} {paint('is good', 'green', color)}\n")
    rows = [(r.stream, r.files, size(r.size), _note(r), r.what) for r in reads]
    table(("stream", "files", "size", "", "reads"), rows, color)
    sinks = ", ".join(sink.get("name") or sink["kind"] for sink in config.sinks) or "none"
    print(f"\nalerts go to {sinks}; budget {config.alerts.budget}", end="")
    print(f" ({budget_per_day(config.alerts.budget) / len(reads):.2g} a day for each of {count(len(reads), 'stream')})")
    print(f"state in {config.state.directory}; metrics and API on http://{config.http.listen}")


def _note(read: Reads) -> str:
    notes = list(read.notes)
    if read.denied:
        notes.append(f"{len(read.denied)} cannot be read")
    if read.others:
        notes.append(f"{read.others} not text")
    return ", ".join(notes)


def _record(read: Reads) -> dict[str, Any]:
    return {
        "stream": read.stream,
        "files": read.files,
        "bytes": read.size,
        "not_text": read.others,
        "denied": read.denied,
        "notes": read.notes,
    }
