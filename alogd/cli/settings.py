"""The flags that say which configuration and which state a command works on, and their opening."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alogd.cli.failures import Failed, NoConfig, Usage
from alogd.config.tree import SEARCH, Config, StreamOptions

# The loader brings YAML with it, and is imported where there is a file to load: `alogd run FILE` needs none.
if TYPE_CHECKING:
    from alogd.config.load import Loaded
    from alogd.state.database import Reader


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config`."""
    parser.add_argument("-c", "--config", metavar="FILE", help=f"configuration ({' or '.join(SEARCH)})")


def add_state(parser: argparse.ArgumentParser) -> None:
    """`--state`, with `--config` to find it by."""
    add_config(parser)
    parser.add_argument(
        "--state", "--state-dir", metavar="DIR", help="a daemon's state directory (the configuration's)"
    )


def read_config(path: str | None) -> Loaded | None:
    """The configuration named, else the first of SEARCH, said on standard error; None when there is none."""
    from alogd.config.load import find_config

    if path is not None:
        return _load(Path(path))
    found = find_config()
    if found is None:
        return None
    print(f"configuration: {found}", file=sys.stderr)
    return _load(found)


def _load(path: Path) -> Loaded:
    from alogd.config.load import load

    try:
        return load(path)
    except OSError as error:
        raise NoConfig(f"configuration {path}: {(error.strerror or str(error)).lower()}") from None


def require_config(path: str | None) -> Loaded:
    """As `read_config`; having none is an error."""
    if loaded := read_config(path):
        return loaded
    raise NoConfig(
        f"no configuration (looked for {' and '.join(SEARCH)}); name one with --config, or files: alogd run FILE"
    )


def config_or_default(path: str | None) -> Config | None:
    """The configuration a command named or found, without saying so; None when there is none."""
    from alogd.config.load import find_config

    place = Path(path) if path is not None else find_config()
    return _load(place).config if place else None


def single_stream(paths: Sequence[str]) -> Config:
    """What the daemon runs on when files are named and no configuration is: one stream, all defaults.

    `-` is standard input.
    """
    include = tuple(os.path.abspath(path) for path in paths if path != "-")
    collect: list[dict[str, object]] = [{"kind": "file", "include": include}] if include else []
    if "-" in paths:
        collect.append({"kind": "stdin"})
    return Config(streams=(StreamOptions(name="files", collect=tuple(collect)),))


def require_stream(reader: Reader, name: str | None) -> None:
    """Raises Failed when a state knows no stream of this name."""
    if name is not None and name not in (streams := reader.streams()):
        raise Failed(f'no stream "{name}" in this state; there are: {", ".join(streams) or "none"}')


@contextmanager
def open_state(args: argparse.Namespace) -> Iterator[Reader]:
    """A daemon's state, read only."""
    from alogd.state.database import Reader, StateUnusable

    config = None if args.state else config_or_default(args.config)
    if not args.state and config is None:
        raise Usage("whose state? name its directory with --state (a daemon says it as it starts), or --config")
    directory = args.state or config.state.directory  # type: ignore[union-attr]
    try:
        reader = Reader.open(directory)
    except StateUnusable as error:
        raise Failed(f"{error}; name another with --state (a daemon says its own as it starts)") from None
    try:
        yield reader
    finally:
        reader.close()
