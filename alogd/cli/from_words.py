"""What `--from` names: files, a stream of the configuration (its files, oldest first), a bundle to go on from.

Nothing is read yet but the configuration; every word is accounted for, and what is left out is said.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alogd.cli.drive import choose_in
from alogd.cli.failures import BadData, Failed, Usage
from alogd.cli.output import count, safe
from alogd.cli.settings import read_config
from alogd.config.tree import Config, StreamOptions, effective_excludes
from alogd.models.bundle import MANIFEST

if TYPE_CHECKING:
    from alogd.config.load import Loaded

STREAM = "stream:"  # in front of a name that is a file's too
SHOWN = 3  # files left out that are named one by one


@dataclass(frozen=True, slots=True)
class From:
    """The words, understood."""

    config: Config
    options: StreamOptions  # the files are read as this stream
    paths: list[str]  # oldest first, as far as they come from a stream
    base: Path | None  # a bundle to go on from
    stream: str | None  # whose files they are; None where they were named one by one


def understand(words: Sequence[str], config_path: str | None, stream: str | None) -> From:
    """Raises Usage, Failed and BadData that say what to write instead."""
    bases = [word for word in words if os.path.isfile(os.path.join(word, MANIFEST))]
    if len(bases) > 1:
        raise Usage(f"--from names {len(bases)} bundles ({', '.join(bases)}); a training goes on from one")
    rest = [word for word in words if word not in bases]
    if not rest and stream is None:
        raise Usage(f"--from {bases[0]}: a bundle to go on from; name the logs to learn too, or a stream")
    loaded = read_config(config_path)
    named = _stream_named(rest or [STREAM + str(stream)], loaded)
    base = Path(bases[0]) if bases else None
    if named is None:
        config, options = choose_in(loaded, stream, rest)
        return From(config, options, rest, base, None)
    if stream not in (None, named) or len(rest) > 1:
        raise Usage(f"--from {named} is a stream: all of its files, and read as what they are; name it alone")
    assert loaded is not None
    config, options = choose_in(loaded, named, rest)
    return From(config, options, stream_files(config, named), base, named)


def _stream_named(words: Sequence[str], loaded: Loaded | None) -> str | None:
    """The stream among them, None where all are files. What is both is a file unless it begins with `stream:`."""
    streams = [one.name for one in loaded.config.streams] if loaded else []
    found = None
    for word in words:
        name = word.removeprefix(STREAM)
        if name in streams and name == word and os.path.exists(word):
            print(f"{word}: the file of this name is read; {STREAM}{word} is the stream", file=sys.stderr)
        elif name in streams:
            found = name
        elif name != word and not os.path.exists(word):
            there = f"there are: {', '.join(streams)}" if streams else "there is no configuration"
            raise Usage(f'no stream "{name}"; {there}')
        elif word != "-" and "/" not in word and not os.path.exists(word):
            there = f"; streams: {', '.join(streams)}" if streams else ""
            raise Failed(f"{word}: no such file, nor a stream of the configuration{there}")
    return found


def stream_files(config: Config, name: str) -> list[str]:
    """All files a stream would read, and what rotation put aside of them, oldest first as collectors begin them.

    Raises Failed where the stream reads something else, or there is nothing that can be read.
    """
    index = [one.name for one in config.streams].index(name)
    found: dict[str, int] = {}
    left_out: list[str] = []
    for collector in config.streams[index].collect:
        if collector["kind"] != "file":
            raise Failed(_way_out(name, collector["kind"]))
        for path, why in _walk(config, index, collector):
            if why:
                left_out.append(f"{safe(path)} {why}")
            else:
                found[path] = os.stat(path).st_mtime_ns
    for line in left_out[:SHOWN]:
        print(f"left out: {line}", file=sys.stderr)
    if left_out[SHOWN:]:
        print(f"left out: {count(len(left_out) - SHOWN, 'more file')}", file=sys.stderr)
    if not found:
        raise BadData(f'stream "{name}" has no file that can be read; see: alogd check')
    return sorted(found, key=lambda path: (found[path], path))


def _way_out(name: str, kind: str) -> str:
    if kind == "journald":
        return (
            f'stream "{name}" reads the journal; hand it over as text: '
            f"journalctl -o short-iso --no-pager | alogd retrain --from - --stream {name}"
        )
    return f'stream "{name}" reads {kind}, which keeps nothing; name files: --from FILE --stream {name}'


def _walk(config: Config, index: int, collector: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, why it cannot be read) of every file that matches; "" where it can. Links to one file count once."""
    from alogd.collectors.globs import Walk
    from alogd.daemon.plans import own_paths

    own = [f"{path}/**" for path in own_paths(config)]
    excludes = [*collector.get("exclude", ()), *effective_excludes(config, index), *own]
    walk = Walk(collector["include"], excludes, collector.get("follow_symlinks", True))
    seen: set[tuple[int, int]] = set()
    for path in walk.run():
        try:
            about = os.stat(path)
        except OSError as error:
            yield path, f"cannot be read: {(error.strerror or str(error)).lower()}"
            continue
        if (about.st_dev, about.st_ino) not in seen and about.st_size:
            seen.add((about.st_dev, about.st_ino))
            yield path, _unfit(path, collector.get("binary", False))
    if not walk.complete:
        raise Failed("too many files match; make the patterns narrower")


def _unfit(path: str, binary: bool) -> str:
    from alogd.collectors.firstlook import PEEK, not_text

    if not os.path.isfile(path):
        return "is no file"
    try:
        with open(path, "rb") as file:
            head = file.read(PEEK)
    except OSError as error:
        return f"cannot be read: {(error.strerror or str(error)).lower()}"
    if head.startswith(b"\x1f\x8b") or binary:
        return ""
    why = not_text(head)
    return f"is {why}" if why and why != "not text" else (why and "is no text") or ""
